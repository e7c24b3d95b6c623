"""Fill in the parameters of an order: module default < environment's preset < chosen size < given by the caller."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from catalog import manifest as manifests
from catalog.conditions import holds, variables_in
from catalog.constraints import shown, violation
from catalog.manifest import Manifest
from catalog.parameter_types import json_type_name, text_problem
from catalog.spec import MISSING, ParameterSpec, thawed

if TYPE_CHECKING:
    from catalog.models import CatalogItemVersion

NAME_PATTERN: Final = "^[a-z][a-z0-9-]{1,38}[a-z0-9]$"
MAX_PROBLEMS: Final = 50
MAX_GIVEN: Final = 500
_NAME_RULE: Final = (
    "must have 3 to 40 characters: lower-case letters, digits and single hyphens, beginning with a letter and not "
    "ending with a hyphen"
)


@dataclass(frozen=True)
class ParameterProblem:
    """What is wrong with one field. `field` is a parameter, the size parameter, `name`, or `parameters` as a whole."""

    field: str
    code: str
    message: str


@dataclass(frozen=True)
class Filled:
    """The outcome of filling in. Use `variables` only when there is no problem.

    variables: what Terraform gets, with name and environment. shown: what people see, with the size and without the
    derived variables. given: what the caller gave, in its normal form, without what was refused.
    """

    variables: dict[str, Any]
    shown: dict[str, Any]
    problems: tuple[ParameterProblem, ...] = ()
    given: dict[str, Any] = field(default_factory=dict)


def fill_parameters(
    version: CatalogItemVersion,
    environment_slug: str,
    name: object,
    given: object,
    *,
    manifest: Manifest | None = None,
) -> Filled:
    """Return every variable of the module for this order, and what is wrong with what was given.

    Never raises for anything a user can send: `name` and `given` may be any value that JSON can hold. `manifest` is the
    version's, where it has been read already.
    """
    manifest = manifests.from_json(version.manifest) if manifest is None else manifest
    spec = ParameterSpec.from_json(version.parameter_spec)
    filled = fill(manifest, spec, environment_slug, given)
    problems = [*_name_problems(manifest, spec, name), *filled.problems]
    variables = dict(filled.variables)
    if isinstance(name, str):
        variables[manifest.name_variable] = name
    if isinstance(name, str) and not problems:  # what ties the name to parameters could not be judged before
        problems += [
            replace(problem, field="name") if problem.field == manifest.name_variable else problem
            for problem in broken_conditions(spec, variables)
        ]
    return Filled(variables, filled.shown, tuple(problems[:MAX_PROBLEMS]), filled.given)


def fill(
    manifest: Manifest,
    spec: ParameterSpec,
    environment_slug: str,
    given: object,
    unread: Collection[str] = (),
) -> Filled:
    """Fill in everything but the order's name; the form uses it too, so that both doors judge alike.

    `unread` names parameters that were given and could not be read: nothing is said of what they are tied to.
    """
    problems: list[ParameterProblem] = []
    asked = _checked_given(manifest, spec, environment_slug, given, problems)
    decided = dict(asked)
    size = asked.pop(manifest.sizes.parameter, None) if manifest.sizes else None
    values = prefilled(manifest, spec, environment_slug, size)
    size_shown = {}
    if manifest.sizes is not None:
        size = size if size is not None else manifest.sizes.default.get(environment_slug)
        if size is not None:
            size_shown = {manifest.sizes.parameter: size}
    values |= asked
    refused = {problem.field.partition(".")[0].partition("[")[0] for problem in problems}
    for parameter in spec:
        if (
            parameter.name not in values
            and parameter.name not in manifest.hidden
            and parameter.name not in refused
        ):
            problems.append(ParameterProblem(parameter.name, "required", "is required: it has no default"))
    shown_values = {
        p.name: values[p.name] for p in spec if p.name in values and p.name not in manifest.hidden
    }
    if manifest.environment_variable is not None:
        values[manifest.environment_variable] = environment_slug
    if manifest.sizes is None or manifest.sizes.parameter not in refused:
        problems += broken_conditions(spec, values, refused.union(unread))
    return Filled(values, {**size_shown, **shown_values}, tuple(problems[:MAX_PROBLEMS]), decided)


def prefilled(
    manifest: Manifest, spec: ParameterSpec, environment_slug: str | None, size: str | None = None
) -> dict[str, Any]:
    """Return the values before anyone gives any: module defaults, the environment's preset, the (default) size."""
    values = {p.name: p.default for p in spec if p.default is not MISSING}
    if environment_slug is None:
        return values
    values |= thawed(manifest.presets.get(environment_slug, {}))
    if manifest.sizes is not None:
        sizes = manifest.sizes.choices.get(environment_slug, {})
        chosen = size if size is not None else manifest.sizes.default.get(environment_slug, "")
        values |= thawed(sizes.get(chosen, {}))
    return values


def broken_conditions(
    spec: ParameterSpec, values: Mapping[str, Any], refused: Collection[str] = ()
) -> list[ParameterProblem]:
    """Return a problem for each validation of the module that certainly fails for these values together.

    What speaks of a variable whose value was refused is not judged: that value is not the one that will be taken.
    """
    return [
        ParameterProblem(
            parameter.name, "condition", condition.message or f"breaks the condition {condition.text}"
        )
        for parameter in spec
        for condition in parameter.conditions
        if not variables_in(condition.text).intersection(refused) and holds(condition.text, values) is False
    ]


def name_rule(manifest: Manifest, spec: ParameterSpec) -> tuple[str, str]:
    """Return (pattern, text) of the rule for an order's name: the module's own regex, else the portal's."""
    parameter = spec[manifest.name_variable]
    if parameter.pattern is None:
        return NAME_PATTERN, f"The name {_NAME_RULE}."
    own = [c.message for c in parameter.constraints if c.message]
    return parameter.pattern, " ".join(dict.fromkeys(own)) or f"The name must match {parameter.pattern}."


def _name_problems(manifest: Manifest, spec: ParameterSpec, name: object) -> list[ParameterProblem]:
    if not isinstance(name, str):
        return [ParameterProblem("name", "wrong_type", f"must be text, but is {json_type_name(name)}")]
    if not name:
        return [ParameterProblem("name", "required", f"is required: it {_NAME_RULE}")]
    unfit = text_problem(name, multiline=False)
    if unfit is not None:
        return [ParameterProblem("name", *unfit)]
    parameter = spec[manifest.name_variable]
    found = [violation(constraint, name) for constraint in parameter.constraints]
    if parameter.pattern is None and (not re.fullmatch(NAME_PATTERN, name) or "--" in name):
        found.append(("pattern", f"{shown(name)} does not fit: it {_NAME_RULE}"))
    unique = dict.fromkeys(problem for problem in found if problem is not None)
    return [ParameterProblem("name", *problem) for problem in unique]


def _checked_given(
    manifest: Manifest,
    spec: ParameterSpec,
    environment_slug: str,
    given: object,
    problems: list[ParameterProblem],
) -> dict[str, Any]:
    """Return what was given and is fine, in its normal form; report the rest."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        problems.append(
            ParameterProblem("parameters", "wrong_type", f"must be an object, but is {json_type_name(given)}")
        )
        return {}
    if len(given) > MAX_GIVEN:
        problems.append(ParameterProblem("parameters", "too_long", f"holds more than {MAX_GIVEN} parameters"))
        return {}
    sizes = manifest.sizes
    asked: dict[str, Any] = {}
    for key, value in given.items():
        if sizes is not None and key == sizes.parameter:
            problem = _size_problem(manifest, environment_slug, value)
            if problem is None:
                asked[key] = value
            else:
                problems.append(problem)
        elif key not in spec or key in manifest.hidden:
            problems.append(_unknown(manifest, spec, key))
        else:
            normal, found = spec[key].check(value)
            if not found:
                asked[key] = normal
            problems.extend(
                ParameterProblem(_field(key + p.path), p.code, p.message) for p in found[:MAX_PROBLEMS]
            )
    return asked


def _size_problem(manifest: Manifest, environment_slug: str, value: object) -> ParameterProblem | None:
    assert manifest.sizes is not None
    parameter = manifest.sizes.parameter
    allowed = manifest.sizes.in_environment(environment_slug)
    if not isinstance(value, str):
        return ParameterProblem(parameter, "wrong_type", f"must be text, but is {json_type_name(value)}")
    if value in allowed:
        return None
    if not allowed:
        return ParameterProblem(
            parameter,
            "not_allowed",
            f"there are no sizes in {environment_slug}; leave it out and give the parameters",
        )
    return ParameterProblem(
        parameter,
        "not_allowed",
        f"{shown(value)} is no size in {environment_slug}; choose from: {', '.join(allowed)}",
    )


def _unknown(manifest: Manifest, spec: ParameterSpec, key: object) -> ParameterProblem:
    if not isinstance(key, str):
        return ParameterProblem("parameters", "wrong_type", "must have only text as keys")
    if key in manifest.hidden:
        return ParameterProblem(
            key,
            "set_by_portal",
            "is filled in by the portal from the order's name and environment; leave it out",
        )
    known: Iterable[str] = [name for name in spec.names if name not in manifest.hidden]
    if manifest.sizes is not None:
        known = [manifest.sizes.parameter, *known]
    close = difflib.get_close_matches(key, known, n=1) if len(key) <= 100 else []
    hint = f"did you mean {close[0]}?" if close else "the item's schema lists the parameters it has"
    return ParameterProblem(_field(key), "unknown_parameter", f"is no parameter of {manifest.slug}; {hint}")


def _field(name: str) -> str:
    """Return a field name that is fit to print: hostile keys are cut and their unprintable characters replaced."""
    return shown(name) or "(empty)"
