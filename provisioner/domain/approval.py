"""Who must decide before a plan is applied, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from provisioner.domain.approval_when import (
    Case,
    Condition,
    Expression,
    Held,
    destroyed_by,
    listed,
    signed,
    together,
)
from provisioner.domain.finding import Level
from provisioner.domain.overrides import Covered, KeptOverride, covering
from provisioner.domain.run import RunKind

__all__ = [
    "APPROVE",
    "INTERRUPTED",
    "OVERRIDE",
    "PLACEHOLDERS",
    "ApprovalRule",
    "ApprovalRules",
    "AutoApproval",
    "Case",
    "Route",
    "StepSpec",
    "destroyed_by",
    "route",
    "unknown_placeholders",
    "with_recovery",
]

APPROVE = "approve"
OVERRIDE = "override"

# The rule of a step that asks for a look at what an interrupted apply left.
INTERRUPTED = "interrupted-apply"

# What a rule's `why` may name in braces.
PLACEHOLDERS = (
    "changes",
    "cost_center",
    "criticality",
    "delta",
    "destroyed",
    "environment",
    "item",
    "limit",
    "service",
    "team",
    "total",
    "unpriced",
)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class ApprovalRule:
    """When which groups are asked.

    `quorum` people of the groups together; None: one of each group. `asks_unknown`: it asks too when a condition cannot
    be told. `why` is the reason people read, with PLACEHOLDERS in braces; empty: what the conditions say.
    """

    rule: str
    groups: tuple[str, ...]
    quorum: int | None = 1
    when: tuple[Condition, ...] = ()
    asks_unknown: bool = True
    why: str = ""


@dataclass(frozen=True)
class AutoApproval:
    """When no approval rule asks anybody. A guardrail that must be overridden still asks."""

    rule: str
    when: tuple[Condition, ...]


@dataclass(frozen=True)
class ApprovalRules:
    """All rules of a policy, in their order."""

    rules: tuple[ApprovalRule, ...] = ()
    auto_approve: tuple[AutoApproval, ...] = ()
    override_group: str = "sre"  # for soft-mandatory findings that name no group


@dataclass(frozen=True)
class StepSpec:
    """A decision that is needed: `quorum` different people of `group` or of the `others`.

    `verdict_needed` is "override" when they must set a finding aside.
    """

    group: str
    rule: str
    reason: str
    verdict_needed: str
    quorum: int = 1
    others: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group whose members may decide."""
        return (self.group, *self.others)


@dataclass(frozen=True)
class Route:
    """Who must decide. `unasked`: within which limits it stays, a sentence each, where nobody is asked.

    `covered`: soft-mandatory findings that an earlier override covers.
    """

    steps: tuple[StepSpec, ...] = ()
    unasked: tuple[str, ...] = ()
    covered: tuple[Covered, ...] = ()


def route(
    case: Case,
    rules: ApprovalRules,
    *,
    parameters: Mapping[str, object] | None = None,
    kept: Sequence[KeptOverride] = (),
    expression: Expression | None = None,
) -> Route:
    """Decide who must decide, at most one step for each set of groups; no step means that nobody is asked.

    `kept` are the overrides in force on the workspace, `expression` evaluates the rules' own expressions. An override
    in a group subsumes its approval. A drift check applies nothing and asks nobody. Hard-mandatory findings refuse
    before there is anything to route; here they are ignored.
    """
    if case.context.kind is RunKind.DRIFT_CHECK:
        return Route()
    waved, passed = _auto_approved(case, rules.auto_approve, expression)
    asked, unasked = ([], passed) if waved else _by_rules(case, rules.rules, expression)
    covered: list[Covered] = []
    for finding in case.findings:
        if finding.level is Level.SOFT_MANDATORY:
            group = finding.override_group or rules.override_group
            override = covering(
                finding, kept, group=group, parameters=parameters or {}, requester=case.context.requester
            )
            if override is None:
                asked.append(StepSpec(group, finding.rule, finding.what, OVERRIDE))
            else:
                covered.append(Covered(finding, override))
    steps = _merged(asked)
    return Route(steps, () if steps else tuple(dict.fromkeys(unasked)), tuple(covered))


def with_recovery(steps: Sequence[StepSpec], reasons: Sequence[str], *, group: str) -> tuple[StepSpec, ...]:
    """Add that a group must look at what an interrupted apply left; `reasons` say why it does not go on by itself."""
    asked = StepSpec(group, INTERRUPTED, " ".join(reasons), APPROVE)
    same = [step for step in steps if step.groups == (group,)]
    others = tuple(step for step in steps if step.groups != (group,))
    return (*others, _merge([asked, *same]))


def unknown_placeholders(why: str) -> tuple[str, ...]:
    """Return what a reason names in braces and nobody fills in."""
    return tuple(name for name in _PLACEHOLDER.findall(why) if name not in PLACEHOLDERS)


def _auto_approved(
    case: Case, autos: Sequence[AutoApproval], expression: Expression | None
) -> tuple[bool, list[str]]:
    """Tell whether nobody is asked, and by which conditions. One that cannot be told waves nothing through."""
    for auto in autos:
        held = together([condition.judge(case, expression) for condition in auto.when])
        if held.verdict is True:
            return True, [_sentence(held.said)]
    return False, []


def _by_rules(
    case: Case, rules: Iterable[ApprovalRule], expression: Expression | None
) -> tuple[list[StepSpec], list[str]]:
    """Return the steps that rules ask for, and within which limits those stay that do not."""
    asked: list[StepSpec] = []
    within: list[str] = []
    for rule in rules:
        judged = [condition.judge(case, expression) for condition in rule.when]
        held = together(judged)
        if held.verdict is True or (held.verdict is None and rule.asks_unknown):
            asked.extend(_steps(rule, _reason(case, rule, held)))
        elif all(one.verdict is True or one.limit is not None for one in judged):
            within.extend(_sentence(one.said) for one in judged if one.verdict is False)
    return asked, within


def _steps(rule: ApprovalRule, reason: str) -> Iterator[StepSpec]:
    if rule.quorum is None:
        for group in rule.groups:
            yield StepSpec(group, rule.rule, reason, APPROVE)
    else:
        group, *others = rule.groups
        yield StepSpec(group, rule.rule, reason, APPROVE, rule.quorum, tuple(others))


def _reason(case: Case, rule: ApprovalRule, held: Held) -> str:
    if held.verdict is None:
        return f"{_sentence(held.said)[:-1]}, so the rule {rule.rule} asks all the same."
    if not rule.why:
        return _sentence(held.said or f"the rule {rule.rule} asks about every run")
    values = _values(case, held)
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), rule.why)


def _values(case: Case, held: Held) -> Mapping[str, str]:
    context, counts = case.context, case.counts
    unpriced = [f"{row.address} ({row.component or row.type})" for row in case.estimate.without_price]
    changes = ""
    if counts is not None:
        changes = (
            f": {counts.create} to create, {counts.update} to update, {counts.replace} to replace, "
            f"{counts.delete} to delete"
        )
    return {
        "changes": changes,
        "cost_center": context.cost_center,
        "criticality": context.criticality,
        "delta": signed(case.delta_usd_month).removeprefix("+"),
        "destroyed": listed(case.destroyed) or "everything",
        "environment": context.environment,
        "item": context.item,
        "limit": "no" if held.limit is None else f"{held.limit:.2f}",
        "service": context.service,
        "team": context.team,
        "total": f"{case.estimate.usd_month:.2f}",
        "unpriced": listed(unpriced),
    }


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}."


def _merged(asked: Sequence[StepSpec]) -> tuple[StepSpec, ...]:
    pools = dict.fromkeys(frozenset(step.groups) for step in asked)  # in the order in which they were asked
    return tuple(_merge([step for step in asked if frozenset(step.groups) == pool]) for pool in pools)


def _merge(steps: Sequence[StepSpec]) -> StepSpec:
    return StepSpec(
        group=steps[0].group,
        rule=", ".join(dict.fromkeys(step.rule for step in steps)),
        reason=" ".join(dict.fromkeys(step.reason for step in steps)),
        verdict_needed=OVERRIDE if any(step.verdict_needed == OVERRIDE for step in steps) else APPROVE,
        quorum=max(step.quorum for step in steps),
        others=steps[0].others,
    )
