"""The command line as a distribution of its own, and its completion in real shells."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from portal.cli.version import NAME, VERSION
from tests.cli import answers
from tests.cli.conftest import TOKEN, Call

ROOT = Path(__file__).parents[2]
CLI = ROOT / "portal" / "cli"
PROJECT = tomllib.loads((CLI / "pyproject.toml").read_text())["project"]
PORTAL = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
UV = Path(sys.executable).with_name("uv")


class TestTheDistribution:
    def test_is_called_as_the_client_calls_itself(self) -> None:
        assert (PROJECT["name"], PROJECT["version"]) == (NAME, VERSION)
        assert PROJECT["version"] == PORTAL["version"]

    def test_asks_for_the_same_as_the_portal_and_brings_the_same_command(self) -> None:
        assert PROJECT["requires-python"] == PORTAL["requires-python"]
        assert set(PROJECT["dependencies"]) <= set(PORTAL["dependencies"])
        assert PROJECT["scripts"] == PORTAL["scripts"]

    @pytest.mark.thorough
    def test_installs_without_django_and_runs_from_an_empty_directory(
        self, tmp_path: Path, httpserver: HTTPServer
    ) -> None:
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PYTHON", "DJANGO", "DRAWBRIDGE"))
        }
        environment |= {"DRAWBRIDGE_URL": httpserver.url_for(""), "DRAWBRIDGE_TOKEN": TOKEN}
        wheels, home, empty = (tmp_path / name for name in ("wheels", "home", "empty"))
        empty.mkdir()

        def run(*arguments: object) -> str:
            done = subprocess.run(
                list(map(str, arguments)),
                cwd=empty,
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        run(UV, "build", "--no-config", "--wheel", CLI, "--out-dir", wheels)
        venv.create(home)
        python = home / "bin" / "python"
        run(UV, "pip", "install", "--no-config", "--python", python, *wheels.glob("*.whl"))
        installed = {
            row["name"] for row in json.loads(run(UV, "pip", "list", "--python", python, "--format=json"))
        }
        assert installed >= {"drawbridge-cli", "httpx", "click", "rich", "msgspec", "pyyaml"}
        assert [name for name in installed if name.startswith(("django", "celery", "structlog"))] == []
        httpserver.expect_request("/api/v1/me/").respond_with_json(answers.CALLER)
        command = home / "bin" / "drawbridge"
        assert run(command, "--version") == f"drawbridge, version {VERSION}\n"
        assert json.loads(run(command, "whoami", "--json")) == answers.CALLER
        assert list(empty.iterdir()) == []


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_script_is_one_that_the_shell_takes(self, shell: str, call: Call, tmp_path: Path) -> None:
        script = call("completion", shell).out
        assert "_DRAWBRIDGE_COMPLETE" in script
        if shutil.which(shell):
            (tmp_path / "script").write_text(script)
            done = subprocess.run(
                [shell, "-n", str(tmp_path / "script")], capture_output=True, text=True, timeout=30
            )
            assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.parametrize(
        ("words", "offered"),
        [
            ("drawbridge app", ["approvals", "approve"]),
            ("drawbridge runs wa", ["watch"]),
            ("drawbridge costs --by te", ["team"]),
            ("drawbridge export --format b", ["backstage"]),
        ],
    )
    def test_offers_what_fits(self, words: str, offered: list[str]) -> None:
        code = "import sys; from portal.cli.__main__ import main; sys.exit(main())"
        environment = {
            "PATH": os.environ["PATH"], "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1),
            "_DRAWBRIDGE_COMPLETE": "bash_complete",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert [line.partition(",")[2] for line in done.stdout.splitlines()] == offered
