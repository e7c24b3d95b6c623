"""The order in which waiting runs are taken up, and which of them may start now.

Three rules, from the coarse to the fine:

1. The lower priority number goes first. A class of a higher number that waits is passed over PASSED_OVER_MAX times at
   most; then it has one turn, whatever else waits. So a class gets at least every fifth start, and a thousand drift
   checks that have waited for long still cannot bury one order.
2. Within a class, the team with the fewest runs of that class going on comes first; between equals, the one whose last
   turn in the class is longest ago. The oldest run of that team has the turn. Another class does not count: the orders
   of a team would starve its own drift checks.
3. An account at its limit lets none start, and holds up nobody else's.

The turns that teams and classes had are remembered (`Turns`) because a single worker sees nothing going on whenever it
looks: without them, the team that ordered first would have every turn.
"""

from __future__ import annotations

import uuid
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from heapq import heapify, heappop, heapreplace

PRIORITY_ORDER = 0  # people wait for it
PRIORITY_EXPIRY = 10  # the portal destroys what has expired
PRIORITY_DRIFT_CHECK = 20  # nobody waits for it

PASSED_OVER_MAX = 4


class Phase(StrEnum):
    """What a run waits to have done; the name of its queue, too."""

    PLAN = "plan"
    APPLY = "apply"


EVERY_PHASE = frozenset(Phase)


@dataclass(frozen=True)
class Waiting:
    """A run that waits for a worker. `account` is None where no limit applies."""

    run_id: uuid.UUID
    phase: Phase
    team: int
    account: int | None
    priority: int
    since: datetime


@dataclass(frozen=True)
class Running:
    """A run that a worker plans or applies."""

    team: int
    account: int | None
    priority: int


@dataclass(frozen=True)
class Turns:
    """The number of the last turn that each (team, priority) had; turns are numbered upwards from 1."""

    numbers: Mapping[tuple[int, int], int] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """The number of the newest turn of all."""
        return max(self.numbers.values(), default=0)

    def of_class(self, priority: int) -> int:
        """Return the number of the class's newest turn."""
        return max((number for (_, one), number in self.numbers.items() if one == priority), default=0)


NO_TURNS = Turns()


def dispatch_order(
    waiting: Collection[Waiting], running: Iterable[Running] = (), turns: Turns = NO_TURNS
) -> tuple[Waiting, ...]:
    """Return all that waits in the order of its turns, as if none ended or came meanwhile."""
    return tuple(_in_turn(waiting, running, turns))


def may_start(
    waiting: Collection[Waiting],
    running: Collection[Running] = (),
    limits: Mapping[int, int] | None = None,
    turns: Turns = NO_TURNS,
    *,
    phases: Collection[Phase] = EVERY_PHASE,
) -> Iterator[Waiting]:
    """Yield the runs of these phases that may start now, in order: all of them at once would exceed no limit.

    `limits` has the number of runs that each account takes. What waits for a full account has no part in the order,
    so that it uses up nobody's turn. A worker of one phase leaves an account's last slot to the first in its line,
    which may wait for the other phase.
    """
    at_work = Counter(run.account for run in running)
    room: dict[int | None, int] = {
        account: limit - at_work[account] for account, limit in (limits or {}).items()
    }
    kept: set[int | None] = set()  # accounts with a slot that is kept for the other phase
    open_ones = [run for run in waiting if room.get(run.account, 1) > 0]
    for run in _in_turn(open_ones, running, turns):
        limited = run.account in room
        if run.phase not in phases:
            if limited and run.account not in kept:
                kept.add(run.account)
                room[run.account] -= 1
        elif not limited or room[run.account] > 0:
            if limited:
                room[run.account] -= 1
            yield run


def expected_wait_s(
    *,
    ahead: int,
    places: int,
    busy: int,
    ahead_in_account: int,
    room: int | None,
    limit: int,
    median_s: float,
) -> float | None:
    """Estimate the seconds until a run starts, or None when no worker is seen.

    `ahead` runs have their turn first and one of `places` workers, `busy` of which are at work, must take it; each is
    busy for about `median_s`, and they end evenly spread. The account that has `room` for more of its `limit` (None:
    no limit) is a second such row of places; the slower of the two decides.
    """
    if places < 1:
        return None
    waits = [_wait_s(ahead, places, places - busy, median_s)]
    if room is not None:
        waits.append(_wait_s(ahead_in_account, limit, room, median_s))
    return max(waits)


def _wait_s(ahead: int, places: int, free: int, median_s: float) -> float:
    to_end = ahead + 1 - max(0, free)
    return 0.0 if to_end <= 0 else median_s * to_end / places


def _in_turn(waiting: Collection[Waiting], running: Iterable[Running], turns: Turns) -> Iterator[Waiting]:
    """Yield what waits, each in its turn; a heap for each class keeps thousands of runs of many teams cheap."""
    lines = _lines(waiting)
    going = Counter((run.team, run.priority) for run in running)
    had, class_had = dict(turns.numbers), {priority: turns.of_class(priority) for priority in lines}

    def place(team: int, line: deque[Waiting]) -> tuple[int, int, datetime, int]:
        key = team, line[0].priority
        return going[key], had.get(key, 0), line[0].since, team

    heaps = {
        priority: [place(team, line) for team, line in teams.items()] for priority, teams in lines.items()
    }
    for heap in heaps.values():
        heapify(heap)
    turn = turns.last
    while heaps:
        priority = _next_class(heaps, class_had, turn)
        heap, teams = heaps[priority], lines[priority]
        team = heap[0][-1]
        yield teams[team].popleft()
        turn += 1
        going[team, priority] += 1
        had[team, priority] = class_had[priority] = turn
        if teams[team]:
            heapreplace(heap, place(team, teams[team]))
        else:
            heappop(heap)
        if not heap:
            del heaps[priority]


def _lines(waiting: Collection[Waiting]) -> dict[int, dict[int, deque[Waiting]]]:
    """Sort what waits by priority and team, the oldest first."""
    lines: dict[int, dict[int, deque[Waiting]]] = {}
    for run in sorted(waiting, key=lambda one: (one.since, one.run_id)):
        lines.setdefault(run.priority, {}).setdefault(run.team, deque()).append(run)
    return lines


def _next_class(waiting: Iterable[int], had: Mapping[int, int], turn: int) -> int:
    """Return the priority whose turn it is: the one passed over too often, or the lowest."""
    first, *others = sorted(waiting)
    overdue = [priority for priority in others if turn - had[priority] >= PASSED_OVER_MAX]
    return min(overdue, key=lambda one: (had[one], one), default=first)
