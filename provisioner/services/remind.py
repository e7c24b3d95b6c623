"""Remind those who must decide, ask another group when nobody does, and tell of reviews that are overdue.

Runs every few minutes and may run twice at once: each is a conditional write.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet

from provisioner import deciding, notify, policy
from provisioner.domain.policy.approval_rules import ApprovalPolicy
from provisioner.domain.run import RunStatus
from provisioner.models import ApprovalStep, DueReview
from provisioner.services import audit

# Between two mails about the same overdue review.
AGAIN = timedelta(days=1)
BATCH = 200


def remind(*, now: datetime) -> dict[str, int]:
    """Do everything that is due. Returns how many of each."""
    rules = policy.current().approvals
    return {
        "escalated": sum(_escalate(step, rules, now) for step in _to_escalate(rules, now)),
        "reminded": sum(_remind(step, rules, now) for step in _to_remind(rules, now)),
        "reviews_overdue": sum(_overdue(review, now) for review in _to_review(now)),
    }


def _waiting() -> QuerySet[ApprovalStep]:
    return (
        ApprovalStep.objects.filter(
            settled_at__isnull=True,
            run__status=RunStatus.NEEDS_APPROVAL.value,
            plan_digest=F("run__plan__digest"),
            run__workspace__held_at__isnull=True,
        )
        .select_related(
            "run__workspace__item",
            "run__workspace__environment",
            "run__workspace__service__owner_team",
            "run__requester",
            "run__estimate",
        )
        .order_by("created_at", "id")
    )


def _to_remind(rules: ApprovalPolicy, now: datetime) -> list[ApprovalStep]:
    if not rules.remind_after_hours:
        return []
    before = now - timedelta(hours=rules.remind_after_hours)
    due = Q(reminded_at__isnull=True, created_at__lte=before) | Q(reminded_at__lte=before)
    return list(_waiting().filter(due)[:BATCH])


def _remind(step: ApprovalStep, rules: ApprovalPolicy, now: datetime) -> bool:
    with transaction.atomic():
        given = ApprovalStep.objects.filter(
            pk=step.pk, settled_at__isnull=True, reminded_at=step.reminded_at
        ).update(reminded_at=now)
        if not given:
            return False
        _audit("approval.reminded", step, now)
        notify.approval_reminder(step.run, [step], now=now, expires_at=deciding.expires_at(step.run, rules))
    return True


def _to_escalate(rules: ApprovalPolicy, now: datetime) -> list[ApprovalStep]:
    if not (rules.escalate_after_hours and rules.escalate_to):
        return []
    before = now - timedelta(hours=rules.escalate_after_hours)
    due = _waiting().filter(escalated_at__isnull=True, created_at__lte=before)
    steps = due.exclude(group=rules.escalate_to).exclude(others__contains=f",{rules.escalate_to},")
    return list(steps[:BATCH])


def _escalate(step: ApprovalStep, rules: ApprovalPolicy, now: datetime) -> bool:
    with transaction.atomic():
        # A reminder at the same time would say the same.
        given = ApprovalStep.objects.filter(
            pk=step.pk, settled_at__isnull=True, escalated_at__isnull=True
        ).update(escalated_at=now, escalated_to=rules.escalate_to, reminded_at=now)
        if not given:
            return False
        step.escalated_at, step.escalated_to = now, rules.escalate_to
        _audit("approval.escalated", step, now)
        notify.approval_escalated(step.run, [step], to_groups=[rules.escalate_to], now=now)
    return True


def _to_review(now: datetime) -> list[DueReview]:
    rows = DueReview.objects.select_related(
        "step",
        "run__workspace__item",
        "run__workspace__environment",
        "run__requester",
    )
    untold = Q(told_at__isnull=True) | Q(told_at__lte=now - AGAIN)
    return list(rows.filter(untold, verdict="", due_at__lte=now).order_by("due_at", "id")[:BATCH])


def _overdue(review: DueReview, now: datetime) -> bool:
    with transaction.atomic():
        told = DueReview.objects.filter(pk=review.pk, verdict="", told_at=review.told_at).update(told_at=now)
        if not told:
            return False
        audit.record(
            "review.overdue",
            object_type="run",
            object_id=review.run_id,
            actor=None,
            now=now,
            detail={"review": review.pk, "step": review.step_id, "due_at": review.due_at.isoformat()},
        )
        notify.review_overdue(review, now=now)
    return True


def _audit(action: str, step: ApprovalStep, now: datetime) -> None:
    audit.record(
        action,
        object_type="run",
        object_id=step.run_id,
        actor=None,
        now=now,
        detail={"step": step.pk, "groups": list(step.groups)},
    )
