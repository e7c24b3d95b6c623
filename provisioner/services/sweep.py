"""Look for what the queue or a worker lost, and set it going again. The database is the truth."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from provisioner import queue
from provisioner.domain.run import LOST_WORKERS_MAX, RunStatus
from provisioner.models import Run, StateLock
from provisioner.services import dispatch, lease, record, transition

log = structlog.get_logger(__name__)


def sweep(*, now: datetime, steady: bool = True) -> dict[str, int]:
    """Ring for waiting runs and take over from lost workers. Returns how many of each.

    `steady` False: leases may have run out only because nobody could renew them, so no worker counts as lost.
    """
    return {
        "planning_lost": _take_back_planning(now) if steady else 0,
        "applying_lost": _interrupt_applying(now) if steady else 0,
        "rung": _ring_again(now),
    }


class Watch:
    """Tells whether leases could be renewed for one whole lease: not right after a start or a database outage."""

    def __init__(self) -> None:
        self._since: float | None = None

    def reached(self, at: float) -> bool:
        """Note that the database answered at a monotonic instant; return whether it has done so for one lease."""
        if self._since is None:
            self._since = at
        return at - self._since >= float(settings.DRAWBRIDGE_LEASE_S)

    def missed(self) -> None:
        """Note that the database did not answer."""
        self._since = None


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
                if run.lost_workers + 1 < LOST_WORKERS_MAX:
                    transition.move(
                        run.pk,
                        RunStatus.PLANNING,
                        RunStatus.PLAN_QUEUED,
                        now=now,
                        reason=f"worker {run.worker} was lost while planning",
                        fields={"lost_workers": F("lost_workers") + 1, "lease_expires_at": None},
                    )
                    queue.ring(queue.PLAN, run.pk)
                else:
                    record.finish(
                        run,
                        RunStatus.PLANNING,
                        RunStatus.ERRORED,
                        now=now,
                        reason=f"{run.lost_workers + 1} workers were lost over it",
                        keep_open=bool(run.recovery.get("suspects")),
                        fields={
                            "lost_workers": F("lost_workers") + 1,
                            "error_summary": f"The worker was lost {run.lost_workers + 1} times over this run",
                            "error_detail": "Each worker that took this run died, the last one while it planned, which "
                            "changes nothing. Retry it; if that fails too, the platform team finds the workers' end in "
                            f"their logs (last worker: {run.worker}).",
                        },
                    )
        except transition.StaleRun:
            continue
        count += 1
    return count


def _interrupt_applying(now: datetime) -> int:
    """Note that an apply lost its worker; recovery takes it from there."""
    count = 0
    for run in _expired(RunStatus.APPLYING):
        try:
            with transaction.atomic():
                transition.interrupt(
                    run.pk,
                    now=now,
                    reason=f"worker {run.worker} was lost while applying",
                    holding=run.fencing_token,
                )
        except transition.StaleRun:
            continue
        log.warning("run.interrupted", run_id=str(run.pk), worker=run.worker)
        count += 1
    return count


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
