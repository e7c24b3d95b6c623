"""Stop a run: at once while it waits, through its worker while Terraform runs."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.contrib.auth.models import User

from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.domain.run import CANCELABLE, DISCARDABLE, LEASED, RunStatus
from provisioner.models import Run
from provisioner.services import audit, record, transition
from provisioner.services.ask import NotYourService


class NotCancelable(Refusal):
    """The run is over, or needs a decision instead."""

    code = "not_cancelable"
    status = 409
    title = "This run cannot be stopped"


class NotDiscardable(Refusal):
    """The run has no plan that waits."""

    code = "not_discardable"
    status = 409
    title = "There is no plan to discard"


def cancel(run_id: uuid.UUID | str, *, actor: User, now: datetime) -> Run:
    """Stop a run. While a worker holds it, the wish is noted and the worker stops Terraform gracefully.

    Raises NotVisible, NotYourService, NotCancelable and StaleRun.
    """
    run = _own(run_id, actor)
    status = RunStatus(run.status)
    if status not in CANCELABLE:
        raise NotCancelable(
            f"The run is {status.value.replace('_', ' ')}, so there is nothing left to stop."
            if status is not RunStatus.INTERRUPTED
            else "The run was interrupted while it applied; what it left behind needs a decision, not a cancel."
        )
    if status in LEASED:
        leased = Run.objects.filter(pk=run.pk, status=status.value)
        asked = leased.filter(stop_requested_at__isnull=True).update(
            stop_requested_at=now, stop_requested_by=actor
        )
        if not asked and not leased.exists():
            raise transition.StaleRun(run.pk, status)  # nobody is left to hear the wish
    else:
        record.finish(
            run,
            status,
            RunStatus.CANCELED,
            now=now,
            actor=actor,
            reason="canceled",
            fields={"error_summary": f"Canceled by {actor.get_username()}"},
            keep_open=run.interrupted_at is not None,
        )
    audit.record("run.cancel", object_type="run", object_id=run.pk, actor=actor, now=now)
    run.refresh_from_db()
    return run


def discard(run_id: uuid.UUID | str, *, actor: User, now: datetime) -> Run:
    """Drop a plan that waits. Raises NotVisible, NotYourService, NotDiscardable and StaleRun."""
    run = _own(run_id, actor)
    status = RunStatus(run.status)
    if status not in DISCARDABLE:
        raise NotDiscardable(
            f"The run is {status.value.replace('_', ' ')}. Only a plan that waits for a decision can be discarded."
        )
    record.finish(
        run,
        status,
        RunStatus.DISCARDED,
        now=now,
        actor=actor,
        reason="discarded",
        fields={"error_summary": f"Discarded by {actor.get_username()}"},
        keep_open=run.interrupted_at is not None,
    )
    audit.record("run.discard", object_type="run", object_id=run.pk, actor=actor, now=now)
    run.refresh_from_db()
    return run


def _own(run_id: uuid.UUID | str, actor: User) -> Run:
    run = selectors.run_visible(actor, run_id)
    if not selectors.owns(actor, run.workspace.service):
        raise NotYourService(
            f"{run.workspace.name} belongs to {run.workspace.service.owner_team.name}, and you are not a member. "
            "Ask one of them; an approver can reject the plan instead."
        )
    return run
