"""Drift of a Postgres, with real Terraform: found, accepted, corrected, and made anew."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.core.management import call_command

from catalog.models import CatalogItemVersion
from provisioner import selectors
from provisioner.domain.run import RunStatus
from provisioner.models import Run, Workspace
from provisioner.services import drift, settle, submit
from tests.conftest import Organisation, Pump, has_terraform
from tests.services.conftest import ask, now

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not has_terraform(), reason="needs terraform or tofu on PATH"),
]


class TestADatabaseThatDrifts:
    @pytest.fixture
    def workspace(self, org: Organisation, postgres: CatalogItemVersion, pump: Pump) -> Workspace:
        run = submit.submit(ask(name=f"db-{uuid.uuid4().hex[:12]}"), requester=org.developer, now=now())
        pump()
        run.refresh_from_db()
        assert run.status == RunStatus.APPLIED, run.error_detail
        return run.workspace

    @staticmethod
    def behind_terraforms_back(type_: str, name: str, *words: str) -> None:
        call_command("sandbox", "drift", "--type", type_, "--id", name, *words)

    @staticmethod
    def look(workspace: Workspace, org: Organisation, pump: Pump) -> list[dict[str, Any]]:
        """Have the workspace checked; return what differs."""
        before = selectors.newest_state(workspace.pk)
        run = drift.submit_check(workspace.pk, requester=org.developer, now=now())
        assert pump() == [(run.pk, RunStatus.PLANNED_AND_FINISHED)]
        after = selectors.newest_state(workspace.pk)
        assert before is not None
        assert after is not None
        assert after.serial == before.serial, "a check writes no state"
        workspace.refresh_from_db()
        return workspace.drift

    @staticmethod
    def done(run: Run, pump: Pump) -> Run:
        pump()
        run.refresh_from_db()
        assert run.status == RunStatus.APPLIED, run.error_detail
        return run

    @pytest.mark.thorough
    def test_is_accepted_corrected_and_made_anew(
        self, workspace: Workspace, org: Organisation, pump: Pump
    ) -> None:
        assert self.look(workspace, org, pump) == []
        identifier = f"{workspace.name}-development"

        self.behind_terraforms_back(
            "aws_db_instance",
            identifier,
            "--set",
            "instance_class=db.t4g.large",
            "--set",
            'tags={"service": "x"}',
        )
        [found] = self.look(workspace, org, pump)
        rows = {row["path"]: row for row in found["differences"]}
        assert found["address"] == "module.this.aws_db_instance.this"
        assert (rows["instance_class"]["before"], rows["instance_class"]["after"]) == (
            workspace.variables["instance_class"],
            "db.t4g.large",
        )
        assert (rows["tags.service"]["before"], rows["tags.service"]["after"]) == ("orders", "x")
        assert workspace.drifted_at is not None
        assert settle.acceptance(workspace).parameters == {"instance_class": "db.t4g.large"}

        update = settle.accept(workspace.pk, justification="Needed.", requester=org.developer, now=now())
        self.done(update, pump)
        workspace.refresh_from_db()
        assert workspace.variables["instance_class"] == "db.t4g.large"
        assert workspace.drifted_at is None
        assert self.look(workspace, org, pump) == []

        self.behind_terraforms_back("aws_db_instance", identifier, "--set", "allocated_storage=77")
        self.behind_terraforms_back("aws_cloudwatch_metric_alarm", f"{identifier}-cpu", "--delete")
        seen = {one["address"]: one for one in self.look(workspace, org, pump)}
        assert {one["verb"] for one in seen.values()} == {"changed", "gone"}, seen
        gone = next(one for one in seen.values() if one["verb"] == "gone")
        assert (gone["type"], gone["correction"]) == ("aws_cloudwatch_metric_alarm", "create")

        correction = settle.correct(workspace.pk, justification="Undo.", requester=org.developer, now=now())
        assert self.done(correction, pump).plan.counts["create"] == 1
        workspace.refresh_from_db()
        assert workspace.resources.filter(address=gone["address"]).exists()
        assert self.look(workspace, org, pump) == []
