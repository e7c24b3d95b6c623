"""Write a run's log: in batches, fenced, within a size limit that keeps the head and the tail."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from provisioner.domain.run import LEASED
from provisioner.engine.types import LogLine
from provisioner.models import Run, RunLogLine
from provisioner.services.lease import Claim, LeaseLost

_BATCH = 200
_FLUSH_EVERY_S = 0.4
_TAIL_LINES = 200


class RunLog:
    """Collects lines and writes them under the claim's fencing token; use as a context manager."""

    def __init__(self, claim: Claim, clock: Callable[[], datetime]) -> None:
        self._claim, self._clock = claim, clock
        self._pending: list[LogLine] = []
        self._tail: deque[LogLine] = deque(maxlen=_TAIL_LINES)
        self._left_out = 0
        self._bytes = 0
        self._sequence: int | None = None
        self._flushed_at = time.monotonic()

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def write(self, line: LogLine) -> None:
        """Take a line; it is in the database within a batch or half a second of the next line."""
        self._bytes += len(line.text.encode(errors="replace"))
        if self._bytes > settings.DRAWBRIDGE_LOG_LIMIT_BYTES:
            if len(self._tail) == self._tail.maxlen:
                self._left_out += 1
            self._tail.append(line)
            return
        self._pending.append(line)
        if len(self._pending) >= _BATCH or time.monotonic() - self._flushed_at >= _FLUSH_EVERY_S:
            self.flush()

    def close(self) -> None:
        """Write what is left, with a line that says how much was left out. A lost lease writes nothing."""
        if self._left_out:
            limit = settings.DRAWBRIDGE_LOG_LIMIT_BYTES
            text = f"... {self._left_out:,} lines left out: the log is over its limit of {limit:,} bytes ..."
            self._pending.append(LogLine(phase=self._tail[0].phase, level="warn", text=text))
        self._pending.extend(self._tail)
        self._tail.clear()
        try:
            self.flush()
        except LeaseLost:
            self._pending.clear()

    def flush(self) -> None:
        """Write the pending lines. Raises LeaseLost when the fencing token is no longer the run's."""
        lines, self._pending = self._pending, []
        self._flushed_at = time.monotonic()
        if not lines or self._claim.lost:
            return
        with transaction.atomic():
            holder = Run.objects.select_for_update().filter(
                pk=self._claim.run_id,
                fencing_token=self._claim.fencing_token,
                status__in=[status.value for status in LEASED],
            )
            if not holder.exists():
                raise LeaseLost(f"Run {self._claim.run_id} is in other hands.")
            if self._sequence is None:
                newest = RunLogLine.objects.filter(run_id=self._claim.run_id).aggregate(n=Max("sequence"))
                self._sequence = newest["n"] or 0
            now = self._clock()
            rows = [
                RunLogLine(
                    run_id=self._claim.run_id,
                    sequence=self._sequence + offset,
                    at=line.at or now,
                    phase=line.phase,
                    level=line.level,
                    address=line.address[:512],
                    text=line.text,
                )
                for offset, line in enumerate(lines, start=1)
            ]
            RunLogLine.objects.bulk_create(rows)
        self._sequence += len(rows)
