"""Old logs: moved to the archive, read from there, and never lost on the way."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, Storage, storages

from provisioner import selectors
from provisioner.domain.run import RunStatus
from provisioner.logs import archive, reading
from provisioner.models import Run, RunLogChunk
from provisioner.services import log_archive
from provisioner.services.log_archive import Report
from tests.fakes import FakeEngine
from tests.logs import write_log
from tests.services.conftest import Order, applied, now, planned

pytestmark = pytest.mark.django_db(transaction=True)

LATER = timedelta(days=91)
SECRET_NAME = "canary-of-an-internal-name"


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    """Archive into a folder of the test's own, and forget what was read."""
    settings.STORAGES = {
        **settings.STORAGES,
        "archive": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {**settings.STORAGES["archive"]["OPTIONS"], "location": tmp_path / "archive"},
        },
    }
    reading.memory.forget()
    return tmp_path / "archive"


@pytest.fixture
def ended(order: Order, fake: FakeEngine) -> Callable[[str], Run]:
    """Return a maker of runs that were applied just now and have a log of three chunks."""

    def make(name: str = "orders-db") -> Run:
        run = applied(planned(order(name=name), fake), fake)
        write_log(run, [f"{SECRET_NAME} {number}" for number in range(3)], at=now())
        return run

    return make


@pytest.fixture
def run(ended: Callable[[str], Run]) -> Run:
    return ended("orders-db")


def read_again(run: Run) -> list[tuple[int, str]]:
    """Read a run's log as somebody who comes now."""
    reading.memory.forget()
    return [(line.sequence, line.text) for line in selectors.log_lines(Run.objects.get(pk=run.pk))]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class BrokenStorage(FileSystemStorage):
    """A folder in which something goes wrong: `fault` says what."""

    fault = ""

    def _save(self, name: str, content: Any) -> str:
        if self.fault == "disk full":
            super()._save(name, content)
            raise OSError(28, "No space left on device")
        if self.fault == "half written":
            content.file.truncate(100)
        return super()._save(name, content)


@pytest.fixture
def broken(settings: Any, folder: Path) -> Storage:
    settings.STORAGES = {
        **settings.STORAGES,
        "archive": {
            "BACKEND": "tests.services.test_log_archive.BrokenStorage",
            "OPTIONS": {"location": folder},
        },
    }
    return storages["archive"]


class TestAnOldLog:
    def test_is_moved_to_a_sealed_file_and_read_from_there(self, run: Run, folder: Path) -> None:
        before = read_again(run)
        assert log_archive.archive_old(now=now() + LATER) == Report(archived=1, failed=0, more=False)
        assert not RunLogChunk.objects.exists()
        [file] = files(folder)
        assert file.relative_to(folder).as_posix() == Run.objects.get().log_archive
        assert SECRET_NAME.encode() not in file.read_bytes()
        assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
        assert read_again(run) == before
        assert len(before) == 5

    def test_is_read_page_by_page(self, run: Run) -> None:
        log_archive.archive_old(now=now() + LATER)
        run = Run.objects.get()
        for after in range(6):
            reading.memory.forget()
            page = selectors.log_lines(run, after=after, limit=2)
            assert [line.sequence for line in page] == [n for n in (after + 1, after + 2) if n <= 5]

    def test_is_left_alone_until_its_day(self, run: Run, folder: Path, settings: Any) -> None:
        assert log_archive.archive_old(now=now() + timedelta(days=89)).archived == 0
        settings.DRAWBRIDGE_LOG_KEEP_DAYS = 0
        assert log_archive.archive_old(now=now() + timedelta(days=9999)).archived == 0
        assert not files(folder)
        settings.DRAWBRIDGE_LOG_KEEP_DAYS = 7
        assert log_archive.archive_old(now=now() + timedelta(days=8)).archived == 1

    def test_of_a_run_that_is_not_over_stays(self, run: Run, order: Order, fake: FakeEngine) -> None:
        waiting = planned(order("production", name="waiting-db"), fake)
        assert waiting.status == RunStatus.NEEDS_APPROVAL
        assert log_archive.archive_old(now=now() + LATER).archived == 1
        assert set(RunLogChunk.objects.values_list("run_id", flat=True)) == {waiting.pk}

    def test_is_archived_once(self, run: Run, folder: Path) -> None:
        for _ in range(3):
            log_archive.archive_old(now=now() + LATER)
        assert len(files(folder)) == 1

    def test_is_one_of_some_that_are_archived_at_a_time(
        self, ended: Callable[[str], Run], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(log_archive, "RUNS_AT_ONCE", 2)
        for number in range(3):
            ended(f"db-{number}")
        assert log_archive.archive_old(now=now() + LATER) == Report(2, 0, more=True)
        assert log_archive.archive_old(now=now() + LATER) == Report(1, 0, more=False)


class TestArchivingThatIsCutShort:
    def test_goes_on_with_the_deletion(self, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = read_again(run)
        with monkeypatch.context() as patched:
            patched.setattr(
                log_archive, "_delete_chunks", lambda run_id: RunLogChunk.objects.first().delete()
            )
            log_archive.archive_old(now=now() + LATER)
        assert RunLogChunk.objects.count() == 2
        assert read_again(run) == before, "read from the archive, not from what is left"
        assert log_archive.archive_old(now=now() + LATER).archived == 1
        assert not RunLogChunk.objects.exists()
        assert len(files(folder)) == 1

    def test_deletes_nothing_more_when_its_file_is_gone_since(
        self, run: Run, ended: Callable[[str], Run], folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(log_archive, "_delete_chunks", lambda run_id: None)
            log_archive.archive_old(now=now() + LATER)
        shutil.rmtree(folder)
        other = ended("other-db")
        assert log_archive.archive_old(now=now() + LATER).archived == 1, "the other's"
        assert set(RunLogChunk.objects.values_list("run_id", flat=True)) == {run.pk}
        assert Run.objects.get(pk=other.pk).log_archive

    def test_between_two_workers_leaves_one_file(
        self, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = read_again(run)
        write = archive.write

        def write_while_another_does(*args: Any, **named: Any) -> str:
            monkeypatch.setattr(archive, "write", write)
            name = write(*args, **named)
            log_archive.archive_old(now=now() + LATER)
            return name

        monkeypatch.setattr(archive, "write", write_while_another_does)
        assert log_archive.archive_old(now=now() + LATER).archived == 0
        assert len(files(folder)) == 1
        assert read_again(run) == before

    def test_while_somebody_reads_gives_them_every_line(self, run: Run) -> None:
        before = read_again(run)
        early = Run.objects.get(pk=run.pk)
        reading.memory.forget()
        log_archive.archive_old(now=now() + LATER)
        assert early.log_archive == ""
        assert [(line.sequence, line.text) for line in selectors.log_lines(early)] == before


class TestAnArchive:
    @pytest.mark.parametrize("fault", ["disk full", "half written"])
    def test_that_fails_leaves_the_chunks_in_place(
        self, run: Run, folder: Path, broken: Storage, monkeypatch: pytest.MonkeyPatch, fault: str
    ) -> None:
        before = read_again(run)
        monkeypatch.setattr(BrokenStorage, "fault", fault)
        assert log_archive.archive_old(now=now() + LATER) == Report(0, 1, more=False)
        assert RunLogChunk.objects.count() == 3
        assert read_again(run) == before
        assert not files(folder), "no half file stays"
        monkeypatch.setattr(BrokenStorage, "fault", "")
        assert log_archive.archive_old(now=now() + LATER).archived == 1
        assert read_again(run) == before

    def test_that_cannot_be_written_leaves_the_chunks_in_place(self, run: Run, folder: Path) -> None:
        folder.write_text("a file where the folder should be")
        assert log_archive.archive_old(now=now() + LATER) == Report(0, 1, more=False)
        assert RunLogChunk.objects.count() == 3

    def test_that_gives_back_something_else_is_not_believed(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = archive._opened
        monkeypatch.setattr(archive, "_opened", lambda run_id, name: other(run_id, name)[:-20] + b"\0" * 20)
        assert log_archive.archive_old(now=now() + LATER) == Report(0, 1, more=False)
        assert RunLogChunk.objects.count() == 3

    def test_whose_file_is_missing_says_what_to_do(self, run: Run, folder: Path) -> None:
        log_archive.archive_old(now=now() + LATER)
        shutil.rmtree(folder)
        with pytest.raises(archive.LogUnreadable) as refused:
            read_again(run)
        assert Run.objects.get().log_archive in refused.value.detail
        assert "Ask the operators to restore it" in refused.value.detail

    def test_gives_a_file_to_its_own_run_only(self, ended: Callable[[str], Run]) -> None:
        first, second = ended("first-db"), ended("second-db")
        log_archive.archive_old(now=now() + LATER)
        Run.objects.filter(pk=first.pk).update(log_archive=Run.objects.get(pk=second.pk).log_archive)
        with pytest.raises(archive.LogUnreadable):
            read_again(first)

    def test_opens_with_an_older_key(self, run: Run, settings: Any) -> None:
        before = read_again(run)
        log_archive.archive_old(now=now() + LATER)
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = [f"new:{'B' * 43}=", *settings.DRAWBRIDGE_ENCRYPTION_KEYS]
        assert read_again(run) == before

    def test_is_spared_a_log_that_cannot_be_read_and_takes_the_others(
        self, run: Run, ended: Callable[[str], Run]
    ) -> None:
        other = ended("other-db")
        RunLogChunk.objects.filter(run=run).update(content=b"broken")
        assert log_archive.archive_old(now=now() + LATER) == Report(1, 1, more=False)
        assert RunLogChunk.objects.filter(run=run).count() == 3
        assert not RunLogChunk.objects.filter(run=other).exists()
