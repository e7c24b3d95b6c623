"""Channels: who may make them, what is refused, and that what is secret shows nowhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import serializers
from django.db import connection
from django.test import Client

from provisioner import notification_reads as reads
from provisioner import notify
from provisioner.models import AuditEvent, NotificationChannel, NotificationDelivery, Run
from provisioner.selectors import NotVisible
from provisioner.services import notification_channels as service
from provisioner.services import notification_secrets, seals
from tests.conftest import NOW, Organisation
from tests.notifications.conftest import MakeChannel, deliver
from tests.notifications.receivers import HttpReceiver

pytestmark = pytest.mark.django_db

CANARY = "canary-B00-7f3a"
ASK = service.Ask(
    name="FinOps", kind="slack", address=f"https://hooks.slack.com/services/{CANARY}", group="finops"
)
TEAM = replace(ASK, name="Payments", group="", team="payments")


def refused(ask: service.Ask, actor: User) -> set[str]:
    """Return the fields that are refused."""
    with pytest.raises(service.InvalidChannel) as refusal:
        service.create(ask, actor=actor, now=NOW)
    return {error.field for error in refusal.value.errors}


class TestAChannel:
    def test_of_a_group_is_made_by_platform(self, org: Organisation) -> None:
        channel, secret = service.create(ASK, actor=org.platform, now=NOW)
        assert secret is None
        assert (channel.group, channel.address_hint) == ("finops", "https://hooks.slack.com/…")
        assert notification_secrets.address(channel) == ASK.address

    @pytest.mark.parametrize("name", ["developer", "finops", "sre"])
    def test_of_a_group_is_made_by_nobody_else(self, org: Organisation, name: str) -> None:
        with pytest.raises(service.NotYourChannel):
            service.create(ASK, actor=org.users[name], now=NOW)

    def test_of_a_team_is_managed_by_its_members_and_seen_by_no_other(self, org: Organisation) -> None:
        channel, _ = service.create(TEAM, actor=org.developer, now=NOW)
        assert list(reads.channels_visible_to(org.teammate)) == [channel]
        assert list(reads.channels_visible_to(org.outsider)) == []
        assert list(reads.channels_visible_to(org.finops)) == []
        for act in (
            service.disable,
            service.enable,
            service.send_test,
            service.remove,
            service.rotate_secret,
        ):
            with pytest.raises(NotVisible):
                act(channel.pk, actor=org.outsider, now=NOW)
        with pytest.raises(service.NotYourChannel):
            service.create(replace(TEAM, name="x"), actor=org.outsider, now=NOW)
        with pytest.raises(service.NotYourChannel):
            service.update(channel.pk, replace(TEAM, team="growth"), actor=org.developer, now=NOW)
        service.update(channel.pk, replace(TEAM, mode="hourly", address=""), actor=org.teammate, now=NOW)
        channel.refresh_from_db()
        assert channel.mode == "hourly"
        assert notification_secrets.address(channel) == TEAM.address

    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"name": ""}, {"name"}),
            ({"name": "a\nb"}, {"name"}),
            ({"name": "a" * 81}, {"name"}),
            ({"kind": "fax"}, {"kind", "address"} - {"address"}),
            ({"group": "nobody"}, {"group"}),
            ({"group": ""}, {"group"}),
            ({"team": "payments"}, {"group"}),
            ({"group": "", "team": "none"}, {"team"}),
            ({"group": "", "team": "payments", "hears_all": True}, {"hears_all"}),
            ({"events": ["run.nothing"]}, {"events"}),
            ({"mode": "never"}, {"mode"}),
            ({"digest_hour": 24}, {"digest_hour"}),
            ({"address": ""}, {"address"}),
            ({"address": "http://169.254.169.254/"}, {"address"}),
            ({"address": "https://10.0.0.1/"}, {"address"}),
            ({"address": "https://a:b@example.com/"}, {"address"}),
            ({"kind": "email", "address": "nobody"}, {"address"}),
            ({"kind": "email", "address": "a@example.com\nBcc: b@example.com"}, {"address"}),
        ],
    )
    def test_that_cannot_be_is_refused_by_field(
        self, org: Organisation, changes: dict[str, Any], fields: set[str]
    ) -> None:
        assert refused(replace(ASK, **changes), org.platform) == fields
        assert not NotificationChannel.objects.exists()

    def test_has_a_name_of_its_own(self, org: Organisation) -> None:
        service.create(ASK, actor=org.platform, now=NOW)
        assert refused(ASK, org.platform) == {"name"}

    def test_stays_of_its_kind(self, org: Organisation) -> None:
        channel, _ = service.create(ASK, actor=org.platform, now=NOW)
        with pytest.raises(service.InvalidChannel):
            service.update(channel.pk, replace(ASK, kind="teams"), actor=org.platform, now=NOW)

    def test_that_is_disabled_takes_no_test_until_it_is_enabled(self, org: Organisation) -> None:
        channel, _ = service.create(ASK, actor=org.platform, now=NOW)
        for _ in range(2):
            service.disable(channel.pk, actor=org.platform, now=NOW)
        with pytest.raises(service.ChannelDisabled, match="platform disabled it"):
            service.send_test(channel.pk, actor=org.platform, now=NOW)
        service.enable(channel.pk, actor=org.platform, now=NOW)
        assert service.send_test(channel.pk, actor=org.platform, now=NOW).status == "pending"

    def test_has_a_secret_only_when_it_is_a_webhook(self, org: Organisation) -> None:
        channel, _ = service.create(ASK, actor=org.platform, now=NOW)
        with pytest.raises(service.NoSecret):
            service.rotate_secret(channel.pk, actor=org.platform, now=NOW)

    def test_is_deleted_with_its_log(self, org: Organisation) -> None:
        channel, _ = service.create(ASK, actor=org.platform, now=NOW)
        service.send_test(channel.pk, actor=org.platform, now=NOW)
        service.remove(channel.pk, actor=org.platform, now=NOW)
        assert not NotificationDelivery.objects.exists()
        assert AuditEvent.objects.filter(action="notification_channel.delete").exists()


class TestWhatIsSecret:
    @pytest.fixture
    def secrets(
        self, org: Organisation, run: Run, receiver: HttpReceiver, make_channel: MakeChannel, caplog: Any
    ) -> list[str]:
        """Live through the life of a Slack channel and a webhook; return what must show nowhere."""
        caplog.set_level("DEBUG")
        make_channel("slack", name="slack", address=receiver.url(f"/{CANARY}"))
        hook = service.Ask(name="hook", kind="webhook", address=receiver.url(f"/{CANARY}"), group="platform")
        channel, first = service.create(hook, actor=org.platform, now=NOW)
        _, second = service.rotate_secret(channel.pk, actor=org.platform, now=NOW)
        for status in (503, 400, 410):
            receiver.status = status
            service.send_test(channel.pk, actor=org.platform, now=NOW)
            notify.run_errored(run, summary=f"status {status}", now=NOW)
            deliver()
        receiver.port = 1
        dead = service.Ask(
            name="dead", kind="webhook", address=f"http://127.0.0.1:1/{CANARY}", group="platform"
        )
        dead_channel, third = service.create(dead, actor=org.platform, now=NOW)
        service.send_test(dead_channel.pk, actor=org.platform, now=NOW)
        deliver()
        assert len(receiver.calls) > 3
        return [CANARY, *(str(one) for one in (first, second, third))]

    def test_is_in_no_log_no_row_no_page_and_no_answer(
        self, secrets: list[str], org: Organisation, caplog: Any
    ) -> None:
        seen = {"log": caplog.text}
        models = [NotificationChannel, NotificationDelivery, AuditEvent]
        seen["rows"] = serializers.serialize("json", [row for model in models for row in model.objects.all()])
        with connection.cursor() as cursor:
            cursor.execute("SELECT address, secret, previous_secret FROM provisioner_notificationchannel")
            seen["columns"] = repr([bytes(cell) for row in cursor.fetchall() for cell in row if cell])
        client = Client()
        client.force_login(org.platform)
        keys = NotificationChannel.objects.values_list("pk", flat=True)
        pages = [
            "/notifications/channels/",
            "/notifications/deliveries/",
            "/api/v1/notification-channels/",
            "/api/v1/notification-deliveries/",
            *(f"/notifications/channels/{pk}/" for pk in keys),
            *(
                f"/api/v1/notification-channels/{pk}/"
                for pk in NotificationChannel.objects.values_list("pk", flat=True)
            ),
        ]
        for page in pages:
            answer = client.get(page)
            assert answer.status_code == 200
            seen[page] = answer.content.decode()
        for where, text in seen.items():
            for secret in secrets:
                assert secret not in text, where
                assert secret.removeprefix("whsec_") not in text, where

    def test_opens_nowhere_but_in_its_own_row(self, org: Organisation) -> None:
        one, _ = service.create(ASK, actor=org.platform, now=NOW)
        other, _ = service.create(replace(ASK, name="other"), actor=org.platform, now=NOW)
        NotificationChannel.objects.filter(pk=other.pk).update(address=one.address)
        assert [place for place, _ in seals.broken()] == [f"address of a channel {other.pk}"]

    def test_is_rewrapped_when_keys_are_rotated(self, org: Organisation, settings: Any) -> None:
        hook = replace(ASK, kind="webhook")
        channel, secret = service.create(hook, actor=org.platform, now=NOW)
        service.rotate_secret(channel.pk, actor=org.platform, now=NOW)
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = ["new:" + "B" * 43 + "=", *settings.DRAWBRIDGE_ENCRYPTION_KEYS]
        done = seals.rotate()
        assert sum(done.rewrapped.values()) == 3
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = settings.DRAWBRIDGE_ENCRYPTION_KEYS[:1]
        channel.refresh_from_db()
        assert notification_secrets.address(channel) == ASK.address
        assert notification_secrets.secrets(channel, now=NOW)[1] == secret


class TestTheLog:
    def test_shows_people_their_own_and_their_teams_deliveries(
        self, org: Organisation, run: Run, make_channel: MakeChannel
    ) -> None:
        make_channel("webhook", name="everything")
        make_channel("slack", name="payments", team="payments")
        notify.run_applied(run, now=NOW)
        notify.approval_needed(run, list(run.approval_steps.all()), now=NOW)
        seen = {
            name: {
                row.channel.name if row.channel else row.person.username if row.person else "team"
                for row in reads.deliveries_visible_to(user)
            }
            for name, user in org.users.items()
        }
        assert seen == {
            "developer": {"payments", "developer", "team"},
            "teammate": {"payments", "team"},
            "outsider": set(),
            "finops": {"finops"},
            "sre": {"sre"},
            "platform": {"everything", "payments", "developer", "team", "finops", "sre"},
        }
