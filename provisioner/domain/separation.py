"""Separation of duties: by which power a person may decide a step, or what bars them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Bar(StrEnum):
    """Why a person may not decide a step."""

    OWN_ORDER = "own_order"  # they ordered it
    NOT_A_MEMBER = "not_a_member"  # they are in none of its groups, and nobody in one delegated to them
    DELEGATOR_ORDERED = "delegator_ordered"  # they could only stand in for who ordered it
    DECIDED_THIS = "decided_this"  # they, or whom they stand in for, decided it
    DECIDED_OTHER = "decided_other"  # they, or whom they stand in for, decided another step of the plan


@dataclass(frozen=True)
class Delegated:
    """A group's decisions that a person handed to the one who decides."""

    group: str
    delegator: int


@dataclass(frozen=True)
class Power:
    """By which group a person decides; `on_behalf_of`: for whom, when it is not their own membership."""

    group: str
    on_behalf_of: int | None = None


@dataclass(frozen=True)
class Given:
    """A decision that was given on the same plan: its step, whom that asks, and everybody who had a part in it."""

    step: int
    asked: frozenset[str]
    people: frozenset[int]


def power_to_decide(
    person: int,
    *,
    member_of: Iterable[str],
    delegated: Sequence[Delegated],
    step: int,
    groups: Sequence[str],
    asked: Iterable[str],
    requesters: frozenset[int],
    given: Iterable[Given],
    allow_same_person: bool = False,
) -> Power | Bar:
    """Return by which power a person may decide a step, their own membership first, or the first thing that bars them.

    `groups` are those that may decide the step, `asked` those of them that its rule asks, `requesters` who ordered the
    run. Two people count once where one stands in for the other. Steps that ask the same groups are not two looks: one
    was asked for after the other.
    """
    if person in requesters:
        return Bar.OWN_ORDER
    own = set(member_of)
    powers = [Power(group) for group in groups if group in own]
    powers += [Power(one.group, one.delegator) for one in delegated if one.group in groups]
    decided = list(given)
    bars = []
    for power in powers:
        bar = _bar(power, person, step, frozenset(asked), requesters, decided, allow_same_person)
        if bar is None:
            return power
        bars.append(bar)
    return bars[0] if bars else Bar.NOT_A_MEMBER


def _bar(
    power: Power,
    person: int,
    step: int,
    asked: frozenset[str],
    requesters: frozenset[int],
    given: Sequence[Given],
    allow_same_person: bool,
) -> Bar | None:
    people = {person} if power.on_behalf_of is None else {person, power.on_behalf_of}
    if people & requesters:
        return Bar.DELEGATOR_ORDERED
    mine = [one for one in given if one.people & people]
    if any(one.step == step for one in mine):
        return Bar.DECIDED_THIS
    if not allow_same_person and any(one.asked != asked for one in mine):
        return Bar.DECIDED_OTHER
    return None
