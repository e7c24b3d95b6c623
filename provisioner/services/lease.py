"""Leases: who works on a run. The database's clock alone decides; a heartbeat renews, a fencing token guards."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import F

from provisioner.domain.errors import Refusal
from provisioner.domain.run import LEASED, RunStatus
from provisioner.models import Run
from provisioner.services import admission, shutdown, transition

log = structlog.get_logger(__name__)

# A worker that could not renew for this share of the lease stops Terraform by itself.
_SELF_FENCE_SHARE = 0.75
_TICK_S = 1.0


class LeaseLost(Refusal):
    """Somebody else may work on the run; whoever gets this writes nothing more."""

    code = "lease_lost"
    title = "The lease is lost"


@dataclass(frozen=True)
class Claim:
    """A worker's right to work on a run, as long as `fencing_token` is the run's.

    `stop` is set when the work must end; `cause` then says why: "canceled", "shutdown" or "lease_lost".
    """

    run_id: uuid.UUID
    fencing_token: int
    status: RunStatus
    stop: threading.Event = field(default_factory=threading.Event)
    cause: list[str] = field(default_factory=list)

    @property
    def lost(self) -> bool:
        """Whether the lease was lost."""
        return "lease_lost" in self.cause

    @property
    def canceled(self) -> bool:
        """Whether somebody asked to stop the run."""
        return "canceled" in self.cause

    @property
    def shut_down(self) -> bool:
        """Whether the worker was asked to end before the work was done."""
        return "shutdown" in self.cause


def database_now() -> datetime:
    """Return the database's clock (UTC)."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')")
            return datetime.fromisoformat(cursor.fetchone()[0])
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
        return now.astimezone(UTC)


def claim(run_id: uuid.UUID, frm: RunStatus, to: RunStatus, *, worker: str, now: datetime) -> Claim | None:
    """Take a queued run.

    Returns None when it is not there to be taken (claimed, canceled, delivered twice) or may not start now (its
    account is full, its workspace on hold). A worker that is to end takes nothing.
    """
    if shutdown.requested():
        return None
    try:
        with transaction.atomic():
            if not admission.admit(run_id):
                return None
            transition.move(
                run_id,
                frm,
                to,
                now=now,
                reason=f"worker {worker}",
                fields={
                    "fencing_token": F("fencing_token") + 1,
                    "lease_expires_at": _expiry(),
                    "worker": worker[:255],
                    "attempts": F("attempts") + 1,
                },
            )
            admission.note_turn(run_id)
            token = Run.objects.values_list("fencing_token", flat=True).get(pk=run_id)
    except transition.StaleRun:
        return None
    return Claim(run_id=run_id, fencing_token=token, status=to)


def _expiry() -> datetime:
    return database_now() + timedelta(seconds=settings.DRAWBRIDGE_LEASE_S)


@contextmanager
def held(claim: Claim) -> Iterator[Claim]:
    """Renew the claim's lease in a thread until the block ends; set `claim.stop` when the work must end."""
    done = threading.Event()
    thread = threading.Thread(target=_beat, args=(claim, done), name=f"heartbeat-{claim.run_id}", daemon=True)
    thread.start()
    try:
        yield claim
    finally:
        done.set()
        thread.join(timeout=30)


def _beat(claim: Claim, done: threading.Event) -> None:
    """Renew every heartbeat, look for a cancel every tick; both stop Terraform through `claim.stop`.

    Time is this process's monotonic clock: it also counts how long a try took, and how long the process was halted.
    """
    renewed_at = reached_at = time.monotonic()
    try:
        while not done.wait(_TICK_S):
            _look_at_shutdown(claim)
            try:
                if time.monotonic() - renewed_at >= settings.DRAWBRIDGE_HEARTBEAT_S:
                    tried_at = time.monotonic()
                    if not _renew(claim):
                        _end(claim, "lease_lost")
                        return
                    renewed_at = tried_at
                elif _stop_requested(claim):
                    _end(claim, "canceled")
                reached_at = time.monotonic()
            except DatabaseError as error:
                log.warning("heartbeat.database", run_id=str(claim.run_id), error=str(error))
                connection.close()
                if time.monotonic() - reached_at >= settings.DRAWBRIDGE_LEASE_S * _SELF_FENCE_SHARE:
                    _end(claim, "lease_lost")
                    return
    finally:
        connection.close()


def _look_at_shutdown(claim: Claim) -> None:
    """Stop planning at once when the worker is to end: it is repeated elsewhere. An apply has time to finish."""
    if shutdown.overdue() or (shutdown.requested() and claim.status is RunStatus.PLANNING):
        _end(claim, "shutdown")


def _renew(claim: Claim) -> bool:
    return bool(
        Run.objects.filter(
            pk=claim.run_id, fencing_token=claim.fencing_token, status__in=[s.value for s in LEASED]
        ).update(lease_expires_at=_expiry())
    )


def _stop_requested(claim: Claim) -> bool:
    return Run.objects.filter(
        pk=claim.run_id, fencing_token=claim.fencing_token, stop_requested_at__isnull=False
    ).exists()


def _end(claim: Claim, cause: str) -> None:
    if cause not in claim.cause:
        claim.cause.append(cause)
        log.warning("run.stopping", run_id=str(claim.run_id), cause=cause)
    claim.stop.set()
