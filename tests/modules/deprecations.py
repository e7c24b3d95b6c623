"""Find deprecated arguments in the files of a module, also where `terraform validate` cannot see them yet.

Validating warns about what it can evaluate. What is in a `dynamic` block over a list that is not known yet, it passes
over; so the files are read here as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hcl2

from provisioner.sandbox import schema

SCHEMAS = schema.Schemas()


def deprecated_arguments(path: Path) -> list[str]:
    """Name each deprecated argument or nested block below a folder: file, block and the dotted path in it."""
    found = []
    for file in sorted(path.rglob("*.tf")):
        document = hcl2.loads(file.read_text(encoding="utf-8"))
        for keyword, schemas in (("resource", SCHEMAS.resources), ("data", SCHEMAS.data_sources)):
            for address, body in _blocks(document.get(keyword, [])):
                type_name = address.split(".")[0]
                if type_name.startswith("aws_"):
                    block = schemas[type_name]["block"]
                    where = f"{file.relative_to(path)}: {keyword} {address}"
                    found += [f"{where} {argument}" for argument in _deprecated_in(block, body, "")]
    return found


def _blocks(written: list[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return the address and body of each block with two labels."""
    for block in written:
        for type_name, named in block.items():
            for name, body in named.items():
                yield f"{_bare(type_name)}.{_bare(name)}", body


def _deprecated_in(block: schema.Block, body: Mapping[str, Any], path: str) -> Iterator[str]:
    attributes, nested = schema.attributes(block), schema.nested_blocks(block)
    given = [(_bare(name), value) for name, value in body.items() if name != "dynamic"]
    for dynamic in body.get("dynamic", []):
        given += [(_bare(name), inner["content"]) for name, inner in dynamic.items()]
    for name, value in given:
        if attributes.get(name, {}).get("deprecated"):
            yield path + name
        if name in nested:
            if nested[name]["block"].get("deprecated"):
                yield path + name
            for inner in value:
                yield from _deprecated_in(nested[name]["block"], inner, f"{path}{name}.")


def _bare(label: str) -> str:
    """Return a block's label without its quotes."""
    return label.strip('"')
