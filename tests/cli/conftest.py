"""Calls of the command line in this process, and a server that answers as the API documents it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from portal.cli.__main__ import main
from tests.cli import answers

TOKEN = "drb_0123456789ab_canary-" + "s3cr3t" * 6


@dataclass(frozen=True)
class Ended:
    """How a call ended."""

    code: int
    out: str
    err: str


Call = Callable[..., Ended]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the folder of the profiles."""
    return tmp_path / "config"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], config: Path) -> Call:
    """Return a function that calls `drawbridge` with a clean environment; `stdin` and variables are keywords."""
    for name in ("URL", "TOKEN", "PROFILE", "OUTPUT", "ALLOW_HTTP", "RETRIES", "CONFIG_DIR"):
        monkeypatch.delenv(f"DRAWBRIDGE_{name}", raising=False)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DRAWBRIDGE_CONFIG_DIR", str(config))
    monkeypatch.setenv("DRAWBRIDGE_RETRIES", "0")

    def run(*argv: str, stdin: str = "", **variables: str) -> Ended:
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
            capsys.readouterr()
            code = main(list(argv))
        said = capsys.readouterr()
        assert TOKEN not in said.out + said.err
        return Ended(code, said.out, said.err)

    return run


@pytest.fixture
def signed_in(call: Call, httpserver: HTTPServer) -> Call:
    """Return the same with the environment's token for the playing server."""

    def run(*argv: str, **more: Any) -> Ended:
        return call(*argv, **{"DRAWBRIDGE_URL": httpserver.url_for(""), "DRAWBRIDGE_TOKEN": TOKEN, **more})

    return run


@pytest.fixture
def portal(httpserver: HTTPServer) -> HTTPServer:
    """Play a portal with one run, one workspace and one item."""
    for path, document in answers.BY_PATH.items():
        httpserver.expect_request(f"/api/v1/{path}", method="GET").respond_with_json(document)
    for path in answers.NOT_THERE:
        httpserver.expect_request(f"/api/v1/{path}").respond_with_json(
            answers.problem(404, "not_found"), status=404
        )
    return httpserver
