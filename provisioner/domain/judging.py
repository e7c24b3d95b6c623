"""All rules in one place: what a policy says to parameters and to a plan, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from provisioner.domain import (
    approval,
    cost,
    cost_change,
    guardrails,
    guardrails_policy,
    guardrails_subject,
    tags,
)
from provisioner.domain.approval import Case, Route, StepSpec
from provisioner.domain.approval_when import Expression
from provisioner.domain.context import Context
from provisioner.domain.cost import Estimate, PriceBook, PricedResource
from provisioner.domain.cost_change import CostChange
from provisioner.domain.finding import Finding, Level
from provisioner.domain.guardrails import ParameterRule
from provisioner.domain.guardrails_own import Evaluator, no_evaluator
from provisioner.domain.guardrails_policy import Matter
from provisioner.domain.overrides import Covered, KeptOverride
from provisioner.domain.plan import Path, Plan
from provisioner.domain.policy.document import Policy
from provisioner.domain.run import RunKind


@dataclass(frozen=True)
class Judgement:
    """What the rules say: findings, the estimate, what is added to the bill, and who must decide.

    `delta_usd_month` is against what the workspace was estimated at when it was applied last; approval rules look at
    it. `change` is against what exists, by today's prices, resource by resource.
    `unasked`: within which limits it stays, where nobody is asked. `covered`: findings that an earlier override covers.
    """

    findings: tuple[Finding, ...]
    estimate: Estimate
    delta_usd_month: Decimal
    steps: tuple[StepSpec, ...]
    change: CostChange
    unasked: tuple[str, ...] = ()
    covered: tuple[Covered, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether a hard-mandatory finding stands."""
        return any(finding.level is Level.HARD_MANDATORY for finding in self.findings)


@dataclass(frozen=True)
class Tools:
    """What the rules need and the core does not have: prices, the provider's schema, and what evaluates own rules.

    `on_broken` hears of a rule that raised.
    """

    book: PriceBook
    taggable: Callable[[str], bool]
    on_broken: Callable[[str, Exception], None]
    evaluate: Evaluator = no_evaluator
    # Evaluates the expressions of approval rules; without it they cannot be told, so such rules ask.
    expression: Expression | None = None


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
    sources: Mapping[str, Mapping[Path, str]] | None = None,
    kept: Sequence[KeptOverride] = (),
    tools: Tools,
) -> Judgement:
    """Judge an ask before it is planned. `resources`: what its item promises to make; `rules`: its manifest's.

    `present`: what the item promised for the parameters that hold now; none for something new. `estimated` is what it
    costs, where that is known; else the resources are priced. `sources` says, by address, which parameter an attribute
    of a promised resource comes from. Nobody is asked about what is refused.
    """
    promised = tuple(resources)
    findings = said_before + guardrails.check_parameters(rules, context.environment, parameters)
    usage = policy.usage.profile(context.environment, context.item)
    estimate = estimated or cost.estimate(promised, tools.book, usage)
    change = cost_change.compare(cost.estimate(tuple(present), tools.book, usage), estimate)
    delta = estimate.usd_month - before_usd_month
    findings += guardrails_policy.check(
        policy.guardrails.rules,
        Matter(
            context=context,
            parameters=parameters,
            promises=guardrails_subject.promised(promised, sources or {}, parameters),
            estimate=estimate,
            delta_usd_month=delta,
        ),
        evaluate=tools.evaluate,
        on_broken=tools.on_broken,
    )
    route = Route()
    if not any(finding.level is Level.HARD_MANDATORY for finding in findings):
        case = Case(context, estimate, delta, findings)
        route = _route(case, policy, parameters, kept, tools)
    return Judgement(findings, estimate, delta, route.steps, change, route.unasked, route.covered)


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
    resources: Iterable[PricedResource] = (),
    sources: Mapping[str, Mapping[Path, str]] | None = None,
    document: Mapping[str, object] | None = None,
    kept: Sequence[KeptOverride] = (),
    tools: Tools,
) -> Judgement:
    """Judge a plan: its parameters again, its tags, what it does, what it costs.

    `estimated` and `estimated_before`: what it costs after and before, where that is known from elsewhere than the
    price book. `resources` and `sources` are what `judge_parameters` had; `document` is the plan's JSON, which Rego
    policies read.
    """
    destroying = context.kind is RunKind.DESTROY
    findings = said_before
    if not destroying:
        findings += guardrails.check_parameters(rules, context.environment, parameters)
    findings += tags.check_tags(plan, expected_tags, tools.taggable)
    usage = policy.usage.profile(context.environment, context.item)
    estimate = estimated or cost.estimate(cost.resources_from_plan(plan), tools.book, usage)
    before = estimated_before or cost.estimate(cost.resources_before_plan(plan), tools.book, usage)
    change = cost_change.compare(before, estimate)
    delta = estimate.usd_month - before_usd_month
    findings += guardrails_policy.check(
        policy.guardrails.rules,
        Matter(
            context=context,
            parameters=parameters,
            promises=guardrails_subject.promised(resources, sources or {}, parameters),
            estimate=estimate,
            delta_usd_month=delta,
            plan=plan,
            planned=guardrails_subject.planned(plan),
            document=document,
        ),
        evaluate=tools.evaluate,
        on_broken=tools.on_broken,
    )
    case = Case(context, estimate, delta, findings, plan.counts(), approval.destroyed_by(plan))
    route = _route(case, policy, parameters, kept, tools)
    return Judgement(findings, estimate, delta, route.steps, change, route.unasked, route.covered)


def _route(
    case: Case,
    policy: Policy,
    parameters: Mapping[str, object],
    kept: Sequence[KeptOverride],
    tools: Tools,
) -> Route:
    return approval.route(
        case, policy.approvals.rules, parameters=parameters, kept=kept, expression=tools.expression
    )
