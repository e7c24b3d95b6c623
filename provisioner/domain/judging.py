"""All rules in one place: what a policy says to parameters and to a plan, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from provisioner.domain import approval, cost, cost_change, guardrails, tags
from provisioner.domain.approval import Case, Route, StepSpec
from provisioner.domain.approval_when import Expression
from provisioner.domain.context import Context
from provisioner.domain.cost import Estimate, PriceBook, PricedResource
from provisioner.domain.cost_change import CostChange
from provisioner.domain.finding import Finding, Level
from provisioner.domain.guardrails import ParameterRule
from provisioner.domain.overrides import Covered, KeptOverride
from provisioner.domain.plan import Plan
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
    """What the rules need and the core does not have: prices, the provider's schema, where to report a broken rule."""

    book: PriceBook
    taggable: Callable[[str], bool]
    on_broken: Callable[[str, Exception], None]
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
    kept: Sequence[KeptOverride] = (),
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
    kept: Sequence[KeptOverride] = (),
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
