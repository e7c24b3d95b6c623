"""Deliveries to real receivers: sent, tried again, given up; and what a receiver is told."""

from __future__ import annotations

import email
import email.policy
import socket
import uuid
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.utils import timezone

from provisioner import notify
from provisioner.domain.delivery import Outcome, Verdict
from provisioner.models import AuditEvent, Notification, NotificationChannel, NotificationDelivery, Run
from provisioner.outbound import signing
from provisioner.services import notification_channels as channels
from provisioner.services import notification_secrets, notification_send, notifications
from tests.conftest import NOW, Organisation
from tests.notifications.conftest import MakeChannel, deliver, only
from tests.notifications.receivers import HttpReceiver, MailServer

pytestmark = pytest.mark.django_db

SOON = NOW + timedelta(seconds=1)


def parsed(raw: Any) -> EmailMessage:
    made = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(made, EmailMessage)
    return made


def to_webhook(run: Run) -> NotificationDelivery:
    """Tell of the run, and return the delivery to the one channel."""
    notify.run_applied(run, now=NOW)
    return only(kind="webhook")


class TestAWebhook:
    def test_is_signed_with_an_id_that_stays_and_a_time_that_does_not(
        self, run: Run, make_channel: MakeChannel, receiver: HttpReceiver
    ) -> None:
        channel = make_channel("webhook")
        receiver.status = 503
        delivery = to_webhook(run)
        deliver(SOON)
        receiver.status = 200
        deliver(NOW + timedelta(hours=1))
        first, second = receiver.calls
        assert first.headers["webhook-id"] == second.headers["webhook-id"] == str(delivery.pk)
        assert first.body == second.body
        [secret] = notification_secrets.secrets(channel, now=NOW)
        for got in (first, second):
            assert got.headers["webhook-signature"] == signing.signature(
                secret,
                message_id=got.headers["webhook-id"],
                timestamp=int(got.headers["webhook-timestamp"]),
                body=got.body,
            )
        assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]

    def test_is_signed_with_both_secrets_while_one_is_rotated(
        self, run: Run, make_channel: MakeChannel, receiver: HttpReceiver, org: Organisation
    ) -> None:
        channel = make_channel("webhook")
        [old] = notification_secrets.secrets(channel, now=NOW)
        _, new = channels.rotate_secret(channel.pk, actor=org.platform, now=NOW)
        to_webhook(run)
        deliver(SOON)
        channel.refresh_from_db()
        assert notification_secrets.secrets(channel, now=SOON) == [new, old]
        assert notification_secrets.secrets(channel, now=NOW + channels.OVERLAP) == [new]
        assert len(receiver.calls[0].headers["webhook-signature"].split(" ")) == 2


class TestADelivery:
    @pytest.fixture(autouse=True)
    def _channel(self, make_channel: MakeChannel) -> None:
        make_channel("webhook", name="hook")

    def test_that_fails_is_tried_again_with_the_cause_shown(self, run: Run, receiver: HttpReceiver) -> None:
        receiver.status = 500
        to_webhook(run)
        deliver(SOON)
        row = only(kind="webhook")
        assert (row.status, row.attempts, row.status_code, row.last_error) == (
            "failed",
            1,
            500,
            "It answered 500.",
        )
        assert SOON + timedelta(seconds=15) <= row.next_attempt_at <= SOON + timedelta(seconds=30)
        deliver(SOON + timedelta(seconds=10))
        assert len(receiver.calls) == 1

    def test_waits_as_long_as_the_receiver_asks_for(self, run: Run, receiver: HttpReceiver) -> None:
        receiver.status, receiver.headers = 429, {"Retry-After": "7200"}
        to_webhook(run)
        deliver(SOON)
        assert only(kind="webhook").next_attempt_at == SOON + timedelta(hours=2)

    @pytest.mark.parametrize("status", [400, 404, 302])
    def test_that_would_never_be_taken_is_given_up_at_once(
        self, run: Run, receiver: HttpReceiver, status: int
    ) -> None:
        receiver.status = status
        to_webhook(run)
        deliver(SOON)
        row = only(kind="webhook")
        assert (row.status, row.attempts, row.status_code) == ("gave_up", 1, status)

    def test_is_given_up_after_a_day(self, run: Run, receiver: HttpReceiver) -> None:
        receiver.status = 503
        to_webhook(run)
        at = SOON
        for _ in range(30):
            deliver(at)
            row = only(kind="webhook")
            if row.status == "gave_up":
                break
            at = row.next_attempt_at
        assert (row.status, row.last_error) == ("gave_up", "It answered 503.")
        assert 10 < len(receiver.calls) < 30
        assert at <= NOW + timedelta(hours=24)

    def test_to_what_is_gone_disables_the_channel(self, run: Run, receiver: HttpReceiver) -> None:
        receiver.status = 410
        to_webhook(run)
        deliver(SOON)
        channel = NotificationChannel.objects.get()
        assert channel.disabled_at == SOON
        assert AuditEvent.objects.filter(action="notification_channel.gone").exists()
        notify.run_errored(run, summary="x", now=NOW)
        assert NotificationDelivery.objects.filter(kind="webhook").count() == 1

    def test_that_waits_when_its_channel_is_disabled_is_given_up(
        self, run: Run, receiver: HttpReceiver, org: Organisation
    ) -> None:
        row = to_webhook(run)
        channels.disable(row.channel_id or 0, actor=org.platform, now=NOW)
        deliver(SOON)
        row = only(kind="webhook")
        assert (row.status, row.last_error) == ("gave_up", "The channel is disabled. platform disabled it.")
        assert receiver.calls == []

    def test_to_an_address_that_became_forbidden_is_given_up(
        self, run: Run, receiver: HttpReceiver, settings: Any
    ) -> None:
        to_webhook(run)
        settings.DRAWBRIDGE_WEBHOOK_ALLOW = []
        deliver(SOON)
        row = only(kind="webhook")
        assert row.status == "gave_up"
        assert "DRAWBRIDGE_WEBHOOK_ALLOW" in row.last_error
        assert receiver.calls == []

    def test_whose_key_is_lost_is_given_up_and_says_so(self, run: Run, receiver: HttpReceiver) -> None:
        row = to_webhook(run)
        NotificationChannel.objects.update(address=b"DB1\x01xnonsense")
        deliver(SOON)
        row = only(kind="webhook")
        assert row.status == "gave_up"
        assert "encryption key" in row.last_error

    def test_to_a_receiver_that_is_down_lets_its_others_wait(
        self, run: Run, receiver: HttpReceiver, make_channel: MakeChannel
    ) -> None:
        """So that a receiver that hangs keeps no worker busy; other receivers are served meanwhile."""
        make_channel("slack", name="other")
        for number in range(5):
            notify.run_errored(_again(run, number), summary="x", now=NOW)
        receiver.status = 503
        assert notifications.deliver(clock=lambda: SOON, send=notification_send.send) is False
        assert len([got for got in receiver.calls if got.path == "/webhook"]) == 1
        waiting = NotificationDelivery.objects.filter(channel__name="hook")
        assert set(waiting.values_list("attempts", flat=True)) == {0, 1}
        assert waiting.filter(next_attempt_at__gt=SOON).count() == 5

    def test_whose_worker_dies_after_sending_is_sent_again_under_the_same_id(
        self, run: Run, receiver: HttpReceiver
    ) -> None:
        to_webhook(run)
        NotificationDelivery.objects.exclude(kind="webhook").delete()
        taken = notifications.claim_next(now=SOON)
        assert taken is not None
        assert notification_send.send(taken, now=SOON).verdict is Verdict.SENT
        deliver(SOON)  # another worker: the claim is still there
        assert len(receiver.calls) == 1
        NotificationDelivery.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
        deliver(SOON)
        assert only().status == "sent"
        assert {got.headers["webhook-id"] for got in receiver.calls} == {str(taken.pk)}
        assert len(receiver.calls) == 2

    def test_that_lost_its_claim_writes_nothing(self, run: Run, receiver: HttpReceiver) -> None:
        to_webhook(run)
        NotificationDelivery.objects.exclude(kind="webhook").delete()
        slow = notifications.claim_next(now=SOON)
        assert slow is not None
        NotificationDelivery.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
        deliver(SOON)
        late = notifications.record(slow, Outcome(Verdict.NEVER, "late"), now=SOON, fraction=0)
        assert late is None
        assert only().status == "sent"

    def test_that_breaks_the_sender_is_tried_again(self, run: Run, receiver: HttpReceiver) -> None:
        to_webhook(run)
        Notification.objects.update(document={"nothing": "of what is needed"})
        deliver(SOON)
        assert {row.status for row in NotificationDelivery.objects.all()} == {"failed"}

    def test_is_sent_again_when_somebody_asks(
        self, run: Run, receiver: HttpReceiver, org: Organisation
    ) -> None:
        row = to_webhook(run)
        deliver(SOON)
        later = NOW + timedelta(days=3)
        notifications.redeliver(only(kind="webhook"), actor=org.platform, now=later)
        deliver(later)
        assert [got.headers["webhook-id"] for got in receiver.calls] == [str(row.pk)] * 2
        assert AuditEvent.objects.filter(action="notification.redeliver", object_id=str(row.pk)).exists()

    def test_that_is_under_way_is_not_sent_again(
        self, run: Run, receiver: HttpReceiver, org: Organisation
    ) -> None:
        to_webhook(run)
        NotificationDelivery.objects.exclude(kind="webhook").delete()
        notifications.claim_next(now=SOON)
        with pytest.raises(notifications.NotRedeliverable):
            notifications.redeliver(only(), actor=org.platform, now=SOON)


def _again(run: Run, number: int) -> Run:
    """Return the run as another one would be told of."""
    found = Run.objects.select_related("workspace__service__owner_team", "request", "requester").get()
    found.pk = uuid.UUID(int=number + 1)
    return found


class TestAMail:
    def test_has_text_html_an_id_and_no_more_headers_than_ours(
        self, run: Run, smtp: MailServer, org: Organisation
    ) -> None:
        run.workspace.name = "orders\r\nBcc: victim@example.com <b>"
        notify.run_applied(run, now=NOW)
        deliver(SOON)
        made = [parsed(envelope.content) for envelope in smtp.mails]
        assert {to for envelope in smtp.mails for to in envelope.rcpt_tos} == {
            "payments@example.com",
            "developer@example.com",
        }
        notification = Notification.objects.get()
        for one in made:
            assert (
                one["Subject"]
                == "[Drawbridge] The provision of orders Bcc: victim@example.com <b> is applied"
            )
            assert one["Bcc"] is None
            assert one["Message-ID"] == f"<{notification.pk}@127.0.0.1>"
            assert one["Auto-Submitted"] == "auto-generated"
            text, html = (one.get_body((kind,)) for kind in ("plain", "html"))
            assert text is not None
            assert html is not None
            assert f"/runs/{run.pk}/" in text.get_content()
            assert "Cost: $351.50 a month (+$351.50)" in text.get_content()
            assert "&lt;b&gt;" in html.get_content()
            assert "<b>" not in html.get_content()

    @pytest.mark.parametrize(
        ("reply", "status"), [("550 No such user", "gave_up"), ("451 Try later", "failed")]
    )
    def test_to_an_address_that_is_not_taken(
        self, run: Run, smtp: MailServer, reply: str, status: str, org: Organisation
    ) -> None:
        smtp.refuse["developer@example.com"] = reply
        notify.run_applied(run, now=NOW)
        deliver(SOON)
        assert only(person=org.developer).status == status
        assert only(team=org.teams["payments"]).status == "sent"

    @pytest.mark.parametrize(("reply", "status"), [("554 Spam", "gave_up"), ("452 Full", "failed")])
    def test_whose_content_is_not_taken(
        self, run: Run, smtp: MailServer, reply: str, status: str, org: Organisation
    ) -> None:
        smtp.refuse_data = reply
        notify.run_applied(run, now=NOW)
        deliver(SOON)
        assert only(person=org.developer).status == status

    def test_to_a_server_that_is_down_waits_for_it(self, run: Run, settings: Any, org: Organisation) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
            settings.EMAIL_HOST, settings.EMAIL_PORT = free.getsockname()
            notify.run_applied(run, now=NOW)
            deliver(SOON)
        rows = NotificationDelivery.objects.order_by("-attempts")
        # The first finds the server down, and the other waits with it.
        assert [row.attempts for row in rows] == [1, 0]
        assert all(row.next_attempt_at > SOON for row in rows)
        assert rows[0].last_error == "The mail server could not be reached (ConnectionRefusedError)."

    def test_goes_to_the_address_that_a_person_has_by_then(
        self, run: Run, smtp: MailServer, org: Organisation
    ) -> None:
        notify.run_applied(run, now=NOW)
        org.developer.is_active = False
        org.developer.save()
        deliver(SOON)
        assert only(person=org.developer).status == "gave_up"
        assert [envelope.rcpt_tos for envelope in smtp.mails] == [["payments@example.com"]]

    def test_goes_to_a_channel_of_that_kind(
        self, run: Run, smtp: MailServer, make_channel: MakeChannel
    ) -> None:
        make_channel("email", group="sre")
        notify.run_applied(run, now=NOW)
        deliver(SOON)
        assert ["list@example.com"] in [envelope.rcpt_tos for envelope in smtp.mails]


class TestWhatIsOld:
    def test_is_forgotten_but_not_what_waits(self, run: Run, smtp: MailServer) -> None:
        notify.run_applied(run, now=NOW)
        deliver(SOON)
        notify.run_errored(run, summary="x", now=NOW)
        assert notifications.forget(older_than=NOW) == 0
        assert notifications.forget(older_than=NOW + timedelta(days=90)) == 1
        assert Notification.objects.get().event == "run.errored"
