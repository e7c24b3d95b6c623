"""What changes between two versions of an item, for one environment: parameters, what is filled in, changelog."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from catalog.constraints import same_json
from catalog.manifest import Change, Manifest
from catalog.parameters import prefilled
from catalog.spec import MISSING, ParameterSpec
from catalog.versions import VERSION_PATTERN, version_key


class Difference(StrEnum):
    """How a parameter differs between two versions."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"  # something else is filled in


@dataclass(frozen=True)
class ParameterDifference:
    """One parameter that is new, gone or filled in differently.

    `before` and `after` are what the versions fill in by default, preset and size; MISSING where a version has no such
    parameter or fills nothing in. `kept`: the workspace's own value was given and stays, whatever is filled in.
    """

    name: str
    label: str
    difference: Difference
    before: Any = MISSING
    after: Any = MISSING
    kept: bool = False

    @property
    def required(self) -> bool:
        """Tell whether it is new and must be given."""
        return self.difference is Difference.ADDED and self.after is MISSING


def compare(
    old: tuple[Manifest, ParameterSpec],
    new: tuple[Manifest, ParameterSpec],
    environment: str,
    given: Mapping[str, Any],
) -> tuple[ParameterDifference, ...]:
    """Return the differences in the order of the new version's form; what is gone comes last.

    `given` are the workspace's own parameters: its size decides what is filled in.
    """
    before, after = _filled_in(*old, environment, given), _filled_in(*new, environment, given)
    names_before, names_after = _open(*old), _open(*new)
    found = []
    for name, label in names_after.items():
        if name not in names_before:
            found.append(ParameterDifference(name, label, Difference.ADDED, after=after.get(name, MISSING)))
        elif not _same(before.get(name, MISSING), after.get(name, MISSING)):
            found.append(
                ParameterDifference(
                    name,
                    label,
                    Difference.CHANGED,
                    before.get(name, MISSING),
                    after.get(name, MISSING),
                    kept=name in given,
                )
            )
    found += [
        ParameterDifference(name, label, Difference.REMOVED, given.get(name, before.get(name, MISSING)))
        for name, label in names_before.items()
        if name not in names_after
    ]
    return tuple(found)


def changes_between(manifest: Manifest, old: str, new: str) -> tuple[Change, ...]:
    """Return what the changelog of `new` says of the versions after `old`, newest first."""
    entries = [change for change in manifest.changelog if _is_version(change.version)]
    within = [c for c in entries if version_key(old) < version_key(c.version) <= version_key(new)]
    return tuple(sorted(within, key=lambda change: version_key(change.version), reverse=True))


def parameter_names(manifest: Manifest, spec: ParameterSpec) -> frozenset[str]:
    """Return the names that a person may give."""
    return frozenset(_open(manifest, spec))


def _open(manifest: Manifest, spec: ParameterSpec) -> dict[str, str]:
    names = {} if manifest.sizes is None else {manifest.sizes.parameter: "Size"}
    return names | {p.name: p.label or p.name for p in spec if p.name not in manifest.hidden}


def _filled_in(
    manifest: Manifest, spec: ParameterSpec, environment: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    sizes = manifest.sizes
    size = None if sizes is None else given.get(sizes.parameter, sizes.default.get(environment))
    values = prefilled(manifest, spec, environment, size if isinstance(size, str) else None)
    if sizes is not None and sizes.default.get(environment) is not None:
        values[sizes.parameter] = sizes.default[environment]
    return values


def _same(one: Any, other: Any) -> bool:
    if one is MISSING or other is MISSING:
        return one is other
    return same_json(one, other)


def _is_version(text: str) -> bool:
    return re.match(VERSION_PATTERN, text) is not None
