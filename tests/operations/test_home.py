"""The installation's folder and its secrets."""

import base64
import stat
import threading
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from portal.embedded import home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def secrets_in(path: Path) -> dict[str, str]:
    lines = (path / home.ENV_FILE).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


class TestInitHome:
    def test_makes_folders_and_secrets_that_nobody_else_can_read(self, tmp_path: Path) -> None:
        place = tmp_path / "deep" / "home"
        home.make_home(place)
        assert mode(place) == 0o700
        assert {mode(place / name) for name in home.SUBFOLDERS} == {0o700}
        assert mode(place / home.ENV_FILE) == 0o600

    def test_makes_keys_that_the_portal_takes(self, tmp_path: Path) -> None:
        home.make_home(tmp_path / "home")
        made = secrets_in(tmp_path / "home")
        key_id, _, key = made["DRAWBRIDGE_ENCRYPTION_KEYS"].partition(":")
        assert key_id
        assert len(base64.b64decode(key, validate=True)) == 32
        assert len(made["DRAWBRIDGE_SECRET_KEY"]) >= 50

    def test_keeps_what_is_there(self, tmp_path: Path) -> None:
        home.make_home(tmp_path / "home")
        before = (tmp_path / "home" / home.ENV_FILE).read_bytes()
        assert home.make_home(tmp_path / "home") == []
        assert (tmp_path / "home" / home.ENV_FILE).read_bytes() == before

    def test_takes_back_rights_that_the_secrets_should_not_give(self, tmp_path: Path) -> None:
        home.make_home(tmp_path / "home")
        (tmp_path / "home" / home.ENV_FILE).chmod(0o644)
        home.make_home(tmp_path / "home")
        assert mode(tmp_path / "home" / home.ENV_FILE) == 0o600

    def test_makes_one_set_of_secrets_when_started_many_times_at_once(self, tmp_path: Path) -> None:
        place = tmp_path / "home"
        gate = threading.Barrier(8)
        writers: list[list[Path]] = []

        def start() -> None:
            gate.wait()
            writers.append(home.make_home(place))

        threads = [threading.Thread(target=start) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(place / home.ENV_FILE in made for made in writers) == 1
        assert sorted(path.name for path in place.iterdir()) == sorted([*home.SUBFOLDERS, home.ENV_FILE])

    def test_leaves_nothing_when_it_is_cut_short(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(home.os, "fsync", full)
        with pytest.raises(home.HomeUnusable, match="No space left"):
            home.make_home(tmp_path / "home")
        assert [path.name for path in (tmp_path / "home").iterdir() if path.is_file()] == []

    def test_refuses_a_folder_that_everybody_may_write(self, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir()
        (tmp_path / "home").chmod(0o777)
        with pytest.raises(home.HomeUnusable, match="chmod 700"):
            home.make_home(tmp_path / "home")
        assert not (tmp_path / "home" / home.ENV_FILE).exists()

    def test_refuses_a_file_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "home").write_text("")
        with pytest.raises(home.HomeUnusable, match="not a folder"):
            home.make_home(tmp_path / "home")

    def test_is_a_command_that_prints_no_secret(
        self, tmp_path: Path, settings: object, capsys: pytest.CaptureFixture[str]
    ) -> None:
        settings.DRAWBRIDGE_HOME = tmp_path / "home"  # type: ignore[attr-defined]
        call_command("init_home")
        said = "".join(capsys.readouterr())
        assert str(tmp_path / "home") in said
        assert not [value for value in secrets_in(tmp_path / "home").values() if value in said]

    def test_is_a_command_that_says_what_to_do(self, tmp_path: Path, settings: object) -> None:
        (tmp_path / "home").write_text("")
        settings.DRAWBRIDGE_HOME = tmp_path / "home"  # type: ignore[attr-defined]
        with pytest.raises(CommandError, match="Move it aside"):
            call_command("init_home")
