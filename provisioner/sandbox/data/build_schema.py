#!/usr/bin/env python3
"""Cut the stand-in provider's schema out of the full schema of `hashicorp/aws`.

    build_schema.py FULL.json[.gz]

FULL is what extract_schema.py prints for ALL types. Writes aws-schema.json.gz (the types in types.txt, with
corrections.json and deprecated.json applied; the same bytes for the same input) beside this file, and
../../taggable.json: every resource type of the full schema that takes tags.
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TAGGABLE = HERE.parent.parent / "taggable.json"


def load(path: Path) -> dict[str, Any]:
    """Read a schema document, gzipped or not."""
    raw = path.read_bytes()
    document: dict[str, Any] = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    return document


def wanted_types() -> list[str]:
    """List the names in types.txt."""
    lines = (line.strip() for line in (HERE / "types.txt").read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def correct(block: dict[str, Any], corrections: dict[str, Any]) -> None:
    """Put back, by hand, what the extraction loses."""
    for name in corrections.get("sensitive", []):
        block["attributes"][name]["sensitive"] = True
    for path, most in corrections.get("max_items", {}).items():
        inner, last = descend(block, path)
        inner["block_types"][last]["max_items"] = most


def deprecate(block: dict[str, Any], entries: dict[str, dict[str, Any]]) -> None:
    """Mark what is deprecated, an attribute or a nested block, with the message."""
    for path, entry in entries.items():
        inner, last = descend(block, path)
        part = inner["attributes"].get(last) or inner["block_types"][last]["block"]
        part["deprecated"] = True
        part["deprecation_message"] = entry["message"]


def descend(block: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """Return the block that the last name of a dotted path stands in, and that name."""
    *parents, last = path.split(".")
    for parent in parents:
        block = block["block_types"][parent]["block"]
    return block, last


def select(schemas: dict[str, Any]) -> dict[str, Any]:
    """Keep the provider and the wanted types, corrected."""
    corrections = json.loads((HERE / "corrections.json").read_text())
    deprecated = json.loads((HERE / "deprecated.json").read_text())
    chosen: dict[str, Any] = {
        "provider": schemas["provider"],
        "resource_schemas": {},
        "data_source_schemas": {},
    }
    correct(chosen["provider"]["block"], corrections.get("provider", {}))
    for name in wanted_types():
        kind = "data_source_schemas" if name.startswith("data.") else "resource_schemas"
        bare = name.removeprefix("data.")
        if bare not in schemas[kind]:
            sys.exit(
                f"{name}: named in types.txt but not in the full schema. Correct the name or extract it first."
            )
        chosen[kind][bare] = schemas[kind][bare]
        correct(chosen[kind][bare]["block"], corrections.get(name, {}))
        deprecate(chosen[kind][bare]["block"], deprecated.get(name, {}))
    return chosen


def main(argv: list[str]) -> None:
    """Write both files."""
    if len(argv) != 1:
        sys.exit(__doc__)
    document = load(Path(argv[0]))
    ((address, schemas),) = document["provider_schemas"].items()
    taggable = sorted(
        name
        for name, schema in schemas["resource_schemas"].items()
        if "tags_all" in schema["block"].get("attributes", {})
    )
    TAGGABLE.write_text(json.dumps(taggable, indent=0) + "\n")
    small = {"format_version": document["format_version"], "provider_schemas": {address: select(schemas)}}
    data = json.dumps(small, sort_keys=True, separators=(",", ":")).encode()
    (HERE / "aws-schema.json.gz").write_bytes(gzip.compress(data, 9, mtime=0))


if __name__ == "__main__":
    main(sys.argv[1:])
