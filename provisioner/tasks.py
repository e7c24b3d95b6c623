"""Celery tasks: shells around one service call each. The message only says "look now"."""

import os
import socket
import time
from datetime import UTC, datetime, timedelta
from functools import cache

import structlog
from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down
from django.conf import settings
from django.db import Error as DatabaseError

from provisioner import notify, queue
from provisioner.engine.terraform import configured_engine
from provisioner.engine.types import Engine
from provisioner.notify import outbox
from provisioner.services import (
    dispatch,
    drift,
    expire,
    log_archive,
    notification_digests,
    notification_send,
    notifications,
    policies,
    recover,
    shutdown,
    sweep,
    workers,
)

log = structlog.get_logger(__name__)

_watch = sweep.Watch()


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _now() -> datetime:
    return datetime.now(UTC)


@cache
def _engine() -> Engine:
    return configured_engine()


def _take_next(task: str, rung_for: str) -> None:
    status = dispatch.answer(queue.served(task), engine=_engine(), worker=_worker(), clock=_now)
    log.debug("queue.answered", task=task, rung_for=rung_for, status=status)


@worker_ready.connect
def clean_up(**_: object) -> None:
    """Remove what dead workers left in this host's work directory, and keep the states that are nowhere else."""
    engine = configured_engine()
    recover.keep_rescued(now=_now(), engine=engine, run_ids=engine.remove_leftovers())


@worker_shutting_down.connect
def end_work(**_: object) -> None:
    """Let the runs that this worker's processes work on end or be handed back."""
    shutdown.request()


@shared_task(name=queue.PLAN)
def plan_run(*, run_id: str, **_: object) -> None:
    """Take up what is next in line; the run that the message names may have had its turn already."""
    _take_next(queue.PLAN, run_id)


@shared_task(name=queue.APPLY)
def apply_run(*, run_id: str, **_: object) -> None:
    """Take up what is next in line; the run that the message names may have had its turn already."""
    _take_next(queue.APPLY, run_id)


@shared_task(name="provisioner.sweep")
def sweep_runs(**_: object) -> None:
    """Look for what was lost, and take up what was cut short."""
    try:
        sweep.sweep(now=_now(), steady=_watch.reached(time.monotonic()))
        recover.recover(now=_now(), engine=_engine())
    except DatabaseError:
        _watch.missed()
        raise


@shared_task(name="provisioner.look_for_workers")
def look_for_workers(**_: object) -> None:
    """Note which workers there are."""
    workers.note(queue.workers())


@shared_task(name="provisioner.refresh_policy")
def refresh_policy(**_: object) -> None:
    """Look at where the policy comes from."""
    policies.refresh(now=_now())


@shared_task(name="provisioner.archive_logs")
def archive_logs(**_: object) -> None:
    """Archive old logs, some at a time: the rest waits behind what else is queued."""
    if log_archive.archive_old(now=_now()).more:
        archive_logs.apply_async()


@shared_task(name="provisioner.check_drift")
def check_drift(**_: object) -> None:
    """Order the drift checks that are due."""
    drift.order_due(now=_now())


@shared_task(name="provisioner.expire")
def expire_what_is_due(**_: object) -> None:
    """Warn of, and end, what has come to its end."""
    expire.expire(now=_now())


@shared_task(name=notify.DELIVER)
def deliver_notifications(**_: object) -> None:
    """Send what is due, some at a time: the rest waits behind what else is queued."""
    if notifications.deliver(clock=_now, send=notification_send.send):
        notify.send_ring()


@shared_task(name="provisioner.notify_sweep")
def sweep_notifications(**_: object) -> None:
    """Ring for what is due, so that no message of the queue need ever arrive; make the digests whose time has come."""
    if due := notifications.due_count(now=_now(), at_most=outbox.RINGS_MAX):
        notify.send_ring(due)
    notification_digests.send_due(now=_now())


@shared_task(name="provisioner.forget_notifications")
def forget_notifications(**_: object) -> None:
    """Remove what people were told long ago."""
    if days := settings.DRAWBRIDGE_NOTIFICATION_KEEP_DAYS:
        notifications.forget(older_than=_now() - timedelta(days=days))
