"""A worker's wish to end, known in each of its processes.

The process that receives the signal is not the one that runs Terraform: Celery forks a pool. The wish lies in memory
that the pool's processes share, because it is made before they are.
"""

from __future__ import annotations

import multiprocessing
import time

from django.conf import settings

# The monotonic instant of the wish, 0.0 while there is none; the same clock in every process of a host.
_wished_at = multiprocessing.get_context("fork").Value("d", 0.0)


def request() -> None:
    """Ask the work of this worker to end; asking again changes nothing."""
    with _wished_at.get_lock():
        if not _wished_at.value:
            _wished_at.value = time.monotonic()


def withdraw() -> None:
    """Forget the wish."""
    with _wished_at.get_lock():
        _wished_at.value = 0.0


def requested() -> bool:
    """Whether the worker is to end: nothing new is begun, and planning is handed back."""
    return bool(_wished_at.value)


def overdue() -> bool:
    """Whether an apply has had its time to finish by itself and is to be stopped."""
    wished_at = _wished_at.value
    return bool(wished_at) and time.monotonic() - wished_at >= float(settings.DRAWBRIDGE_SHUTDOWN_GRACE_S)
