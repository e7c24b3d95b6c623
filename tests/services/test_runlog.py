"""Writing a log: chunks, fencing, silence, limits, a database that is away."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from provisioner import selectors
from provisioner.domain.run import RunStatus
from provisioner.engine.types import LogLine, RunSpec
from provisioner.models import Run, RunLogChunk
from provisioner.services import lease, runlog
from provisioner.services.lease import Claim, LeaseLost
from provisioner.services.runlog import RunLog
from tests.fakes import FakeEngine
from tests.services.conftest import Order, applied, now, planned

pytestmark = pytest.mark.django_db(transaction=True)


class Clock:
    """Monotonic time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(runlog, "time", clock)
    return clock


@pytest.fixture
def claim(order: Order) -> Claim:
    claim = lease.claim(order().pk, RunStatus.PLAN_QUEUED, RunStatus.PLANNING, worker="w1", now=now())
    assert claim is not None
    return claim


def line(text: str, **more: Any) -> LogLine:
    return LogLine(phase="plan", level="info", text=text, **more)


def texts(run_id: object, **wanted: int) -> list[str]:
    return [line.text for line in selectors.log_lines(Run.objects.get(pk=run_id), **wanted)]


class TestALog:
    def test_is_written_in_chunks_and_read_line_by_line(self, claim: Claim, clock: Clock) -> None:
        with RunLog(claim, now) as log:
            for number in range(2500):
                log.write(line(f"line {number}", address="module.this.x"))
        assert [
            (chunk.first_sequence, chunk.last_sequence) for chunk in RunLogChunk.objects.order_by("pk")
        ] == [(1, 1000), (1001, 2000), (2001, 2500)]
        first = json.loads(
            gzip.decompress(bytes(RunLogChunk.objects.order_by("pk")[0].content)).splitlines()[0]
        )
        assert (first["text"], first["address"], first["phase"]) == ("line 0", "module.this.x", "plan")
        assert texts(claim.run_id, after=999, limit=3) == ["line 999", "line 1000", "line 1001"]
        assert Run.objects.get().log_last_sequence == 2500

    def test_goes_on_under_the_next_claim(self, order: Order, fake: FakeEngine) -> None:
        run = applied(planned(order(), fake), fake)
        assert [(line.sequence, line.text) for line in selectors.log_lines(run)] == [
            (1, "planning"),
            (2, "applying"),
        ]

    def test_takes_two_statements_a_flush(self, claim: Claim, clock: Clock) -> None:
        with RunLog(claim, now) as log:
            log.write(line("one"))
            with CaptureQueriesContext(connection) as queries:
                log.flush()
        words = [query["sql"].split()[0] for query in queries]
        assert [word for word in words if word in ("SELECT", "INSERT", "UPDATE")] == ["UPDATE", "INSERT"]

    def test_is_refused_to_a_worker_whose_token_is_old(self, claim: Claim, clock: Clock) -> None:
        with RunLog(claim, now) as log:
            log.write(line("mine"))
            log.flush()
            Run.objects.update(fencing_token=99)
            log.write(line("too late"))
            with pytest.raises(LeaseLost):
                log.flush()
        assert texts(claim.run_id) == ["mine"]
        with pytest.raises(LeaseLost), RunLog(claim, now):
            pass

    def test_of_a_worker_that_knows_it_lost_its_lease_ends_there(self, claim: Claim, clock: Clock) -> None:
        with RunLog(claim, now) as log:
            log.write(line("too late"))
            claim.cause.append("lease_lost")
        assert texts(claim.run_id) == []


class TestSilence:
    def test_lets_no_line_wait_for_the_next(self, claim: Claim, clock: Clock) -> None:
        with RunLog(claim, now) as log:
            log.write(line("Still creating... [10s elapsed]"))
            log.tick()
            assert texts(claim.run_id) == []
            clock.now += 0.5
            log.tick()
            assert texts(claim.run_id) == ["Still creating... [10s elapsed]"]

    def test_costs_the_database_nothing(self, claim: Claim, clock: Clock) -> None:
        with RunLog(claim, now) as log, CaptureQueriesContext(connection) as queries:
            for _ in range(100):
                clock.now += 0.5
                log.tick()
        assert not queries.captured_queries


class TestTheLimit:
    def test_keeps_head_and_tail_and_says_what_is_missing(
        self, claim: Claim, clock: Clock, settings: Any
    ) -> None:
        settings.DRAWBRIDGE_LOG_LIMIT_BYTES = 100_000
        with RunLog(claim, now) as log:
            for number in range(10_000):
                log.write(line(f"line {number:05d}"))
        said = texts(claim.run_id, limit=10_000)
        assert said[0] == "line 00000"
        assert said[-1] == "line 09999"
        [missing] = [text for text in said if "left out" in text]
        assert int(missing.split()[1]) == 10_000 - (len(said) - 1)
        assert Run.objects.get().log_bytes < 100_000

    def test_leaves_a_later_phase_its_share(self, order: Order, settings: Any, fake: FakeEngine) -> None:
        settings.DRAWBRIDGE_LOG_LIMIT_BYTES = 100_000
        run = planned(order(), fake)
        Run.objects.filter(pk=run.pk).update(log_bytes=1_000_000)
        fake.lines = [
            LogLine(phase="apply", level="info", text=f"line {number:05d}") for number in range(1000)
        ]
        run = applied(run, fake)
        said = [line.text for line in selectors.log_lines(run, limit=10_000)]
        assert 200 < len(said) < 400
        assert said[-1] == "line 00999"


class TestChanges:
    @pytest.fixture
    def run(self, order: Order, fake: FakeEngine) -> Run:
        run = planned(order(), fake)
        Run.objects.filter(pk=run.pk).update(changes_done=7)
        return run

    def test_are_counted_from_the_start_of_an_apply(self, run: Run, fake: FakeEngine) -> None:
        at_start: list[int] = []

        def look(spec: RunSpec, stop: threading.Event) -> None:
            at_start.append(Run.objects.get(pk=run.pk).changes_done)

        fake.during_apply = look
        fake.lines = [
            LogLine(phase="apply", level="info", text="x: Creating..."),
            LogLine(phase="apply", level="info", text="x: Creation complete", change_done=True),
            LogLine(phase="apply", level="info", text="", change_done=True),
        ]
        run = applied(run, fake)
        assert at_start == [0]
        assert run.changes_done == 2
        assert [line.text for line in selectors.log_lines(run)][-2:] == [
            "x: Creating...",
            "x: Creation complete",
        ]

    def test_are_told_while_the_lines_that_say_so_are_kept_back(self, run: Run, clock: Clock) -> None:
        claim = lease.claim(run.pk, RunStatus.APPLY_QUEUED, RunStatus.APPLYING, worker="w1", now=now())
        assert claim is not None
        with RunLog(claim, now) as log:
            log.write(LogLine(phase="apply", level="info", text="", change_done=True))
            clock.now += 0.5
            log.tick()
            assert Run.objects.get(pk=run.pk).changes_done == 1

    def test_are_not_counted_while_planning(self, claim: Claim, clock: Clock) -> None:
        Run.objects.update(changes_done=7)
        with RunLog(claim, now) as log:
            log.write(line("x", change_done=True))
        assert Run.objects.get().changes_done == 7


class TestADatabaseThatIsAway:
    @pytest.fixture
    def away(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool, bool], None]:
        """Return a switch: whether writing chunks fails, and whether only the answer to it is lost."""
        create = RunLogChunk.objects.create
        state = {"fails": False, "answer_lost": False}

        def creating(**columns: Any) -> RunLogChunk:
            if state["fails"]:
                raise OperationalError("the server closed the connection")
            return create(**columns)

        write = RunLog._write_chunk

        def writing(log: RunLog, lines: list[LogLine]) -> None:
            if not state["answer_lost"]:
                return write(log, lines)
            known = dict(vars(log), _pending=list(log._pending))
            write(log, lines)
            vars(log).update(known)
            raise OperationalError("the server closed the connection")

        monkeypatch.setattr(RunLogChunk.objects, "create", creating)
        monkeypatch.setattr(RunLog, "_write_chunk", writing)
        return lambda fails, answer_lost: state.update(fails=fails, answer_lost=answer_lost)

    def test_for_a_while_loses_no_line_and_ends_no_terraform(
        self, claim: Claim, clock: Clock, away: Callable[[bool, bool], None]
    ) -> None:
        with RunLog(claim, now) as log:
            away(True, False)
            for number in range(5000):
                clock.now += 0.01
                log.write(line(f"line {number}"))
            assert texts(claim.run_id) == []
            away(False, False)
            clock.now += 5
            log.tick()
            assert texts(claim.run_id, limit=9999) == [f"line {number}" for number in range(5000)]

    def test_after_it_took_the_lines_gets_them_once(
        self, claim: Claim, clock: Clock, away: Callable[[bool, bool], None]
    ) -> None:
        with RunLog(claim, now) as log:
            log.write(line("one"))
            away(False, True)
            clock.now += 1
            log.tick()
            away(False, False)
            log.write(line("two"))
        assert texts(claim.run_id) == ["one", "two"]
        assert Run.objects.get().log_last_sequence == 2

    def test_at_the_end_too_costs_the_lines_and_not_the_run(
        self, claim: Claim, clock: Clock, away: Callable[[bool, bool], None]
    ) -> None:
        with RunLog(claim, now) as log:
            log.write(line("one"))
            away(True, False)
        assert texts(claim.run_id) == []
