"""The one writer of a run's status: compare-and-set, then history, in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F, Max
from django.db.models.functions import Now

from provisioner.domain.errors import Refusal
from provisioner.domain.run import LEASED, TERMINAL, RunStatus, check_move
from provisioner.models import Run, RunTransition, StateLock

# While it is not known whether an interrupted apply's Terraform has ended, its lock stands.
_MAY_HOLD_LOCK = LEASED | {RunStatus.INTERRUPTED}


class StaleRun(Refusal):
    """The run is not where the caller believed it to be."""

    code = "stale_run"
    status = 409
    title = "The run has moved on"

    def __init__(self, run_id: uuid.UUID | str, expected: RunStatus) -> None:
        super().__init__(
            f"Run {run_id} is no longer {expected.value.replace('_', ' ')}: somebody or something else moved it. "
            "Look at the run again and repeat what you wanted if it still applies."
        )
        self.expected = expected


def move(
    run_id: uuid.UUID,
    frm: RunStatus,
    to: RunStatus,
    *,
    now: datetime,
    actor: AbstractBaseUser | None = None,
    reason: str = "",
    holding: int | None = None,
    fields: Mapping[str, Any] | None = None,
) -> None:
    """Move a run and append the move to its history.

    `holding`, when given, is the fencing token that must still be the run's. `fields` are further columns written
    with the status.
    Raises InvalidTransition (a bug) and StaleRun.
    """
    check_move(frm, to)
    condition: dict[str, Any] = {"pk": run_id, "status": frm.value}
    if holding is not None:
        condition["fencing_token"] = holding
    columns: dict[str, Any] = {"status": to.value, "status_at": now, **(fields or {})}
    if to in TERMINAL:
        columns |= {"finished_at": now, "lease_expires_at": None}
    with transaction.atomic():
        moved = Run.objects.filter(**condition).update(**columns)
        if moved != 1:
            raise StaleRun(run_id, frm)
        if frm in LEASED and to not in _MAY_HOLD_LOCK:
            # A Terraform that was killed has not released it, and its credential is dead from here on.
            StateLock.objects.filter(run_id=run_id).delete()
        _append(run_id, frm.value, to.value, now, actor, reason)


def interrupt(run_id: uuid.UUID, *, now: datetime, reason: str, holding: int, lost_workers: int = 1) -> None:
    """Move a run whose apply was cut short to `interrupted`, where recovery finds it.

    Its fencing token stays, so that a Terraform that still runs can save its state, until recovery takes the run.
    Raises StaleRun.
    """
    before: dict[str, Any] = Run.objects.values_list("recovery", flat=True).get(pk=run_id)
    move(
        run_id,
        RunStatus.APPLYING,
        RunStatus.INTERRUPTED,
        now=now,
        reason=reason,
        holding=holding,
        fields={
            "interrupted_at": Now(),
            "recovery": {"earlier_suspects": before.get("suspects", [])},
            "lost_workers": F("lost_workers") + lost_workers,
            "lease_expires_at": None,
        },
    )


def begin(run: Run, *, now: datetime, actor: AbstractBaseUser | None, reason: str = "") -> None:
    """Insert a new run in `pending` with the first line of its history."""
    run.status = RunStatus.PENDING.value
    run.status_at = run.created_at = now
    with transaction.atomic():
        run.save(force_insert=True)
        _append(run.pk, "", RunStatus.PENDING.value, now, actor, reason)


def _append(
    run_id: uuid.UUID, frm: str, to: str, now: datetime, actor: AbstractBaseUser | None, reason: str
) -> None:
    """Append one line to the history. The caller's UPDATE holds the run's row, so sequences cannot collide."""
    last = RunTransition.objects.filter(run_id=run_id).aggregate(last=Max("sequence"))["last"] or 0
    RunTransition.objects.create(
        run_id=run_id,
        sequence=last + 1,
        from_status=frm,
        to_status=to,
        at=now,
        actor_id=None if actor is None else actor.pk,
        reason=reason[:500],
    )
