"""Check a plan from any pipeline by one policy: tags, guardrails, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from provisioner.domain import cost, guardrails, tags_policy
from provisioner.domain.context import Context
from provisioner.domain.cost import PriceBook
from provisioner.domain.finding import Finding, Level
from provisioner.domain.organisation import Organisation
from provisioner.domain.policy.document import Policy
from provisioner.domain.tags_finding import MISSING
from provisioner.domain.tags_policy import Asked, TagCheck
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
        said = self._guardrails(read, context) if guardrails_too else ()
        return Report(
            findings=(*tags.findings, *said),
            resources=len(read.plan.changes),
            checked=tags.checked,
            policy_digest=self.policy.digest,
            terraform_version=read.plan.terraform_version,
            environment=context.environment,
            service=context.service,
            cost=self._cost(read) if guardrails_too else None,
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

    def _guardrails(self, read: ReadPlan, context: Context) -> tuple[Finding, ...]:
        try:
            return guardrails.check_plan(
                read.plan,
                destroying=False,
                override_group=self.policy.guardrails.destructive_override_group,
            )
        except Exception as error:
            self.on_broken(guardrails.NO_DATA_LOSS, error)
            return (_broken(guardrails.NO_DATA_LOSS),)

    def _cost(self, read: ReadPlan) -> CostOfPlan | None:
        if self.book is None:
            return None
        after = cost.estimate(cost.resources_from_plan(read.plan), self.book)
        before = cost.estimate(cost.resources_before_plan(read.plan), self.book)
        return CostOfPlan(
            self.book.region, self.book.digest, after, delta_usd_month=after.usd_month - before.usd_month
        )


def _broken(rule: str) -> Finding:
    return Finding(
        rule=rule,
        level=Level.HARD_MANDATORY,
        where="plan",
        what=f"The rule {rule} could not be evaluated on this plan.",
        why="A rule that breaks lets nothing pass: what it would have said is not known.",
        fix="Tell the platform team; standard error, or the portal's log, has the cause.",
    )
