"""Drift checks: order them, by hand or by the clock, and record what they found. They change nothing.

A check plans refresh-only with what the workspace has, ends without an approval and costs nothing.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max, Q, QuerySet

from catalog import manifest as catalog_manifest
from provisioner import queue, selectors
from provisioner.domain import plan as plans
from provisioner.domain.drift import Drift, read_drift
from provisioner.domain.errors import EngineError
from provisioner.domain.queueing import PRIORITY_DRIFT_CHECK, PRIORITY_ORDER
from provisioner.domain.run import ACTIVE, RunKind, RunStatus
from provisioner.engine.types import PlanOutcome
from provisioner.models import Request, Run, StateVersion, Workspace
from provisioner.services import audit, outcome, standing, stored_plan, system, transition
from provisioner.services.ask import NotYourService
from provisioner.services.lease import Claim
from provisioner.services.standing import NotApplied, WorkspaceClosed

log = structlog.get_logger(__name__)

# Who may have a workspace of another team checked: they are asked what became of it.
CHECKS_ALL = frozenset({"sre", selectors.PLATFORM})
TICK_S = 600
# Of the checks of a period, so much more than its share may be ordered in one tick, to catch up after an outage.
_CATCH_UP = 2


def may_check(user: User, workspace: Workspace) -> bool:
    """Tell whether the person may have the workspace checked: its owners, sre and platform."""
    return bool(selectors.groups_of(user) & CHECKS_ALL) or selectors.owns(user, workspace.service)


def submit_check(workspace_id: uuid.UUID | str, *, requester: User, now: datetime) -> Run:
    """Order a drift check. Raises NotVisible, NotYourService, WorkspaceClosed, NotApplied, OnHold and
    WorkspaceBusy."""
    workspace = selectors.workspace_visible(requester, workspace_id)
    if not may_check(requester, workspace):
        raise NotYourService(
            f"{workspace.name} belongs to {workspace.service.owner_team.name}. Its members, sre and the platform "
            "engineers may have it checked; ask one of them."
        )
    if workspace.closed_at is not None:
        raise WorkspaceClosed(f"Nothing is left of {workspace.name}, so there is nothing to compare.")
    if workspace.applied_at is None:
        raise NotApplied(f"{workspace.name} was never applied, so there is nothing to compare yet.")
    standing.refuse_held(workspace)
    if selectors.active_run_of(workspace) is not None:
        raise standing.busy(workspace)
    try:
        with transaction.atomic():
            run = _queue(workspace, requester, priority=PRIORITY_ORDER, reason="ordered", now=now)
            audit.record(
                f"run.{run.kind}",
                object_type="run",
                object_id=run.pk,
                actor=requester,
                now=now,
                detail={"workspace": str(workspace.pk), "name": workspace.name},
            )
            return run
    except IntegrityError as error:
        raise standing.busy(workspace) from error


def order_due(*, now: datetime) -> int:
    """Order the checks that are due and return how many; twice at the same time is the same as once.

    A workspace is due at its own time of the day, which follows from its id, and an apply counts as a check, because
    its plan compared everything. At most a share of a period's checks is ordered at once.
    """
    period_s = settings.DRAWBRIDGE_DRIFT_CHECK_HOURS * 3600
    if period_s <= 0:
        return 0
    limit = math.ceil(_checkable().count() * min(1.0, _CATCH_UP * TICK_S / period_s))
    ordered = 0
    for workspace_id in _due(now, period_s):
        if ordered >= limit:
            break
        ordered += _order_if_due(workspace_id, now, period_s)
    return ordered


def is_due(workspace_id: uuid.UUID, last_at: datetime, *, now: datetime, period_s: float) -> bool:
    """Tell whether a workspace that was last looked at then is to be checked now.

    Its own time of the period came since, and half a period is over.
    """
    offset_s = workspace_id.int % int(period_s)
    since_its_time_s = (now.timestamp() - offset_s) % period_s
    return last_at < now - timedelta(seconds=max(since_its_time_s, period_s / 2))


def conclude(
    run: Run, claim: Claim, result: PlanOutcome, *, state: StateVersion | None, now: datetime
) -> RunStatus | None:
    """Record what a check found and end it. Returns None when the lease was lost. Raises PlanFormatError."""
    if claim.canceled:
        return outcome.engine_failed(run, claim, EngineError("Stopped", "", permanent=True), now=now)
    document = plans.redact_plan(result.document if result.correction is None else result.correction)
    manifest = catalog_manifest.from_json(run.item_version.manifest)
    found = Drift() if result.correction is None else read_drift(document, run.variables, manifest.hidden)
    variables_digest = plans.variables_digest(run.variables)
    try:
        with transaction.atomic():
            transition.move(
                run.pk,
                RunStatus.PLANNING,
                RunStatus.PLANNED_AND_FINISHED,
                now=now,
                holding=claim.fencing_token,
                reason=_in_words(found),
            )
            stored_plan.store(
                run,
                result,
                document,
                digest=plans.plan_digest(document, run.item_version.module_digest, variables_digest),
                variables_digest=variables_digest,
                counts=plans.parse_plan(document).counts(),
                serial=None if state is None else state.serial,
                lineage="" if state is None else state.lineage,
                now=now,
            )
            _record(run, found, now)
    except transition.StaleRun:
        log.warning("run.lease_lost", run_id=str(run.pk))
        return None
    return RunStatus.PLANNED_AND_FINISHED


def _record(run: Run, found: Drift, now: datetime) -> None:
    """Write the workspace's drift, and a line of the trail when it begins or ends."""
    workspace = Workspace.objects.select_for_update().get(pk=run.workspace_id)
    was_drifted = workspace.drifted_at is not None
    columns = {
        "drift": [asdict(resource) for resource in found.resources],
        "drift_checked_at": now,
        "drifted_at": (workspace.drifted_at or now) if found.resources else None,
    }
    Workspace.objects.filter(pk=workspace.pk).update(**columns)
    if was_drifted == bool(found.resources):
        return
    audit.record(
        "workspace.drifted" if found.resources else "workspace.in_sync",
        object_type="workspace",
        object_id=workspace.pk,
        actor=run.requester,
        now=now,
        detail={
            "run": str(run.pk),
            "name": workspace.name,
            "resources": [resource.address for resource in found.resources][:20],
        },
    )


def _in_words(found: Drift) -> str:
    if not found.resources:
        return "in sync"
    number = len(found.resources)
    return f"{number} resource{'s' if number > 1 else ''} drifted"


def _checkable() -> QuerySet[Workspace]:
    return Workspace.objects.filter(applied_at__isnull=False, closed_at__isnull=True, held_at__isnull=True)


def _due(now: datetime, period_s: float) -> Iterator[uuid.UUID]:
    """Yield the ids of the workspaces that are due, longest unseen first."""
    recent = now - timedelta(seconds=period_s / 2)
    candidates = (
        _checkable()
        .filter(Q(drift_checked_at__isnull=True) | Q(drift_checked_at__lt=recent), applied_at__lt=recent)
        .exclude(runs__status__in=sorted(ACTIVE))
        .annotate(ordered_at=Max("runs__created_at", filter=Q(runs__kind=RunKind.DRIFT_CHECK.value)))
        .values_list("pk", "drift_checked_at", "applied_at", "ordered_at")
    )
    rows = [(_last_at(*looks), pk) for pk, *looks in candidates]
    for last_at, pk in sorted(rows, key=lambda row: (row[0], row[1])):
        if is_due(pk, last_at, now=now, period_s=period_s):
            yield pk


def _last_at(*looks: datetime | None) -> datetime:
    """Return the last of a check, an apply and an order of a check: one that failed is not repeated at once."""
    return max(at for at in looks if at is not None)  # an apply there was


def _order_if_due(workspace_id: uuid.UUID, now: datetime, period_s: float) -> bool:
    """Order one check, after looking again under the row's lock: another beat may have come first."""
    try:
        with transaction.atomic():
            workspace = _checkable().select_for_update().filter(pk=workspace_id).first()
            if workspace is None or selectors.active_run_of(workspace) is not None:
                return False
            ordered = workspace.runs.filter(kind=RunKind.DRIFT_CHECK.value).aggregate(at=Max("created_at"))
            last_at = _last_at(workspace.drift_checked_at, workspace.applied_at, ordered["at"])
            if not is_due(workspace.pk, last_at, now=now, period_s=period_s):
                return False
            _queue(
                workspace,
                system.account(),
                priority=PRIORITY_DRIFT_CHECK,
                reason="the workspace's time for a check",
                now=now,
            )
    except IntegrityError:  # somebody ordered something else at this moment
        return False
    return True


def _queue(workspace: Workspace, requester: User, *, priority: int, reason: str, now: datetime) -> Run:
    """Write the run of a check and queue it. It asks for nothing, so it belongs to the workspace's first request."""
    run = Run(
        workspace=workspace,
        request=Request.objects.get(pk=workspace.origin_request_id),
        kind=RunKind.DRIFT_CHECK.value,
        requester=requester,
        item_version_id=workspace.item_version_id,
        variables=workspace.variables,
        parameters=workspace.parameters,
        tags=workspace.tags,
        priority=priority,
    )
    transition.begin(run, now=now, actor=requester, reason=reason)
    transition.move(run.pk, RunStatus.PENDING, RunStatus.PLAN_QUEUED, now=now, reason="waits for a worker")
    run.status, run.status_at = RunStatus.PLAN_QUEUED.value, now
    queue.ring(queue.PLAN, run.pk)
    return run
