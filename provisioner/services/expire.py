"""End what has an end: warn of workspaces whose time to live runs out, order their destruction, drop old plans.

Runs every few minutes and may run twice at once: each warning and each order is a conditional write.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet

from provisioner import notify, policy
from provisioner.domain.errors import Refusal
from provisioner.domain.run import EXPIRABLE, RunKind, RunStatus
from provisioner.models import Run, Workspace
from provisioner.services import audit, record, remind, standing, submit, system, transition

log = structlog.get_logger(__name__)

WARN_DAYS = (1, 7)  # the last one and the first one
# What was never warned of is warned of first, and lives on for this long.
NOTICE = timedelta(days=1)
# After a destruction that came to nothing, and between two warnings of what stands in the way.
AGAIN = timedelta(days=1)
BATCH = 200


class NotExpirable(Refusal):
    """The run does not wait for a decision."""

    code = "not_expirable"
    status = 409
    title = "This run does not wait for a decision"


def expire(*, now: datetime) -> dict[str, int]:
    """Do everything that is due. Returns how many of each."""
    return {
        "plans_expired": _expire_plans(now),
        **remind.remind(now=now),
        "warned": sum(_warn(workspace, now) for workspace in _to_warn(now)),
        "destroyed": sum(_destroy(workspace_id, now) for workspace_id in _expired(now)),
    }


def _to_warn(now: datetime) -> list[Workspace]:
    """Return the workspaces whose end is near and not warned of yet, the nearest first.

    One that is over and was warned of some days before needs no further warning.
    """
    last, first = (timedelta(days=days) for days in WARN_DAYS)
    return list(
        _loaded()
        .filter(closed_at__isnull=True)
        .filter(
            Q(warned_days__isnull=True, expires_at__lte=now + first)
            | Q(warned_days__gt=WARN_DAYS[0], expires_at__gt=now, expires_at__lte=now + last)
        )
        .order_by("expires_at")[:BATCH]
    )


def _warn(workspace: Workspace, now: datetime) -> bool:
    """Give the warning that is due, once. Returns whether it was this call that gave it."""
    assert workspace.expires_at is not None
    left = workspace.expires_at - now
    days = next(days for days in WARN_DAYS if left <= timedelta(days=days))
    expires_at = workspace.expires_at
    if workspace.warned_days is None and left < NOTICE:
        expires_at = now + NOTICE
    with transaction.atomic():
        given = Workspace.objects.filter(
            pk=workspace.pk,
            closed_at__isnull=True,
            expires_at=workspace.expires_at,
            warned_days=workspace.warned_days,
        ).update(warned_days=days, expires_at=expires_at)
        if not given:
            return False
        audit.record(
            "workspace.expiry_warned",
            object_type="workspace",
            object_id=workspace.pk,
            actor=None,
            now=now,
            detail={"days": days, "expires_at": expires_at.astimezone(UTC).isoformat()},
        )
        workspace.expires_at, workspace.warned_days = expires_at, days
        notify.workspace_expiring(workspace, days=days, now=now)
    return True


def _expired(now: datetime) -> list[uuid.UUID]:
    """Return the workspaces whose end has come and was warned of, those first of which nothing was in the way yet."""
    return list(
        Workspace.objects.filter(closed_at__isnull=True, expires_at__lte=now, warned_days__isnull=False)
        .exclude(runs__in=_destroying())
        .order_by(F("expiry_told_at").asc(nulls_first=True), "expires_at")
        .values_list("pk", flat=True)[:BATCH]
    )


def _destroying() -> QuerySet[Run]:
    return Run.objects.filter(kind=RunKind.DESTROY.value, finished_at__isnull=True)


def _destroy(workspace_id: uuid.UUID, now: datetime) -> bool:
    """Order the destruction, or note what stands in the way. Returns whether it was ordered."""
    with transaction.atomic():
        workspace = (
            _loaded()
            .select_for_update(of=("self",))
            .filter(pk=workspace_id, closed_at__isnull=True, expires_at__lte=now)
            .first()
        )
        if workspace is None or _destroying().filter(workspace=workspace).exists():
            return False
        assert workspace.expires_at is not None
        ended = workspace.expires_at.astimezone(UTC).strftime("%d %b %Y %H:%M UTC")
        try:
            standing.refuse_unless_free(workspace)
            if why := _came_to_nothing(workspace, now):
                _note(workspace, why, now)
                return False
            run = submit.destroy_expired(
                workspace,
                justification=f"Its time to live ended on {ended}, and nobody renewed it.",
                now=now,
            )
        except Refusal as refusal:
            _note(workspace, refusal.detail, now)
            return False
        Workspace.objects.filter(pk=workspace.pk).update(expiry_obstacle="")
        audit.record(
            "workspace.expired",
            object_type="workspace",
            object_id=workspace.pk,
            actor=system.account(),
            now=now,
            detail={"run": str(run.pk), "expires_at": workspace.expires_at.astimezone(UTC).isoformat()},
        )
        notify.workspace_expired(workspace, run, now=now)
        return True


def _came_to_nothing(workspace: Workspace, now: datetime) -> str:
    """Say which destruction ended without effect less than a day ago; empty when there is none."""
    last = (
        Run.objects.filter(workspace=workspace, kind=RunKind.DESTROY.value, finished_at__gt=now - AGAIN)
        .order_by("-finished_at")
        .first()
    )
    if last is None or last.finished_at is None:
        return ""
    again = (last.finished_at + AGAIN).astimezone(UTC).strftime("%d %b %Y %H:%M UTC")
    status = last.status.replace("_", " ")
    return (
        f"the destroy run {last.pk} ended {status} ({last.error_summary}). It is ordered again after {again}."
    )


def _note(workspace: Workspace, why: str, now: datetime) -> None:
    """Keep what stands in the way for the page, and tell the workspace's people once a day."""
    if workspace.expiry_obstacle != why:
        Workspace.objects.filter(pk=workspace.pk).update(expiry_obstacle=why)
    told = (
        Workspace.objects.filter(pk=workspace.pk)
        .filter(Q(expiry_told_at__isnull=True) | Q(expiry_told_at__lte=now - AGAIN))
        .update(expiry_told_at=now)
    )
    if told:
        audit.record(
            "workspace.expiry_blocked",
            object_type="workspace",
            object_id=workspace.pk,
            actor=None,
            now=now,
            detail={"why": why},
        )
        notify.expiry_blocked(workspace, why, now=now)


def _expire_plans(now: datetime) -> int:
    """Expire plans that have waited too long; those of a workspace on hold stay where they are."""
    days = policy.current().approvals.expire_after_days
    waiting = Run.objects.filter(
        status__in=sorted(EXPIRABLE),
        status_at__lte=now - timedelta(days=days),
        workspace__held_at__isnull=True,
    ).order_by("status_at")
    count = 0
    for run_id in waiting.values_list("pk", flat=True)[:BATCH]:
        try:
            expire_plan(run_id, days=days, now=now)
        except (transition.StaleRun, NotExpirable):
            continue  # somebody decided a moment ago
        count += 1
    return count


def expire_plan(run_id: uuid.UUID, *, days: int, now: datetime) -> Run:
    """End a run whose plan nobody decided on within so many days. Raises NotExpirable and StaleRun."""
    run = Run.objects.select_related(
        "workspace__service__owner_team", "workspace__item", "workspace__environment", "requester"
    ).get(pk=run_id)
    status = RunStatus(run.status)
    if status not in EXPIRABLE:
        raise NotExpirable(
            f"The run is {status.value.replace('_', ' ')}. Only a plan that waits for its approval expires."
        )
    with transaction.atomic():
        record.finish(
            run,
            status,
            RunStatus.EXPIRED,
            now=now,
            reason=f"nobody decided within {days} days",
            fields={
                "error_summary": f"Nobody decided on this plan within {days} days",
                "error_detail": "Nothing was changed. Retry it: it is planned again, and the approvals are asked for "
                "anew.",
            },
            keep_open=run.interrupted_at is not None,
        )
        audit.record("run.expire", object_type="run", object_id=run.pk, actor=None, now=now)
        notify.plan_expired(run, days=days, now=now)
    run.refresh_from_db()
    return run


def _loaded() -> QuerySet[Workspace]:
    return Workspace.objects.select_related(
        "service__owner_team", "environment", "item", "item_version", "created_by", "held_by"
    ).defer("item_version__content", "item_version__readme")
