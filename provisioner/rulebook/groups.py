"""The groups that a policy names, so that a misspelt one is found before anybody waits for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from provisioner.domain.policy.section import Place, Problem, spell
from provisioner.rulebook.file import Loaded

# Stands for the owner team of what is ordered; no group of the organisation.
OWNER = "owner"


@dataclass(frozen=True)
class NamedGroup:
    """A group that the policy names, and where."""

    name: str
    place: Place
    line: int


def named(loaded: Loaded) -> tuple[NamedGroup, ...]:
    """Return every group that stands under a key `group`, `groups`, or one that ends with `_group(s)`."""
    return tuple(
        NamedGroup(name, place, loaded.line_of(place))
        for name, place in _walk(loaded.data, ())
        if name != OWNER
    )


def unknown(loaded: Loaded, known: Collection[str]) -> tuple[Problem, ...]:
    """Return a problem for each group that the organisation does not have."""
    have = ", ".join(sorted(known)) or "none"
    return tuple(
        Problem(
            spell(group.place),
            group.line,
            f"There is no group {group.name}.",
            f"Name one that there is ({have}), or make the group first: nobody could decide.",
        )
        for group in named(loaded)
        if group.name not in known
    )


def _walk(value: object, place: Place) -> Iterator[tuple[str, Place]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            here = (*place, str(key))
            if _is_group_key(str(key)):
                yield from _names(inner, here)
            else:
                yield from _walk(inner, here)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk(inner, (*place, index))


def _is_group_key(key: str) -> bool:
    return key in ("group", "groups") or key.endswith(("_group", "_groups"))


def _names(value: object, place: Place) -> Iterator[tuple[str, Place]]:
    if isinstance(value, str):
        yield value, place
    elif isinstance(value, list):
        for index, name in enumerate(value):
            yield from _names(name, (*place, index))
    else:
        yield from _walk(value, place)
