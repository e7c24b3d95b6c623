"""Conditions of approval rules: what is known of a case, and whether a condition holds, does not, or cannot be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from provisioner.domain.context import Context
from provisioner.domain.cost import Estimate
from provisioner.domain.finding import Finding, Level
from provisioner.domain.guardrails import STATEFUL_TYPES
from provisioner.domain.plan import Plan, PlanCounts
from provisioner.domain.run import RunKind

NAMED_MAX = 3  # of what a sentence lists


@dataclass(frozen=True)
class Case:
    """What approval rules look at.

    `estimate` is what everything costs after the apply, `delta_usd_month` what the apply adds to the bill. `counts`
    None: there is no plan yet, and everything may be added. `destroyed`: addresses of what holds data and would be
    deleted or replaced.
    """

    context: Context
    estimate: Estimate
    delta_usd_month: Decimal = Decimal(0)
    findings: tuple[Finding, ...] = ()
    counts: PlanCounts | None = None
    destroyed: tuple[str, ...] = ()


# Evaluates an expression over a case; raises whatever it likes when it cannot.
Expression = Callable[[str, Case], bool]


@dataclass(frozen=True)
class Held:
    """Whether a condition holds (None: it cannot be told), in words; `limit` is the one it compared with, in USD."""

    verdict: bool | None
    said: str
    limit: Decimal | None = None


class Condition(Protocol):
    """Something about a case that holds or does not."""

    def judge(self, case: Case, expression: Expression | None) -> Held:
        """Judge the case."""
        ...


@dataclass(frozen=True)
class Limits:
    """An amount of USD a month by environment slug; `default` for those that are not named, None: no limit."""

    by_environment: Mapping[str, Decimal] = field(default_factory=dict)
    default: Decimal | None = None

    def of(self, environment: str) -> Decimal | None:
        """Return the limit of an environment."""
        return self.by_environment.get(environment, self.default)


class Measure(StrEnum):
    """Which amount is compared."""

    DELTA = "delta"
    TOTAL = "total"


@dataclass(frozen=True)
class Above:
    """The amount is above the environment's limit; with `within`, the opposite. Exactly at the limit is within."""

    measure: Measure
    limits: Limits
    within: bool = False

    def judge(self, case: Case, expression: Expression | None) -> Held:
        """Compare. An environment without a limit is neither above nor within."""
        limit = self.limits.of(case.context.environment)
        if limit is None:
            return Held(False, "there is no limit")
        if self.measure is Measure.DELTA:
            amount, words = case.delta_usd_month, f"{signed(case.delta_usd_month)} USD a month"
        else:
            amount, words = case.estimate.usd_month, f"{case.estimate.usd_month:.2f} USD a month in all"
        above = amount > limit
        side = "above" if above else "within"
        return Held(above != self.within, f"{words} is {side} {limit:.2f} USD", limit)


@dataclass(frozen=True)
class BudgetShare:
    """What is added takes more than `percent` of the cost center's monthly budget."""

    percent: Decimal

    def judge(self, case: Case, expression: Expression | None) -> Held:
        """Compare; what adds nothing takes no share, whatever the budget is."""
        if case.delta_usd_month <= 0:
            return Held(False, "it adds nothing to the bill")
        budget = case.context.facts.budget_usd_month
        if budget is None:
            return Held(None, "the budget of the cost center is not known")
        above = case.delta_usd_month * 100 > self.percent * budget
        side = "more than" if above else "within"
        share = f"{self.percent} % of the budget of {budget:.2f} USD"
        said = f"{signed(case.delta_usd_month)} USD a month is {side} {share}"
        return Held(above, said, self.percent * budget / 100)


@dataclass(frozen=True)
class OneOf:
    """Something of the context, such as the team, is one of these names."""

    attribute: str  # of Context
    label: str
    names: tuple[str, ...]

    def judge(self, case: Case, expression: Expression | None) -> Held:
        """Look it up."""
        value = str(getattr(case.context, self.attribute))
        if not value:
            return Held(None, f"the {self.label} is not known")
        return Held(value in self.names, f"the {self.label} is {value}")


class Sign(StrEnum):
    """Something that a case shows or does not."""

    PRODUCTION = "production"
    DESTRUCTIVE = "destructive"
    SOFT_OVERRIDE = "soft_override"
    UNPRICED = "unpriced"
    UNIT_COST_BREACHED = "unit_cost_breached"
    FIRST_USE = "first_use"


@dataclass(frozen=True)
class Shows:
    """The case shows the sign; with `wanted` False, it does not."""

    sign: Sign
    wanted: bool = True

    def judge(self, case: Case, expression: Expression | None) -> Held:
        """Look for the sign."""
        shown = _SHOWN[self.sign](case)
        yes, no, unknown = _SAID[self.sign]
        if shown is None:
            return Held(None, unknown)
        return Held(shown is self.wanted, yes if shown else no)


@dataclass(frozen=True)
class Expressed:
    """An expression over the case holds."""

    text: str

    def judge(self, case: Case, expression: Expression | None) -> Held:
        """Evaluate; one that cannot be evaluated cannot be told."""
        if expression is None:
            return Held(None, "its expression cannot be evaluated here")
        try:
            holds = expression(self.text, case)
        except Exception as error:
            return Held(None, f"its expression could not be evaluated ({error})")
        return Held(bool(holds), f"the expression {self.text} is {'true' if holds else 'false'}")


@dataclass(frozen=True)
class AnyOf:
    """At least one of several groups of conditions holds."""

    groups: tuple[tuple[Condition, ...], ...]

    def judge(self, case: Case, expression: Expression | None) -> Held:
        """Judge the groups in order: the first that holds answers, then the first that cannot be told."""
        judged = [together([one.judge(case, expression) for one in group]) for group in self.groups]
        for verdict in (True, None):
            for held in judged:
                if held.verdict is verdict:
                    return held
        return Held(False, ", and ".join(held.said for held in judged))


def together(judged: Sequence[Held]) -> Held:
    """Join conditions that must all hold: one that does not decides, then one that cannot be told.

    The limit is the first that was compared with.
    """
    limit = next((held.limit for held in judged if held.limit is not None), None)
    for verdict in (False, None):
        such = [held.said for held in judged if held.verdict is verdict]
        if such:
            return Held(verdict, " and ".join(such), limit)
    return Held(True, " and ".join(held.said for held in judged), limit)


def destroyed_by(plan: Plan) -> tuple[str, ...]:
    """Give the addresses of what holds data and a plan would delete or replace; a read replica holds nothing."""
    return tuple(
        change.address
        for change in plan.changes
        if change.verb in ("delete", "replace")
        and change.type in STATEFUL_TYPES
        and not (change.before or {}).get("replicate_source_db")
    )


def signed(amount: Decimal) -> str:
    """Write an amount to the cent, with its sign."""
    return f"{amount:+.2f}"


def listed(names: Sequence[str]) -> str:
    """Name the first few, and how many more there are."""
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more


def _production(case: Case) -> bool | None:
    return case.context.is_production if case.context.environment else None


def _destructive(case: Case) -> bool:
    """Before there is a plan, a destroy run is taken for one that destroys data."""
    if case.counts is None:
        return case.context.kind is RunKind.DESTROY
    return bool(case.destroyed)


def _soft_override(case: Case) -> bool:
    return any(finding.level is Level.SOFT_MANDATORY for finding in case.findings)


def _unpriced(case: Case) -> bool:
    """Only what is added or changed counts: what goes costs nothing afterwards."""
    counts = case.counts
    adds = counts is None or counts.create + counts.update + counts.replace > 0
    return bool(case.estimate.without_price) and adds and case.context.kind is not RunKind.DESTROY


def _unit_cost(case: Case) -> bool | None:
    return case.context.facts.unit_cost_breached


def _first_use(case: Case) -> bool | None:
    return case.context.facts.first_use_of_item


_SHOWN: Mapping[Sign, Callable[[Case], bool | None]] = {
    Sign.PRODUCTION: _production,
    Sign.DESTRUCTIVE: _destructive,
    Sign.SOFT_OVERRIDE: _soft_override,
    Sign.UNPRICED: _unpriced,
    Sign.UNIT_COST_BREACHED: _unit_cost,
    Sign.FIRST_USE: _first_use,
}
# What is said when a case shows it, when it does not, and when that cannot be told.
_SAID: Mapping[Sign, tuple[str, str, str]] = {
    Sign.PRODUCTION: (
        "it is production",
        "it is not production",
        "it is not known whether this is production",
    ),
    Sign.DESTRUCTIVE: ("it deletes or replaces what holds data", "it deletes nothing that holds data", ""),
    Sign.SOFT_OVERRIDE: ("a guardrail must be overridden", "no guardrail must be overridden", ""),
    Sign.UNPRICED: ("a part of it has no price", "everything that it adds has a price", ""),
    Sign.UNIT_COST_BREACHED: (
        "the service's unit cost is above its target",
        "the service's unit cost is within its target",
        "it is not known whether the service's unit cost is within its target",
    ),
    Sign.FIRST_USE: (
        "the team uses this item for the first time",
        "the team uses this item already",
        "it is not known whether the team used this item before",
    ),
}
