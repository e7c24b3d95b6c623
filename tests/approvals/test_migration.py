"""Steps that one decision settled, before several people could."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests.approvals.conftest import Order, now
from tests.conftest import Organisation

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.thorough]


def migrate(*targets: tuple[str, str]) -> Any:
    """Migrate to these, and return the models as they are then."""
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets))
    return MigrationExecutor(connection).loader.project_state(list(targets)).apps


@pytest.fixture
def before_and_after() -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Return the migration and the one before it; put the tables back in the end."""
    graph = MigrationExecutor(connection).loader.graph
    [key] = [key for key in graph.nodes if key[1].endswith("decisions_of_several_people")]
    [parent] = [parent.key for parent in graph.node_map[key].parents if parent.key[0] == "provisioner"]
    yield parent, key
    migrate(*graph.leaf_nodes())


class TestStepsOfBefore:
    def test_are_settled_by_a_decision_in_favour_alone(
        self, order: Order, org: Organisation, before_and_after: tuple[tuple[str, str], tuple[str, str]]
    ) -> None:
        runs = [order(name) for name in ("a-db", "b-db", "c-db")]
        before, after = before_and_after
        old = migrate(before)
        decided_at = now()
        for run, verdict in zip(runs, ("approve", "reject", None), strict=True):
            step = old.get_model("provisioner", "ApprovalStep").objects.get(run_id=run.pk, group="finops")
            if verdict:
                old.get_model("provisioner", "ApprovalDecision").objects.create(
                    step_id=step.pk, run_id=run.pk, approver_id=org.finops.pk, verdict=verdict,
                    plan_digest=step.plan_digest, decided_at=decided_at,
                )  # fmt: skip
        steps = migrate(after).get_model("provisioner", "ApprovalStep").objects
        found = [steps.get(run_id=run.pk, group="finops") for run in runs]
        assert [(step.settled_at, step.settled_how) for step in found] == [
            (decided_at, "decided"),
            (None, ""),
            (None, ""),
        ]
        assert [step.quorum for step in found] == [1, 1, 1]
