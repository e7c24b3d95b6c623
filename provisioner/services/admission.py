"""Let a run start: not while a hold stops it, never above its account's limit, and as its team's turn."""

from __future__ import annotations

import uuid

from django.db.models import Max

from catalog.models import TargetAccount
from provisioner.domain.run import LEASED
from provisioner.models import QueueTurn, Run


def admit(run_id: uuid.UUID) -> bool:
    """Tell whether a run may start now. The caller's transaction keeps the answer true until it commits.

    The account's row stays locked: of several workers that claim at once, each counts what the one before it started.
    """
    found = Run.objects.filter(pk=run_id, workspace__held_at__isnull=True).values_list(
        "workspace__environment__account_id"
    )
    if not (row := found.first()):
        return False
    if row[0] is None:
        return True
    account = TargetAccount.objects.select_for_update().get(pk=row[0])
    at_work = Run.objects.filter(
        status__in=sorted(LEASED), workspace__environment__account_id=account.pk
    ).count()
    return at_work < account.max_running


def note_turn(run_id: uuid.UUID) -> None:
    """Write down that a run's team had a turn. Two at once may get one number: they had their turns together."""
    team, priority = Run.objects.values_list("workspace__service__owner_team_id", "priority").get(pk=run_id)
    last = QueueTurn.objects.aggregate(last=Max("number"))["last"] or 0
    QueueTurn.objects.update_or_create(team_id=team, priority=priority, defaults={"number": last + 1})
