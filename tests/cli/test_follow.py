"""Following a run: what is told in which order, and when it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from portal.cli.client import Client
from portal.cli.documents import LogLine, RunDetail
from portal.cli.failures import ExitCode, Refused, RunFailed, TimedOut, Unreachable
from portal.cli.follow import NEEDS_APPROVAL, Wait, follow, outcome
from portal.cli.transport import Transport
from tests.cli.answers import LOG, RUN_DETAIL, RUN_ID, page, problem
from tests.cli.conftest import Call
from tests.cli.test_exit_codes import ORDER


class Story:
    """A run that goes on by one chapter with each look at it: a status, and the lines that are there by then.

    A number instead of a chapter is the status of a bad answer.
    """

    def __init__(self, server: HTTPServer, *chapters: tuple[str, int] | int, **more: Any) -> None:
        self.chapters, self.more, self.at = list(chapters), more, -1
        self.lines, self.waits = 0, []
        server.expect_request(f"/api/v1/runs/{RUN_ID}/").respond_with_handler(self.run)
        server.expect_request(f"/api/v1/runs/{RUN_ID}/logs/").respond_with_handler(self.log)
        server.expect_request(f"/api/v1/runs/{RUN_ID}/wait/").respond_with_handler(self.wait)

    def run(self, request: Request) -> Response:
        self.at = min(self.at + 1, len(self.chapters) - 1)
        chapter = self.chapters[self.at]
        if isinstance(chapter, int):
            return _json(problem(chapter, "unavailable"), chapter)
        status, self.lines = chapter
        over = status in ("applied", "errored", "rejected", "canceled")
        return _json({**RUN_DETAIL, "status": status, "terminal": over, "reached": over, **self.more})

    def wait(self, request: Request) -> Response:
        self.waits.append(int(request.args["timeout"]))
        return self.run(request)

    def log(self, request: Request) -> Response:
        after = int(request.args["after"])
        self.waits.append(int(request.args["wait"]))
        lines = [
            {**LOG["lines"][0], "sequence": n, "text": f"line {n}"} for n in range(after + 1, self.lines + 1)
        ]
        chapter = self.chapters[self.at]
        over = not isinstance(chapter, int) and chapter[0] in ("applied", "errored")
        return _json({"lines": lines, "next_after": max(after, self.lines), "complete": over})


def _json(document: object, status: int = 200) -> Response:
    return Response(json.dumps(document), status=status, content_type="application/json")


class Notes:
    """Notes what is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def watching(self) -> nullcontext[None]:
        return nullcontext()

    def status(self, run: RunDetail) -> None:
        self.told.append(f"[{run.status}]")

    def moved(self, run: RunDetail) -> None:
        pass

    def line(self, line: LogLine) -> None:
        self.told.append(line.text)

    def away(self, failure: Unreachable) -> None:
        self.told.append("(away)")


class Clock:
    """Time that passes only in pauses."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def client(httpserver: HTTPServer) -> Iterator[Client]:
    with Transport(httpserver.url_for(""), "drb_x", retries=0) as transport:
        yield Client(transport.url, "drb_x", transport=transport)


def followed(client: Client, **wait: Any) -> tuple[RunDetail, list[str]]:
    """Follow the run; return it with what was told."""
    notes, clock = Notes(), Clock()
    run = follow(client, RUN_ID, Wait(**{"log": True, **wait}), notes, clock=clock, pause=clock.pause)
    return run, notes.told


class TestFollowing:
    def test_tells_every_line_once_and_before_the_status_that_came_after_it(
        self, client: Client, httpserver: HTTPServer
    ) -> None:
        Story(httpserver, ("planning", 1), ("planning", 1), ("planning", 3), ("applying", 4), ("applied", 6))
        run, told = followed(client)
        assert run.status == "applied"
        assert told == [
            "line 1", "[planning]", "line 2", "line 3", "line 4", "[applying]", "line 5", "line 6", "[applied]",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("until", "ended", "told"),
        [
            ("needs_approval", "needs_approval", ["[planning]", "line 1", "[needs_approval]"]),
            ("terminal", "applied", ["[planning]", "line 1", "[needs_approval]", "line 2", "[applied]"]),
        ],
    )
    def test_ends_where_it_is_asked_to(
        self, until: str, ended: str, told: list[str], client: Client, httpserver: HTTPServer
    ) -> None:
        Story(httpserver, ("planning", 0), ("needs_approval", 1), ("applied", 2))
        run, seen = followed(client, until=until)
        assert (run.status, seen) == (ended, told)

    @pytest.mark.parametrize("log", [True, False])
    def test_waits_longer_for_people_than_for_terraform(
        self, log: bool, client: Client, httpserver: HTTPServer
    ) -> None:
        story = Story(httpserver, ("planning", 0), ("needs_approval", 0), ("applied", 0))
        followed(client, log=log)
        assert [wait for wait in story.waits if wait] == [2, 10]

    def test_asks_for_no_log_that_nobody_reads(self, client: Client, httpserver: HTTPServer) -> None:
        Story(httpserver, ("planning", 9), ("applying", 9), ("applied", 9))
        _, told = followed(client, log=False)
        assert told == ["[planning]", "[applying]", "[applied]"]
        assert not any("logs" in request.path for request, _ in httpserver.log)

    @pytest.mark.parametrize("status", [503, 502, 429])
    def test_sits_out_a_restart_of_the_portal(
        self, status: int, client: Client, httpserver: HTTPServer
    ) -> None:
        Story(httpserver, ("applying", 1), status, status, ("applied", 2))
        run, told = followed(client)
        assert run.status == "applied"
        assert told == ["line 1", "[applying]", "(away)", "(away)", "line 2", "[applied]"]

    def test_gives_up_on_a_portal_that_stays_away(self, client: Client, httpserver: HTTPServer) -> None:
        Story(httpserver, ("applying", 0), 503)
        with pytest.raises(Refused):
            followed(client)

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_ends_at_once_when_the_run_may_not_be_seen_any_more(
        self, status: int, client: Client, httpserver: HTTPServer
    ) -> None:
        Story(httpserver, ("applying", 0), status)
        with pytest.raises(Refused):
            followed(client)

    @pytest.mark.parametrize("chapters", [[("applying", 0)], [("applying", 0), 503]])
    def test_ends_when_its_time_is_up_and_says_how_to_come_back(
        self, chapters: list[Any], client: Client, httpserver: HTTPServer
    ) -> None:
        Story(httpserver, *chapters)
        with pytest.raises(TimedOut) as ended:
            followed(client, timeout_s=20)
        assert f"drawbridge runs watch {RUN_ID}" in ended.value.fix


class TestTheOutcome:
    @pytest.mark.parametrize(
        ("status", "until", "good"),
        [
            ("applied", "terminal", True),
            ("planned_and_finished", "terminal", True),
            ("needs_approval", NEEDS_APPROVAL, True),
            ("errored", "terminal", False),
            ("errored", NEEDS_APPROVAL, False),
            ("rejected", "terminal", False),
            ("policy_failed", "terminal", False),
            ("discarded", "terminal", False),
            ("canceled", "terminal", False),
            ("expired", "terminal", False),
        ],
    )
    def test_is_good_only_where_what_was_asked_was_done(
        self, status: str, until: str, good: bool, client: Client, httpserver: HTTPServer
    ) -> None:
        httpserver.expect_request(f"/api/v1/runs/{RUN_ID}/").respond_with_json(
            {
                **RUN_DETAIL,
                "status": status,
                "terminal": status != "needs_approval",
                "error_summary": "Broken.",
            }
        )
        run = client.run(RUN_ID)
        if good:
            outcome(run, until=until)
        else:
            with pytest.raises(RunFailed, match=f"ended {status.replace('_', ' ')}"):
                outcome(run, until=until)


class TestOrderWait:
    @pytest.mark.parametrize(
        ("status", "options", "code"),
        [
            ("applied", [], ExitCode.DONE),
            ("errored", [], ExitCode.REFUSED),
            ("rejected", [], ExitCode.REFUSED),
            ("needs_approval", ["--until", "approval"], ExitCode.DONE),
            ("needs_approval", ["--timeout", "0s"], ExitCode.TIMED_OUT),
        ],
    )
    def test_ends_with_the_outcome_of_the_run(
        self, status: str, options: list[str], code: int, signed_in: Call, httpserver: HTTPServer
    ) -> None:
        Story(httpserver, (status, 2), error_summary="The provider said no." if status == "errored" else "")
        httpserver.expect_request("/api/v1/requests/", method="POST").respond_with_json(
            RUN_DETAIL, status=201
        )
        shown, document = (
            signed_in(*ORDER, "--wait", *options),
            signed_in(*ORDER, "--wait", *options, "--json"),
        )
        assert (shown.code, document.code) == (code, code), shown.err
        if code == ExitCode.TIMED_OUT:
            assert (shown.out, document.out) == ("", "")
            assert json.loads(document.err)["exit_code"] == 5
        else:
            assert shown.out.splitlines()[-1].endswith(f"{status.replace('_', ' ')}  0b6e3f0e")
            assert json.loads(document.out)["status"] == status
        if status == "errored":
            assert "line 2" in shown.err
            assert "The provider said no." in shown.err


class TestWatch:
    def test_writes_log_and_statuses(self, signed_in: Call, httpserver: HTTPServer) -> None:
        Story(httpserver, ("applied", 2))
        ended = signed_in("runs", "watch", RUN_ID)
        assert ended.out == "line 1\nline 2\n==> applied\n✓ Provision of orders-db: applied  0b6e3f0e\n"
        assert (ended.code, ended.err) == (0, "")

    def test_writes_one_event_a_line_as_json(self, signed_in: Call, httpserver: HTTPServer) -> None:
        Story(httpserver, ("errored", 1))
        ended = signed_in("runs", "watch", RUN_ID, "--json")
        events = [json.loads(line) for line in ended.out.splitlines()]
        assert [event["event"] for event in events] == ["line", "status", "end"]
        assert (ended.code, events[-1]["run"]["id"]) == (1, RUN_ID)

    def test_leaves_the_run_alone_at_ctrl_c_and_says_how_to_come_back(
        self, signed_in: Call, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Story(httpserver, ("applying", 0))

        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("portal.cli.client.Client.wait", interrupted)
        ended = signed_in("runs", "watch", RUN_ID, "--no-log")
        assert (ended.code, f"drawbridge runs watch {RUN_ID}" in ended.err) == (ExitCode.INTERRUPTED, True)
        assert {request.method for request, _ in httpserver.log} == {"GET"}

    def test_of_a_workspaces_name_means_its_newest_run(self, signed_in: Call, portal: HTTPServer) -> None:
        portal.expect_oneshot_request("/api/v1/runs/").respond_with_json(page(RUN_DETAIL))
        assert signed_in("runs", "watch", "orders-db", "--timeout", "0").code == 5


class TestTheLog:
    def test_is_followed_to_its_end(self, signed_in: Call, httpserver: HTTPServer) -> None:
        pages = [
            {"lines": LOG["lines"][:1], "next_after": 1, "complete": False},
            {"lines": [], "next_after": 1, "complete": False},
            {"lines": LOG["lines"][1:], "next_after": 2, "complete": True},
        ]
        for document in pages:
            httpserver.expect_ordered_request(f"/api/v1/runs/{RUN_ID}/logs/").respond_with_json(document)
        ended = signed_in("runs", "log", RUN_ID, "--follow", "--timestamps")
        assert ended.out == "12:00:00 planning\n12:00:00 it broke\n"
        assert [request.args["after"] for request, _ in httpserver.log] == ["0", "1", "1"]
