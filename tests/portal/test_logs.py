"""What the processes log of an exception: its traceback, and nothing of the variables in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

# Settings are read once a process, and these are about how a process is set up.
FAIL = """
import logging
import django
django.setup()
import structlog

def connect():
    password = "canary-7d1f"
    raise ValueError("no connection")

try:
    connect()
except ValueError:
    logging.getLogger("library").exception("a library failed")
    structlog.get_logger("ours").exception("we.failed", number=7)
"""


def said(tmp_path: Path, *, as_json: bool) -> str:
    """Return what a process logs that fails twice."""
    environment = {
        "PATH": "",
        "PYTHONPATH": str(settings.BASE_DIR),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DRAWBRIDGE_HOME": str(tmp_path),
        "DRAWBRIDGE_SECRET_KEY": "k" * 60,
        "DRAWBRIDGE_ENCRYPTION_KEYS": "k1:" + "A" * 43 + "=",
        "DRAWBRIDGE_LOG_JSON": "1" if as_json else "0",
    }
    ended = subprocess.run(
        [sys.executable, "-c", FAIL], env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


class TestAnException:
    @pytest.mark.parametrize("as_json", [False, True], ids=["as text", "as JSON"])
    def test_is_logged_with_its_traceback_and_without_variables(self, tmp_path: Path, as_json: bool) -> None:
        text = said(tmp_path, as_json=as_json)
        assert text.count("ValueError: no connection") == 2
        assert text.count("in connect") == 2
        assert "canary-7d1f" not in text

    def test_is_one_line_of_json(self, tmp_path: Path) -> None:
        lines = [json.loads(line) for line in said(tmp_path, as_json=True).splitlines()]
        assert [line["event"] for line in lines] == ["a library failed", "we.failed"]
        assert all(line["exception"].startswith("Traceback") for line in lines)
        assert lines[1]["number"] == 7
