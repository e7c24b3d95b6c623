"""The rows that `make bench` fills a PostgreSQL with."""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings

from portal.bench import module
from portal.bench.rows import filled
from provisioner.domain.run import ACTIVE
from provisioner.models import ApprovalStep, Request, Run, RunEstimate, Workspace

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]


class TestFinishedRuns:
    def test_stand_beside_those_under_way_with_all_that_belongs_to_them(
        self, settings: pytest.FixtureRequest, tmp_path: pytest.TempPathFactory
    ) -> None:
        module.write_modules(tmp_path, shipped=django_settings.DRAWBRIDGE_MODULES_DIR)
        settings.DRAWBRIDGE_MODULES_DIR = tmp_path
        template = filled.prepare()
        active = sum(filled.ACTIVE.values()) + 1
        assert Run.objects.filter(status__in=sorted(ACTIVE)).count() == Run.objects.count() == active
        filled.add_finished(template, 40)
        finished = Run.objects.exclude(status__in=sorted(ACTIVE))
        assert finished.filter(finished_at__isnull=False, lease_expires_at__isnull=True).count() == 40
        assert set(finished.values_list("status", flat=True)) == {"applied", "errored", "rejected"}
        assert finished.values("workspace").distinct().count() == 10
        assert Workspace.objects.count() == active + 10
        assert Request.objects.count() == RunEstimate.objects.count() == active + 40
        assert ApprovalStep.objects.count() == active + 10
