"""A check that the portal ordered by itself, and that no worker has taken up yet, gives way to what people order."""

from __future__ import annotations

import contextlib
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from provisioner import selectors
from provisioner.domain.run import RunKind, RunStatus
from provisioner.models import Run, Workspace
from provisioner.services import system, transition


def holder_of(workspace: Workspace) -> Run | None:
    """Return the run that holds the workspace against a new order, or None."""
    active = selectors.active_run_of(workspace)
    return None if active is None or _gives_way(active) else active


def give_way(workspace: Workspace, *, actor: AbstractBaseUser, now: datetime) -> None:
    """Cancel a check that would stand in the way of the order that is being written in this transaction."""
    active = selectors.active_run_of(workspace)
    if active is None or not _gives_way(active):
        return
    with contextlib.suppress(transition.StaleRun):  # a worker has it now: the order is refused as busy
        transition.move(
            active.pk,
            RunStatus.PLAN_QUEUED,
            RunStatus.CANCELED,
            now=now,
            actor=actor,
            reason="gave way to an order",
        )


def _gives_way(run: Run) -> bool:
    return (
        run.kind == RunKind.DRIFT_CHECK.value
        and run.status == RunStatus.PLAN_QUEUED.value
        and system.is_portal(run.requester)
    )
