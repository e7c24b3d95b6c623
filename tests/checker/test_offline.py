"""The checker as a distribution of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

from provisioner.rulebook.version import NAME, VERSION

ROOT = Path(__file__).parents[2]
OFFLINE = ROOT / "provisioner" / "offline"
PROJECT = tomllib.loads((OFFLINE / "pyproject.toml").read_text())
UV = Path(sys.executable).with_name("uv")


class TestTheDistribution:
    def test_is_called_as_the_command_calls_itself(self) -> None:
        assert (PROJECT["project"]["name"], PROJECT["project"]["version"]) == (NAME, VERSION)

    def test_carries_only_what_is_there(self) -> None:
        carried = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
        assert [source for source in carried if not (OFFLINE / source).exists()] == []

    def test_asks_for_the_same_versions_as_the_portal(self) -> None:
        portal = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert PROJECT["project"]["requires-python"] == portal["requires-python"]
        assert "pyyaml>=6" in portal["dependencies"]

    @pytest.mark.thorough
    def test_installs_without_django_and_runs_from_an_empty_directory(self, tmp_path: Path) -> None:
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "DJANGO"))
        }
        wheels, home, empty = (tmp_path / name for name in ("wheels", "home", "empty"))
        empty.mkdir()

        def call(*arguments: object, code: int = 0) -> str:
            done = subprocess.run(
                list(map(str, arguments)),
                cwd=empty,
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == code, done.stdout + done.stderr
            return done.stdout

        call(UV, "build", "--no-config", "--wheel", OFFLINE, "--out-dir", wheels)
        venv.create(home)
        python = home / "bin" / "python"
        call(UV, "pip", "install", "--no-config", "--python", python, *wheels.glob("*.whl"))
        installed = {
            row["name"] for row in json.loads(call(UV, "pip", "list", "--python", python, "--format=json"))
        }
        assert installed >= {"drawbridge-policy", "pyyaml", "common-expression-language"}
        assert [
            name for name in installed if name.startswith(("django", "celery", "structlog", "httpx"))
        ] == []

        command = home / "bin" / "drawbridge-policy"
        plans = ROOT / "tests" / "data" / "plans"
        assert call(command, "--version") == f"{NAME} {VERSION}\n"
        passed = json.loads(call(command, "check", plans / "data_heavy.json", "--format", "json"))
        assert (passed["passed"], passed["summary"]["checked"]) == (True, 7)
        failed = call(command, "check", plans / "plain.json", code=1)
        assert failed.splitlines()[-1].startswith("Failed: 5 hard-mandatory")
        call(command, "check", plans / "plain" / "main.tf", code=2)
        assert list(empty.iterdir()) == []
