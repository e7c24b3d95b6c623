"""What a plan's cost is stored as: split, compared with what exists, and explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from provisioner.domain.run import RunKind
from provisioner.engine.types import RunSpec
from provisioner.services import evaluate, submit
from tests.conftest import Organisation
from tests.fakes import FakeEngine, change, plan_document
from tests.services.conftest import Order, applied, ask, now, planned

pytestmark = pytest.mark.django_db


def database(instance_class: str, tags: Mapping[str, str]) -> dict[str, Any]:
    return {
        "engine": "postgres",
        "instance_class": instance_class,
        "storage_type": "gp3",
        "allocated_storage": 20,
        "backup_retention_period": 1,
        "storage_encrypted": True,
        "tags_all": dict(tags),
    }


def plans(before: str | None, after: str) -> Callable[[RunSpec], dict[str, Any]]:
    """Return what a database's plan is that makes it of a class, or changes it from one to another."""

    def document(spec: RunSpec) -> dict[str, Any]:
        actions = ["create"] if before is None else ["update"]
        made = database(after, spec.default_tags)
        row = change("aws_db_instance.this", "aws_db_instance", actions, made)
        row["change"]["before"] = database(before, spec.default_tags) if before else None
        return plan_document([row])

    return document


@pytest.fixture
def expecting(settings: LazySettings, tmp_path: Path) -> None:
    """Expect 100 GB of backups of each database in development."""
    text = Path(settings.DRAWBRIDGE_POLICY_FILE).read_text()
    profile = "development: {aws_db_instance: {additional_backup_storage_gb: 100}}"
    changed = tmp_path / "policy.yaml"
    changed.write_text(text.replace("\n  profiles: {}", f"\n  profiles: {{{profile}}}"))
    assert profile in changed.read_text()
    settings.DRAWBRIDGE_POLICY_FILE = changed


class TestAStoredEstimate:
    def test_of_something_new_is_all_added(self, order: Order, fake: FakeEngine) -> None:
        fake.document = plans(None, "db.t4g.medium")
        stored = planned(order(), fake).estimate
        assert (stored.usd_month, stored.usage_usd_month, stored.change_usd_month) == (
            Decimal("49.75"),
            Decimal(0),
            Decimal("49.75"),
        )
        assert [(row["status"], row["delta_usd_month"]) for row in stored.changes] == [("added", "49.75")]
        assert {row["status"] for row in stored.line_items} == {"added"}
        assert stored.coverage == {"priced": 1, "usage": 0, "unpriced": 0, "free": 0, "share_percent": 100}

    def test_of_an_update_is_against_what_exists(
        self, order: Order, fake: FakeEngine, org: Organisation
    ) -> None:
        fake.document = plans(None, "db.t4g.medium")
        workspace = applied(planned(order(), fake), fake).workspace
        # Somebody has changed the class meanwhile, so what exists is not what was estimated last.
        fake.document = plans("db.t4g.micro", "db.t4g.large")
        run = submit.submit_update(
            workspace.pk,
            parameters={"size": "large"},
            justification="grow",
            requester=org.developer,
            now=now(),
        )
        stored = planned(run, fake).estimate
        assert (stored.usd_month, stored.delta_usd_month, stored.change_usd_month) == (
            Decimal("96.47"),
            Decimal("46.72"),
            Decimal("82.49"),
        )
        assert stored.changes == [
            {
                "address": "aws_db_instance.this",
                "type": "aws_db_instance",
                "status": "changed",
                "before_usd_month": "13.98",
                "after_usd_month": "96.47",
                "delta_usd_month": "82.49",
            }
        ]
        assert [(row["component"], row["status"], row["delta_usd_month"]) for row in stored.line_items] == [
            ("instance", "changed", "82.49"),
            ("storage", "unchanged", "0.00"),
        ]

    @pytest.mark.usefixtures("expecting")
    def test_counts_what_the_profile_of_the_environment_expects(self, order: Order, fake: FakeEngine) -> None:
        fake.document = plans(None, "db.t4g.medium")
        run = planned(order(), fake)
        assert (run.estimate.usd_month, run.estimate.usage_usd_month) == (Decimal("59.25"), Decimal("9.50"))
        assert run.estimate.unpriced == []
        (backups,) = [row for row in run.estimate.line_items if row["usage_based"]]
        assert (backups["component"], backups["profile"], backups["usd_month"]) == (
            "backup storage",
            "development",
            "9.50",
        )
        assert backups["explanation"].startswith(
            "100 (additional_backup_storage_gb) = 100 GB-month; × 0.095 USD per GB-month = 9.50 USD a month. "
            "Expected use: development. Price: rds backup-storage in us-east-1, in effect 2026; source: "
        )


class TestAnEvaluation:
    def test_of_an_update_is_against_what_was_ordered(
        self, order: Order, fake: FakeEngine, org: Organisation
    ) -> None:
        workspace = applied(planned(order(), fake), fake).workspace
        found = evaluate.evaluate(
            ask(size="large"), requester=org.developer, now=now(), kind=RunKind.UPDATE, workspace=workspace
        )
        small, large = Decimal("51.65"), Decimal("107.57")
        assert (found.change.before_usd_month, found.estimate.usd_month) == (small, large)
        assert found.change.delta_usd_month == large - small
        assert [row.address for row in found.change.resources if row.status.value == "changed"] == [
            "aws_db_instance.this"
        ]

    def test_of_something_new_adds_all_of_it(self, org: Organisation, postgres: object) -> None:
        found = evaluate.evaluate(ask(), requester=org.developer, now=now())
        assert found.change.before_usd_month == 0
        assert {row.status.value for row in found.change.resources} == {"added"}
