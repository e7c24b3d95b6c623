"""Celery tasks: shells around one service call each. The message only says "look now"."""

import os
import socket
import uuid
from datetime import UTC, datetime
from functools import cache

import structlog
from celery import shared_task
from celery.signals import worker_ready

from provisioner import notify, queue
from provisioner.engine.terraform import configured_engine
from provisioner.engine.types import Engine
from provisioner.services import apply, expire, plan, sweep

log = structlog.get_logger(__name__)


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _now() -> datetime:
    return datetime.now(UTC)


@cache
def _engine() -> Engine:
    return configured_engine()


@worker_ready.connect
def clean_up(**_: object) -> None:
    """Remove what dead workers left in this host's work directory."""
    for run_id in configured_engine().remove_leftovers():
        log.warning("engine.rescued_state_on_disk", run_id=run_id)


@shared_task(name=queue.PLAN)
def plan_run(*, run_id: str, **_: object) -> None:
    """Plan a run if it still waits."""
    plan.plan(uuid.UUID(run_id), engine=_engine(), worker=_worker(), clock=_now)


@shared_task(name=queue.APPLY)
def apply_run(*, run_id: str, **_: object) -> None:
    """Apply a run if it still waits."""
    apply.apply(uuid.UUID(run_id), engine=_engine(), worker=_worker(), clock=_now)


@shared_task(name="provisioner.sweep")
def sweep_runs(**_: object) -> None:
    """Look for what was lost."""
    sweep.sweep(now=_now())


@shared_task(name="provisioner.expire")
def expire_what_is_due(**_: object) -> None:
    """Warn of, and end, what has come to its end."""
    expire.expire(now=_now())


@shared_task(name=notify.SEND)
def send_mail(*, to: list[str], subject: str, text: str, **_: object) -> None:
    """Send one mail."""
    notify.deliver(to=to, subject=subject, text=text)
