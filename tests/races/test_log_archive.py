"""Several beats archive at once, on PostgreSQL: each log gets one file, and no line is lost."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog.models import CatalogItemVersion
from provisioner import selectors
from provisioner.logs import reading
from provisioner.models import Run, RunLogChunk
from provisioner.services import apply, log_archive, submit
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.logs import write_log
from tests.races.test_races import at_once
from tests.services.conftest import ask, now, planned

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
]


class TestFourBeats:
    def test_archive_each_log_once(
        self, org: Organisation, postgres: CatalogItemVersion, settings: Any, tmp_path: Path
    ) -> None:
        settings.STORAGES = {
            **settings.STORAGES,
            "archive": {
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {"location": tmp_path / "archive"},
            },
        }
        engine = FakeEngine()
        for number in range(6):
            run = planned(submit.submit(ask(name=f"db-{number}"), requester=org.developer, now=now()), engine)
            apply.apply(run.pk, engine=engine, worker="w", clock=now)
            run.refresh_from_db()
            write_log(run, [f"line {line}" for line in range(50)], at=now())
        later = now() + timedelta(days=91)
        assert at_once(4, lambda _: log_archive.archive_old(now=later)) == {"ok": 4}
        assert not RunLogChunk.objects.exists()
        assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 6
        reading.memory.forget()
        for run in Run.objects.all():
            assert [line.sequence for line in selectors.log_lines(run)] == list(range(1, 53))
