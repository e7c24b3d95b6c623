"""Where a waiting run stands: its position, what it waits for, and when it will probably start."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Max, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Now

from catalog.models import TargetAccount
from provisioner import selectors, waiting
from provisioner.domain.queueing import Phase, Waiting, expected_wait_s
from provisioner.domain.run import QUEUED, RunStatus
from provisioner.models import Run, RunTransition, WorkerSeen
from provisioner.selectors import Person
from provisioner.waiting import PHASES, Line

# How many of the phase's runs are looked at, and among how many changes of status they are looked for: so that the
# answer costs the same whatever has ever run.
SAMPLE = 20
LOOKED_THROUGH = 2000
# Workers are asked every 30 s.
SEEN_WITHIN = timedelta(seconds=100)
CLAIMED_WITHIN = timedelta(minutes=10)
ROWS_MAX = 200

_WORKING = {Phase.PLAN: RunStatus.PLANNING, Phase.APPLY: RunStatus.APPLYING}


@dataclass(frozen=True)
class Standing:
    """Where a run stands. `position` is None for one on hold: it is not in the line."""

    phase: Phase
    position: int | None
    waiting: int  # how many are in the line
    ahead_own_team: int
    waits_for: str  # "worker", "account" or "hold"
    account: TargetAccount | None
    held_by: str
    hold_reason: str
    expected_wait_s: float | None

    @property
    def ahead(self) -> int:
        """How many come before it."""
        return 0 if self.position is None else self.position - 1


class Pace:
    """How quickly the line moves: medians and workers, each asked for once when it is needed."""

    def __init__(self, line: Line, now: datetime) -> None:
        self.line, self.now = line, now
        self._medians: dict[Phase, float | None] = {}
        self._places: Mapping[Phase, int] | None = None
        self.at_work = Counter(run.account for run in line.running)
        self._ahead = _ahead(line)

    def room(self, account: int | None) -> int | None:
        """Return how many more may run in an account, or None where nothing limits it."""
        if account is None or account not in self.line.limits:
            return None
        return self.line.limits[account] - self.at_work[account]

    def expected_wait_s(self, index: int) -> float | None:
        """Estimate when the run at an index of the line starts; None when nothing is known to go by."""
        run = self.line.order[index]
        length = self._median(run.phase)
        if length is None:
            return None
        ahead, ahead_in_account = self._ahead[index]
        return expected_wait_s(
            ahead=ahead,
            places=self.places()[run.phase],
            busy=len(self.line.running),
            ahead_in_account=ahead_in_account,
            room=self.room(run.account),
            limit=self.line.limits.get(run.account or 0, 1),
            median_s=length,
        )

    def places(self) -> Mapping[Phase, int]:
        """Return how many runs of each phase can be worked on at once."""
        if self._places is None:
            self._places = places(self.now)
        return self._places

    def _median(self, phase: Phase) -> float | None:
        if phase not in self._medians:
            self._medians[phase] = median_s(phase)
        return self._medians[phase]


def _ahead(line: Line) -> list[tuple[int, int]]:
    """Return, for each that waits, how many that come first want a worker, and how many want its account.

    What another full account blocks takes no worker from anybody.
    """
    able = {run.run_id for run in line.may_start()}
    able_count = 0
    in_account: Counter[int | None] = Counter()
    blocked_in_account: Counter[int | None] = Counter()
    found = []
    for run in line.order:
        found.append((able_count + blocked_in_account[run.account], in_account[run.account]))
        able_count += run.run_id in able
        blocked_in_account[run.account] += run.run_id not in able
        in_account[run.account] += 1
    return found


def standing_of(run: Run, *, now: datetime) -> Standing | None:
    """Return where a run stands, or None when it does not wait in a queue."""
    if run.status not in QUEUED:
        return None
    line = waiting.read_line()
    phase = PHASES[run.status]
    workspace = run.workspace
    account = workspace.environment.account
    if run.pk in line.held:
        holder = "" if workspace.held_by is None else workspace.held_by.get_username()
        return Standing(phase, None, len(line.order), 0, "hold", account, holder, workspace.hold_reason, None)
    index = next((at for at, one in enumerate(line.order) if one.run_id == run.pk), None)
    if index is None:  # it was taken up a moment ago
        return None
    pace = Pace(line, now)
    mine = line.order[index]
    room = pace.room(mine.account)
    return Standing(
        phase=phase,
        position=index + 1,
        waiting=len(line.order),
        ahead_own_team=sum(one.team == mine.team for one in line.order[:index]),
        waits_for="account" if room is not None and room < 1 else "worker",
        account=account,
        held_by="",
        hold_reason="",
        expected_wait_s=pace.expected_wait_s(index),
    )


def positions(runs: Iterable[Run]) -> dict[uuid.UUID, tuple[int, int]]:
    """Return the position of those that wait in a line and its length; asks nothing when none of them waits."""
    if not any(run.status in QUEUED for run in runs):
        return {}
    order = waiting.read_line().order
    return {one.run_id: (position, len(order)) for position, one in enumerate(order, start=1)}


@dataclass(frozen=True)
class Row:
    """A run of the queue page, or several together that the reader may not see."""

    first: int  # position; 0 outside the line
    last: int
    run: Run | None
    expected_wait_s: float | None = None

    @property
    def hidden(self) -> int:
        """How many runs stand here without being shown."""
        return 0 if self.run is not None else self.last - self.first + 1


@dataclass(frozen=True)
class AccountLoad:
    """How much of an account's limit is used."""

    account: TargetAccount
    at_work: int


@dataclass(frozen=True)
class Overview:
    """What runs, waits and is on hold, as one person may see it."""

    running: list[Run]
    running_hidden: int
    waiting: list[Row]
    waiting_count: int
    held: list[Run]
    held_hidden: int
    accounts: list[AccountLoad]
    places: Mapping[Phase, int]

    @property
    def at_work(self) -> int:
        """How many runs a worker holds."""
        return len(self.running) + self.running_hidden


def overview(user: Person, *, now: datetime) -> Overview:
    """Read the queue page; the number of queries does not depend on how much waits or runs."""
    line = waiting.read_line()
    own_teams = selectors.teams_seen_by(user)
    # From the line: joined to the teams, PostgreSQL would go through all that the user's teams ever ordered.
    seen = {pk for pk, team in line.teams.items() if own_teams is None or team in own_teams}
    order, held = line.order, [pk for pk in line.held if pk in seen]
    rows = _rows(order, seen)
    at_work = [pk for pk in line.at_work if pk in seen]
    shown = {order[first - 1].run_id for first, _, own in rows if own}
    wanted = [*shown, *at_work[:ROWS_MAX], *held[:ROWS_MAX]]
    loaded = {
        run.pk: run
        for run in selectors.runs_visible_to(user)
        .filter(pk__in=wanted)
        .select_related("workspace__held_by", "workspace__environment__account")
    }
    pace = Pace(line, now)
    running = sorted((loaded[pk] for pk in at_work if pk in loaded), key=lambda run: run.status_at)
    return Overview(
        running=running,
        running_hidden=max(0, len(line.running) - len(running)),
        waiting=[
            Row(
                first,
                last,
                loaded.get(order[first - 1].run_id) if own else None,
                pace.expected_wait_s(first - 1) if own else None,
            )
            for first, last, own in rows
        ],
        waiting_count=len(order),
        held=[loaded[pk] for pk in held if pk in loaded],
        held_hidden=len(line.held) - len(held),
        accounts=[
            AccountLoad(account, pace.at_work[account.pk])
            for account in TargetAccount.objects.order_by("slug")
        ],
        places=pace.places(),
    )


def _rows(order: Collection[Waiting], seen: Collection[uuid.UUID]) -> list[tuple[int, int, bool]]:
    """Cut the line into (first, last, visible): one run that is seen, or as many as follow each other unseen."""
    rows: list[tuple[int, int, bool]] = []
    shown = 0
    for position, run in enumerate(order, start=1):
        own = run.run_id in seen and shown < ROWS_MAX
        shown += own
        if not own and rows and not rows[-1][2]:
            rows[-1] = (rows[-1][0], position, False)
        else:
            rows.append((position, position, own))
    return rows


def median_s(phase: Phase) -> float | None:
    """Return the median seconds that the phase's last runs took a worker, or None when none ran lately."""
    newest = RunTransition.objects.aggregate(newest=Max("pk"))["newest"] or 0
    began = RunTransition.objects.filter(run=OuterRef("run"), sequence=OuterRef("sequence") - 1).order_by()
    ended = (
        RunTransition.objects.filter(pk__gt=newest - LOOKED_THROUGH, from_status=_WORKING[phase].value)
        .annotate(began_at=Subquery(began.values("at")[:1]))
        .order_by("-pk")
        .values_list("at", "began_at")[:SAMPLE]
    )
    lengths = [(at - began_at).total_seconds() for at, began_at in ended if began_at is not None]
    return max(0.0, median(lengths)) if lengths else None


def places(now: datetime) -> Mapping[Phase, int]:
    """Return how many runs of each phase the workers can do at once.

    By what they answered when they were last asked; where none did, by who holds or lately claimed a run.
    """
    seen = WorkerSeen.objects.filter(seen_at__gt=Now() - SEEN_WITHIN).aggregate(
        plan=Sum("places", filter=Q(plans=True)), apply=Sum("places", filter=Q(applies=True))
    )
    if seen["plan"] is not None or seen["apply"] is not None:
        return {Phase.PLAN: seen["plan"] or 0, Phase.APPLY: seen["apply"] or 0}
    claimed = (
        Run.objects.filter(status__in=sorted(RunStatus), status_at__gt=now - CLAIMED_WITHIN)
        .exclude(worker="")
        .order_by()
        .values("worker")
        .distinct()
        .count()
    )
    return {Phase.PLAN: claimed, Phase.APPLY: claimed}
