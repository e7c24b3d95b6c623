"""Parameters as they are typed: `-p key=value`, `-f file`, read as the item's schema says they are meant."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Hashable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from portal.cli.failures import Misuse
from portal.cli.terminal import harmless

FILE_MAX_BYTES = 1024 * 1024
_DEPTH_MAX = 50
_EXAMPLES = {
    "integer": "3",
    "number": "0.5",
    "boolean": "true",
    "array": '["a", "b"]',
    "object": '{"a": "b"}',
}


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key that is given twice is a mistake, not a choice of the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is not None and key != "<<" and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def gathered(
    files: Sequence[str], pairs: Sequence[str], unset: Sequence[str], schema: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the parameters of files, then of `key=value` pairs, then those set to null. Raises Misuse."""
    found: dict[str, Any] = {}
    for file in files:
        found |= from_file(file)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise Misuse(
                f"{harmless(pair)[:60]!r} is no parameter", fix="Give it as key=value, such as -p size=small."
            )
        found[name] = typed(name, text, schema)
    return found | dict.fromkeys(unset)


def typed(name: str, text: str, schema: Mapping[str, Any] | None) -> Any:
    """Return a value as the schema's type for it. Raises Misuse.

    Where the schema does not know it, JSON is taken as JSON and all else as text: the portal judges it.
    """
    kinds = _kinds(name, schema)
    if text in ("null", "") and "null" in kinds:
        return None
    if kinds and kinds <= {"string", "null"}:
        return text
    try:
        value = _json(text)
    except ValueError:
        value = text
    if not kinds or _kind(value) in kinds or (_kind(value) == "integer" and "number" in kinds):
        return value
    if "string" in kinds:
        return text
    kind = sorted(kinds - {"null"})[0]
    raise Misuse(
        f"{harmless(name)} is {'an' if kind[0] in 'aio' else 'a'} {kind}, and {harmless(text)[:60]!r} is none",
        fix=f"Give it like -p '{harmless(name)}={_EXAMPLES.get(kind, '…')}'.",
    )


def from_file(name: str) -> dict[str, Any]:
    """Return the parameters of a YAML or JSON file; `-` reads standard input. Raises Misuse."""
    shown = "standard input" if name == "-" else name
    try:
        if name == "-":
            content = sys.stdin.buffer.read(FILE_MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as stream:
                content = stream.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise Misuse(f"{shown} cannot be read", why=error.strerror or "") from None
    if len(content) > FILE_MAX_BYTES:
        raise Misuse(
            f"{shown} is larger than 1 MiB", fix="Parameters are few and short: is it the right file?"
        )
    try:
        document = yaml.load(content, Loader=_UniqueKeys)  # noqa: S506  # a SafeLoader
        _only_json(document, 0)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Misuse(
            f"{shown} cannot be read as YAML or JSON", why=" ".join(str(error).split())[:300]
        ) from None
    if not isinstance(document, dict):
        raise Misuse(f"{shown} holds no parameters", fix="Write one `name: value` a line.")
    return document


def _kinds(name: str, schema: Mapping[str, Any] | None) -> set[str]:
    properties = (schema or {}).get("properties")
    found = properties.get(name) if isinstance(properties, Mapping) else None
    kind = found.get("type") if isinstance(found, Mapping) else None
    if isinstance(kind, str):
        return {kind}
    return {each for each in kind if isinstance(each, str)} if isinstance(kind, list) else set()


def _kind(value: object) -> str:
    """Return the JSON Schema type of a value."""
    if isinstance(value, bool):
        return "boolean"
    if value is None:
        return "null"
    names = {int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def _json(text: str) -> Any:
    def twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError("a key is given twice")
        return dict(pairs)

    def no_number(word: str) -> Any:
        raise ValueError(f"{word} is no JSON")

    try:
        return json.loads(text, object_pairs_hook=twice, parse_constant=no_number)
    except RecursionError:
        raise ValueError("too deep") from None


def _only_json(value: object, depth: int) -> None:
    if depth > _DEPTH_MAX:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ValueError(f"the name {key!r} is no text: put it in quotes")
            _only_json(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _only_json(inner, depth + 1)
    elif isinstance(value, date):
        raise ValueError(f"{value} is read as a date: put it in quotes")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number that JSON has")
    elif not isinstance(value, str | int | float | bool | None):
        raise ValueError(f"a {type(value).__name__} is no JSON value")
