"""What Prometheus reads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from provisioner import notify
from provisioner.domain.run import ACTIVE, RunStatus
from provisioner.models import NotificationDelivery, Run, Workspace
from tests.api.conftest import published  # noqa: F401  (a fixture)
from tests.api.rows import make_run
from tests.conftest import NOW, Organisation

COST = "drawbridge_workspace_estimate_usd_month"


def read(answer: Any) -> dict[str, list[Any]]:
    """Parse an answer as Prometheus does: samples by metric."""
    assert answer.status_code == 200, answer.content
    return {family.name: family.samples for family in text_string_to_metric_families(answer.content.decode())}


@pytest.mark.django_db
class TestMetrics:
    def test_give_the_cost_of_a_workspace_with_its_tags(
        self,
        client: Any,
        org: Organisation,
        published: Any,  # noqa: F811
    ) -> None:
        run = make_run(org, published)
        make_run(org, published, number=1)  # never applied: nothing is there that costs
        closed = make_run(org, published, number=2)
        Workspace.objects.filter(pk=run.workspace_id).update(applied_at=NOW)
        Workspace.objects.filter(pk=closed.workspace_id).update(applied_at=NOW, closed_at=NOW)
        (sample,) = read(client.get("/metrics"))[COST]
        assert sample.value == 12.30
        orders = org.services["orders"]
        assert sample.labels == {
            "workspace": str(run.workspace_id),
            "name": "db-0",
            "item": published.item.slug,
            "version": published.version,
            "service": "orders",
            "team_owner": orders.owner_team.slug,
            "cost_center": orders.cost_center.slug,
            "environment": "production",
            "criticality": orders.criticality,
        }

    def test_count_runs_that_are_not_over_and_say_how_long_they_wait(
        self,
        client: Any,
        org: Organisation,
        published: Any,  # noqa: F811
    ) -> None:
        make_run(org, published, status=RunStatus.APPLIED)
        waiting = make_run(org, published, status=RunStatus.PLAN_QUEUED, number=1)
        Run.objects.filter(pk=waiting.pk).update(status_at=timezone.now() - timedelta(hours=1))
        found = read(client.get("/metrics"))
        runs = {s.labels["status"]: s.value for s in found["drawbridge_runs"]}
        assert runs == {status.value: float(status == RunStatus.PLAN_QUEUED) for status in ACTIVE}
        waits = {s.labels["queue"]: s.value for s in found["drawbridge_queue_oldest_seconds"]}
        assert waits["plan"] >= 3600
        assert waits["apply"] == 0

    def test_count_what_is_still_to_be_told(
        self,
        client: Any,
        org: Organisation,
        published: Any,  # noqa: F811
    ) -> None:
        notify.run_applied(make_run(org, published), now=NOW)
        NotificationDelivery.objects.filter(person__isnull=False).update(status="failed")
        found = read(client.get("/metrics"))["drawbridge_notification_deliveries"]
        assert {s.labels["status"]: s.value for s in found} == {"held": 0, "pending": 1, "failed": 1}

    def test_take_few_queries_however_many_workspaces_there_are(
        self,
        client: Any,
        org: Organisation,
        published: Any,  # noqa: F811
        django_assert_num_queries: Any,
    ) -> None:
        for number in range(3):
            make_run(org, published, number=number)
        Workspace.objects.update(applied_at=NOW)
        with django_assert_num_queries(5):
            assert len(read(client.get("/metrics"))[COST]) == 3


@pytest.mark.django_db
class TestAStranger:
    @pytest.mark.parametrize(
        "sender", [{"REMOTE_ADDR": "10.0.0.7"}, {"HTTP_X_FORWARDED_FOR": "10.0.0.7"}, {"REMOTE_ADDR": ""}]
    )
    def test_is_told_to_set_a_token(self, client: Any, sender: dict[str, str]) -> None:
        answer = client.get("/metrics", **sender)
        assert answer.status_code == 403
        assert "DRAWBRIDGE_METRICS_TOKEN" in answer.content.decode()

    def test_needs_the_token_that_is_set_wherever_it_asks_from(self, client: Any, settings: Any) -> None:
        settings.DRAWBRIDGE_METRICS_TOKEN = "a-token-for-this-test"
        for header in ("", "Bearer other", "a-token-for-this-test", "Bearer ä"):
            answer = client.get("/metrics", headers={"Authorization": header})
            assert answer.status_code == 401
            assert answer["WWW-Authenticate"] == "Bearer"
        given = {"Authorization": "Bearer a-token-for-this-test"}
        assert client.get("/metrics", headers=given, REMOTE_ADDR="10.0.0.7").status_code == 200
