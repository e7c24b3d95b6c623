"""What reaches a terminal: harmless, in its encoding, in its width."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from rich.text import Text
from werkzeug import Request, Response

from portal.cli.commands.export import cell
from portal.cli.terminal import Terminal, harmless
from tests.cli import answers
from tests.cli.answers import RUN_ID, WORKSPACE_ID, problem
from tests.cli.conftest import TOKEN, Call

ROOT = Path(__file__).parents[2]
HOSTILE = [
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[H",
    "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x9b31m",
    "\x90q\x9c",
    "a\rb",
    "a\x08b",
    "\u202egnp.exe",
    "a\u2066b",
    "a\u200bb",
    "a\u2028b",
    "\x00",
    "\x7f",
    "[bold red]not markup[/]",
    ":boom:",
]


def dangerous(text: str) -> list[str]:
    """Return what a terminal would obey."""
    return [
        char
        for char in text
        if (ord(char) < 32 and char != "\n") or 127 <= ord(char) < 160 or char in "\u202e\u2066\u200b\u2028"
    ]


class Tty(io.TextIOWrapper):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def written(
    encoding: str = "utf-8", *, tty: bool = False, columns: int = 80, **environ: str
) -> tuple[Terminal, io.BytesIO]:
    """Return a terminal and what is written to it."""
    buffer = io.BytesIO()
    stream = (Tty if tty else io.TextIOWrapper)(buffer, encoding=encoding, write_through=True)
    variables = {"TERM": "xterm-256color", **({"COLUMNS": str(columns)} if tty else {}), **environ}
    return Terminal(stdout=stream, stderr=stream, environ=variables), buffer


class TestHostileText:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_is_shown_and_not_obeyed(self, text: str) -> None:
        assert dangerous(harmless(text, lines=True)) == []
        terminal, buffer = written(tty=True, NO_COLOR="1")
        terminal.say(text)
        terminal.prose(text)
        terminal.table(["A"], [[text]])
        terminal.facts([("label", text), (text, "value")])
        # With NO_COLOR, bold and dim are the only sequences that are ours.
        shown = (
            buffer.getvalue().decode().replace("\x1b[0m", "").replace("\x1b[1m", "").replace("\x1b[2m", "")
        )
        assert dangerous(shown) == []

    @pytest.mark.parametrize("text", ["ä ö ü é 漢字 Ω", "tab\tstop", "{[]}<>&\"'`$", "👍"])
    def test_leaves_what_is_harmless(self, text: str) -> None:
        assert harmless(text) == text.replace("\t", "    ")

    @pytest.mark.parametrize(
        "argv",
        [["runs", "list"], ["runs", "show", RUN_ID], ["runs", "log", RUN_ID], ["runs", "plan", RUN_ID],
         ["workspaces", "show", WORKSPACE_ID], ["catalog", "show", "postgres"], ["whoami"], ["approvals"],
         ["export", "--format", "csv"], ["runs", "show", RUN_ID, "--json"]],
    )  # fmt: skip
    def test_in_any_field_of_an_answer_does_no_harm(
        self, argv: list[str], signed_in: Call, httpserver: HTTPServer
    ) -> None:
        text = "".join(HOSTILE)
        for path, document in answers.BY_PATH.items():
            httpserver.expect_request(f"/api/v1/{path}").respond_with_json(poisoned(document, text))
        ended = signed_in(*argv)
        assert ended.code == 0, ended.err
        assert dangerous(ended.out + ended.err) == []

    def test_in_a_problem_does_no_harm(self, signed_in: Call, httpserver: HTTPServer) -> None:
        body = poisoned(
            problem(
                422, "x", findings=[answers.FINDING], errors=[{"field": "a", "code": "b", "message": "c"}]
            ),
            "".join(HOSTILE),
        )
        httpserver.expect_request("/api/v1/me/").respond_with_json(body, status=422)
        ended = signed_in("whoami")
        assert (ended.code, dangerous(ended.err)) == (1, [])

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
    def test_is_no_formula_in_a_spreadsheet(self, text: str) -> None:
        assert not cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))

    def test_goes_into_a_pipe_as_it_is_when_it_is_an_output(
        self, signed_in: Call, httpserver: HTTPServer
    ) -> None:
        document = {
            **answers.WORKSPACE_DETAIL,
            "outputs": [{"name": "x", "sensitive": False, "value": "\x1b[1mä\n"}],
        }
        httpserver.expect_request(f"/api/v1/workspaces/{WORKSPACE_ID}/").respond_with_json(document)
        assert signed_in("outputs", WORKSPACE_ID, "x").out == "\x1b[1mä\n"


def poisoned(value: Any, text: str) -> Any:
    """Return a document with the text behind every text that is free."""
    if isinstance(value, dict):
        kept = {
            "id",
            "status",
            "kind",
            "at",
            "next",
            "type",
            "run_id",
            "workspace_id",
            "digest",
            "latest_version",
            "slug",
        }
        return {
            key: inner
            if key in kept or key.endswith(("_at", "_digest", "_usd", "_usd_month"))
            else poisoned(inner, text)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [poisoned(inner, text) for inner in value]
    return f"{value}{text}" if isinstance(value, str) else value


class TestATerminal:
    @pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
    def test_of_any_encoding_gets_readable_text(self, encoding: str) -> None:
        terminal, buffer = written(encoding)
        terminal.say(terminal.sign("ok"), " Grüße, 漢字")
        shown = buffer.getvalue().decode(encoding)
        assert shown.startswith("✓" if encoding == "utf-8" else "ok")
        assert ("Grüße" in shown) == (encoding != "ascii")
        assert ("漢字" if encoding == "utf-8" else "\\u6f22\\u5b57") in shown

    @pytest.mark.parametrize(
        ("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
    )
    def test_gets_colours_unless_it_wants_none(self, environ: dict[str, str], coloured: bool) -> None:
        terminal, buffer = written(tty=True, **environ)
        terminal.say(Text("green", style="good"))
        assert (b"\x1b[32m" in buffer.getvalue()) == coloured

    def test_gets_no_colours_when_it_is_a_file(self) -> None:
        terminal, buffer = written()
        terminal.say(Text("green", style="good"))
        assert buffer.getvalue() == b"green\n"

    @pytest.mark.parametrize("columns", [40, 80, 120])
    def test_gets_tables_that_fit(self, columns: int) -> None:
        terminal, buffer = written(tty=True, columns=columns, NO_COLOR="1")
        terminal.table(["A", "B"], [["x" * 10, "word " * 60], ["y", "z" * 200]])
        terminal.prose("word " * 60, indent=4)
        lines = [line for line in buffer.getvalue().decode().splitlines() if "\x1b" not in line]
        assert max(map(len, lines)) <= columns

    def test_that_is_none_keeps_to_a_width_that_is_set(self) -> None:
        terminal, buffer = written(COLUMNS="40")
        terminal.table(["A", "B"], [["x", "word " * 60]])
        lines = buffer.getvalue().decode().splitlines()
        assert lines[0] == "A  B"
        assert max(map(len, lines)) <= 40

    def test_gets_a_word_where_a_table_is_empty(self) -> None:
        terminal, buffer = written()
        terminal.table(["A"], [], empty="There is none.")
        assert buffer.getvalue() == b"There is none.\n"

    def test_gets_a_long_value_in_one_piece(self) -> None:
        terminal, buffer = written(tty=True, columns=40)
        terminal.facts([("arn", "arn:aws:" + "x" * 100), ("why", "word " * 20)])
        assert "arn:aws:" + "x" * 100 in buffer.getvalue().decode()

    def test_gets_rows_that_are_not_cut_when_it_is_a_pipe(self) -> None:
        terminal, buffer = written()
        terminal.table(["A", "B"], [["x", "z" * 500]])
        assert buffer.getvalue().decode().splitlines() == ["A  B", f"x  {'z' * 500}"]


@pytest.mark.skipif(os.name != "posix", reason="pipes of this kind")
class TestAProcess:
    def start(self, httpserver: HTTPServer, *argv: str, **more: Any) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"], "DRAWBRIDGE_URL": httpserver.url_for(""), "DRAWBRIDGE_TOKEN": TOKEN,
            "DRAWBRIDGE_RETRIES": "0", **more.pop("environ", {}),
        }  # fmt: skip
        return subprocess.Popen(
            [sys.executable, "-m", "portal.cli", *argv], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, **more,
        )  # fmt: skip

    def test_whose_reader_goes_away_ends_quietly_and_stops_asking(self, httpserver: HTTPServer) -> None:
        asked: list[int] = []

        def endless(request: Request) -> Response:
            after = int(request.args["after"])
            asked.append(after)
            lines = [
                {**answers.LOG["lines"][0], "sequence": after + n, "text": "x" * 200} for n in range(1, 501)
            ]
            document = {"lines": lines, "next_after": after + 500, "complete": False}
            return Response(json.dumps(document), content_type="application/json")

        httpserver.expect_request(f"/api/v1/runs/{RUN_ID}/logs/").respond_with_handler(endless)
        process = self.start(httpserver, "runs", "log", RUN_ID)
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"xxx")
        process.stdout.close()
        assert process.wait(timeout=60) == 141
        assert process.stderr.read() == b""
        assert len(asked) < 20

    def test_never_imports_django_or_the_portal(self, httpserver: HTTPServer) -> None:
        code = (
            "import sys; from portal.cli.__main__ import main; code = main(['--help']); "
            "heavy = [n for n in sys.modules if n.partition('.')[0] in ('django', 'celery', 'rest_framework', 'kombu', "
            "'catalog', 'provisioner') or (n.startswith('portal.') and not n.startswith('portal.cli'))]; "
            "sys.exit(code or (repr(heavy) if heavy else 0))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "Exit codes:" in done.stdout

    def test_in_a_plain_c_locale_survives_every_text(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/api/v1/me/").respond_with_json({**answers.CALLER, "username": "Zoë 漢字"})
        environ = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
        out, err = self.start(httpserver, "whoami", environ=environ).communicate(timeout=60)
        assert b"Zo\\xeb \\u6f22\\u5b57" in out
        assert err == b""


class TestVerbose:
    def test_names_each_call_and_no_token(self, signed_in: Call, portal: HTTPServer) -> None:
        ended = signed_in("whoami", "--verbose")
        assert "GET /api/v1/me/: 200 in" in ended.err
        assert "canary" not in ended.err

    def test_says_where_a_mistake_of_the_client_is_and_no_values(
        self, signed_in: Call, portal: HTTPServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr("portal.cli.views.runs.runs")
        quiet, loud = signed_in("runs", "list"), signed_in("runs", "list", "-v")
        assert (quiet.code, loud.code) == (70, 70)
        assert "Traceback" not in quiet.err + loud.err
        assert "commands/runs.py" in loud.err
