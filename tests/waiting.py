"""Wait for a condition, with a deadline; never for a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE = threading.Event()


def until(condition: Callable[[], T], *, deadline_s: float = 180, what: str = "") -> T:
    """Return the condition's first true value; fail when there is none before the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {deadline_s} s: {what or condition}"
        _PAUSE.wait(0.05)
