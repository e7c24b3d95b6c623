"""What people are told while one order goes from plan to its end."""

from __future__ import annotations

import pytest

from catalog.models import CatalogItemVersion
from provisioner.models import Notification, NotificationDelivery, Run
from provisioner.services import approve, submit
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.services.conftest import applied, ask, now, planned

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(org: Organisation, postgres: CatalogItemVersion) -> Run:
    return submit.submit(ask("production"), requester=org.developer, now=now())


def decide(run: Run, group: str, verdict: str, org: Organisation) -> None:
    step = run.approval_steps.get(group=group)
    approve.decide(
        run.pk, step_id=step.pk, verdict=verdict, comment="Because.", plan_digest=run.plan.digest,
        approver=org.users[group], now=now(),
    )  # fmt: skip


def told() -> list[str]:
    return list(Notification.objects.order_by("created_at").values_list("event", flat=True))


class TestAnOrder:
    def test_is_asked_for_decided_and_applied_with_one_message_each(
        self, run: Run, org: Organisation
    ) -> None:
        engine = FakeEngine()
        run = planned(run, engine)
        assert told() == ["run.needs_approval"]
        document = Notification.objects.get().document
        assert document["cost"]["delta_usd_month"] not in (None, "0.00")
        assert document["reasons"]
        asked = NotificationDelivery.objects.filter(person__isnull=False)
        assert {row.person.username for row in asked if row.person} <= {"finops", "sre"}
        groups = list(run.approval_steps.order_by("position").values_list("group", flat=True))
        for group in groups:
            decide(run, group, "approve", org)
        applied(run, engine)
        assert told() == ["run.needs_approval", *["run.decided"] * len(groups), "run.applied"]
        said = Notification.objects.filter(event="run.decided").order_by("created_at")
        assert [any("still waits" in text for text in one.document["paragraphs"]) for one in said] == [
            number + 1 < len(groups) for number in range(len(groups))
        ]

    def test_that_is_rejected_says_why(self, run: Run, org: Organisation) -> None:
        run = planned(run, FakeEngine())
        decide(run, run.approval_steps.order_by("position")[0].group, "reject", org)
        document = Notification.objects.get(event="run.decided").document
        assert "rejected" in document["subject"]
        assert "Because." in document["paragraphs"]
