"""Ring for the workers. The database is the truth; a lost ring is rung again by the sweeper."""

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

PLAN = "provisioner.plan"
APPLY = "provisioner.apply"

# Task name -> queue, so that planning never waits behind applying and the sweeper never starves.
QUEUES = {PLAN: "plan", APPLY: "apply"}


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
