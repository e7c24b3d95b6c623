"""Who must decide before a plan is applied, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from provisioner.domain.cost import Estimate
from provisioner.domain.finding import Finding, Level
from provisioner.domain.plan import PlanCounts
from provisioner.domain.run import RunKind

APPROVE = "approve"
OVERRIDE = "override"

# The rule of a step that asks for a look at what an interrupted apply left.
INTERRUPTED = "interrupted-apply"

FINOPS = "finops"
SRE = "sre"


@dataclass(frozen=True)
class ApprovalRules:
    """When finops and sre are asked. `sre_environments` None means: the environments marked as production."""

    finops_above_usd_month: Mapping[str, Decimal] = field(default_factory=dict)  # by environment slug
    finops_default_usd_month: Decimal | None = None  # for environments that the mapping does not name
    finops_when_unpriced: bool = True
    sre_criticalities: frozenset[str] = frozenset({"tier-1"})
    sre_environments: frozenset[str] | None = None
    override_group: str = SRE  # for soft-mandatory findings that name no group


@dataclass(frozen=True)
class StepSpec:
    """A group that must decide. `verdict_needed` is "override" when it must set a finding aside."""

    group: str
    rule: str
    reason: str
    verdict_needed: str


def route(
    *,
    kind: RunKind,
    environment: str,
    is_production: bool,
    criticality: str,
    estimate: Estimate,
    delta_usd_month: Decimal,
    findings: Sequence[Finding],
    counts: PlanCounts | None,
    rules: ApprovalRules,
) -> tuple[StepSpec, ...]:
    """Decide which groups must decide, at most one step for each; none means that nobody is asked.

    `counts` None: there is no plan yet, and everything may be added.
    `estimate` is what everything costs after the apply, `delta_usd_month` what the apply adds to the bill. An
    override in a group subsumes its approval. A drift check applies nothing and asks nobody. Hard-mandatory
    findings refuse before there is anything to route; here they are ignored.
    """
    if kind == RunKind.DRIFT_CHECK:
        return ()
    asked = [
        *_finops(kind, environment, estimate, delta_usd_month, counts, rules),
        *_sre(environment, is_production, criticality, counts, rules),
        *_overrides(findings, rules),
    ]
    groups = dict.fromkeys(step.group for step in asked)  # in the order in which they were asked
    return tuple(_merge([step for step in asked if step.group == group]) for group in groups)


def with_recovery(steps: Sequence[StepSpec], reasons: Sequence[str], *, group: str) -> tuple[StepSpec, ...]:
    """Add that a group must look at what an interrupted apply left; `reasons` say why it does not go on by itself."""
    asked = StepSpec(group, INTERRUPTED, " ".join(reasons), APPROVE)
    same = [step for step in steps if step.group == group]
    others = tuple(step for step in steps if step.group != group)
    return (*others, _merge([asked, *same]))


def _finops(
    kind: RunKind,
    environment: str,
    estimate: Estimate,
    delta_usd_month: Decimal,
    counts: PlanCounts | None,
    rules: ApprovalRules,
) -> Iterator[StepSpec]:
    limit = rules.finops_above_usd_month.get(environment, rules.finops_default_usd_month)
    if limit is not None and delta_usd_month > limit:
        reason = (
            f"It adds {delta_usd_month:.2f} USD a month, above the {limit:.2f} USD "
            f"that {environment} allows unasked."
        )
        yield StepSpec(FINOPS, "cost-limit", reason, APPROVE)
    unpriced = estimate.without_price
    adds = counts is None or counts.create + counts.update + counts.replace > 0
    if rules.finops_when_unpriced and unpriced and adds and kind != RunKind.DESTROY:
        names = ", ".join(f"{row.address} ({row.component or row.type})" for row in unpriced[:3])
        more = f" and {len(unpriced) - 3} more" if len(unpriced) > 3 else ""
        yield StepSpec(FINOPS, "unpriced", f"There is no price for {names}{more}.", APPROVE)


def _sre(
    environment: str, is_production: bool, criticality: str, counts: PlanCounts | None, rules: ApprovalRules
) -> Iterator[StepSpec]:
    watched = is_production if rules.sre_environments is None else environment in rules.sre_environments
    if watched and criticality in rules.sre_criticalities:
        what = (
            ""
            if counts is None
            else (
                f": {counts.create} to create, {counts.update} to update, "
                f"{counts.replace} to replace, {counts.delete} to delete"
            )
        )
        reason = f"It changes a {criticality} service in {environment}{what}."
        yield StepSpec(SRE, "production-criticality", reason, APPROVE)


def _overrides(findings: Sequence[Finding], rules: ApprovalRules) -> Iterator[StepSpec]:
    for finding in findings:
        if finding.level == Level.SOFT_MANDATORY:
            group = finding.override_group or rules.override_group
            yield StepSpec(group, finding.rule, finding.what, OVERRIDE)


def _merge(steps: Sequence[StepSpec]) -> StepSpec:
    return StepSpec(
        group=steps[0].group,
        rule=", ".join(dict.fromkeys(step.rule for step in steps)),
        reason=" ".join(dict.fromkeys(step.reason for step in steps)),
        verdict_needed=OVERRIDE if any(step.verdict_needed == OVERRIDE for step in steps) else APPROVE,
    )
