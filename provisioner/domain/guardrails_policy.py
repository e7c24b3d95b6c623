"""Judge the policy's guardrails: which rules are about an order, at which point, and what each says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from provisioner.domain import (
    guardrails,
    guardrails_exposure,
    guardrails_order,
    guardrails_own,
    guardrails_resilience,
    guardrails_sizes,
    policy_input,
)
from provisioner.domain.context import Context
from provisioner.domain.cost import Estimate
from provisioner.domain.finding import Finding
from provisioner.domain.guardrails_answer import raised, unjudged
from provisioner.domain.guardrails_own import Evaluator, Question
from provisioner.domain.guardrails_subject import Subject
from provisioner.domain.plan import Plan
from provisioner.domain.policy.guardrail_rules import GuardrailRule, Point
from provisioner.domain.policy.guardrail_settings import (
    ByEnvironment,
    Cel,
    DataLoss,
    Kind,
    Rego,
)
from provisioner.domain.run import RunKind


@dataclass(frozen=True)
class Matter:
    """All that a rule may look at. `promises`: what the item would make; `plan` None: there is none yet.

    `estimate` None: nothing is priced here.
    """

    context: Context
    parameters: Mapping[str, object]
    promises: tuple[Subject, ...]
    estimate: Estimate | None
    delta_usd_month: Decimal
    plan: Plan | None = None
    planned: tuple[Subject, ...] = ()
    document: Mapping[str, object] | None = None  # the plan's JSON, redacted; what Rego policies read


OnBroken = Callable[[str, Exception], None]


def check(
    rules: Iterable[GuardrailRule], matter: Matter, *, evaluate: Evaluator, on_broken: OnBroken
) -> tuple[Finding, ...]:
    """Return what the rules say. A rule that raises refuses, unless it only advises.

    With a plan, rules that can be judged by it are, and the others once more by the parameters.
    """
    findings: list[Finding] = []
    for rule in rules:
        point = _point(rule, matter)
        if point is None:
            continue
        where = "plan" if point is Point.PLAN else "order"
        missing = _outside(rule, matter)
        if missing is None:
            continue
        if missing:
            findings.append(
                unjudged(
                    rule,
                    where,
                    f"The rule depends on the {missing}, which is not known here, so",
                    f"Say the {missing}.",
                )
            )
            continue
        try:
            findings.extend(_judge(rule, point, matter, evaluate))
        except Exception as error:
            on_broken(rule.rule, error)
            findings.append(raised(rule, where))
    return tuple(findings)


def _point(rule: GuardrailRule, matter: Matter) -> Point | None:
    if matter.plan is not None and Point.PLAN in rule.points:
        return Point.PLAN
    return Point.PARAMETERS if Point.PARAMETERS in rule.points else None


def _outside(rule: GuardrailRule, matter: Matter) -> str | None:
    """Return None when a rule is not about this; what would have to be known to tell; "" when it is."""
    context, scope = matter.context, rule.scope
    if context.kind not in scope.kinds:
        return None
    missing = ""
    for name, value, wanted in (
        ("environment", context.environment, scope.environments),
        ("item", context.item, scope.items),
        ("team", context.team, scope.teams),
        ("criticality", context.criticality, scope.criticalities),
    ):
        if wanted and value and value not in wanted:
            return None
        if wanted and not value:
            if name == "item":
                return None  # what comes from no golden path is none of them
            missing = missing or name
    needs = any(
        isinstance(value, ByEnvironment) and value.needs_environment for value in vars(rule.settings).values()
    )
    return missing or ("environment" if needs and not context.environment else "")


_BySubject = Callable[[GuardrailRule, Subject, Context], Iterator[Finding]]
_BY_SUBJECT: Mapping[Kind, _BySubject] = {
    Kind.ALLOWED_SIZES: guardrails_sizes.allowed_sizes,
    Kind.INSTANCE_FAMILY: guardrails_sizes.instance_family,
    Kind.MULTI_AZ: guardrails_resilience.multi_az,
    Kind.BACKUP_RETENTION: guardrails_resilience.backup_retention,
    Kind.DELETION_PROTECTION: guardrails_resilience.deletion_protection,
    Kind.ENCRYPTION: guardrails_resilience.encryption,
}


def _judge(rule: GuardrailRule, point: Point, matter: Matter, evaluate: Evaluator) -> Iterable[Finding]:
    subjects = matter.planned if point is Point.PLAN else matter.promises
    context = matter.context
    if rule.kind in _BY_SUBJECT:
        judge = _BY_SUBJECT[rule.kind]
        return _once(finding for subject in subjects for finding in judge(rule, subject, context))
    if rule.kind is Kind.PUBLIC_EXPOSURE:
        separate = guardrails_exposure.has_separate_rules(subjects)
        return _once(
            finding
            for subject in subjects
            for finding in guardrails_exposure.public_exposure(
                rule, subject, context, separate_rules=separate
            )
        )
    if rule.kind in (Kind.CEL, Kind.REGO):
        return _own(rule, point, matter, evaluate)
    return _BY_ORDER[rule.kind](rule, matter, subjects)


def _once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Leave out what was said already: several resources may have one value from one parameter."""
    return iter(list(dict.fromkeys(findings)))


def _no_data_loss(rule: GuardrailRule, matter: Matter, _: object) -> Iterable[Finding]:
    settings = rule.settings
    assert isinstance(settings, DataLoss)
    if matter.plan is None:
        return ()
    return guardrails.check_plan(
        matter.plan,
        destroying=matter.context.kind is RunKind.DESTROY and RunKind.DESTROY not in rule.scope.kinds,
        stateful_types=(guardrails.STATEFUL_TYPES | settings.more_types) - settings.except_types,
        rule=rule.rule,
        level=rule.level,
        override_group=rule.override_group,
    )


_ByOrder = Callable[[GuardrailRule, Matter, tuple[Subject, ...]], Iterable[Finding]]
_BY_ORDER: Mapping[Kind, _ByOrder] = {
    Kind.ALLOWED_REGIONS: lambda rule, matter, subjects: guardrails_sizes.allowed_regions(
        rule, subjects, matter.context
    ),
    Kind.TIME_TO_LIVE: lambda rule, matter, _: guardrails_order.time_to_live(rule, matter.context),
    Kind.NO_DATA_LOSS: _no_data_loss,
    Kind.MONTHLY_COST: lambda rule, matter, _: guardrails_order.monthly_cost(
        rule, matter.context, matter.estimate, matter.delta_usd_month
    ),
    Kind.BUDGET_LEFT: lambda rule, matter, _: guardrails_order.budget_left(
        rule, matter.context, matter.estimate
    ),
    Kind.COUNT_LIMIT: lambda rule, matter, _: guardrails_order.count_limit(rule, matter.context),
}


def _own(rule: GuardrailRule, point: Point, matter: Matter, evaluate: Evaluator) -> Iterator[Finding]:
    settings = rule.settings
    if isinstance(settings, Rego):
        if matter.document is None:
            yield unjudged(
                rule,
                "plan",
                "Policies in Rego look at the whole document of a plan, which is not kept here, so",
                "Run conftest with the same policies there.",
            )
            return
        yield from guardrails_own.ask(rule, matter.document, [Question("plan", {})], evaluate)
        return
    assert isinstance(settings, Cel)
    if settings.each == "parameters" and not matter.parameters and not matter.context.item:
        yield unjudged(
            rule, "order", "There are no parameters outside the portal, so", "Order it in the portal."
        )
        return
    plan = matter.plan if point is Point.PLAN else None
    base = policy_input.base(
        point.value, matter.context, matter.parameters, matter.estimate, matter.delta_usd_month, plan
    )
    yield from guardrails_own.ask(rule, base, list(_questions(settings, plan, matter)), evaluate)


def _questions(settings: Cel, plan: Plan | None, matter: Matter) -> Iterator[Question]:
    promised = [policy_input.of_promise(subject) for subject in matter.promises]
    if settings.each in ("plan", "parameters"):
        resources = (
            promised if plan is None else [policy_input.of_change(c, before=False) for c in plan.changes]
        )
        yield Question("plan" if plan is not None else "order", {"resources": resources})
        return
    if plan is None:
        for document in promised:
            if not settings.types or document["type"] in settings.types:
                yield Question(str(document["address"]), {"resource": document})
        return
    changing = settings.each == "change"
    for change in plan.changes:
        if settings.types and change.type not in settings.types:
            continue
        if change.changes_something if changing else change.after is not None:
            document = policy_input.of_change(change, before=changing)
            yield Question(change.address, {"resource": document}, change.after_unknown)
