"""Usage profiles: how much of what is paid by use to expect of a resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property


@dataclass(frozen=True)
class Amount:
    """How much to expect a month, in the unit of its key, and which profile says so."""

    value: Decimal
    profile: str


@dataclass(frozen=True)
class UsageRule:
    """What a profile expects of the resources of some types. A * in a type or an address stands for any text."""

    profile: str  # as people read it, such as "production" or "override 1"
    type: str
    amounts: Mapping[str, Decimal]
    address: str = "*"


@dataclass(frozen=True)
class UsageProfile:
    """Rules in order: where two say something of the same key, the later one holds."""

    rules: tuple[UsageRule, ...] = ()

    @cached_property
    def _by_type(self) -> dict[str, tuple[Mapping[str, Amount], bool]]:
        return {}

    def of(self, kind: str, address: str) -> Mapping[str, Amount]:
        """Give what is expected of a resource, by key."""
        if not self.rules:
            return {}
        known = self._by_type.get(kind)
        if known is None:
            # A type without rules for single addresses is looked up once, however many resources there are of it.
            mine = [rule for rule in self.rules if matches(rule.type, kind)]
            known = (self._amounts(kind, address), any(rule.address != "*" for rule in mine))
            self._by_type[kind] = known
        amounts, by_address = known
        return self._amounts(kind, address) if by_address else amounts

    def _amounts(self, kind: str, address: str) -> dict[str, Amount]:
        found: dict[str, Amount] = {}
        for rule in self.rules:
            if matches(rule.type, kind) and matches(rule.address, address):
                found |= {key: Amount(value, rule.profile) for key, value in rule.amounts.items()}
        return found


NO_USAGE = UsageProfile()


def matches(pattern: str, text: str) -> bool:
    """Whether a text is the pattern's, in which * stands for any text and all else for itself (brackets, too)."""
    first, *others = pattern.split("*")
    if not others:
        return pattern == text
    *middle, last = others
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
