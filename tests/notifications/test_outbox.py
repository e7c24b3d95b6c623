"""The outbox: who is told of what, once, and in the transaction that makes it true."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.contrib.auth.models import Group, User
from django.db import transaction

from provisioner import notify, tasks
from provisioner.models import ApprovalDecision, ApprovalStep, Notification, NotificationDelivery, Run
from provisioner.services import notification_preferences, notifications
from tests.conftest import NOW, Organisation
from tests.notifications.conftest import MakeChannel, deliver, only
from tests.notifications.receivers import HttpReceiver

pytestmark = pytest.mark.django_db


def told() -> set[str]:
    """Return the targets of everything that is written."""
    rows = NotificationDelivery.objects.select_related("channel", "person", "team")
    return {
        row.channel.name if row.channel else row.person.username if row.person else f"team {row.team.slug}"  # type: ignore[union-attr]
        for row in rows
    }


def steps(run: Run) -> list[ApprovalStep]:
    return list(run.approval_steps.order_by("position"))


class TestAnApproval:
    def test_is_asked_for_in_one_message_to_the_groups_and_their_channels(
        self, run: Run, org: Organisation, make_channel: MakeChannel
    ) -> None:
        make_channel("slack", name="finops slack", group="finops")
        make_channel("teams", name="sre teams", group="sre")
        make_channel("webhook", name="hears all", group="platform", hears_all=True)
        make_channel("webhook", name="platform only", group="platform")
        make_channel("slack", name="payments slack", team="payments")
        make_channel("slack", name="other events", group="finops", events=["run.applied"])
        notify.approval_needed(run, steps(run), now=NOW)
        assert told() == {"finops slack", "sre teams", "hears all", "finops", "sre"}
        document = Notification.objects.get().document
        assert document["cost"] == {"usd_month": "351.50", "delta_usd_month": "351.50", "unpriced": 0}
        assert document["changes"] == {"create": 1}
        assert document["reasons"] == ["finops: Above the limit.", "sre: Above the limit."]
        assert document["findings"][0]["rule"] == "production-multi-az"
        assert document["link"]["address"].endswith(f"/runs/{run.pk}/")

    def test_is_not_asked_of_who_ordered(self, run: Run, org: Organisation) -> None:
        Group.objects.get(name="finops").user_set.add(org.developer)
        notify.approval_needed(run, steps(run), now=NOW)
        assert told() == {"finops", "sre"}

    def test_is_reminded_of_and_escalated_apart(self, run: Run, org: Organisation) -> None:
        notify.approval_needed(run, steps(run)[:1], now=NOW)
        notify.approval_reminder(run, steps(run)[:1], now=NOW, expires_at=NOW)
        notification_preferences.choose(
            org.platform, modes={"run.approval_escalated": "daily"}, digest_hour=None, now=NOW
        )
        notify.approval_escalated(run, steps(run)[:1], to_groups=["platform"], now=NOW)
        assert set(Notification.objects.values_list("event", flat=True)) == {
            "run.needs_approval",
            "run.approval_reminder",
            "run.approval_escalated",
        }
        urgent = NotificationDelivery.objects.get(notification__event="run.approval_escalated")
        assert (urgent.person, urgent.status) == (org.platform, "pending")

    def test_that_is_decided_is_told_with_who_and_why(self, run: Run, org: Organisation) -> None:
        decision = ApprovalDecision.objects.create(
            step=steps(run)[0], run=run, approver=org.finops, verdict="approve", comment="Fine for now.",
            plan_digest="d" * 64, decided_at=NOW,
        )  # fmt: skip
        notify.approval_decided(decision, waits_for=["sre"], now=NOW)
        assert told() == {"team payments", "developer"}
        document = Notification.objects.get().document
        assert document["subject"] == "finops approved: provision of db-0"
        assert document["paragraphs"] == [
            "finops of finops approved the provision of db-0 (Cache in Production).",
            "Fine for now.",
            "It still waits for sre.",
        ]
        assert document["cost"]["delta_usd_month"] == "351.50"


class TestARun:
    def test_that_ends_is_told_to_its_people_and_to_channels_that_see_every_team(
        self, run: Run, make_channel: MakeChannel
    ) -> None:
        Group.objects.create(name="dba")
        make_channel("slack", name="sre", group="sre")
        make_channel("slack", name="dba", group="dba")
        make_channel("slack", name="payments", team="payments")
        make_channel("slack", name="growth", team="growth")
        notify.run_applied(run, now=NOW)
        assert told() == {"team payments", "developer", "sre", "payments"}

    def test_that_is_refused_is_told_with_its_findings(self, run: Run) -> None:
        notify.run_errored(run, summary="multi_az: it is off", detail="Zones fail.", refused=True, now=NOW)
        document = Notification.objects.get().document
        assert document["subject"] == "The provision of db-0 was refused by the policy"
        assert document["findings"][0]["fix"] == "Set it to true."

    def test_that_checked_for_drift_and_failed_is_not_told(self, run: Run) -> None:
        run.kind = "drift_check"
        notify.run_errored(run, summary="Terraform failed", now=NOW)
        assert not Notification.objects.exists()

    def test_that_was_cut_short_is_told_to_the_group_that_decides_too(self, run: Run) -> None:
        notify.apply_interrupted(run, group="sre", reasons=["A worker was lost."], now=NOW)
        assert told() == {"team payments", "developer", "sre"}


class TestTheSameEvent:
    def test_is_one_message_within_a_short_time(self, run: Run) -> None:
        for seconds in (0, 60, 599):
            notify.run_applied(run, now=NOW + timedelta(seconds=seconds))
        assert Notification.objects.count() == 1
        notify.run_applied(run, now=NOW + timedelta(seconds=1300))
        assert Notification.objects.count() == 2

    def test_on_another_plan_is_another_message(self, run: Run) -> None:
        notify.approval_needed(run, steps(run), now=NOW)
        run.plan.digest = "e" * 64
        run.plan.save()
        notify.approval_needed(run, steps(run), now=NOW)
        assert Notification.objects.count() == 2

    def test_asked_of_other_groups_is_another_message(self, run: Run) -> None:
        notify.approval_escalated(run, steps(run), to_groups=["platform"], now=NOW)
        notify.approval_escalated(run, steps(run), to_groups=["platform", "sre"], now=NOW)
        notify.approval_escalated(run, steps(run), to_groups=["platform"], now=NOW)
        assert Notification.objects.count() == 2

    def test_reaches_an_address_once_whatever_ways_lead_there(self, run: Run, org: Organisation) -> None:
        run.requester.email = "Payments@example.com"
        notify.run_applied(run, now=NOW)
        assert told() == {"team payments"}


class TestAPreference:
    @pytest.mark.parametrize(("mode", "status"), [("at_once", "pending"), ("daily", "held"), ("never", None)])
    def test_decides_how_a_person_is_told(
        self, run: Run, org: Organisation, mode: str, status: str | None
    ) -> None:
        notification_preferences.choose(org.developer, modes={"run.applied": mode}, digest_hour=9, now=NOW)
        notify.run_applied(run, now=NOW)
        row = NotificationDelivery.objects.filter(person=org.developer).first()
        assert (None if row is None else row.status) == status
        if status == "held":
            assert row is not None
            assert row.next_attempt_at == NOW.replace(hour=9) + timedelta(days=1)

    @pytest.mark.parametrize(
        ("modes", "hour", "field"),
        [
            ({"workspace.expired": "never"}, None, "modes.workspace.expired"),
            ({"run.applied": "hourly"}, None, "modes.run.applied"),
            ({"nothing": "never"}, None, "modes"),
            ({}, 24, "digest_hour"),
        ],
    )
    def test_that_cannot_be_is_refused(
        self, org: Organisation, modes: dict[str, str], hour: int | None, field: str
    ) -> None:
        with pytest.raises(notification_preferences.InvalidPreference) as refused:
            notification_preferences.choose(org.developer, modes=modes, digest_hour=hour, now=NOW)
        assert [error.field for error in refused.value.errors] == [field]

    def test_of_who_left_or_has_no_address_is_nobodys(self, run: Run, org: Organisation) -> None:
        User.objects.filter(username="finops").update(is_active=False)
        User.objects.filter(username="sre").update(email="")
        notify.approval_needed(run, steps(run), now=NOW)
        assert told() == set()
        assert not Notification.objects.exists()


class TestWhatIsRolledBack:
    def test_is_never_told(self, run: Run) -> None:
        def broken() -> None:
            with transaction.atomic():
                notify.run_applied(run, now=NOW)
                raise RuntimeError("out of order")

        with pytest.raises(RuntimeError):
            broken()
        assert not Notification.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestABrokerThatIsDown:
    def test_when_the_event_is_committed_costs_nothing_but_time(
        self, run: Run, make_channel: MakeChannel, receiver: HttpReceiver, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The ring is lost; what a sweep finds is sent."""
        caplog.set_level("WARNING")
        make_channel("webhook")
        working = current_app.conf.broker_url
        try:
            _use_broker("redis://127.0.0.1:1/0")
            with transaction.atomic():
                notify.run_applied(run, now=NOW)
        finally:
            _use_broker(working)
        assert "queue.unreachable" in caplog.text
        assert only(kind="webhook").status == "pending"
        assert notifications.due_count(now=NOW, at_most=4) == 3
        tasks.sweep_notifications()
        deliver()
        assert only(kind="webhook").status == "sent"
        assert len(receiver.calls) == 1


def _use_broker(url: str) -> None:
    """Point the application at another broker, forgetting its connections."""
    current_app.conf.broker_url = current_app.conf.broker_write_url = url
    current_app.amqp.__dict__.pop("_producer_pool", None)
    current_app.amqp._producer_pool = None
    current_app._pool = None
    current_app.set_default()


class TestEveryEvent:
    def test_can_be_told(
        self, run: Run, org: Organisation, make_channel: MakeChannel, mailoutbox: Any
    ) -> None:
        """Each event's message is rendered for each channel."""
        for kind in ("slack", "teams", "webhook", "email"):
            make_channel(kind, group="sre", hears_all=True)
        workspace = run.workspace
        workspace.expires_at = NOW
        notify.workspace_expiring(workspace, days=7, now=NOW)
        notify.workspace_expired(workspace, run, now=NOW)
        notify.expiry_blocked(workspace, "It is protected.", now=NOW)
        notify.plan_expired(run, days=14, now=NOW)
        notify.run_errored(run, summary="Terraform failed", now=NOW)
        notify.apply_interrupted(run, group="sre", reasons=["x"], now=NOW)
        deliver()
        assert set(NotificationDelivery.objects.values_list("status", flat=True)) == {"sent"}
        assert Notification.objects.count() == 6
