"""Terraform's values (cty) as Python: decoded from msgpack, compared, and fitted to their types.

An unknown value is `UNKNOWN`. Sets are lists without order. Types are those of the schema JSON: "string", "number",
"bool", "dynamic" or ["list" | "set" | "map" | "object" | "tuple", of].
"""

import json
from typing import Any

import msgpack

Value = Any
Type = Any

UNKNOWN = msgpack.ExtType(0, b"\x00")

_EMPTY: dict[str, Any] = {"string": "", "number": 0, "bool": False}


def is_unknown(value: Value) -> bool:
    """Say whether the value itself is unknown."""
    return isinstance(value, msgpack.ExtType)


def has_unknown(value: Value) -> bool:
    """Say whether the value is unknown or holds an unknown anywhere."""
    if isinstance(value, dict):
        return any(map(has_unknown, value.values()))
    if isinstance(value, list):
        return any(map(has_unknown, value))
    return is_unknown(value)


def decode(dynamic_value: dict[int, list[Any]]) -> Value:
    """Decode a DynamicValue message: msgpack (field 1) or JSON (field 2)."""
    if 1 in dynamic_value and dynamic_value[1][-1]:
        return msgpack.unpackb(dynamic_value[1][-1], raw=False, strict_map_key=False)
    if 2 in dynamic_value and dynamic_value[2][-1]:
        return json.loads(dynamic_value[2][-1])
    return None


def encode(value: Value) -> bytes:
    """Encode a value as msgpack."""
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def same(kind: Type, left: Value, right: Value) -> bool:
    """Compare two values of a type: sets without order, numbers by value."""
    return bool(comparable(kind, left) == comparable(kind, right))


def comparable(kind: Type, value: Value) -> Value:
    """Return a form of the value that is equal exactly for equal values."""
    if value is None:
        return None
    if is_unknown(value):
        return ("unknown",)
    if isinstance(kind, list):
        name, of = kind
        if name == "set":
            return sorted(json.dumps(comparable(of, item), sort_keys=True) for item in value)
        if name == "list":
            return [comparable(of, item) for item in value]
        if name == "map":
            return {key: comparable(of, item) for key, item in sorted(value.items())}
        if name == "object":
            return {key: comparable(of[key], value.get(key)) for key in sorted(of)}
        if name == "tuple":
            return [comparable(part, item) for part, item in zip(of, value, strict=True)]
    if kind == "number":
        number = float(value)
        return int(number) if number.is_integer() else number
    return value


def empty(kind: Type) -> Value:
    """Return what an API answers for an attribute of this type that has no value."""
    if isinstance(kind, list):
        return {"list": [], "set": [], "map": {}}.get(kind[0])
    return _EMPTY.get(kind)


def conform(kind: Type, value: Value) -> Value:
    """Fit a stored or decoded JSON value to the type exactly."""
    if value is None or is_unknown(value):
        return value
    if isinstance(kind, list):
        name, of = kind
        if name in ("list", "set"):
            return [conform(of, item) for item in value]
        if name == "map":
            return {key: conform(of, item) for key, item in value.items()}
        if name == "object":
            return {key: conform(part, value.get(key)) for key, part in of.items()}
        return value
    if kind == "string" and not isinstance(value, str):
        return json.dumps(value) if isinstance(value, (bool, dict, list)) else str(value)
    if kind == "number" and isinstance(value, str):
        return float(value) if "." in value else int(value)
    if kind == "bool" and isinstance(value, str):
        return value == "true"
    return value
