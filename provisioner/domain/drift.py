"""Drift: what changed behind Terraform's back, and what of it an ordinary plan would put back.

A refresh-only plan reports every attribute that differs from the state, also those that the provider fills in and no
configuration sets. As in HCP Terraform's health assessments, only what the configuration decides counts as drift
(https://developer.hashicorp.com/terraform/tutorials/cloud/drift-detection). Whether it does is not guessed: the
ordinary plan of the same moment says what it would put back, `ignore_changes` and defaults of the provider included.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from provisioner.domain import configuration
from provisioner.domain.plan import (
    SENSITIVE,
    AttributeDiff,
    Path,
    ResourceChange,
    attribute_diff,
    parse_plan,
    spell,
)

CHANGED, GONE = "changed", "gone"
TEXT_MAX_CHARS = 2_000

_TAG = "No parameter sets it. Correct it."
_NOT_SET_BY_ONE = "No single parameter of the module sets it. Correct it, or change the module."


@dataclass(frozen=True)
class Difference:
    """One attribute of an object: as it was recorded, and as it was found. Sensitive ones are masked on both sides.

    `parameter` is the one that would take over what was found, as `value`; without one, `obstacle` says why.
    """

    path: str
    before: str | None
    after: str | None
    parameter: str = ""
    value: object = None
    obstacle: str = ""


@dataclass(frozen=True)
class Drifted:
    """One object that is not as it was recorded.

    `verb` is changed or gone; `correction` is what a plan would do to it (update, replace, create).
    `differences` matter; `others` differ too and no plan would put them back.
    """

    address: str
    type: str
    verb: str
    correction: str
    differences: tuple[Difference, ...] = ()
    others: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class Drift:
    """What a check found. `noise` are the objects of which nothing would be put back."""

    resources: tuple[Drifted, ...] = ()
    noise: tuple[Drifted, ...] = ()


def read_drift(
    document: Mapping[str, object], variables: Mapping[str, object], fixed: Collection[str] = ()
) -> Drift:
    """Read the drift from an ordinary plan (`terraform show -json`), raw or redacted; a refresh-only plan has none.

    `variables` are what the module got, `fixed` the names of those that nobody can choose. Raises PlanFormatError.
    """
    plan = parse_plan(document)
    planned = {(change.address, change.deposed): change for change in plan.changes}
    matters: list[Drifted] = []
    noise: list[Drifted] = []
    for found in plan.drift:
        if found.verb in ("no-op", "read", "forget"):
            continue  # moved in the configuration, or not the provider's to say
        read = _drifted(found, planned.get((found.address, found.deposed)), document, variables)
        (matters if read.correction else noise).append(read)
    return Drift(tuple(_settled(matters, fixed)), tuple(noise))


def _drifted(
    found: ResourceChange,
    planned: ResourceChange | None,
    document: Mapping[str, object],
    variables: Mapping[str, object],
) -> Drifted:
    does = planned.verb if planned is not None and planned.verb in ("create", "update", "replace") else ""
    if found.verb == "delete":
        return Drifted(found.address, found.type, GONE, does)
    put_back = _put_back(planned, document) if planned is not None and does else frozenset()
    differences: dict[Path, Difference] = {}
    others: dict[Path, Difference] = {}
    for diff in attribute_diff(found):
        path = _as_tags(diff.steps)
        matters = any(_overlap(_stem(path), other) for other in put_back)
        # tags_all comes after tags and says the whole of it, the provider's default tags included.
        read = _difference(diff, path)
        if matters:
            differences[path] = _with_parameter(read, found, path, document, variables)
        else:
            others[path] = read
    for path in differences:
        others.pop(path, None)
    return Drifted(
        found.address,
        found.type,
        CHANGED,
        does if differences else "",
        _by_path(differences),
        _by_path(others),
    )


def _by_path(found: Mapping[Path, Difference]) -> tuple[Difference, ...]:
    return tuple(sorted(found.values(), key=lambda difference: difference.path))


def _put_back(planned: ResourceChange, document: Mapping[str, object]) -> frozenset[Path]:
    """Return what the plan would change on the object, as far as it is the configuration's doing.

    Of what is known only after the apply, most is the provider's own (an etag, an ARN); where the configuration sets
    it, or it forces a replacement, it counts.
    """
    return frozenset(
        _stem(_as_tags(diff.steps))
        for diff in attribute_diff(planned)
        if not diff.unknown
        or diff.forces_replace
        or configuration.is_set(
            document, planned.module_address, planned.type, planned.name, str(diff.steps[0])
        )
    )


def _as_tags(path: Path) -> Path:
    return ("tags", *path[1:]) if path and path[0] == "tags_all" else path


def _stem(path: Path) -> Path:
    """Cut a path before its first index: an entry of a set has another index on each side."""
    for depth, step in enumerate(path):
        if isinstance(step, int):
            return path[:depth]
    return path


def _overlap(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _difference(diff: AttributeDiff, path: Path) -> Difference:
    return Difference(path=spell(path), before=_cut(diff.before), after=_cut(diff.after))


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= TEXT_MAX_CHARS:
        return text
    return f"{text[:TEXT_MAX_CHARS]} … {len(text) - TEXT_MAX_CHARS} characters left out"


def _with_parameter(
    difference: Difference,
    found: ResourceChange,
    path: Path,
    document: Mapping[str, object],
    variables: Mapping[str, object],
) -> Difference:
    """Name the parameter that would take over what was found, or what stands in the way."""
    if SENSITIVE in (difference.before, difference.after):
        return replace(difference, obstacle="It is sensitive, so the portal does not know what was found.")
    setter = configuration.setter_of(document, found.module_address, found.type, found.name, path)
    if setter is None:
        return replace(difference, obstacle=_TAG if path[0] == "tags" else _NOT_SET_BY_ONE)
    recorded, value = _at(found.before, setter.steps), _at(found.after, setter.steps)
    present = variables.get(setter.parameter)
    if not _equal(recorded, present):
        why = (
            f"The module derives it from {setter.parameter} and does not take it as it is. "
            f"Correct it, or order an update with another {setter.parameter}."
        )
        return replace(difference, obstacle=why)
    if value is None:
        why = f"Nothing is set there now, and {setter.parameter} cannot be told that. Correct it, or change the module."
        return replace(difference, obstacle=why)
    if _holds_sensitive(value):
        return replace(
            difference, obstacle="Part of it is sensitive, so the portal does not know what was found."
        )
    return replace(difference, parameter=setter.parameter, value=_like(value, present))


def _settled(drifted: list[Drifted], fixed: Collection[str]) -> list[Drifted]:
    """Take a parameter back where nobody can choose it, or where two differences would give it different values."""
    wanted: dict[str, list[object]] = {}
    for resource in drifted:
        for difference in resource.differences:
            values = wanted.setdefault(difference.parameter, [])
            if difference.value not in values:
                values.append(difference.value)

    def settled(difference: Difference) -> Difference:
        name = difference.parameter
        if name and name in fixed:
            why = f"{name} is filled in by the portal and stays as it is. Correct it."
        elif name and len(wanted[name]) > 1:
            why = (
                f"{name} sets it on several objects, which were found different from each other. "
                f"Correct it, or order an update with the {name} that all shall have."
            )
        else:
            return difference
        return replace(difference, parameter="", value=None, obstacle=why)

    return [replace(one, differences=tuple(map(settled, one.differences))) for one in drifted]


def _at(side: Mapping[str, object] | None, steps: Path) -> object:
    value: object = side
    for step in steps:
        if isinstance(value, Mapping) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _equal(recorded: object, present: object) -> bool:
    """Compare as Terraform converts: a number may be recorded as text. Lists may be sets, so their order is free."""
    if isinstance(recorded, list) and isinstance(present, list):
        return sorted(map(repr, recorded)) == sorted(map(repr, present))
    if isinstance(recorded, bool) or isinstance(present, bool):
        return _boolean(recorded) is not None and _boolean(recorded) == _boolean(present)
    if isinstance(recorded, str | int | float) and isinstance(present, str | int | float):
        return recorded == present or str(recorded) == str(present)
    return recorded == present


def _boolean(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def _like(value: object, present: object) -> object:
    """Give a value in the type that the parameter has now."""
    if isinstance(present, bool):
        read = _boolean(value)
        return value if read is None else read
    if isinstance(present, str) and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(present, int | float) and isinstance(value, str):
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
    return value


def _holds_sensitive(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_sensitive(item) for item in value.values())
    if isinstance(value, list):
        return any(_holds_sensitive(item) for item in value)
    return value == SENSITIVE
