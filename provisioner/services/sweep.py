"""Look for what the queue or a worker lost, and set it going again. The database is the truth."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from provisioner import queue
from provisioner.crypto import CannotOpen
from provisioner.domain.run import RunStatus
from provisioner.domain.state import StateFormatError
from provisioner.models import Run, StateLock
from provisioner.services import dispatch, lease, record, transition

log = structlog.get_logger(__name__)

PLANNING_ATTEMPTS = 3


def sweep(*, now: datetime) -> dict[str, int]:
    """Ring for waiting runs and take over from lost workers. Returns how many of each."""
    return {
        "planning_lost": _take_back_planning(now),
        "applying_lost": _interrupt_applying(now),
        "rung": _ring_again(now),
    }


def _expired(status: RunStatus) -> list[Run]:
    return list(
        Run.objects.select_related("workspace", "request")
        .filter(status=status.value, lease_expires_at__lt=lease.database_now())
        .order_by("lease_expires_at")[:100]
    )


def _take_back_planning(now: datetime) -> int:
    """Queue planning again; it changes nothing, so it may be repeated."""
    count = 0
    for run in _expired(RunStatus.PLANNING):
        try:
            with transaction.atomic():
                _fence(run)
                if run.attempts < PLANNING_ATTEMPTS:
                    transition.move(
                        run.pk,
                        RunStatus.PLANNING,
                        RunStatus.PLAN_QUEUED,
                        now=now,
                        reason=f"worker {run.worker} was lost while planning",
                    )
                    queue.ring(queue.PLAN, run.pk)
                else:
                    record.finish(
                        run,
                        RunStatus.PLANNING,
                        RunStatus.ERRORED,
                        now=now,
                        reason=f"{run.attempts} workers were lost while planning",
                        fields={
                            "error_summary": f"The worker was lost {run.attempts} times while planning",
                            "error_detail": "Each worker that planned this run died. Nothing was changed. Retry it; "
                            "if that "
                            "fails too, the platform team finds the workers' end in their logs "
                            f"(last worker: {run.worker}).",
                        },
                    )
        except transition.StaleRun:
            continue
        count += 1
    return count


def _interrupt_applying(now: datetime) -> int:
    """Note that an apply lost its worker: record what its state knows, and leave the rest to a person."""
    count = 0
    for run in _expired(RunStatus.APPLYING):
        try:
            with transaction.atomic():
                _fence(run)
                transition.move(
                    run.pk,
                    RunStatus.APPLYING,
                    RunStatus.INTERRUPTED,
                    now=now,
                    reason=f"worker {run.worker} was lost while applying",
                )
            known = _take_inventory(run)
            record.finish(
                run,
                RunStatus.INTERRUPTED,
                RunStatus.ERRORED,
                now=now,
                reason="the apply was cut short",
                keep_open=not known,
                fields={
                    "error_summary": "The worker was lost while it applied this plan",
                    "error_detail": "What Terraform had saved by then is recorded on the workspace. "
                    "Retry the run: it plans "
                    "what is left. Something created in the last moments may be in no state: compare the workspace's "
                    f"resources with the cloud's objects tagged drawbridge-workspace={run.workspace_id}.",
                },
            )
        except transition.StaleRun:
            continue
        count += 1
    return count


def _take_inventory(run: Run) -> bool:
    """Record what the state knows; return False when it cannot be read, which must not stop the sweep."""
    try:
        record.inventory(run.workspace_id)
    except (CannotOpen, StateFormatError):
        log.exception("sweep.inventory", run_id=str(run.pk))
        return False
    return True


def _fence(run: Run) -> None:
    """Take the run from its worker: its credential dies and its lock is released."""
    fenced = Run.objects.filter(pk=run.pk, fencing_token=run.fencing_token, status=run.status).update(
        fencing_token=F("fencing_token") + 1
    )
    if not fenced:
        raise transition.StaleRun(run.pk, RunStatus(run.status))
    StateLock.objects.filter(run=run).delete()
    log.warning("run.fenced", run_id=str(run.pk), worker=run.worker, status=run.status)


def _ring_again(now: datetime) -> int:
    """Ring for runs that may start and wait longer than a sweep while too few messages wait: theirs are lost."""
    return dispatch.ring_again(waited_since=now - timedelta(seconds=settings.DRAWBRIDGE_SWEEP_S))
