"""What waits and what runs, read as one line. Only runs that are not over are ever looked at."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from provisioner.domain import queueing
from provisioner.domain.queueing import EVERY_PHASE, Phase, Running, Turns, Waiting
from provisioner.domain.run import LEASED, QUEUED, RunStatus
from provisioner.models import QueueTurn, Run

PHASES: Mapping[str, Phase] = {
    RunStatus.PLAN_QUEUED: Phase.PLAN,
    RunStatus.PLANNING: Phase.PLAN,
    RunStatus.APPLY_QUEUED: Phase.APPLY,
    RunStatus.APPLYING: Phase.APPLY,
}


@dataclass(frozen=True)
class Line:
    """All that waits and runs at one moment. What a hold stops is not in the line."""

    waiting: tuple[Waiting, ...]
    running: tuple[Running, ...]
    at_work: tuple[uuid.UUID, ...]  # the runs of `running`
    held: tuple[uuid.UUID, ...]
    teams: Mapping[uuid.UUID, int]  # run -> owner team, of all of them
    limits: Mapping[int, int]  # account -> the most that may run in it
    turns: Turns

    @cached_property
    def order(self) -> tuple[Waiting, ...]:
        """What waits, in the order of its turns."""
        return queueing.dispatch_order(self.waiting, self.running, self.turns)

    def may_start(self, phases: Collection[Phase] = EVERY_PHASE) -> Iterator[Waiting]:
        """Yield the runs of these phases that may start now, in order."""
        return queueing.may_start(self.waiting, self.running, self.limits, self.turns, phases=phases)


def read_line() -> Line:
    """Read the line in two queries."""
    rows = (
        Run.objects.filter(status__in=sorted(QUEUED | LEASED))
        .order_by()
        .values_list(
            "pk",
            "status",
            "priority",
            "status_at",
            "workspace__held_at",
            "workspace__service__owner_team_id",
            "workspace__environment__account_id",
            "workspace__environment__account__max_running",
        )
    )
    waiting, running, at_work, held, teams, limits = [], [], [], [], {}, {}
    for pk, status, priority, since, held_at, team, account, limit in rows:
        teams[pk] = team
        if account is not None:
            limits[account] = limit
        if status in LEASED:
            running.append(Running(team, account, priority))
            at_work.append(pk)
        elif held_at is not None:
            held.append(pk)
        else:
            waiting.append(Waiting(pk, PHASES[status], team, account, priority, since))
    return Line(tuple(waiting), tuple(running), tuple(at_work), tuple(held), teams, limits, _turns())


def _turns() -> Turns:
    return Turns(
        {
            (team, priority): number
            for team, priority, number in QueueTurn.objects.order_by().values_list(
                "team_id", "priority", "number"
            )
        }
    )
