"""Probes: `/healthz` says that the process answers, `/readyz` that it could also take an order through.

A worker counts as live when it answers Celery's ping, or holds a run's lease. The ping asks the worker's main
process, which answers while its children run Terraform; unlike a marker it needs nothing written and cannot be stale.
The lease covers pools that do not answer while they work (solo). The answer is kept for a few seconds, so that
probes cost the broker little.
"""

import threading
import time

import structlog
from celery import current_app
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import KombuError

from provisioner.domain.run import LEASED
from provisioner.models import Run

PING_TIMEOUT_S = 1.0
KEEP_S = 5.0

log = structlog.get_logger(__name__)

_lock = threading.Lock()
_pinged: tuple[float, bool] | None = None


@require_safe
@never_cache
@login_not_required
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer as long as the process does; looks at nothing else, so that a restart is only asked for when it helps."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@require_safe
@never_cache
@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, broker and a worker are there, 503 naming what is missing."""
    database = database_answers()
    broker = broker_answers()
    checks = {
        "database": database,
        "broker": broker,
        "worker": worker_lives(database=database, broker=broker),
    }
    ready = all(checks.values())
    return JsonResponse(
        {
            "status": "ready" if ready else "not ready",
            "checks": {name: "ok" if good else "missing" for name, good in checks.items()},
        },
        status=200 if ready else 503,
    )


def database_answers() -> bool:
    """Run one query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        log.warning("readyz.database", error=str(error))
        return False
    return True


def broker_answers() -> bool:
    """Open and close one connection to the broker."""
    try:
        with current_app.connection_for_read() as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=2)
    except (KombuError, OSError) as error:
        log.warning("readyz.broker", error=str(error))
        return False
    return True


def worker_lives(*, database: bool, broker: bool) -> bool:
    """Tell whether some worker is at work or answers a ping."""
    return (database and _leased()) or (broker and _ping())


def _leased() -> bool:
    """Tell whether a run's lease is alive; a database without its tables is not ready, but no reason to fail."""
    try:
        return Run.objects.filter(status__in=sorted(LEASED), lease_expires_at__gt=Now()).exists()
    except DatabaseError as error:
        log.warning("readyz.lease", error=str(error))
        return False


def _ping() -> bool:
    """Ping the workers, at most once every KEEP_S; the first answer is enough."""
    global _pinged  # one value for the process, guarded by the lock
    with _lock:
        if _pinged is not None and time.monotonic() - _pinged[0] < KEEP_S and _pinged[1]:
            return True
        try:
            answered = bool(
                current_app.control.broadcast("ping", reply=True, limit=1, timeout=PING_TIMEOUT_S)
            )
        except (KombuError, OSError) as error:
            log.warning("readyz.ping", error=str(error))
            answered = False
        _pinged = (time.monotonic(), answered)
        return answered
