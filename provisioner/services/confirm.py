"""Ask for approvals of a plan, and queue its apply once every step is settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet

from provisioner import notify, queue
from provisioner.domain.approval import StepSpec
from provisioner.domain.run import RunStatus
from provisioner.models import ApprovalStep, Run
from provisioner.models.review import WITHDRAWN
from provisioner.services import overrides, transition


def ask(
    run: Run, steps: Sequence[StepSpec], plan_digest: str, *, policy_digest: str, now: datetime
) -> list[ApprovalStep]:
    """Write the steps of a plan and return those that wait for decisions.

    The same plan judged again keeps what was decided on the same steps; what is no longer asked for is withdrawn. The
    caller holds the transaction.
    """
    kept, asked_now = [], []
    for position, spec in enumerate(steps, start=1):
        step, is_new = ApprovalStep.objects.get_or_create(
            run=run,
            plan_digest=plan_digest,
            group=spec.group,
            others=f",{','.join(spec.others)}," if spec.others else "",
            rule=spec.rule[:255],
            verdict_needed=spec.verdict_needed,
            defaults={
                "position": position,
                "quorum": spec.quorum,
                "reason": spec.reason,
                "policy_digest": policy_digest,
                "created_at": now,
            },
        )
        if step.settled_how == WITHDRAWN:  # asked for again
            is_new = True
            step.settled_at, step.settled_how = None, ""
            step.save(update_fields=["settled_at", "settled_how"])
        if step.settled_at is None and (step.quorum, step.reason) != (spec.quorum, spec.reason):
            step.quorum, step.reason = spec.quorum, spec.reason
            step.save(update_fields=["quorum", "reason"])
        kept.append(step)
        if is_new:
            asked_now.append(step)
    open_steps(run, plan_digest).exclude(pk__in=[step.pk for step in kept]).update(
        settled_at=now, settled_how=WITHDRAWN
    )
    if asked_now:
        notify.approval_needed(run, asked_now, now=now)
    return [step for step in kept if step.settled_at is None]


def open_steps(run: Run, plan_digest: str) -> QuerySet[ApprovalStep]:
    """Return the steps of a plan that are not settled."""
    return ApprovalStep.objects.filter(run=run, plan_digest=plan_digest, settled_at__isnull=True)


def confirm_when_settled(run: Run, plan_digest: str, *, actor: AbstractBaseUser, now: datetime) -> bool:
    """Queue the apply when every step is settled. The caller holds the run's row.

    A plan that relied on an override which has ended meanwhile is judged again instead; what was decided on it stays.
    """
    if open_steps(run, plan_digest).exists():
        return False
    if ended := overrides.ended(run, plan_digest, now=now):
        transition.move(
            run.pk,
            RunStatus.NEEDS_APPROVAL,
            RunStatus.PLAN_QUEUED,
            now=now,
            reason=f"{ended}; it is planned and judged again",
        )
        queue.ring(queue.PLAN, run.pk)
        return False
    overrides.keep(run, plan_digest, now=now)
    apply_it(run, RunStatus.NEEDS_APPROVAL, "every step is decided in favour", actor=actor, now=now)
    return True


def apply_it(
    run: Run, frm: RunStatus, reason: str, *, now: datetime, actor: AbstractBaseUser | None = None
) -> None:
    """Confirm a plan and queue its apply. The caller holds the transaction."""
    transition.move(run.pk, frm, RunStatus.CONFIRMED, now=now, actor=actor, reason=reason)
    transition.move(run.pk, RunStatus.CONFIRMED, RunStatus.APPLY_QUEUED, now=now, reason="waits for a worker")
    queue.ring(queue.APPLY, run.pk)
