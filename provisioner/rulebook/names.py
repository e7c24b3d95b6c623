"""The groups and environments that a policy names, so that a misspelt one is found before anybody waits for it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from provisioner.domain.policy.section import Place, Problem, spell
from provisioner.rulebook.file import Loaded

# Stands for the owner team of what is ordered; no group of the organisation.
OWNER = "owner"
# Keys under which a mapping has environments as its keys.
_BY_ENVIRONMENT = (
    "above_usd_month",
    "delta_above_usd_month",
    "delta_at_most_usd_month",
    "total_above_usd_month",
    "total_at_most_usd_month",
    "max_days",
    "environments",
    "by_environment",
    "profiles",
)
# What stands there for all that are not named.
_OTHERS = frozenset({"*", "default"})


@dataclass(frozen=True)
class Named:
    """A group or an environment that the policy names, and where."""

    name: str
    place: Place
    line: int


def groups(loaded: Loaded) -> tuple[Named, ...]:
    """Return every group that stands under a key `group`, `groups`, or one that ends with `_group(s)`."""
    return tuple(one for one in _found(loaded, _is_group_key, keys=False) if one.name != OWNER)


def environments(loaded: Loaded) -> tuple[Named, ...]:
    """Return every environment that stands under `environment(s)`, or as a key where limits go by environment."""
    return tuple(one for one in _found(loaded, _is_environment_key, keys=True) if one.name not in _OTHERS)


def unknown_groups(loaded: Loaded, known: Collection[str]) -> tuple[Problem, ...]:
    """Return a problem for each group that the organisation does not have."""
    return tuple(
        Problem(
            spell(one.place),
            one.line,
            f"There is no group {one.name}.",
            f"Name one that there is ({_listed(known)}), or make the group first: nobody could decide."
            f"{_close(one.name, known)}",
        )
        for one in groups(loaded)
        if one.name not in known
    )


def unknown_environments(loaded: Loaded, known: Collection[str]) -> tuple[Problem, ...]:
    """Return a problem for each environment that the organisation does not have: the rule says nothing for it."""
    return tuple(
        Problem(
            spell(one.place),
            one.line,
            f"There is no environment {one.name}.",
            f"Name one that there is ({_listed(known)}), unless it is yet to be made.{_close(one.name, known)}",
        )
        for one in environments(loaded)
        if one.name not in known
    )


def _listed(known: Collection[str]) -> str:
    return ", ".join(sorted(known)) or "none"


def _close(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name[:100], sorted(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _is_group_key(key: str) -> bool:
    return key in ("group", "groups") or key.endswith(("_group", "_groups"))


def _is_environment_key(key: str) -> bool:
    return key == "environment" or key in _BY_ENVIRONMENT


def _found(loaded: Loaded, wanted: Callable[[str], bool], *, keys: bool) -> Iterator[Named]:
    for name, place in _walk(loaded.data, (), wanted, keys):
        yield Named(name, place, loaded.line_of(place))


def _walk(
    value: object, place: Place, wanted: Callable[[str], bool], keys: bool
) -> Iterator[tuple[str, Place]]:
    """Yield what stands under a wanted key; with `keys`, the keys of a mapping that stands there."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            here = (*place, str(key))
            # The required tag of that name says something about tags.
            if wanted(str(key)) and place[:1] != ("tags",):
                yield from _names(inner, here, wanted, keys)
            else:
                yield from _walk(inner, here, wanted, keys)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk(inner, (*place, index), wanted, keys)


def _names(
    value: object, place: Place, wanted: Callable[[str], bool], keys: bool
) -> Iterator[tuple[str, Place]]:
    if isinstance(value, str):
        yield value, place
    elif isinstance(value, list):
        for index, name in enumerate(value):
            yield from _names(name, (*place, index), wanted, keys)
    elif isinstance(value, Mapping) and keys and place[-1] != "environment":  # that is a tag of this name
        for key in value:
            yield str(key), (*place, str(key))
    else:
        yield from _walk(value, place, wanted, keys)
