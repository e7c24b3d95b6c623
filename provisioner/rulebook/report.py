"""What a check of a plan has found, before it becomes text, JSON, SARIF or JUnit."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from provisioner.domain.cost import Estimate
from provisioner.domain.finding import Finding, Level
from provisioner.domain.tags_finding import TagFinding

_INDEX = re.compile(r'\[(?:\d+|"(?:[^"\\]|\\.)*")\]')
_NAMED = 3  # instances that are named; the others are counted

WEIGHT = {Level.ADVISORY: 0, Level.SOFT_MANDATORY: 1, Level.HARD_MANDATORY: 2}


class FailOn(StrEnum):
    """The lowest level that fails a check."""

    ADVISORY = "advisory"
    SOFT = "soft"
    HARD = "hard"

    @property
    def weight(self) -> int:
        """Return the weight of the lowest level that fails."""
        return {FailOn.ADVISORY: 0, FailOn.SOFT: 1, FailOn.HARD: 2}[self]


@dataclass(frozen=True)
class CostOfPlan:
    """What exists after the apply costs a month at list price, and what the plan adds to it."""

    region: str
    price_book_digest: str
    estimate: Estimate
    delta_usd_month: Decimal


@dataclass(frozen=True)
class Group:
    """Findings about the same resource, or the same instances of one. They may be of several rules."""

    addresses: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def title(self) -> str:
        """Name the resource; of many instances the first."""
        if len(self.addresses) == 1:
            return self.addresses[0]
        named = ", ".join("".join(_INDEX.findall(address)) for address in self.addresses[:_NAMED])
        more = f" and {len(self.addresses) - _NAMED:,} more" if len(self.addresses) > _NAMED else ""
        return f"{_INDEX.sub('[*]', self.addresses[0])}  {len(self.addresses):,} instances: {named}{more}"


@dataclass(frozen=True)
class Report:
    """What a check has found. `checked`: addresses of the resources whose tags were looked at."""

    findings: tuple[Finding, ...]
    resources: int
    checked: tuple[str, ...]
    policy_digest: str
    terraform_version: str = ""
    environment: str = ""
    service: str = ""
    cost: CostOfPlan | None = None
    fail_on: FailOn = FailOn.SOFT
    baseline: frozenset[str] = field(default_factory=frozenset)  # fingerprints of what was known before

    @cached_property
    def fingerprints(self) -> tuple[str, ...]:
        """Return for each finding what names it, however its text and the values in it change."""
        seen: Counter[str] = Counter()
        names = []
        for finding in self.findings:
            name = _fingerprint(finding, 0)
            seen[name] += 1
            names.append(name if seen[name] == 1 else _fingerprint(finding, seen[name]))
        return tuple(names)

    @cached_property
    def fresh(self) -> tuple[Finding, ...]:
        """Return the findings that the baseline does not have."""
        return tuple(
            finding
            for finding, name in zip(self.findings, self.fingerprints, strict=True)
            if name not in self.baseline
        )

    def fails(self, finding: Finding) -> bool:
        """Whether a finding is of a level that fails the check."""
        return WEIGHT[finding.level] >= self.fail_on.weight

    @property
    def passed(self) -> bool:
        """Whether nothing fresh is at or above the limit."""
        return not any(self.fails(finding) for finding in self.fresh)

    def counts(self) -> dict[Level, int]:
        """Count the fresh findings by level."""
        count = Counter(finding.level for finding in self.fresh)
        return {level: count[level] for level in Level}

    def groups(self) -> tuple[Group, ...]:
        """Return the fresh findings by resource; what is the same in several instances is there once."""
        folded: dict[tuple[object, ...], tuple[list[str], Finding]] = {}
        for finding in self.fresh:
            kind = _INDEX.sub("[*]", finding.where)
            key = (kind, finding.rule, finding.level, finding.what, finding.why, finding.fix)
            folded.setdefault(key, ([], finding))[0].append(finding.where)
        together: dict[tuple[str, ...], list[Finding]] = {}
        for addresses, finding in folded.values():
            together.setdefault(tuple(addresses), []).append(finding)
        return tuple(Group(addresses, tuple(found)) for addresses, found in together.items())


def _fingerprint(finding: Finding, number: int) -> str:
    tags = ",".join(finding.tags) if isinstance(finding, TagFinding) else ""
    parts = [finding.rule, finding.where, tags, *([str(number)] if number else [])]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def printable(text: str) -> str:
    """Return a text on one line without anything that a terminal or a log would obey."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def plural(count: int, noun: str) -> str:
    """Count something: 1 resource, 2 resources."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def rules_of(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Return each rule that found something, with the first that it found."""
    first: dict[str, Finding] = {}
    for finding in findings:
        first.setdefault(finding.rule, finding)
    return first
