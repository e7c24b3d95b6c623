"""The log through the API: for many readers, and for those who wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from provisioner.api import run_logs
from provisioner.domain.run import RunStatus
from provisioner.logs import reading
from provisioner.models import Run
from tests.api.rows import make_run
from tests.conftest import Organisation
from tests.logs import write_log


@pytest.fixture(autouse=True)
def _nothing_in_memory() -> Iterator[None]:
    reading.memory.forget()
    yield
    reading.memory.forget()


@pytest.fixture
def run(org: Organisation, published: Any) -> Run:
    run = make_run(org, published, status=RunStatus.APPLYING)
    write_log(run, ["one", "two"])
    return run


def address(run: Run) -> str:
    return f"/api/v1/runs/{run.pk}/logs/"


class Pauses:
    """A clock that moves when somebody sleeps, and does something at the first sleep."""

    def __init__(self, first: Any = None) -> None:
        self.now, self.pauses, self.first = 0.0, 0, first

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses += 1
        if self.pauses == 1 and self.first:
            self.first()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    pauses = Pauses()
    monkeypatch.setattr(run_logs, "time", pauses)
    monkeypatch.setattr(reading, "time", pauses)
    return pauses


class TestReading:
    def test_by_fifty_readers_reads_a_new_chunk_once(
        self, run: Run, org: Organisation, with_token: Any
    ) -> None:
        readers = [
            with_token(org.users[name]) for name in ("developer", "teammate", "finops", "sre", "platform")
        ]
        for reader in readers:
            reader.get(address(run))
        write_log(run, ["three"])
        with CaptureQueriesContext(connection) as queries:
            for reader in readers * 10:
                [line] = reader.get(address(run), {"after": 2}).json()["lines"]
                assert line["text"] == "three"
        assert sum("provisioner_runlogchunk" in query["sql"] for query in queries) == 1

    def test_is_complete_only_with_the_last_line(
        self, run: Run, org: Organisation, with_token: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "MAX_BYTES", 1)
        client = with_token(org.developer)
        write_log(run, ["three"])
        Run.objects.update(status="applied")
        first = client.get(address(run)).json()
        assert (len(first["lines"]), first["next_after"], first["complete"]) == (2, 2, False)
        rest = client.get(address(run), {"after": 2}).json()
        assert ([line["text"] for line in rest["lines"]], rest["complete"]) == (["three"], True)

    def test_of_an_archived_log_that_is_missing_is_a_problem(
        self, run: Run, org: Organisation, with_token: Any
    ) -> None:
        run.log_chunks.all().delete()
        Run.objects.update(status="applied", log_archive="logs/2026/08/gone.sealed")
        answer = with_token(org.developer).get(address(run))
        assert answer.status_code == 503
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "archived_log_unreadable"
        assert "logs/2026/08/gone.sealed" in answer.json()["detail"]


class TestWaiting:
    @pytest.fixture
    def client(self, org: Organisation, with_token: Any) -> APIClient:
        return with_token(org.developer)

    def test_ends_with_a_new_line(self, client: APIClient, run: Run, pauses: Pauses) -> None:
        pauses.first = lambda: write_log(run, ["three"])
        answer = client.get(address(run), {"after": 2, "wait": 30}).json()
        assert [line["text"] for line in answer["lines"]] == ["three"]
        assert pauses.now < 1

    def test_ends_with_the_run(self, client: APIClient, run: Run, pauses: Pauses) -> None:
        pauses.first = lambda: Run.objects.update(status="applied")
        answer = client.get(address(run), {"after": 2, "wait": 30}).json()
        assert (answer["lines"], answer["complete"]) == ([], True)

    def test_ends_when_the_time_is_up(self, client: APIClient, run: Run, pauses: Pauses) -> None:
        answer = client.get(address(run), {"after": 2, "wait": 30}).json()
        assert (answer["lines"], answer["next_after"], answer["complete"]) == ([], 2, False)
        assert pauses.now == pytest.approx(30)

    def test_does_not_begin_when_there_is_something_to_read(
        self, client: APIClient, run: Run, pauses: Pauses
    ) -> None:
        assert len(client.get(address(run), {"wait": 30}).json()["lines"]) == 2
        Run.objects.update(status="applied")
        assert client.get(address(run), {"after": 2, "wait": 30}).json()["complete"]
        assert pauses.pauses == 0

    def test_ends_for_who_may_not_see_the_run_any_more(
        self, client: APIClient, run: Run, org: Organisation, pauses: Pauses
    ) -> None:
        def leave() -> None:
            org.teams["payments"].members.remove(org.developer)
            write_log(run, ["not for the developer"])

        pauses.first = leave
        assert client.get(address(run), {"after": 2, "wait": 30}).status_code == 404

    def test_is_for_some_at_a_time_so_that_the_portal_has_threads_left(
        self, client: APIClient, run: Run, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(run_logs, "_waiting", threading.BoundedSemaphore(1))
        inner: list[Any] = []
        pauses.first = lambda: inner.append(client.get(address(run), {"after": 2, "wait": 30}).json())
        client.get(address(run), {"after": 2, "wait": 1})
        assert inner[0]["lines"] == []
        assert pauses.now == pytest.approx(1), "the second did not wait"

    @pytest.mark.parametrize("wait", ["31", "-1", "x", "1.5"])
    def test_for_another_time_is_refused(self, client: APIClient, run: Run, wait: str) -> None:
        answer = client.get(address(run), {"wait": wait})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "wait")


@pytest.mark.django_db(transaction=True)
class TestWaitingForReal:
    def test_takes_a_line_of_another_process_and_one_look_for_all(
        self, run: Run, org: Organisation, with_token: Any
    ) -> None:
        clients = [with_token(org.users[name]) for name in ("developer", "teammate", "finops")]
        answers: list[Any] = []

        def follow(client: APIClient) -> None:
            try:
                answers.append(client.get(address(run), {"after": 2, "wait": 30}).json()["lines"])
            finally:
                connections.close_all()

        threads = [threading.Thread(target=follow, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        write_log(run, ["three"])
        for thread in threads:
            thread.join(timeout=60)
        assert [[line["text"] for line in lines] for lines in answers] == [["three"]] * 3
