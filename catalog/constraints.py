"""Recognise the usual idioms of Terraform validations, and check values against them.

What is recognised is enforced by the portal before anything is queued; `terraform plan` stays the final authority on
the rest. Recognised: `contains([...], var.x)`, `var.x == "a" || var.x == "b"`, comparisons of `var.x` or
`length(var.x)` with numbers, `can(regex("...", var.x))` and its negation, `floor(var.x) == var.x`,
`alltrue([for e in var.x : ...])`, all of them joined by `&&` and guarded by `var.x == null ||` or
`var.x == null ? true :`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from catalog import hcl

# Go's RE2 and Python's re disagree on these; such a pattern is left to Terraform.
_UNPORTABLE_REGEX: Final = re.compile(r"\[\[:|\\[pPQEzCaAZ]|\(\?(?!:)|\\[0-9x]|\\u")
_MIRRORED: Final = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}


class NotRecognised(Exception):
    """The condition is none of the idioms."""


@dataclass(frozen=True)
class Constraint:
    """One rule on a value.

    kind is one of: one_of, minimum, maximum, above, below, min_length, max_length, pattern, not_pattern, whole, each.
    `value` is a tuple for one_of and each (of Constraint), text for patterns, a number otherwise.
    `message` is the module's own error message, empty when it gave none.
    """

    kind: str
    value: Any
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the constraint as JSON data."""
        value = self.value
        if self.kind == "each":
            value = [inner.to_json() for inner in value]
        elif self.kind == "one_of":
            value = list(value)
        return {"kind": self.kind, "value": value, "message": self.message}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Constraint:
        """Return the constraint that `to_json` wrote."""
        value = data["value"]
        if data["kind"] == "each":
            value = tuple(cls.from_json(inner) for inner in value)
        elif data["kind"] == "one_of":
            value = tuple(value)
        return cls(data["kind"], value, data["message"])


def recognise(condition: str, variable: str, message: str = "") -> tuple[Constraint, ...] | None:
    """Return the constraints that a validation's condition puts on `variable`; None when it is no known idiom."""
    try:
        node = hcl.parse_expression(condition)
        return tuple(_recognise(node, hcl.Reference(f"var.{variable}"), message))
    except (NotRecognised, hcl.HclSyntaxError):
        return None


def violation(constraint: Constraint, value: Any) -> tuple[str, str] | None:
    """Return (code, message) when the value breaks the constraint; None when it does not.

    The value has passed the check of its type. Text is measured in code points, as JSON Schema does; Terraform counts
    graphemes, which differs for combined characters only. Null is never judged here: only Terraform knows what it
    means.
    """
    if value is None:
        return None
    found = _violation(constraint, value)
    if found is None:
        return None
    code, text = found
    if constraint.message and constraint.kind in ("pattern", "not_pattern"):
        return code, constraint.message
    return code, f"{text}. {constraint.message}" if constraint.message else text


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile an RE2 pattern for Python with RE2's meaning: ASCII classes, `$` only at the very end.

    Raises re.error for what Python cannot read.
    """
    translated = re.sub(
        r"\\.|\[(?:\\.|[^\]\\])*\]|\$", lambda m: r"\Z" if m.group() == "$" else m.group(), pattern
    )
    return re.compile(translated, re.ASCII)


def is_portable_pattern(pattern: str) -> bool:
    """Tell whether the pattern means the same in RE2, Python and ECMAScript."""
    if len(pattern) > 500 or _UNPORTABLE_REGEX.search(pattern):
        return False
    try:
        compile_pattern(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def _violation(constraint: Constraint, value: Any) -> tuple[str, str] | None:
    limit = constraint.value
    match constraint.kind:
        case "one_of" if not any(same_json(value, allowed) for allowed in limit):
            return "not_allowed", f"{shown(value)} is not one of: {', '.join(shown(v) for v in limit)}"
        case "minimum" if value < limit:
            return "out_of_range", f"is {shown(value)}, must be at least {shown(limit)}"
        case "maximum" if value > limit:
            return "out_of_range", f"is {shown(value)}, must be at most {shown(limit)}"
        case "above" if value <= limit:
            return "out_of_range", f"is {shown(value)}, must be greater than {shown(limit)}"
        case "below" if value >= limit:
            return "out_of_range", f"is {shown(value)}, must be less than {shown(limit)}"
        case "min_length" if len(value) < limit:
            return "too_short", f"has a length of {len(value)}, must have at least {limit}"
        case "max_length" if len(value) > limit:
            return "too_long", f"has a length of {len(value)}, must have at most {limit}"
        case "pattern" if not compile_pattern(limit).search(value):
            return "pattern", f"must match {limit}"
        case "not_pattern" if compile_pattern(limit).search(value):
            return "pattern", f"must not match {limit}"
        case "whole" if value != int(value):
            return "wrong_type", f"is {shown(value)}, must be a whole number"
        case "each":
            for index, item in enumerate(value):
                for inner in limit:
                    found = violation(inner, item)
                    if found is not None:
                        return found[0], f"element {index + 1}: {found[1]}"
    return None


def same_json(left: Any, right: Any) -> bool:
    """Compare as JSON does: 1 equals 1.0, but true is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def shown(value: Any) -> str:
    """Return a short, one-line text for a value in a message."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    text = str(value)
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:81])
    return text if len(text) <= 80 else text[:79] + "…"


def _recognise(node: hcl.Expression, subject: hcl.Reference, message: str) -> list[Constraint]:
    match node:
        case hcl.Binary("&&", left, right):
            return _recognise(left, subject, message) + _recognise(right, subject, message)
        case hcl.Binary("||", hcl.Binary("==", left, hcl.Literal(None)), right) if left == subject:
            return _recognise(right, subject, message)
        case hcl.Conditional(hcl.Binary("==", left, hcl.Literal(None)), hcl.Literal(True), no) if (
            left == subject
        ):
            return _recognise(no, subject, message)
        case hcl.Binary("||"):
            return [Constraint("one_of", tuple(_alternatives(node, subject)), message)]
        case hcl.Call("try", (inner, hcl.Literal(False))) | hcl.Call("can", (hcl.Call("regex", _) as inner,)):
            return _recognise(inner, subject, message)
        case hcl.Call("contains", (hcl.Sequence(items), of)) if of == subject:
            return [Constraint("one_of", tuple(_constant(item) for item in items), message)]
        case hcl.Call("regex", (hcl.Literal(str(pattern)), of)) if of == subject and is_portable_pattern(
            pattern
        ):
            return [Constraint("pattern", pattern, message)]
        case hcl.Unary("!", hcl.Call("can", (hcl.Call("regex", (hcl.Literal(str(pattern)), of)),))) if (
            of == subject and is_portable_pattern(pattern)
        ):
            return [Constraint("not_pattern", pattern, message)]
        case hcl.Call("alltrue", (hcl.ForList(name, of, body),)) if of == subject:
            return [Constraint("each", tuple(_recognise(body, hcl.Reference(name), message)), message)]
        case hcl.Binary(operator, left, right) if operator in _MIRRORED:
            return [_comparison(operator, left, right, subject, message)]
    raise NotRecognised


def _comparison(
    operator: str, left: hcl.Expression, right: hcl.Expression, subject: hcl.Reference, message: str
) -> Constraint:
    floors = (hcl.Call("floor", (subject,)), hcl.Binary("%", subject, hcl.Literal(1)))
    if operator == "==" and {left, right} in ({floors[0], subject}, {floors[1], hcl.Literal(0)}):
        return Constraint("whole", 1, message)
    if isinstance(left, hcl.Literal):
        operator, left, right = _MIRRORED[operator], right, left
    limit = _constant(right)
    if left == subject and operator == "==":
        return Constraint("one_of", (limit,), message)
    if isinstance(limit, bool) or not isinstance(limit, int | float):
        raise NotRecognised
    if left == subject:
        kinds = {">=": "minimum", "<=": "maximum", ">": "above", "<": "below"}
        if operator in kinds:
            return Constraint(kinds[operator], limit, message)
    if left == hcl.Call("length", (subject,)) and isinstance(limit, int):
        bounds = {
            ">=": ("min_length", 0),
            ">": ("min_length", 1),
            "<=": ("max_length", 0),
            "<": ("max_length", -1),
        }
        if operator in bounds:
            kind, shift = bounds[operator]
            return Constraint(kind, limit + shift, message)
    raise NotRecognised


def _alternatives(node: hcl.Expression, subject: hcl.Reference) -> list[Any]:
    match node:
        case hcl.Binary("||", left, right):
            return _alternatives(left, subject) + _alternatives(right, subject)
        case hcl.Binary("==", left, right) if left == subject:
            return [_constant(right)]
        case hcl.Binary("==", left, right) if right == subject:
            return [_constant(left)]
    raise NotRecognised


def _constant(node: hcl.Expression) -> Any:
    if isinstance(node, hcl.Literal):
        return node.value
    raise NotRecognised
