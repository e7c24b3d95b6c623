"""Overrides that stay in force on a workspace until a day: granted with a decision, used by later runs, revoked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from provisioner import deciding, policy, queue, selectors
from provisioner.domain.approval import OVERRIDE
from provisioner.domain.errors import FieldError, Refusal
from provisioner.domain.finding import Level
from provisioner.domain.overrides import Covered
from provisioner.domain.policy.approval_rules import OverridePolicy
from provisioner.domain.run import RunStatus
from provisioner.models import ApprovalStep, Override, OverrideUse, Run
from provisioner.services import audit, transition


class UnknownOverride(Refusal):
    """There is no such override in force that the person can see."""

    code = "not_found"
    status = 404
    title = "There is no such override"


class NotYourOverride(Refusal):
    """The person is neither in the group that granted it nor a platform engineer."""

    code = "not_your_override"
    status = 403
    title = "You cannot end this override"


def keep_errors(
    step: ApprovalStep, verdict: str, keep_days: int | None, rules: OverridePolicy
) -> list[FieldError]:
    """Say what keeps an override from staying in force for so many days."""
    if keep_days is None:
        return []
    if verdict != OVERRIDE:
        message = "Only an override can stay in force. Leave this out."
    elif rules.max_days == 0 or rules.once_only.issuperset(step.rule.split(", ")):
        message = f"An override of {step.rule} holds for this run alone. Leave this out."
    elif not 1 <= keep_days <= rules.max_days:
        message = f"An override stays in force for 1 to {rules.max_days} days. Give such a number, or none."
    else:
        return []
    return [FieldError("keep_days", "not_allowed", message)]


def keep(run: Run, plan_digest: str, *, now: datetime) -> list[Override]:
    """Put in force what was overridden for longer than one run, now that the plan is agreed to.

    Everybody who decided the step must have given days; the fewest count. The caller holds the transaction.
    """
    rules = policy.current().approvals
    covered = {(use.override.rule, use.override.where) for use in deciding.uses_in(run, plan_digest)}
    granted = []
    for step in ApprovalStep.objects.filter(
        run=run, plan_digest=plan_digest, verdict_needed=OVERRIDE
    ).prefetch_related("decisions"):
        decisions = list(step.decisions.all())
        days = [decision.keep_days for decision in decisions if decision.keep_days is not None]
        if not days or len(days) != len(decisions):
            continue
        for finding in selectors.findings_of(run):
            group = finding.override_group or rules.rules.override_group
            if (
                finding.level is not Level.SOFT_MANDATORY
                or group != step.group
                or finding.rule in rules.overrides.once_only
                or (finding.rule, finding.where) in covered
            ):
                continue
            granted.append(
                Override.objects.create(
                    workspace_id=run.workspace_id,
                    step=step,
                    rule=finding.rule,
                    where=finding.where[:512],
                    what=finding.what,
                    value=run.variables.get(finding.where),
                    suggested=finding.suggested,
                    group=step.group,
                    reason="\n".join(decision.comment for decision in decisions),
                    created_at=now,
                    ends_at=now + timedelta(days=min(days)),
                )
            )
    for override in granted:
        audit.record(
            "override.granted",
            object_type="workspace",
            object_id=run.workspace_id,
            actor=None,
            now=now,
            detail={
                "override": override.pk,
                "run": str(run.pk),
                "rule": override.rule,
                "where": override.where,
                "until": override.ends_at.isoformat(),
            },
        )
    return granted


def note_uses(run: Run, plan_digest: str, covered: Iterable[Covered], *, now: datetime) -> None:
    """Write down which overrides a plan relies on. The caller holds the transaction."""
    OverrideUse.objects.filter(run=run, plan_digest=plan_digest).delete()
    for one in dict.fromkeys(covered.by.key for covered in covered):
        OverrideUse.objects.create(override_id=one, run=run, plan_digest=plan_digest, created_at=now)


def ended(run: Run, plan_digest: str, *, now: datetime) -> str:
    """Say which override that a plan relies on is no longer in force; empty when there is none."""
    for use in deciding.uses_in(run, plan_digest):
        if use.override.revoked_at is not None:
            return f"the override of {use.override.rule} that it relied on was revoked"
        if use.override.ends_at <= now:
            return f"the override of {use.override.rule} that it relied on has ended"
    return ""


def revoked(run: Run, plan_digest: str) -> str:
    """Say which override that a plan relies on was revoked; empty when there is none."""
    uses = OverrideUse.objects.filter(run=run, plan_digest=plan_digest, override__revoked_at__isnull=False)
    rule = uses.values_list("override__rule", flat=True).first()
    return "" if rule is None else f"the override of {rule} that it relied on was revoked"


def revoke(override_id: int, *, actor: User, now: datetime) -> Override:
    """End an override; plans that rely on it and are not being applied yet are judged again.

    Raises UnknownOverride and NotYourOverride.
    """
    known = deciding.overrides_visible_to(actor, now).filter(pk=override_id) if override_id < 2**63 else None
    override = known.first() if known is not None else None
    if override is None:
        raise UnknownOverride(
            f"There is no override {override_id} in force that you can see. It may have ended; look at the list again."
        )
    if not selectors.groups_of(actor) & {override.group, selectors.PLATFORM}:
        raise NotYourOverride(
            f"{override.group} granted this override, so a member of it or a platform engineer ends it. Ask one."
        )
    with transaction.atomic():
        revoked = Override.objects.filter(pk=override.pk, revoked_at__isnull=True).update(
            revoked_at=now, revoked_by=actor
        )
        if revoked:
            audit.record(
                "override.revoked",
                object_type="workspace",
                object_id=override.workspace_id,
                actor=actor,
                now=now,
                detail={"override": override.pk, "rule": override.rule, "where": override.where},
            )
            _judge_again(override, now)
    override.refresh_from_db()
    return override


def _judge_again(override: Override, now: datetime) -> None:
    """Send plans that rely on a revoked override back to planning, unless an apply has begun."""
    waiting = [RunStatus.NEEDS_APPROVAL, RunStatus.CONFIRMED, RunStatus.APPLY_QUEUED]
    uses = OverrideUse.objects.filter(override=override, run__status__in=[one.value for one in waiting])
    for use in uses.select_related("run__plan").only("plan_digest", "run__status", "run__plan__digest"):
        if use.run.plan.digest != use.plan_digest:
            continue
        try:
            transition.move(
                use.run.pk,
                RunStatus(use.run.status),
                RunStatus.PLAN_QUEUED,
                now=now,
                reason=f"the override of {override.rule} that it relied on was revoked; it is judged again",
            )
        except transition.StaleRun:
            continue  # decided, taken up or stopped a moment ago; apply and confirm look themselves
        queue.ring(queue.PLAN, use.run.pk)
