"""The section `usage`: how much of what is paid by use to expect, by environment.

    usage:
      profiles:                      # by environment; "*" is for all of them
        production:
          aws_s3_bucket: {standard: {storage_gb: 500}}
          aws_lambda_*: {monthly_requests: 1000000, request_duration_ms: 200}
      overrides:                     # for what is not like the others; later ones hold
        - {address: "*aws_s3_bucket.archive*", usage: {aws_s3_bucket: {standard: {storage_gb: 20000}}}}
        - {item: object-store, environments: [production], usage: {aws_s3_bucket: {standard: {storage_gb: 2000}}}}

Keys are Infracost's (domain/cost.py, USAGE_KEYS). Of two amounts for one key that of the environment holds over that of
"*", that of a type over that of a pattern, and that of an override over both.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property

from provisioner.domain import cost
from provisioner.domain.policy.section import Section, show
from provisioner.domain.pricing import NUMBER_MAX
from provisioner.domain.pricing_usage import UsageProfile, UsageRule, matches

ANY = "*"

_Amounts = Mapping[str, Mapping[str, Decimal]]  # by type or pattern, then by key


@dataclass(frozen=True)
class UsageOverride:
    """What to expect instead of resources at some addresses, of an item, or both. `name` is how it is called."""

    name: str
    amounts: _Amounts
    address: str = ANY
    item: str = ""  # any
    environments: tuple[str, ...] = ()  # all

    def covers(self, environment: str, item: str) -> bool:
        """Whether it holds for orders of an item in an environment."""
        return self.item in ("", item) and (not self.environments or environment in self.environments)


@dataclass(frozen=True)
class UsagePolicy:
    """The usage profiles of the environments, and what is not like them."""

    profiles: Mapping[str, _Amounts] = field(default_factory=dict)
    overrides: tuple[UsageOverride, ...] = ()

    @cached_property
    def _made(self) -> dict[tuple[str, str], UsageProfile]:
        return {}

    def profile(self, environment: str, item: str = "") -> UsageProfile:
        """Give what to expect of the resources of an item in an environment; "" is a pipeline's, of no item."""
        key = (environment, item)
        if key not in self._made:
            rules = [
                rule for name in (ANY, environment) for rule in _rules(name, self.profiles.get(name, {}))
            ]
            for override in self.overrides:
                if override.covers(environment, item):
                    rules += _rules(override.name, override.amounts, override.address)
            self._made[key] = UsageProfile(tuple(rules))
        return self._made[key]


def _rules(name: str, amounts: _Amounts, address: str = ANY) -> Iterator[UsageRule]:
    """Yield the rules of one profile, patterns first, so that a type by its name holds over them."""
    spoken = "every environment" if name == ANY else name
    for kind in sorted(amounts, key=lambda kind: ANY not in kind):
        yield UsageRule(spoken, kind, amounts[kind], address)


def read(section: Section) -> UsagePolicy:
    """Read the section."""
    section.keys("profiles", "overrides")
    profiles = {name: _amounts(part) for name, part in section.at("profiles").each()}
    overrides = []
    for number, part in enumerate(section.at("overrides").items(), start=1):
        part.keys("address", "item", "environments", "usage", required=["usage"])
        if not part.at("address").present and not part.at("item").present:
            part.problem("The override is for everything.", "Name an address or an item.")
        overrides.append(
            UsageOverride(
                name=f"override {number}",
                amounts=_amounts(part.at("usage")),
                address=part.at("address").text(ANY, maximum=500),
                item=part.at("item").text(),
                environments=part.at("environments").names(),
            )
        )
    return UsagePolicy(profiles, tuple(overrides))


def _amounts(section: Section) -> dict[str, dict[str, Decimal]]:
    found = {}
    for kind, part in section.each():
        known = _keys_of(kind)
        if known is None:
            part.problem(f"No type {show(kind)} is paid by use.", _hint(kind, cost.USAGE_KEYS, "types"))
        else:
            found[kind] = dict(_leaves(part, kind, known))
    return found


def _keys_of(kind: str) -> frozenset[str] | None:
    """Give the usage keys of a type or of the types of a pattern; None when there is no such type."""
    types = [known for known in cost.USAGE_KEYS if matches(kind, known)]
    return frozenset(key for known in types for key in cost.USAGE_KEYS[known]) if types else None


def _leaves(
    section: Section, kind: str, known: frozenset[str], prefix: str = ""
) -> Iterator[tuple[str, Decimal]]:
    for name, part in section.each():
        key = f"{prefix}{name}"
        nested = [one.removeprefix(f"{key}.") for one in sorted(known) if one.startswith(f"{key}.")]
        if nested and isinstance(part.value, Mapping):
            yield from _leaves(part, kind, known, f"{key}.")
        elif nested:
            part.problem(
                f"{show(part.value)} is no mapping.", f"Write key: value pairs of {', '.join(nested)}."
            )
        elif key not in known:
            part.problem(f"The usage key {show(key)} of {kind:.100} is not known.", _hint(key, known, "keys"))
        elif (amount := _amount(part.value)) is None:
            part.problem(
                f"{show(part.value)} is not an amount.",
                f"Write a number from 0 to {NUMBER_MAX:.0e}, without a unit.",
            )
        else:
            yield key, amount


def _amount(value: object) -> Decimal | None:
    """Read an amount of use; it is no money, so a float is good enough."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount <= NUMBER_MAX else None


def _hint(given: str, known: Mapping[str, object] | frozenset[str], what: str) -> str:
    close = difflib.get_close_matches(given[:100], sorted(known), n=1)
    if close:
        return f"Did you mean {close[0]}?"
    if len(known) <= 12:
        return f"Known {what} here: {', '.join(sorted(known))}."
    return f"The {what} are listed in docs/cost.md."
