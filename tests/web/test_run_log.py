"""The log as page, poll and file: for many at once, as text, and from the archive."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from provisioner.logs import reading
from provisioner.models import Run, RunLogChunk
from tests.logs import write_log
from tests.web.conftest import Order, SignIn


@pytest.fixture(autouse=True)
def _nothing_in_memory() -> Iterator[None]:
    reading.memory.forget()
    yield
    reading.memory.forget()


@pytest.fixture
def run(order: Order) -> Run:
    run = order(to="queued")
    write_log(run, ["first", "<b>second</b>", "כ\u202e 🐘"])
    return run


def page(run: Run, name: str = "run-log") -> str:
    return reverse(name, args=[run.pk])


class TestPolling:
    def test_by_fifty_readers_reads_a_new_chunk_once(self, sign_in: SignIn, run: Run) -> None:
        readers = [sign_in(name) for name in ("developer", "teammate", "finops", "sre", "platform")] * 10
        for reader in readers:
            reader.get(page(run))
        write_log(run, ["news"])
        with CaptureQueriesContext(connection) as queries:
            for reader in readers:
                answer = reader.get(page(run), {"after": 3}, headers={"HX-Request": "true"})
                assert b"news" in answer.content
        assert sum("provisioner_runlogchunk" in query["sql"] for query in queries) == 1

    def test_asks_for_no_chunk_while_nothing_is_new(self, sign_in: SignIn, run: Run) -> None:
        reader = sign_in("developer")
        with CaptureQueriesContext(connection) as queries:
            reader.get(page(run), {"after": 3}, headers={"HX-Request": "true"})
        assert not any("provisioner_runlogchunk" in query["sql"] for query in queries)

    def test_goes_on_at_once_while_there_are_more_lines_than_a_page_holds(
        self, sign_in: SignIn, run: Run
    ) -> None:
        write_log(run, [f"line {number}" for number in range(600)])
        reader = sign_in("developer")
        first = reader.get(page(run))
        assert (len(first.context["lines"]), first.context["log_full"]) == (500, True)
        rest = reader.get(page(run), {"after": 500})
        assert (len(rest.context["lines"]), rest.context["log_full"]) == (103, False)

    def test_shows_another_team_nothing_of_what_is_in_memory(self, sign_in: SignIn, run: Run) -> None:
        assert b"first" in sign_in("developer").get(page(run)).content
        for name in ("run-log", "run-log-text"):
            answer = sign_in("outsider").get(page(run, name))
            assert answer.status_code == 404
            assert b"first" not in answer.content


class TestTheTextFile:
    def test_has_every_line(self, sign_in: SignIn, run: Run) -> None:
        write_log(run, [f"line {number}" for number in range(5000)])
        answer = sign_in("developer").get(page(run, "run-log-text"))
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        assert answer["Content-Disposition"] == f'attachment; filename="orders-db-provision-{run.pk}.txt"'
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer.streaming
        rows = b"".join(answer.streaming_content).decode().splitlines()
        assert len(rows) == 5003
        assert rows[1] == "2026-11-24T12:00:00.000+00:00 plan  info  <b>second</b>"
        assert rows[-1].endswith("line 4999")

    def test_of_a_run_that_said_nothing_is_empty(self, sign_in: SignIn, order: Order) -> None:
        answer = sign_in("developer").get(page(order(to="queued"), "run-log-text"))
        assert b"".join(answer.streaming_content) == b""

    def test_is_offered_on_both_pages(self, sign_in: SignIn, run: Run) -> None:
        for name in ("run", "run-log"):
            assert page(run, "run-log-text") in sign_in("developer").get(page(run, name)).content.decode()


class TestAnArchivedLogThatIsMissing:
    @pytest.fixture
    def run(self, order: Order) -> Run:
        run = order(to="applied")
        RunLogChunk.objects.all().delete()
        Run.objects.filter(pk=run.pk).update(log_archive="logs/2026/08/gone.sealed")
        return run

    def test_is_told_in_its_place_and_the_page_stands(self, sign_in: SignIn, run: Run) -> None:
        for name in ("run", "run-log"):
            answer = sign_in("developer").get(page(run, name))
            text = answer.content.decode()
            assert answer.status_code == 200
            assert "The log is in the archive and cannot be read." in text
            assert "logs/2026/08/gone.sealed" in text
            assert "hx-get" not in text
            assert "Terraform was not run" not in text

    def test_is_no_text_file(self, sign_in: SignIn, run: Run) -> None:
        answer = sign_in("developer").get(page(run, "run-log-text"))
        assert answer.status_code == 503
        assert b"Ask the operators to restore it" in answer.content
