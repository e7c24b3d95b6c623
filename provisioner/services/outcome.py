"""End a claimed run that did not get through: canceled, errored, or in other hands."""

from __future__ import annotations

from datetime import datetime

import structlog

from provisioner.domain.errors import EngineError
from provisioner.domain.run import RunStatus
from provisioner.models import Run
from provisioner.services import record, transition
from provisioner.services.lease import Claim

log = structlog.get_logger(__name__)


def engine_failed(run: Run, claim: Claim, error: EngineError, *, now: datetime) -> RunStatus | None:
    """Write the end of a run whose Terraform failed or was stopped; None when the lease was lost meanwhile."""
    if claim.lost:
        log.warning("run.lease_lost", run_id=str(run.pk))
        return None
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
