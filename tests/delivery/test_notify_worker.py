"""A real worker that delivers, killed between sending and recording: the same is sent again under the same id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from provisioner import notify
from provisioner.models import NotificationDelivery, Run
from provisioner.notify import outbox
from provisioner.services import notification_channels
from tests.api.rows import make_run, make_version
from tests.conftest import Organisation
from tests.delivery.test_worker import environment_of_a_process
from tests.notifications.receivers import HttpReceiver, http_receiver
from tests.waiting import until

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.django_db(transaction=True),
]

Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def receiver(org: Organisation, settings: Any) -> Iterator[HttpReceiver]:
    settings.DRAWBRIDGE_WEBHOOK_ALLOW = ["127.0.0.0/8"]
    with http_receiver() as told:
        yield told


@pytest.fixture
def start_notify_worker(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a worker as the Procfile does; every one is ended with the test."""
    workers: list[subprocess.Popen[bytes]] = []
    with current_app.connection_for_write() as broker:
        broker.default_channel.queue_declare(outbox.QUEUE)
        broker.default_channel.queue_purge(outbox.QUEUE)

    def start() -> subprocess.Popen[bytes]:
        log = tmp_path / f"notify-{len(workers)}.log"
        workers.append(
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "celery", "-A", "portal", "worker", "--queues", outbox.QUEUE),
                    *("--pool", "threads", "--concurrency", "4", "--loglevel", "INFO"),
                    *("--without-gossip", "--without-mingle"),
                ],
                cwd=settings.BASE_DIR,
                env=environment_of_a_process(DRAWBRIDGE_WEBHOOK_ALLOW="127.0.0.0/8"),
                stdin=subprocess.DEVNULL,
                stdout=log.open("wb"),
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        )
        until(lambda: b" ready." in log.read_bytes(), what=f"the worker is ready, see {log}")
        return workers[-1]

    yield start
    for worker in workers:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


@pytest.fixture
def run(org: Organisation, receiver: HttpReceiver) -> Run:
    """Return a run of which one channel hears and nobody else."""
    ask = notification_channels.Ask(name="hook", kind="webhook", address=receiver.url(), group="platform")
    notification_channels.create(ask, actor=org.platform, now=timezone.now())
    org.developer.email = ""
    org.developer.save()
    org.teams["payments"].email = ""
    org.teams["payments"].save()
    run = make_run(org, make_version())
    run.workspace.service.owner_team.refresh_from_db()
    return run


def row() -> NotificationDelivery:
    return NotificationDelivery.objects.get()


class TestAWorker:
    def test_sends_at_once_what_is_committed(
        self, run: Run, receiver: HttpReceiver, start_notify_worker: Start
    ) -> None:
        start_notify_worker()
        with transaction.atomic():
            notify.run_applied(run, now=timezone.now())
        until(lambda: row().status == "sent", what="it is sent")
        assert [call.headers["webhook-id"] for call in receiver.calls] == [str(row().pk)]

    def test_that_is_killed_after_sending_leaves_it_to_another_under_the_same_id(
        self, run: Run, receiver: HttpReceiver, start_notify_worker: Start
    ) -> None:
        worker = start_notify_worker()

        def kill(out: Any) -> None:
            receiver.answer = None
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()

        receiver.answer = kill
        with transaction.atomic():
            notify.run_applied(run, now=timezone.now())
        until(lambda: worker.poll() is not None, what="the worker is dead")
        assert (row().status, row().attempts) == ("pending", 1)
        start_notify_worker()
        outbox.send_ring()  # within the lease it is the dead one's
        NotificationDelivery.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
        outbox.send_ring()
        until(lambda: row().status == "sent", what="it is sent again")
        assert [call.headers["webhook-id"] for call in receiver.calls] == [str(row().pk)] * 2

    def test_finds_by_itself_what_no_message_told_it_of(
        self, run: Run, receiver: HttpReceiver, start_notify_worker: Start
    ) -> None:
        """The message of the commit was lost; the beat asks for a sweep."""
        with transaction.atomic():
            notify.run_applied(run, now=timezone.now())
        with current_app.connection_for_write() as broker:
            broker.default_channel.queue_purge(outbox.QUEUE)
        start_notify_worker()
        current_app.send_task("provisioner.notify_sweep", queue=outbox.QUEUE)
        until(lambda: row().status == "sent", what="the sweep finds it")
