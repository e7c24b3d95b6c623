"""All rules in one place: what a policy says to parameters and to a plan, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from provisioner.domain import approval, cost, cost_change, guardrails, tags
from provisioner.domain.approval import StepSpec
from provisioner.domain.context import Context
from provisioner.domain.cost import Estimate, PriceBook, PricedResource
from provisioner.domain.cost_change import CostChange
from provisioner.domain.finding import Finding, Level
from provisioner.domain.guardrails import ParameterRule
from provisioner.domain.plan import Plan
from provisioner.domain.policy.document import Policy
from provisioner.domain.run import RunKind


@dataclass(frozen=True)
class Judgement:
    """What the rules say: findings, the estimate, what is added to the bill, and who must decide.

    `delta_usd_month` is against what the workspace was estimated at when it was applied last; approval rules look at
    it. `change` is against what exists, by today's prices, resource by resource.
    """

    findings: tuple[Finding, ...]
    estimate: Estimate
    delta_usd_month: Decimal
    steps: tuple[StepSpec, ...]
    change: CostChange

    @property
    def refused(self) -> bool:
        """Whether a hard-mandatory finding stands."""
        return any(finding.level is Level.HARD_MANDATORY for finding in self.findings)


@dataclass(frozen=True)
class Tools:
    """What the rules need and the core does not have: prices, the provider's schema, where to report a broken rule."""

    book: PriceBook
    taggable: Callable[[str], bool]
    on_broken: Callable[[str, Exception], None]


def judge_parameters(
    parameters: Mapping[str, object],
    resources: Iterable[PricedResource],
    *,
    context: Context,
    policy: Policy,
    rules: tuple[ParameterRule, ...],
    said_before: tuple[Finding, ...] = (),
    before_usd_month: Decimal = Decimal(0),
    present: Iterable[PricedResource] = (),
    estimated: Estimate | None = None,
    tools: Tools,
) -> Judgement:
    """Judge an ask before it is planned. `resources`: what its item promises to make; `rules`: its manifest's.

    `present`: what the item promised for the parameters that hold now; none for something new. `estimated` is what it
    costs, where that is known; else the resources are priced. Nobody is asked about what is refused.
    """
    findings = said_before + guardrails.check_parameters(rules, context.environment, parameters)
    usage = policy.usage.profile(context.environment, context.item)
    estimate = estimated or cost.estimate(tuple(resources), tools.book, usage)
    change = cost_change.compare(cost.estimate(tuple(present), tools.book, usage), estimate)
    delta = estimate.usd_month - before_usd_month
    steps: tuple[StepSpec, ...] = ()
    if not any(finding.level is Level.HARD_MANDATORY for finding in findings):
        steps = _route(context, policy, estimate, delta, findings, None)
    return Judgement(findings, estimate, delta, steps, change)


def judge_plan(
    plan: Plan,
    *,
    parameters: Mapping[str, object],
    context: Context,
    policy: Policy,
    rules: tuple[ParameterRule, ...],
    expected_tags: Mapping[str, str],
    said_before: tuple[Finding, ...] = (),
    before_usd_month: Decimal,
    estimated: Estimate | None = None,
    estimated_before: Estimate | None = None,
    tools: Tools,
) -> Judgement:
    """Judge a plan: its parameters again, its tags, what it does, what it costs.

    `estimated` and `estimated_before`: what it costs after and before, where that is known from elsewhere than the
    price book.
    """
    destroying = context.kind is RunKind.DESTROY
    findings = said_before
    if not destroying:
        findings += guardrails.check_parameters(rules, context.environment, parameters)
    findings += tags.check_tags(plan, expected_tags, tools.taggable)
    try:
        findings += guardrails.check_plan(
            plan, destroying=destroying, override_group=policy.guardrails.destructive_override_group
        )
    except Exception as error:
        tools.on_broken(guardrails.NO_DATA_LOSS, error)
        findings += (guardrails.broken(guardrails.NO_DATA_LOSS),)
    usage = policy.usage.profile(context.environment, context.item)
    estimate = estimated or cost.estimate(cost.resources_from_plan(plan), tools.book, usage)
    before = estimated_before or cost.estimate(cost.resources_before_plan(plan), tools.book, usage)
    change = cost_change.compare(before, estimate)
    delta = estimate.usd_month - before_usd_month
    steps = _route(context, policy, estimate, delta, findings, plan)
    return Judgement(findings, estimate, delta, steps, change)


def _route(
    context: Context,
    policy: Policy,
    estimate: Estimate,
    delta_usd_month: Decimal,
    findings: tuple[Finding, ...],
    plan: Plan | None,
) -> tuple[StepSpec, ...]:
    return approval.route(
        kind=context.kind,
        environment=context.environment,
        is_production=context.is_production,
        criticality=context.criticality,
        estimate=estimate,
        delta_usd_month=delta_usd_month,
        findings=findings,
        counts=None if plan is None else plan.counts(),
        rules=policy.approvals.rules,
    )
