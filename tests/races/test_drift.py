"""Drift checks on PostgreSQL: many beats at once, and an order that comes while a worker takes a check."""

from __future__ import annotations

from datetime import timedelta

import pytest

from catalog.models import CatalogItemVersion
from provisioner.domain.run import RunStatus
from provisioner.models import Run, Workspace
from provisioner.services import apply, drift, plan, submit
from tests.conftest import Organisation
from tests.fakes import FakeEngine, plan_document
from tests.races.test_races import at_once
from tests.services.conftest import ask, now, planned

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def workspaces(org: Organisation, postgres: CatalogItemVersion) -> list[Workspace]:
    """Return three workspaces whose check is due."""
    engine = FakeEngine()
    for number in range(3):
        run = planned(submit.submit(ask(name=f"db-{number}"), requester=org.developer, now=now()), engine)
        apply.apply(run.pk, engine=engine, worker="w", clock=now)
    at = now() - timedelta(hours=25)
    Workspace.objects.update(applied_at=at)
    Run.objects.update(created_at=at)
    return list(Workspace.objects.all())


class TestBeats:
    def test_eight_at_once_order_each_check_once(self, workspaces: list[Workspace]) -> None:
        assert at_once(8, lambda index: drift.order_due(now=now())) == {"ok": 8}
        ordered = Run.objects.filter(kind="drift_check").values_list("workspace_id", flat=True)
        assert len(ordered) == len(set(ordered)) > 0


class TestAnOrderWhileAWorkerTakesACheck:
    def test_gets_the_workspace_or_is_refused_and_never_shares_it(
        self, workspaces: list[Workspace], org: Organisation
    ) -> None:
        for _ in workspaces:
            drift.order_due(now=now())
        checks = list(Run.objects.filter(kind="drift_check"))
        engine = FakeEngine(document=lambda spec: plan_document([]))

        def act(index: int) -> object:
            check = checks[index // 2]
            if index % 2:
                return plan.plan(check.pk, engine=engine, worker="w", clock=now)
            return submit.submit_destroy(
                check.workspace_id, justification="", requester=org.developer, now=now()
            )

        outcomes = at_once(2 * len(checks), act)
        assert set(outcomes) <= {"ok", "nothing", "workspace_busy"}
        for check in checks:
            check.refresh_from_db()
            destroyed = Run.objects.filter(workspace_id=check.workspace_id, kind="destroy").count()
            gave_way = check.status == RunStatus.CANCELED
            assert check.status in (RunStatus.CANCELED, RunStatus.PLANNED_AND_FINISHED)
            assert destroyed == 1 if gave_way else destroyed <= 1
