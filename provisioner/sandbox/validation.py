"""ValidateResourceTypeConfig: cheap checks that the real provider makes before it asks the cloud."""

import re
from collections.abc import Iterator
from typing import Any

from provisioner.sandbox import documents, schema, values
from provisioner.sandbox.cloud import Attributes
from provisioner.sandbox.facts import TypeFacts
from provisioner.sandbox.faults import CloudError
from provisioner.sandbox.schema import Block

_DEPRECATED = "Argument is deprecated"


def problems(block: Block, facts: TypeFacts, config: Attributes) -> list[CloudError]:
    """List what is wrong with a configuration; unknown values are not judged."""
    found: list[CloudError] = []
    for dotted, check in facts.checks.items():
        for path, value in _values_at(config, dotted.split("."), []):
            complaint = _complaint(check, value)
            if complaint:
                shown = value if "pattern" not in check or len(str(value)) < 200 else f"{str(value)[:200]}…"
                found.append(
                    CloudError(f'invalid value for "{dotted}"', f"{complaint}; got {shown!r}.", path)
                )
    for names in facts.conflicts:
        given = [
            name for name in names if _is_given(config.get(name)) and not values.is_unknown(config.get(name))
        ]
        if len(given) > 1:
            listed = " and ".join(f'"{name}"' for name in given)
            found.append(
                CloudError(
                    "Conflicting configuration arguments", f"{listed} cannot be set together.", given[:1]
                )
            )
    for names in facts.one_of:
        if not any(_is_given(config.get(name)) for name in names):
            listed = ", ".join(f'"{name}"' for name in names)
            found.append(CloudError("Missing required argument", f"One of {listed} must be set."))
    for name in facts.json:
        value = config.get(name)
        if isinstance(value, str) and value and not values.is_unknown(value) and not documents.is_json(value):
            found.append(
                CloudError(f'"{name}" contains an invalid JSON policy', "It is not a JSON document.", [name])
            )
    return found


def deprecations(block: Block, config: Attributes, path: tuple[str | int, ...] = ()) -> Iterator[CloudError]:
    """Yield a warning for each deprecated argument and nested block that a configuration gives.

    An unknown value counts as given, other than in the plugin framework: else `terraform validate` would not show an
    argument that a variable is handed to.
    """
    for name, part in schema.attributes(block).items():
        if part.get("deprecated") and config.get(name) is not None:
            yield CloudError(_DEPRECATED, part["deprecation_message"], [*path, name])
    for name, part in schema.nested_blocks(block).items():
        inner = config.get(name)
        if inner is None or inner == []:
            continue
        if part["block"].get("deprecated"):
            yield CloudError(_DEPRECATED, part["block"]["deprecation_message"], [*path, name])
        if isinstance(inner, dict):
            yield from deprecations(part["block"], inner, (*path, name))
        elif isinstance(inner, list):
            for position, item in enumerate(inner):
                if isinstance(item, dict):
                    yield from deprecations(part["block"], item, (*path, name, position))


def _values_at(value: Any, names: list[str], path: list[Any]) -> list[tuple[list[Any], Any]]:
    """Find the known values at a dotted path, into each item of a nested block."""
    if value is None or values.is_unknown(value):
        return []
    if not names:
        return [(path, value)]
    if isinstance(value, list):
        return [
            hit for position, item in enumerate(value) for hit in _values_at(item, names, [*path, position])
        ]
    return _values_at(value.get(names[0]), names[1:], [*path, names[0]])


def _complaint(check: dict[str, Any], value: Any) -> str:
    if "each" in check:
        items = value if isinstance(value, list) else [value]
        return next((text for item in items if (text := _complaint(check["each"], item))), "")
    if values.is_unknown(value) or value is None:
        return ""
    if "pattern" in check and not re.fullmatch(check["pattern"], value):
        return str(check["message"])
    if "one_of" in check and value not in check["one_of"]:
        return f"expected one of {', '.join(map(str, check['one_of']))}"
    if "between" in check and not check["between"][0] <= value <= check["between"][1]:
        return f"expected a number from {check['between'][0]} to {check['between'][1]}"
    if "length" in check and not check["length"][0] <= len(value) <= check["length"][1]:
        return str(
            check.get("message") or f"expected {check['length'][0]} to {check['length'][1]} characters"
        )
    return ""


def _is_given(value: Any) -> bool:
    return value is not None and value is not False and value != [] and value != ""
