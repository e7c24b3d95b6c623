"""`manage.py sandbox`: the command line of this installation's sandbox."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command


class TestSandbox:
    def test_is_the_one_of_this_installation(self, settings: Any, tmp_path: Path, capfd: Any) -> None:
        settings.DRAWBRIDGE_SANDBOX_HOME = tmp_path / "home with a space"
        call_command("sandbox", "delay", "--seconds", "3")
        call_command("sandbox", "delay", "--list")
        assert capfd.readouterr().out.split() == ["*", "*", "3", "s"]
        assert (tmp_path / "home with a space" / "cloud.db").exists()

    def test_passes_on_a_refusal(self, settings: Any, tmp_path: Path, capfd: Any) -> None:
        settings.DRAWBRIDGE_SANDBOX_HOME = tmp_path / "nowhere"
        with pytest.raises(CommandError):
            call_command("sandbox", "list")
        assert "There is no sandbox cloud in" in capfd.readouterr().err

    def test_is_refused_where_the_cloud_is_a_real_one(self, settings: Any) -> None:
        settings.DRAWBRIDGE_TARGET = "aws"
        with pytest.raises(CommandError, match="it has no sandbox"):
            call_command("sandbox", "list")
