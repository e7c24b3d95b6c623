"""Rotation of the encryption keys, through its command."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import BinaryField

from provisioner import crypto, selectors
from provisioner.domain.log import LogEntry
from provisioner.logs import archive
from provisioner.models import Run, RunPlan, StateVersion
from provisioner.services import seals
from tests.conftest import NOW
from tests.fakes import FakeEngine
from tests.services.conftest import Order, applied, fake, order, planned  # noqa: F401  (fixtures)

pytestmark = pytest.mark.django_db

OLD = "tests:" + "A" * 43 + "="  # of the tests' settings
NEW = "new:" + "C" * 43 + "="
# Binary columns that hold nothing to hide: module archives are published, log lines are redacted.
NOT_SEALED = {"provisioner.runlogchunk.content"}


@pytest.fixture
def run(order: Order, fake: FakeEngine, settings: Any) -> Run:  # noqa: F811
    """Make an applied run, everything of it under the old key; the new one comes first afterwards."""
    settings.DRAWBRIDGE_ENCRYPTION_KEYS = [OLD]
    made = applied(planned(order(), fake), fake)
    settings.DRAWBRIDGE_ENCRYPTION_KEYS = [NEW, OLD]
    return made


def told(*words: str) -> str:
    out = io.StringIO()
    call_command("rotate_keys", *words, stdout=out, stderr=out)
    return out.getvalue()


def keys() -> set[str]:
    return {key for counts in seals.usage().values() for key in counts}


class TestEveryBinaryColumn:
    def test_is_rotated_or_known_to_need_it_not(self) -> None:
        found = {
            f"{model._meta.label_lower}.{column.name}"
            for model in apps.get_app_config("provisioner").get_models()
            for column in model._meta.get_fields()
            if isinstance(column, BinaryField)
        }
        rotated = {f"{place.model._meta.label_lower}.{place.column}" for place in seals.PLACES}
        assert found == rotated | NOT_SEALED


class TestARotation:
    def test_leaves_everything_readable_without_the_old_key(self, run: Run, settings: Any) -> None:
        state = selectors.state_content(StateVersion.objects.get())
        document = selectors.plan_document(run)
        said = told()
        assert "1  state version: wrapped by new" in said
        assert "1  plan file: wrapped by new" in said
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = [NEW]
        assert selectors.state_content(StateVersion.objects.get()) == state
        assert selectors.plan_document(run) == document
        assert keys() == {"new"}
        assert list(seals.broken()) == []

    def test_does_nothing_the_second_time(self, run: Run) -> None:
        told()
        before = StateVersion.objects.values_list("content", flat=True).get()
        assert "Nothing to do" in told()
        assert StateVersion.objects.values_list("content", flat=True).get() == before

    def test_rotates_the_plan_that_was_being_applied(self, run: Run) -> None:
        plan = RunPlan.objects.get()
        RunPlan.objects.update(approved_document=plan.document)
        told()
        assert keys() == {"new"}
        assert selectors.approved_view(run) is not None

    def test_goes_on_where_it_was_stopped(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        rewrap, calls = crypto.rewrap, []

        def stopped(sealed: bytes, *, identity: str) -> bytes:
            calls.append(identity)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return rewrap(sealed, identity=identity)

        monkeypatch.setattr(crypto, "rewrap", stopped)
        with pytest.raises(KeyboardInterrupt):
            told()
        assert keys() == {"new", "tests"}
        monkeypatch.undo()
        told()
        assert keys() == {"new"}

    def test_rotates_archived_logs_too(self, run: Run, settings: Any) -> None:
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = [OLD]
        line = LogEntry(sequence=1, at=NOW, phase="apply", level="info", address="", text="made")
        old = archive.write(run.pk, [line], finished_at=NOW)
        Run.objects.update(log_archive=old)
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = [NEW, OLD]
        assert "1  archived log: wrapped by new" in told()
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = [NEW]
        name = Run.objects.get().log_archive
        assert name != old
        assert list(archive.read(run.pk, name)) == [line]
        assert not archive.is_readable(run.pk, old), "the old file is gone"
        assert keys() == {"new"}
        assert list(seals.broken()) == []

    def test_says_which_archived_log_is_missing(self, run: Run) -> None:
        Run.objects.update(log_archive="logs/2026/01/gone")
        with pytest.raises(CommandError, match="1 values stay as they are"):
            told()
        assert [name for name, _ in seals.broken()] == ["archived log logs/2026/01/gone"]

    def test_goes_through_more_than_a_batch(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(seals, "BATCH", 2)
        newest = StateVersion.objects.get()
        for serial in range(2, 7):
            newest.pk, newest.serial = None, serial
            newest.content = crypto.seal(b"{}", identity=selectors.state_identity(run.workspace_id, serial))
            newest.save()
        StateVersion.objects.filter(serial__gt=1).update()
        told()
        assert sum(seals.usage()["state version"].values()) == 6
        assert keys() == {"new"}

    def test_leaves_what_a_run_writes_meanwhile(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        rewrap = crypto.rewrap
        fresh = crypto.seal(b"planned again", identity=selectors.plan_identity(run.pk, "file"))

        def slow(sealed: bytes, *, identity: str) -> bytes:
            if identity == selectors.plan_identity(run.pk, "file"):
                RunPlan.objects.update(plan_file=fresh)
            return rewrap(sealed, identity=identity)

        monkeypatch.setattr(crypto, "rewrap", slow)
        assert "1  plan file: written anew meanwhile" in told()
        assert bytes(RunPlan.objects.get().plan_file) == fresh

    def test_leaves_a_tampered_value_and_says_so(self, run: Run) -> None:
        version = StateVersion.objects.get()
        content = bytearray(version.content)
        content[20] ^= 1
        StateVersion.objects.update(content=bytes(content))
        with pytest.raises(CommandError, match="1 values stay as they are"):
            told()
        assert bytes(StateVersion.objects.get().content) == bytes(content)
        assert seals.usage()["plan file"] == {"new": 1}, "the others are rotated"

    def test_without_the_old_key_changes_nothing_and_says_which_is_missing(
        self, run: Run, settings: Any
    ) -> None:
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = [NEW]
        out = io.StringIO()
        with pytest.raises(CommandError):
            call_command("rotate_keys", stdout=out, stderr=out)
        assert "'tests'" in out.getvalue()
        assert keys() == {"tests"}


class TestACheck:
    def test_counts_values_by_key_and_says_what_may_go(self, run: Run) -> None:
        out = io.StringIO()
        with pytest.raises(CommandError, match="4 values are not wrapped by new"):
            call_command("rotate_keys", "--check", stdout=out)
        assert "1  state version: tests" in out.getvalue()
        assert "4  key tests: needed" in out.getvalue()
        assert keys() == {"tests"}
        told()
        said = told("--check")
        assert "4  key new: seals" in said
        assert "0  key tests: may be taken away" in said
