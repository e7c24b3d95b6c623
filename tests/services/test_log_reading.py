"""Many readers of one log: what they cost, and that each gets the right lines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from provisioner import selectors
from provisioner.logs import reading
from provisioner.models import Run, RunLogChunk
from tests.logs import write_log
from tests.services.conftest import Order

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_in_memory() -> Iterator[None]:
    reading.memory.forget()
    yield
    reading.memory.forget()


@pytest.fixture
def run(order: Order) -> Run:
    return order()


def chunk_queries(queries: CaptureQueriesContext) -> int:
    return sum("provisioner_runlogchunk" in query["sql"] for query in queries)


def sequences(run: Run, **wanted: int) -> list[int]:
    return [line.sequence for line in selectors.log_lines(run, **wanted)]


class TestALog:
    def test_of_many_chunks_is_read_from_any_line_on(self, run: Run) -> None:
        for count in (1, 3, 1, 7, 40, 1):
            write_log(run, [f"line {number}" for number in range(count)])
        for after in (0, 1, 2, 4, 11, 12, 51, 52, 53, 900):
            for limit in (1, 2, 5, 1000):
                wanted = list(range(after + 1, min(53, after + limit) + 1))
                reading.memory.forget()
                assert sequences(run, after=after, limit=limit) == wanted
                assert sequences(run, after=after, limit=limit) == wanted, "from memory"

    def test_of_very_many_small_chunks_takes_few_queries(self, run: Run) -> None:
        for _ in range(600):
            write_log(run, ["one line"])
        with CaptureQueriesContext(connection) as queries:
            assert len(sequences(run, limit=600)) == 600
        assert chunk_queries(queries) <= 4

    def test_is_given_in_parts_that_are_not_too_large(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "MAX_BYTES", 10_000)
        for number in range(20):
            write_log(run, [f"{number}" + "x" * 6000])
        assert sequences(run) == [1, 2]
        assert sequences(run, after=2) == [3, 4]
        assert [line.sequence for line in selectors.whole_log(run)] == list(range(1, 21))

    def test_with_a_gap_is_read_across_it(self, run: Run) -> None:
        write_log(run, ["one"])
        run.log_last_sequence = 9
        write_log(run, ["ten"])
        assert sequences(run) == [1, 10]
        assert sequences(run, after=5) == [10]

    def test_whose_chunks_are_gone_ends(self, run: Run) -> None:
        write_log(run, ["one"])
        RunLogChunk.objects.all().delete()
        reading.memory.forget()
        assert sequences(run) == []


class TestReaders:
    def test_of_one_run_read_each_chunk_once(self, run: Run) -> None:
        write_log(run, ["one", "two"])
        with CaptureQueriesContext(connection) as queries:
            for _ in range(50):
                assert sequences(run) == [1, 2]
        assert chunk_queries(queries) == 1
        write_log(run, ["three"])
        with CaptureQueriesContext(connection) as queries:
            for _ in range(50):
                assert sequences(run, after=2) == [3]
        assert chunk_queries(queries) == 1

    def test_that_have_every_line_ask_nothing(self, run: Run) -> None:
        write_log(run, ["one", "two"])
        reading.memory.forget()
        with CaptureQueriesContext(connection) as queries:
            assert sequences(run, after=2) == []
        assert not queries.captured_queries

    def test_of_different_runs_get_their_own_lines(self, order: Order) -> None:
        runs = [order(name="first-db"), order(name="second-db")]
        for run in runs:
            write_log(run, [f"of {run.pk}"])
        for run in runs * 2:
            assert [line.text for line in selectors.log_lines(run)] == [f"of {run.pk}"]

    def test_see_what_was_written_since_whoever_read_before(self, run: Run) -> None:
        write_log(run, ["one"])
        early = Run.objects.get(pk=run.pk)
        write_log(run, ["two"])
        late = Run.objects.get(pk=run.pk)
        assert sequences(late) == [1, 2]
        assert sequences(early) == [1], "it was read before line two"
        assert [line.sequence for line in selectors.whole_log(early)] == [1, 2]
        assert sequences(late, after=1) == [2]

    def test_who_wait_share_a_look(self, run: Run) -> None:
        write_log(run, ["one"])
        with CaptureQueriesContext(connection) as queries:
            assert {selectors.log_end(run.pk) for _ in range(50)} == {(1, False)}
        assert len(queries) == 1


@pytest.mark.django_db(transaction=True)
class TestReadersAtOnce:
    def test_read_each_chunk_once_too(self, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
        run = order()
        write_log(run, [f"line {number}" for number in range(100)])
        reads: list[object] = []
        read = reading._from_database
        monkeypatch.setattr(reading, "_from_database", lambda *args: (reads.append(args[1]), read(*args))[1])
        start, found = threading.Barrier(16), []

        def follow() -> None:
            try:
                start.wait(timeout=60)
                found.append(sequences(run))
            finally:
                connection.close()

        threads = [threading.Thread(target=follow) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert found == [list(range(1, 101))] * 16
        assert reads == [0]


class TestTheMemory:
    def test_is_bounded_and_keeps_the_end_of_a_log(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "KEPT_BYTES_PER_RUN", 50_000)
        for number in range(50):
            write_log(run, [f"{number}"] * 10)
        assert sequences(run, limit=500) == list(range(1, 501))
        kept = reading.memory.of(run.pk)
        assert kept.size <= 50_000
        assert kept.chunks[max(kept.firsts)].last == 500
        assert sequences(run, limit=500) == list(range(1, 501)), "what made room is read again"

    def test_makes_room_for_other_runs(self, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "KEPT_BYTES", 10_000)
        monkeypatch.setattr(reading, "KEPT_RUNS", 3)
        runs = [order(name=f"db-{number}") for number in range(5)]
        for run in runs:
            write_log(run, ["x" * 3000])
            assert sequences(run) == [1]
        memory: Any = reading.memory
        assert len(memory._runs) <= 3
        assert memory._size == sum(kept.size for kept in memory._runs.values()) <= 10_000
        assert sequences(runs[0]) == [1]

    def test_holds_nobody_up_after_a_chunk_that_cannot_be_read(self, run: Run) -> None:
        write_log(run, ["one"])
        RunLogChunk.objects.update(content=b"broken")
        with pytest.raises(OSError, match="gzip"):
            sequences(run)
        write_log(run, ["two"])
        assert sequences(run, after=1) == [2]
