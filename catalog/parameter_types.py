"""Terraform's type constraints as a typed tree, with the checks that values of user input go through."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from catalog import hcl

MAX_STRING_CHARS: Final = 4096
MAX_NESTING: Final = 10
MAX_NODES: Final = 5000
# The largest integer that every JSON reader keeps exact (2^53 - 1).
MAX_NUMBER: Final = 9_007_199_254_740_991

_SIMPLE: Final = ("string", "number", "bool", "any")
_COLLECTIONS: Final = ("list", "set", "map")


class TypeSyntaxError(ValueError):
    """The text is no type constraint of Terraform."""


@dataclass(frozen=True)
class Attribute:
    """One attribute of an object type."""

    name: str
    type: ParameterType
    optional: bool = False


@dataclass(frozen=True)
class ParameterType:
    """A type constraint: `kind`, and what it contains where the kind is a collection, object or tuple."""

    kind: str
    element: ParameterType | None = None
    attributes: tuple[Attribute, ...] = ()
    elements: tuple[ParameterType, ...] = ()

    @property
    def is_collection(self) -> bool:
        """Tell whether values are arrays or maps whose size may be bounded."""
        return self.kind in _COLLECTIONS

    def __str__(self) -> str:
        if self.element is not None:
            return f"{self.kind}({self.element})"
        if self.kind == "object":
            return "object({" + ", ".join(_attribute_text(a) for a in self.attributes) + "})"
        if self.kind == "tuple":
            return "tuple([" + ", ".join(str(e) for e in self.elements) + "])"
        return self.kind


@dataclass(frozen=True)
class ValueProblem:
    """What is wrong with a value: `path` inside it (empty for the value itself), a stable code, a text."""

    path: str
    code: str
    message: str


def parse_type(text: str) -> ParameterType:
    """Return the type that a `type =` expression names. Raises TypeSyntaxError."""
    try:
        return _from_expression(hcl.parse_expression(text))
    except hcl.HclSyntaxError as error:
        raise TypeSyntaxError(f"{text!r} is no type that the portal can read: {error}") from error


def type_to_json(of: ParameterType) -> Any:
    """Return the type as JSON data: a name, or an object for what contains other types."""
    if of.element is not None:
        return {"kind": of.kind, "element": type_to_json(of.element)}
    if of.kind == "object":
        return {
            "kind": "object",
            "attributes": [
                {"name": a.name, "type": type_to_json(a.type), "optional": a.optional} for a in of.attributes
            ],
        }
    if of.kind == "tuple":
        return {"kind": "tuple", "elements": [type_to_json(e) for e in of.elements]}
    return of.kind


def type_from_json(data: Any) -> ParameterType:
    """Return the type that `type_to_json` wrote."""
    if isinstance(data, str):
        return ParameterType(data)
    kind = data["kind"]
    if kind == "object":
        return ParameterType(
            "object",
            attributes=tuple(
                Attribute(a["name"], type_from_json(a["type"]), a["optional"]) for a in data["attributes"]
            ),
        )
    if kind == "tuple":
        return ParameterType("tuple", elements=tuple(type_from_json(e) for e in data["elements"]))
    return ParameterType(kind, element=type_from_json(data["element"]))


def check_value(of: ParameterType, value: Any, *, multiline: bool = False) -> tuple[Any, list[ValueProblem]]:
    """Return the value in its normal form (1.0 becomes 1, sets lose duplicates) and what is wrong with it.

    Accepts anything: input is measured for depth and size before it is walked, so hostile nesting ends as a problem.
    """
    problem = _measure(value)
    if problem is not None:
        return None, [problem]
    problems: list[ValueProblem] = []
    return _check(of, value, "", multiline, problems), problems


def _attribute_text(attribute: Attribute) -> str:
    text = f"optional({attribute.type})" if attribute.optional else str(attribute.type)
    return f"{attribute.name} = {text}"


def _from_expression(node: hcl.Expression) -> ParameterType:
    match node:
        case hcl.Reference(name) if name in _SIMPLE:
            return ParameterType(name)
        case hcl.Literal(str(name)) if name in (*_SIMPLE, *_COLLECTIONS):
            # Terraform 0.11 style, `type = "string"`; a bare collection means one of anything.
            return ParameterType(name) if name in _SIMPLE else ParameterType(name, ParameterType("any"))
        case hcl.Reference(name) if name in _COLLECTIONS:
            return ParameterType(name, ParameterType("any"))
        case hcl.Call(name, (inner,)) if name in _COLLECTIONS:
            return ParameterType(name, _from_expression(inner))
        case hcl.Call("tuple", (hcl.Sequence(items),)):
            return ParameterType("tuple", elements=tuple(_from_expression(item) for item in items))
        case hcl.Call("object", (hcl.ObjectLiteral(items),)):
            return ParameterType("object", attributes=tuple(_attribute(name, inner) for name, inner in items))
    raise TypeSyntaxError("the portal can read string, number, bool, any, list, set, map, object and tuple")


def _attribute(name: str, node: hcl.Expression) -> Attribute:
    match node:
        case hcl.Call("optional", (inner, *_)):
            return Attribute(name, _from_expression(inner), optional=True)
    return Attribute(name, _from_expression(node))


def _measure(value: Any) -> ValueProblem | None:
    """Refuse what is nested too deeply or holds too much, without recursion."""
    waiting: list[tuple[Any, int]] = [(value, 0)]
    nodes = 0
    while waiting:
        current, depth = waiting.pop()
        nodes += 1
        if depth > MAX_NESTING:
            return ValueProblem(
                "", "too_deep", f"is nested more than {MAX_NESTING} levels deep; make it flatter"
            )
        if nodes > MAX_NODES:
            return ValueProblem("", "too_long", f"holds more than {MAX_NODES} values; make it smaller")
        if isinstance(current, Mapping):
            inner = [*current.keys(), *current.values()]
        elif isinstance(current, list | tuple):
            inner = list(current[: MAX_NODES + 1])
        else:
            continue
        if len(inner) > 2 * MAX_NODES:
            return ValueProblem("", "too_long", f"holds more than {MAX_NODES} values; make it smaller")
        waiting.extend((item, depth + 1) for item in inner)
    return None


def _check(of: ParameterType, value: Any, path: str, multiline: bool, problems: list[ValueProblem]) -> Any:
    match of.kind:
        case "string":
            return _check_string(value, path, multiline, problems)
        case "number":
            return _check_number(value, path, problems)
        case "bool":
            if not isinstance(value, bool):
                problems.append(_wrong_type(path, "true or false", value))
            return value
        case "list" | "set" | "tuple":
            return _check_array(of, value, path, multiline, problems)
        case "map" | "object":
            return _check_object(of, value, path, multiline, problems)
    return _check_any(value, path, problems)


def _check_string(value: Any, path: str, multiline: bool, problems: list[ValueProblem]) -> Any:
    if not isinstance(value, str):
        problems.append(_wrong_type(path, "text", value))
    else:
        problem = text_problem(value, multiline=multiline)
        if problem is not None:
            problems.append(ValueProblem(path, *problem))
    return value


def text_problem(text: str, *, multiline: bool) -> tuple[str, str] | None:
    """Return (code, message) for text that no parameter may hold, whatever its meaning; None when it may."""
    if len(text) > MAX_STRING_CHARS:
        return "too_long", f"has {len(text)} characters; at most {MAX_STRING_CHARS} are allowed"
    if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        return (
            "unpaired_surrogate",
            "contains half of a character (an unpaired surrogate), which cannot be stored",
        )
    allowed = "\n\t" if multiline else ""
    for char in text:
        if (ord(char) < 0x20 and char not in allowed) or 0x7F <= ord(char) <= 0x9F:
            where = "except line breaks and tabs" if multiline else "and must be a single line"
            return (
                "control_characters",
                f"contains the control character U+{ord(char):04X}; it may hold no control characters {where}",
            )
    return None


def _check_number(value: Any, path: str, problems: list[ValueProblem]) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        problems.append(_wrong_type(path, "a number", value))
        return value
    if isinstance(value, float) and not math.isfinite(value):
        problems.append(ValueProblem(path, "wrong_type", "must be a finite number"))
        return value
    if abs(value) > MAX_NUMBER:
        problems.append(
            ValueProblem(path, "out_of_range", f"is beyond ±{MAX_NUMBER}, the largest exact number")
        )
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _check_array(
    of: ParameterType, value: Any, path: str, multiline: bool, problems: list[ValueProblem]
) -> Any:
    if not isinstance(value, list | tuple):
        problems.append(_wrong_type(path, "a list", value))
        return value
    if of.kind == "tuple":
        if len(value) != len(of.elements):
            problems.append(
                ValueProblem(path, "wrong_type", f"must have exactly {len(of.elements)} elements")
            )
            return value
        pairs = zip(of.elements, value, strict=True)
        return [_check(t, v, f"{path}[{i}]", multiline, problems) for i, (t, v) in enumerate(pairs)]
    element = of.element or ParameterType("any")
    checked = [_check(element, v, f"{path}[{i}]", multiline, problems) for i, v in enumerate(value)]
    if of.kind == "set":
        unique: list[Any] = []
        for item in checked:
            if not any(type(item) is type(other) and item == other for other in unique):
                unique.append(item)
        return unique
    return checked


def _check_object(
    of: ParameterType, value: Any, path: str, multiline: bool, problems: list[ValueProblem]
) -> Any:
    if not isinstance(value, Mapping):
        problems.append(_wrong_type(path, "an object", value))
        return value
    checked: dict[str, Any] = {}
    types = {a.name: a for a in of.attributes}
    for key, inner in value.items():
        if not _key_is_fine(key, path, problems):
            continue
        if of.kind == "map":
            checked[key] = _check(
                of.element or ParameterType("any"), inner, f"{path}.{key}", multiline, problems
            )
        elif key not in types:
            known = ", ".join(types) or "none"
            problems.append(
                ValueProblem(
                    f"{path}.{key}", "unknown_parameter", f"is no attribute of this object; it has: {known}"
                )
            )
        elif inner is None and types[key].optional:
            checked[key] = None
        else:
            checked[key] = _check(types[key].type, inner, f"{path}.{key}", multiline, problems)
    for name, attribute in types.items():
        if name not in value and not attribute.optional:
            problems.append(ValueProblem(f"{path}.{name}", "required", "is missing and has no default"))
    return checked


def _check_any(value: Any, path: str, problems: list[ValueProblem]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _check_string(value, path, True, problems)
    if isinstance(value, int | float):
        return _check_number(value, path, problems)
    if isinstance(value, list | tuple):
        return [_check_any(item, f"{path}[{i}]", problems) for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {
            key: _check_any(inner, f"{path}.{key}", problems)
            for key, inner in value.items()
            if _key_is_fine(key, path, problems)
        }
    problems.append(_wrong_type(path, "JSON data", value))
    return None


def _key_is_fine(key: Any, path: str, problems: list[ValueProblem]) -> bool:
    if not isinstance(key, str):
        problems.append(ValueProblem(path, "wrong_type", "must have only text as keys"))
        return False
    problem = text_problem(key, multiline=False)
    if problem is not None:
        problems.append(ValueProblem(path, problem[0], f"has a key that {problem[1]}"))
        return False
    return True


def _wrong_type(path: str, expected: str, value: Any) -> ValueProblem:
    return ValueProblem(path, "wrong_type", f"must be {expected}, but is {json_type_name(value)}")


def json_type_name(value: Any) -> str:
    """Return what JSON calls the value's type, in words for people."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "an object"
    return "something that JSON cannot hold"
