"""End a claimed run that did not get through: canceled, errored, or in other hands."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import F

from provisioner import queue
from provisioner.domain.errors import EngineError
from provisioner.domain.run import LOST_WORKERS_MAX, RunStatus
from provisioner.engine.types import EngineFailure, Stopped, TimedOut
from provisioner.models import Run
from provisioner.services import record, transition
from provisioner.services.lease import Claim

log = structlog.get_logger(__name__)


def engine_failed(run: Run, claim: Claim, error: EngineError, *, now: datetime) -> RunStatus | None:
    """Write the end of a run whose Terraform failed or was stopped; None when the lease was lost meanwhile.

    One that was stopped because its worker ends is handed on: planning to the queue, an apply to recovery. So is one
    whose Terraform died: what an apply was making may be in no state.
    """
    if claim.lost:
        log.warning("run.lease_lost", run_id=str(run.pk))
        return None
    if claim.shut_down and not claim.canceled:
        return _hand_on(run, claim, "the worker shut down", now, lost=0)
    again = claim.status is RunStatus.APPLYING or run.lost_workers + 1 < LOST_WORKERS_MAX
    if died(error) and again and not claim.canceled:
        return _hand_on(run, claim, f"Terraform died: {error.detail}", now, lost=1)
    if claim.canceled:
        return _end(
            run,
            claim,
            RunStatus.CANCELED,
            "Stopped on request",
            error.detail,
            now,
            reason="Terraform was stopped on request",
        )
    return _end(run, claim, RunStatus.ERRORED, error.summary, error.detail, now, reason=error.summary)


def died(error: EngineError) -> bool:
    """Whether Terraform was killed by somebody else than the engine, such as the kernel when memory runs out."""
    return (
        isinstance(error, EngineFailure) and not isinstance(error, Stopped | TimedOut) and not error.graceful
    )


def was_killed(error: EngineError) -> bool:
    """Whether the engine had to kill Terraform, because it did not end in time when it was asked to."""
    return isinstance(error, Stopped | TimedOut) and not error.graceful


def _hand_on(run: Run, claim: Claim, reason: str, now: datetime, *, lost: int) -> RunStatus | None:
    """Give a claimed run to another worker, or to recovery."""
    try:
        with transaction.atomic():
            if claim.status is RunStatus.APPLYING:
                transition.interrupt(
                    run.pk, now=now, reason=reason, holding=claim.fencing_token, lost_workers=lost
                )
                return RunStatus.INTERRUPTED
            transition.move(
                run.pk,
                claim.status,
                RunStatus.PLAN_QUEUED,
                now=now,
                reason=f"{reason}; it is planned again",
                holding=claim.fencing_token,
                fields={"lease_expires_at": None, "lost_workers": F("lost_workers") + lost},
            )
            queue.ring(queue.PLAN, run.pk)
    except transition.StaleRun:
        log.warning("run.lease_lost", run_id=str(run.pk))
        return None
    return RunStatus.PLAN_QUEUED


def portal_failed(run: Run, claim: Claim, *, now: datetime) -> None:
    """Write the end of a run that a bug of ours ended, so that it does not stay open; the cause is in the log."""
    if claim.lost:
        return
    _end(
        run,
        claim,
        RunStatus.ERRORED,
        "The portal failed while it worked on this run",
        "This is a defect of the portal, not of the order. The operators find the cause in the worker's log under "
        f"run {run.pk}. Retry the run; if it fails again, tell the platform team.",
        now,
        reason="a defect of the portal",
    )


def _end(
    run: Run, claim: Claim, to: RunStatus, summary: str, detail: str, now: datetime, *, reason: str
) -> RunStatus | None:
    try:
        record.finish(
            run,
            claim.status,
            to,
            now=now,
            claim=claim,
            reason=reason,
            fields={"error_summary": summary[:500], "error_detail": detail},
        )
    except transition.StaleRun:
        log.warning("run.lease_lost", run_id=str(run.pk))
        return None
    return to
