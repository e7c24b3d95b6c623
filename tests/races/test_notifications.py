"""Workers that deliver at once, events that happen twice at once, on PostgreSQL: each is sent once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from provisioner import notify
from provisioner.models import Notification, NotificationDelivery, Run
from provisioner.services import (
    notification_channels,
    notification_digests,
    notification_preferences,
    notification_send,
    notifications,
)
from tests.api.rows import make_run, make_version
from tests.conftest import NOW, Organisation
from tests.notifications.receivers import HttpReceiver, http_receiver
from tests.races.test_races import at_once

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
]

WORKERS = 8
SOON = NOW + timedelta(seconds=1)


@pytest.fixture
def run(org: Organisation) -> Run:
    return make_run(org, make_version())


@pytest.fixture
def receiver(settings: Any, org: Organisation) -> Iterator[HttpReceiver]:
    """Run a receiver that two channels lead to."""
    settings.DRAWBRIDGE_WEBHOOK_ALLOW = ["127.0.0.0/8"]
    with http_receiver() as told:
        for number in range(2):
            ask = notification_channels.Ask(
                name=f"hook {number}", kind="webhook", address=told.url(f"/{number}"), group="platform"
            )
            notification_channels.create(ask, actor=org.platform, now=NOW)
        yield told


class TestEightWorkers:
    def test_that_deliver_at_once_send_each_delivery_once(self, run: Run, receiver: HttpReceiver) -> None:
        for number in range(20):
            notify.run_applied(run, now=NOW - timedelta(hours=number + 1))
        outcomes = at_once(
            WORKERS, lambda index: notifications.deliver(clock=lambda: SOON, send=notification_send.send)
        )
        assert outcomes == {"ok": WORKERS}
        sent = Counter(call.headers["webhook-id"] for call in receiver.calls)
        assert len(sent) == 40
        assert set(sent.values()) == {1}
        rows = NotificationDelivery.objects.all()
        assert {(row.status, row.attempts) for row in rows} == {("sent", 1)}

    def test_are_not_all_held_by_one_receiver_that_hangs(self, run: Run, receiver: HttpReceiver) -> None:
        """While one hangs, others deliver everything else."""
        notify.run_applied(run, now=NOW)
        hung, go_on = threading.Event(), threading.Event()

        def hang(out: Any) -> None:
            if receiver.calls[-1].path == "/0" and not hung.is_set():
                hung.set()
                go_on.wait(60)
            out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        receiver.answer = hang

        def work(index: int) -> bool:
            if index:
                assert hung.wait(60)
            more = notifications.deliver(clock=lambda: SOON, send=notification_send.send)
            if index:
                go_on.set()
            return more

        assert at_once(2, work) == {"ok": 2}
        assert {row.status for row in NotificationDelivery.objects.all()} == {"sent"}


class TestTheSameEvent:
    def test_that_is_told_eight_times_at_once_is_told_once(self, run: Run, receiver: HttpReceiver) -> None:
        outcomes = at_once(WORKERS, lambda index: notify.run_applied(run, now=NOW))
        assert sum(outcomes.values()) == WORKERS
        assert set(outcomes) == {"nothing"}  # none of them failed
        assert Notification.objects.count() == 1
        assert NotificationDelivery.objects.count() == 4


class TestADigest:
    def test_that_two_beats_ask_for_is_made_once(self, run: Run, org: Organisation) -> None:
        notification_preferences.choose(org.developer, modes={"run.applied": "daily"}, digest_hour=7, now=NOW)
        for hour in range(3):
            notify.run_applied(run, now=NOW + timedelta(hours=hour))
        due = (NOW + timedelta(days=1)).replace(hour=7)
        outcomes = at_once(WORKERS, lambda index: notification_digests.send_due(now=due) or None)
        assert outcomes == {"ok": 1, "nothing": WORKERS - 1}
        assert Notification.objects.filter(event="digest").count() == 1
        assert NotificationDelivery.objects.filter(status="digested").count() == 3
