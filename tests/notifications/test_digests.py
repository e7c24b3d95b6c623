"""Digests: one message for what waited, by its kind; once; nothing when there is nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from provisioner import notify
from provisioner.models import Notification, NotificationDelivery, Run
from provisioner.services import notification_digests, notification_preferences
from tests.conftest import NOW, Organisation
from tests.notifications.conftest import MakeChannel, deliver
from tests.notifications.receivers import HttpReceiver, MailServer

pytestmark = pytest.mark.django_db

SEVEN = (NOW + timedelta(days=1)).replace(hour=7)


@pytest.fixture
def daily(org: Organisation) -> None:
    """Let the developer have everything once a day."""
    modes = {"run.applied": "daily", "run.errored": "daily", "workspace.expiring": "daily"}
    notification_preferences.choose(org.developer, modes=modes, digest_hour=7, now=NOW)


def happen(run: Run) -> None:
    notify.run_errored(run, summary="x", now=NOW)
    notify.run_applied(run, now=NOW + timedelta(minutes=1))


def of_developer(org: Organisation) -> list[tuple[str, str]]:
    rows = NotificationDelivery.objects.filter(person=org.developer).order_by("notification__event")
    return [(row.notification.event, row.status) for row in rows.select_related("notification")]


@pytest.mark.usefixtures("daily")
class TestADigest:
    def test_collects_what_happened_until_its_hour(
        self, run: Run, org: Organisation, smtp: MailServer
    ) -> None:
        happen(run)
        assert notification_digests.send_due(now=SEVEN - timedelta(seconds=1)) == 0
        assert notification_digests.send_due(now=SEVEN) == 1
        deliver(SEVEN)
        assert of_developer(org) == [
            ("digest", "sent"),
            ("run.applied", "digested"),
            ("run.errored", "digested"),
        ]
        [sections] = Notification.objects.filter(event="digest").values_list("document__sections", flat=True)
        assert [section["title"] for section in sections] == [
            "A run was applied",
            "A run failed or was refused",
        ]
        mine = [one for one in smtp.mails if one.rcpt_tos == ["developer@example.com"]]
        assert len(mine) == 1

    def test_is_made_once_whoever_asks_again(self, run: Run, org: Organisation) -> None:
        happen(run)
        assert [notification_digests.send_due(now=SEVEN) for _ in range(3)] == [1, 0, 0]

    def test_after_days_of_downtime_is_one(self, run: Run, org: Organisation) -> None:
        happen(run)
        notify.run_errored(run, summary="y", now=NOW + timedelta(days=1))
        assert notification_digests.send_due(now=NOW + timedelta(days=9)) == 1
        assert NotificationDelivery.objects.filter(status="digested").count() == 3

    def test_of_nothing_is_not_sent(self, org: Organisation) -> None:
        assert notification_digests.send_due(now=SEVEN) == 0
        assert not Notification.objects.exists()

    def test_does_not_wait_for_what_is_urgent(self, run: Run, org: Organisation) -> None:
        run.workspace.expires_at = NOW + timedelta(days=1)
        notify.workspace_expiring(run.workspace, days=7, now=NOW)
        notify.workspace_expiring(run.workspace, days=1, now=NOW)
        notify.workspace_expired(run.workspace, run, now=NOW)
        assert of_developer(org) == [
            ("workspace.expired", "pending"),
            ("workspace.expiring", "held"),
            ("workspace.expiring", "pending"),
        ]

    def test_leaves_nothing_out_that_has_no_kind_any_more(self, run: Run, org: Organisation) -> None:
        happen(run)
        Notification.objects.filter(event="run.applied").update(event="run.of_an_older_portal")
        notification_digests.send_due(now=SEVEN)
        sections = Notification.objects.get(event="digest").document["sections"]
        assert [section["title"] for section in sections] == ["A run failed or was refused", "Other"]

    def test_names_so_many_and_counts_the_rest(
        self, run: Run, org: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(notification_digests, "SECTION_MAX", 2)
        for hour in range(5):
            notify.run_applied(run, now=NOW + timedelta(hours=hour))
        notification_digests.send_due(now=SEVEN)
        [section] = Notification.objects.get(event="digest").document["sections"]
        assert (len(section["entries"]), section["left_out"]) == (2, 3)


class TestAChannel:
    @pytest.mark.parametrize(("mode", "due"), [("hourly", NOW + timedelta(hours=1)), ("daily", SEVEN)])
    def test_can_have_digests_too(
        self, run: Run, make_channel: MakeChannel, receiver: HttpReceiver, mode: str, due: Any
    ) -> None:
        make_channel("slack", mode=mode)
        happen(run)
        notification_digests.send_due(now=due)
        deliver(due)
        [got] = receiver.calls
        said = json.dumps(got.json)
        assert "2 messages since the last digest" in said
        assert "The provision of db-0 is applied" in said
