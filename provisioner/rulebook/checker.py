"""Check a plan from any pipeline by one policy: tags, guardrails, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from provisioner.domain import cost, guardrails_policy, guardrails_subject, tags_policy
from provisioner.domain.context import Context
from provisioner.domain.cost import PriceBook
from provisioner.domain.finding import Finding, Level
from provisioner.domain.guardrails_policy import Matter
from provisioner.domain.organisation import Organisation
from provisioner.domain.policy.document import Policy
from provisioner.domain.policy.guardrail_settings import Rego
from provisioner.domain.tags_finding import MISSING
from provisioner.domain.tags_policy import Asked, TagCheck
from provisioner.rulebook import own_rules
from provisioner.rulebook.plan_file import ReadPlan
from provisioner.rulebook.report import CostOfPlan, FailOn, Report


@dataclass(frozen=True)
class Checker:
    """What plans are checked by. `organisation`, `book` None: not known, so not judged and not priced."""

    policy: Policy
    taggable: Callable[[str], bool]
    organisation: Organisation | None = None
    book: PriceBook | None = None
    on_broken: Callable[[str, Exception], None] = lambda rule, error: None

    def check(
        self,
        read: ReadPlan,
        context: Context,
        *,
        guardrails_too: bool = True,
        fail_on: FailOn = FailOn.SOFT,
        baseline: frozenset[str] = frozenset(),
    ) -> Report:
        """Judge a plan. `context` says what the pipeline knows of itself; what it does not know is not judged."""
        tags = self._tags(read, context)
        priced = self._cost(read, context) if guardrails_too else None
        said = self._guardrails(read, context, priced) if guardrails_too else ()
        return Report(
            findings=(*tags.findings, *said),
            resources=len(read.plan.changes),
            checked=tags.checked,
            policy_digest=self.policy.digest,
            terraform_version=read.plan.terraform_version,
            environment=context.environment,
            service=context.service,
            cost=priced,
            fail_on=fail_on,
            baseline=baseline,
        )

    def _tags(self, read: ReadPlan, context: Context) -> TagCheck:
        try:
            return tags_policy.check_plan(
                read.plan,
                policy=self.policy.tags,
                taggable=self.taggable,
                asked=Asked(service=context.service, environment=context.environment),
                organisation=self.organisation,
                layout=read.layout,
            )
        except Exception as error:
            self.on_broken(MISSING, error)
            return TagCheck((_broken(MISSING),), ())

    def _guardrails(self, read: ReadPlan, context: Context, priced: CostOfPlan | None) -> tuple[Finding, ...]:
        return guardrails_policy.check(
            self.policy.guardrails.rules,
            Matter(
                context=context,
                parameters={},
                promises=(),
                estimate=None if priced is None else priced.estimate,
                delta_usd_month=Decimal(0) if priced is None else priced.delta_usd_month,
                plan=read.plan,
                planned=guardrails_subject.planned(read.plan),
                document=read.document,
            ),
            evaluate=own_rules.evaluate,
            on_broken=self.on_broken,
        )

    def _cost(self, read: ReadPlan, context: Context) -> CostOfPlan | None:
        if self.book is None:
            return None
        usage = self.policy.usage.profile(context.environment, context.item)
        after = cost.estimate(cost.resources_from_plan(read.plan), self.book, usage)
        before = cost.estimate(cost.resources_before_plan(read.plan), self.book, usage)
        return CostOfPlan(
            self.book.region, self.book.digest, after, delta_usd_month=after.usd_month - before.usd_month
        )


def needs_document(policy: Policy) -> bool:
    """Whether a rule of the policy reads the plan's whole document."""
    return any(isinstance(rule.settings, Rego) for rule in policy.guardrails.rules)


def _broken(rule: str) -> Finding:
    return Finding(
        rule=rule,
        level=Level.HARD_MANDATORY,
        where="plan",
        what=f"The rule {rule} could not be evaluated on this plan.",
        why="A rule that breaks lets nothing pass: what it would have said is not known.",
        fix="Tell the platform team; standard error, or the portal's log, has the cause.",
    )
