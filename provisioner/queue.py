"""Ring for the workers. The database is the truth; a lost ring is rung again by the sweeper."""

from dataclasses import dataclass
from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import KombuError, OperationalError

log = structlog.get_logger(__name__)

PLAN = "provisioner.plan"
APPLY = "provisioner.apply"

# Task name -> queue, so that planning never waits behind applying and the sweeper never starves.
QUEUES = {PLAN: "plan", APPLY: "apply"}


@dataclass(frozen=True)
class Worker:
    """A worker process that answers: the runs it does at once, and the tasks it takes."""

    name: str
    places: int
    tasks: frozenset[str]


def served(task: str) -> frozenset[str]:
    """Return the tasks whose queues this process takes messages from; a message of `task` just came."""
    consumed = current_app.amqp.queues.consume_from
    return frozenset({task, *(one for one, name in QUEUES.items() if name in consumed)})


def backlog(task: str) -> int | None:
    """Return how many messages wait in a task's queue, or None when the broker cannot be asked."""
    try:
        with current_app.connection_for_read() as connection:
            queue: Any = current_app.amqp.queues[QUEUES[task]]
            return int(queue.bind(connection.default_channel).queue_declare().message_count)
    except (OperationalError, OSError) as error:
        log.warning("queue.unreachable", task=task, error=str(error))
        return None


def ring(task: str, run_id: object) -> None:
    """Send `task` for a run as soon as the current transaction is committed."""
    transaction.on_commit(lambda: send(task, run_id))


def send(task: str, run_id: object) -> bool:
    """Send now; return whether the broker took it. A broker that is down is logged, never raised."""
    try:
        current_app.send_task(task, kwargs={"run_id": str(run_id)}, queue=QUEUES[task])
    except (OperationalError, OSError) as error:
        log.warning("queue.unreachable", task=task, run_id=str(run_id), error=str(error))
        return False
    return True


def workers(*, timeout_s: float = 1.0) -> list[Worker] | None:
    """Ask the workers who they are, which takes twice `timeout_s`; None when the broker cannot be asked.

    Their main processes answer while their children run Terraform.
    """
    inspect = current_app.control.inspect(timeout=timeout_s)
    try:
        queues: dict[str, Any] = inspect.active_queues() or {}
        stats: dict[str, Any] = inspect.stats() or {}
    except (KombuError, OSError) as error:
        log.warning("queue.unreachable", task="inspect", error=str(error))
        return None
    found = []
    for name, consumed in queues.items():
        names = {one["name"] for one in consumed}
        tasks = frozenset(task for task, queue in QUEUES.items() if queue in names)
        if tasks:
            places = int(stats.get(name, {}).get("pool", {}).get("max-concurrency") or 1)
            found.append(Worker(name, places, tasks))
    return found
