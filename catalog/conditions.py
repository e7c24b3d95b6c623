"""Evaluate the validations that tie several variables together, such as `var.limit == 0 || var.limit >= var.size`.

Only what can be judged for certain is judged: a condition that uses a function, a value or a form outside this small
part of the language is left to `terraform plan`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from catalog import hcl
from catalog.constraints import compile_pattern, is_portable_pattern, same_json


class Undecided(Exception):
    """The condition cannot be judged here."""


@lru_cache(maxsize=512)
def _parsed(condition: str) -> hcl.Expression | None:
    try:
        return hcl.parse_expression(condition)
    except hcl.HclSyntaxError:
        return None


def holds(condition: str, variables: Mapping[str, Any]) -> bool | None:
    """Tell whether the condition holds for these variables; None when that cannot be judged here."""
    node = _parsed(condition)
    if node is None:
        return None
    try:
        found = _value(node, variables)
    except (Undecided, ArithmeticError, TypeError, ValueError):
        return None
    return found if isinstance(found, bool) else None


def understood(condition: str) -> bool:
    """Tell whether the condition is written in the part of the language that `holds` judges."""
    node = _parsed(condition)
    return node is not None and _is_known(node, frozenset())


def variables_in(condition: str) -> frozenset[str]:
    """Name the variables that the condition speaks of, whether it can be judged here or not."""
    return frozenset(re.findall(r"\bvar\.([A-Za-z_][\w-]*)", condition))


def _is_known(node: hcl.Expression, bound: frozenset[str]) -> bool:
    match node:
        case hcl.Literal():
            return True
        case hcl.Reference(name):
            return name.startswith("var.") or name in bound
        case hcl.Sequence(items):
            return all(_is_known(item, bound) for item in items)
        case hcl.Unary("!" | "-", operand):
            return _is_known(operand, bound)
        case hcl.Conditional(condition, yes, no):
            return all(_is_known(part, bound) for part in (condition, yes, no))
        case hcl.Binary(operator, left, right):
            known = operator in _ARITHMETIC or operator in ("&&", "||", "==", "!=")
            return known and _is_known(left, bound) and _is_known(right, bound)
        case hcl.Call("can", (hcl.Call("regex", (hcl.Literal(str(pattern)), subject)),)):
            return is_portable_pattern(pattern) and _is_known(subject, bound)
        case hcl.Call("alltrue", (hcl.ForList(name, of, body),)):
            return _is_known(of, bound) and _is_known(body, bound | {name})
        case hcl.Call(name, arguments):
            return name in _FUNCTIONS and all(_is_known(argument, bound) for argument in arguments)
    return False


def _value(node: hcl.Expression, variables: Mapping[str, Any]) -> Any:
    match node:
        case hcl.Literal(value):
            return value
        case hcl.Reference(name):
            return _referred(name, variables)
        case hcl.Sequence(items):
            return [_value(item, variables) for item in items]
        case hcl.Unary("!", operand):
            return not _truth(operand, variables)
        case hcl.Unary("-", operand):
            return -_number(_value(operand, variables))
        case hcl.Conditional(condition, yes, no):
            return _value(yes if _truth(condition, variables) else no, variables)
        case hcl.Binary(operator, left, right):
            return _binary(operator, left, right, variables)
        case hcl.Call(name, arguments):
            return _called(name, arguments, variables)
    raise Undecided


def _referred(name: str, variables: Mapping[str, Any]) -> Any:
    first, _, rest = name.partition(".")
    if not rest and _LOOP + first in variables:
        return variables[_LOOP + first]
    root, *path = rest.split(".")
    if first != "var" or root not in variables:
        raise Undecided
    value = variables[root]
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            raise Undecided
        value = value[part]
    return value


def _binary(operator: str, left: hcl.Expression, right: hcl.Expression, variables: Mapping[str, Any]) -> Any:
    if operator in ("&&", "||"):
        # Terraform before 1.12 evaluates both sides, so a null on the other side fails there; only clear cases count.
        first = _truth(left, variables)
        if first is (operator == "||"):
            return first
        return _truth(right, variables)
    one, other = _value(left, variables), _value(right, variables)
    if operator in ("==", "!="):
        return _equal(one, other) is (operator == "==")
    compute = _ARITHMETIC.get(operator)
    if compute is None:
        raise Undecided
    return compute(_number(one), _number(other))


def _called(name: str, arguments: tuple[hcl.Expression, ...], variables: Mapping[str, Any]) -> Any:
    match name, arguments:
        case "can", (hcl.Call("regex", (hcl.Literal(str(pattern)), subject)),) if is_portable_pattern(
            pattern
        ):
            text = _value(subject, variables)
            if not isinstance(text, str):
                raise Undecided
            return compile_pattern(pattern).search(text) is not None
        case "length", (subject,):
            value = _value(subject, variables)
            # Terraform counts what people see as characters; only for ASCII is that what Python counts.
            if isinstance(value, str) and not value.isascii():
                raise Undecided
            if not isinstance(value, str | list | tuple | Mapping):
                raise Undecided
            return len(value)
        case "contains", (where, what):
            where_value, wanted = _value(where, variables), _value(what, variables)
            if not isinstance(where_value, list | tuple):
                raise Undecided
            return any(_equal(item, wanted) for item in where_value)
        case "alltrue", (hcl.ForList(item, of, body),):
            items = _value(of, variables)
            if not isinstance(items, list | tuple):
                raise Undecided
            # All are looked at first, so that an element that cannot be judged leaves the whole to Terraform.
            found = [_truth(body, {**variables, _LOOP + item: one}) for one in items]
            return all(found)
        case "keys", (subject,):
            value = _value(subject, variables)
            if not isinstance(value, Mapping):
                raise Undecided
            return sorted(value)
        case ("startswith" | "endswith" | "strcontains") as function, (subject, part):
            text, wanted = _value(subject, variables), _value(part, variables)
            if not isinstance(text, str) or not isinstance(wanted, str):
                raise Undecided
            return _TEXT[function](text, wanted)
        case ("floor" | "ceil" | "abs") as function, (subject,):
            return _ROUNDING[function](_number(_value(subject, variables)))
        case ("min" | "max") as function, (_, *_):
            numbers = [_number(_value(argument, variables)) for argument in arguments]
            return min(numbers) if function == "min" else max(numbers)
    raise Undecided


def _equal(one: Any, other: Any) -> bool:
    """Compare two values of one simple type; Terraform's conversions between types are left to Terraform."""
    if one is None or other is None:
        return one is other
    if isinstance(one, bool) is isinstance(other, bool):
        for kind in (str, int | float):
            if isinstance(one, kind) and isinstance(other, kind):
                return same_json(one, other)
    raise Undecided


def _truth(node: hcl.Expression, variables: Mapping[str, Any]) -> bool:
    value = _value(node, variables)
    if not isinstance(value, bool):
        raise Undecided
    return value


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Undecided
    return value


_ARITHMETIC: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": math.fmod,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}
_ROUNDING: Final[Mapping[str, Callable[[Any], Any]]] = {"floor": math.floor, "ceil": math.ceil, "abs": abs}
_TEXT: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "strcontains": str.__contains__,
}
_FUNCTIONS: Final = frozenset({"length", "contains", "keys", "min", "max", *_ROUNDING, *_TEXT})
_LOOP: Final = "for "  # no variable is called like this: what stands for an element in a `for`
