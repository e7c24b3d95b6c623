"""Celery tasks: shells around one service call each. The message only says "look now"."""

import os
import socket
import time
import uuid
from datetime import UTC, datetime
from functools import cache

import structlog
from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down
from django.db import Error as DatabaseError

from provisioner import queue
from provisioner.engine.terraform import configured_engine
from provisioner.engine.types import Engine
from provisioner.services import apply, plan, recover, shutdown, sweep

log = structlog.get_logger(__name__)

_watch = sweep.Watch()


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _now() -> datetime:
    return datetime.now(UTC)


@cache
def _engine() -> Engine:
    return configured_engine()


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
    """Plan a run if it still waits."""
    plan.plan(uuid.UUID(run_id), engine=_engine(), worker=_worker(), clock=_now)


@shared_task(name=queue.APPLY)
def apply_run(*, run_id: str, **_: object) -> None:
    """Apply a run if it still waits."""
    apply.apply(uuid.UUID(run_id), engine=_engine(), worker=_worker(), clock=_now)


@shared_task(name="provisioner.sweep")
def sweep_runs(**_: object) -> None:
    """Look for what was lost, and take up what was cut short."""
    try:
        sweep.sweep(now=_now(), steady=_watch.reached(time.monotonic()))
        recover.recover(now=_now(), engine=_engine())
    except DatabaseError:
        _watch.missed()
        raise
