"""What goes wrong: cards drawn from a shuffled deck, each played on a victim that is preferably at work."""

from __future__ import annotations

import heapq
import itertools
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from tests.chaos import processes
from tests.chaos.services import LEASE_S, Service, Services

T = TypeVar("T")

# How often each card is in the deck.
DECK = {
    "SIGKILL a worker with its pool": 6,
    "SIGKILL a pool child": 4,
    "SIGKILL a worker's parent": 3,
    "SIGTERM a worker (deploy)": 3,
    "SIGSTOP a worker beyond its lease": 2,
    "SIGSTOP a pool child beyond its lease": 1,
    "SIGKILL terraform": 2,
    "SIGKILL a provider": 2,
    "SIGKILL the broker": 1,
    "FLUSHALL": 1,
    "PostgreSQL: immediate restart": 1,
    "PostgreSQL: fast restart": 1,
    "PostgreSQL: down for a while": 1,
    "SIGKILL the web process": 2,
    "SIGKILL a control worker": 1,
    "SIGKILL a beat": 1,
}
APPLYING, PLANNING, IDLE = "applying", "planning", "idle"


@dataclass(frozen=True)
class Done:
    """A disturbance: when, what, whom it met, and at which run."""

    at: datetime
    card: str
    doing: str = ""
    runs: tuple[str, ...] = ()
    note: str = ""

    @property
    def is_kill(self) -> bool:
        return "SIGKILL" in self.card


@dataclass
class Trouble:
    """Draws cards and plays them; everything happens in the thread that calls `tick`."""

    services: Services
    choices: random.Random
    say: Callable[[str], None]
    only: str = ""  # cards with this in their name alone
    done: list[Done] = field(default_factory=list)
    duplicates: int = 0
    send_failures: list[str] = field(default_factory=list)
    _deck: list[str] = field(default_factory=list)
    _later: list[tuple[float, int, Callable[[], object]]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _rung: set[tuple[str, str, int]] = field(default_factory=set)
    _ring_at: float = 0.0

    @property
    def kills(self) -> int:
        return sum(one.is_kill for one in self.done)

    def tick(self, now: float) -> None:
        """Do what is due: end what lasts, and deliver every message a second time."""
        while self._later and self._later[0][0] <= now:
            heapq.heappop(self._later)[2]()
        if now >= self._ring_at:
            self._ring_at = now + 0.5
            self._ring_twice()

    def play(self) -> None:
        """Play the next card that can be played."""
        for _ in range(3 * sum(DECK.values())):
            if not self._deck:
                self._deck = self._shuffled()
            if self._play(self._deck.pop()):
                return

    def _shuffled(self) -> list[str]:
        """Return a deck, drawn from its end: one card of each kind first, so that a short run meets them all."""
        kinds = [card for card in DECK if self.only in card]
        rest = [card for card in kinds for _ in range(DECK[card] - 1)]
        self.choices.shuffle(kinds)
        self.choices.shuffle(rest)
        return [*rest, *kinds]

    def end(self) -> None:
        """Undo at once what lasts."""
        for _, _, action in sorted(self._later):
            action()
        self._later.clear()
        for service in self.services.all:
            service.down_until = 0.0
            service.send_group(signal.SIGCONT)

    # --- Cards: each returns whether there was somebody to play it on ---

    def _play(self, card: str) -> bool:
        cards: dict[str, Callable[[str], bool]] = {
            "SIGKILL a worker with its pool": self._kill_worker,
            "SIGKILL a pool child": self._kill_pool_child,
            "SIGKILL a worker's parent": self._kill_parent,
            "SIGTERM a worker (deploy)": self._deploy,
            "SIGSTOP a worker beyond its lease": self._stop_worker,
            "SIGSTOP a pool child beyond its lease": self._stop_child,
            "SIGKILL terraform": lambda card: self._kill_below(card, provider=False),
            "SIGKILL a provider": lambda card: self._kill_below(card, provider=True),
            "SIGKILL the broker": self._kill_broker,
            "FLUSHALL": self._flush,
            "PostgreSQL: immediate restart": lambda card: self._end_database(card, signal.SIGQUIT, 0),
            "PostgreSQL: fast restart": lambda card: self._end_database(card, signal.SIGINT, 0),
            "PostgreSQL: down for a while": lambda card: self._end_database(
                card, signal.SIGQUIT, self.choices.uniform(4, 20)
            ),
            "SIGKILL the web process": lambda card: self._kill(card, self.services.web, 3),
            "SIGKILL a control worker": lambda card: self._kill(
                card, self.choices.choice(self.services.controls), 3
            ),
            "SIGKILL a beat": lambda card: self._kill(card, self.choices.choice(self.services.beats), 3),
        }
        return cards[card](card)

    def _kill_worker(self, card: str) -> bool:
        victim = self._victim()
        if victim is None:
            return False
        worker, _, doing, runs = victim
        worker.send_group(signal.SIGKILL)
        worker.stay_down(self.choices.uniform(0, 3))
        return self._note(card, doing, runs, worker.name)

    def _kill_pool_child(self, card: str) -> bool:
        victim = self._victim()
        if victim is None or not victim[1]:
            return False
        worker, child, doing, runs = victim
        processes.send(child, signal.SIGKILL)
        return self._note(card, doing, runs[:1], f"{worker.name}, pid {child}")

    def _kill_parent(self, card: str) -> bool:
        victim = self._victim()
        if victim is None:
            return False
        worker, _, doing, runs = victim
        worker.send(signal.SIGKILL)
        worker.stay_down(self.choices.uniform(0, 3))
        return self._note(card, doing, runs, worker.name)

    def _deploy(self, card: str) -> bool:
        victim = self._victim()
        if victim is None:
            return False
        worker, _, doing, runs = victim
        self.services.deploy(worker)
        return self._note(card, doing, runs, worker.name)

    def _stop_worker(self, card: str) -> bool:
        victim = self._victim()
        if victim is None:
            return False
        worker, _, doing, runs = victim
        pid = worker.pid
        worker.send_group(signal.SIGSTOP)
        self._in(LEASE_S * self.choices.uniform(1.2, 2), lambda: processes.send_group(pid, signal.SIGCONT))
        return self._note(card, doing, runs, worker.name)

    def _stop_child(self, card: str) -> bool:
        victim = self._victim()
        if victim is None or not victim[1]:
            return False
        worker, child, doing, runs = victim
        processes.send(child, signal.SIGSTOP)
        self._in(LEASE_S * self.choices.uniform(1.2, 2), lambda: processes.send(child, signal.SIGCONT))
        return self._note(card, doing, runs[:1], f"{worker.name}, pid {child}")

    def _kill_below(self, card: str, *, provider: bool) -> bool:
        """Kill a Terraform, or a provider below one, that is planning or applying."""
        seen = processes.ours(self.services.folder)
        terraforms = {one.pid: one for one in seen if one.is_terraform and one.does in ("plan", "apply")}
        victims = (
            [one for one in seen if one.is_provider and one.parent in terraforms]
            if provider
            else [*terraforms.values()]
        )
        if not victims:
            return False

        def does_of(one: processes.Seen) -> str:
            return terraforms[one.parent if provider else one.pid].does

        applying = [one for one in victims if does_of(one) == "apply"]
        chosen = self.choices.choice(sorted(applying or victims, key=lambda one: one.pid))
        does = does_of(chosen)
        processes.send(chosen.pid, signal.SIGKILL)
        return self._note(card, APPLYING if does == "apply" else PLANNING, (), f"pid {chosen.pid}")

    def _kill_broker(self, card: str) -> bool:
        return self._kill(card, self.services.broker, 5)

    def _flush(self, card: str) -> bool:
        import redis

        try:
            redis.Redis(unix_socket_path=str(self.services.folder / "broker.sock")).flushall()
        except redis.RedisError:
            return False
        return self._note(card)

    def _end_database(self, card: str, number: signal.Signals, down_s: float) -> bool:
        database = self.services.database
        if database is None or not database.alive:
            return False
        database.send(number)
        database.stay_down(down_s)
        return self._note(card, note=f"down for {down_s:.0f} s" if down_s else "")

    def _kill(self, card: str, service: Service, down_s: float) -> bool:
        if not service.alive:
            return False
        service.send_group(signal.SIGKILL)
        service.stay_down(self.choices.uniform(0, down_s))
        return self._note(card, note=service.name)

    # --- Who ---

    def _victim(self) -> tuple[Service, int, str, tuple[str, ...]] | None:
        """Choose a worker: mostly one that applies, often one that plans, sometimes any.

        Returns it, the pool child that is met first, what is being done there and the runs it holds.
        """
        alive = [worker for worker in self.services.workers if worker.alive]
        if not alive:
            return None
        pools = {worker.name: processes.children(worker.pid) for worker in alive}
        held = self._held()  # pid -> (status, run)
        wanted = self.choices.choices([APPLYING, PLANNING, IDLE], [6, 3, 1])[0]
        at_work = [
            (worker, pid)
            for worker in alive
            for pid in pools[worker.name]
            if held.get(pid, ("", ""))[0] == wanted
        ]
        if at_work:
            worker, child = self.choices.choice(at_work)
        else:
            worker = self.choices.choice(alive)
            busy = [pid for pid in pools[worker.name] if pid in held]
            child = (busy or pools[worker.name] or [0])[0]
        mine = [held[pid] for pid in [child, *(p for p in pools[worker.name] if p != child)] if pid in held]
        doing = mine[0][0] if mine else IDLE
        return worker, child, doing, tuple(run for _, run in mine)

    def _held(self) -> dict[int, tuple[str, str]]:
        """Return who holds which run, as the database has it: pid -> (status, run)."""
        rows = ask_database(_leased, [])
        return {int(worker.rpartition(":")[2] or 0): (status, str(run)) for run, status, worker in rows}

    # --- Delivered twice ---

    def _ring_twice(self) -> None:
        """Send another message for every run that waits or is being worked on, once for each status it comes to."""
        from provisioner import queue

        if not self.services.broker.alive:
            return
        for run, status, token in ask_database(_ringable, []):
            if (str(run), status, token) in self._rung:
                continue
            task = queue.PLAN if status in ("plan_queued", "planning") else queue.APPLY
            try:
                if queue.send(task, run):
                    self._rung.add((str(run), status, token))
                    self.duplicates += 1
            except Exception as error:
                self.send_failures.append(f"{type(error).__name__}: {error}")

    # --- Bookkeeping ---

    def _note(self, card: str, doing: str = "", runs: tuple[str, ...] = (), note: str = "") -> bool:
        self.done.append(Done(datetime.now(UTC), card, doing, runs, note))
        self.say(f"{card}{f' ({doing})' if doing else ''}{f': {note}' if note else ''}")
        return True

    def _in(self, seconds: float, action: Callable[[], object]) -> None:
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._numbers), action))


def ask_database(question: Callable[[], T], otherwise: T) -> T:
    """Ask the database; `otherwise` while it is down."""
    from django.db import DatabaseError, connection

    try:
        return question()
    except DatabaseError:
        connection.close()
        return otherwise


def _leased() -> list[Any]:
    from provisioner.models import Run

    return list(Run.objects.filter(status__in=[PLANNING, APPLYING]).values_list("pk", "status", "worker"))


def _ringable() -> list[Any]:
    from provisioner.models import Run

    waiting = ["plan_queued", "planning", "apply_queued", "applying"]
    return list(Run.objects.filter(status__in=waiting).values_list("pk", "status", "fencing_token"))
