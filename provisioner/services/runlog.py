"""Write a run's log: in chunks, fenced, within a size limit that keeps the head and the tail."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import QuerySet

from provisioner.domain.log import ADDRESS_CHARS, LogEntry, pack
from provisioner.domain.run import LEASED, RunStatus
from provisioner.engine.stream import LogBudget
from provisioner.engine.types import LogLine
from provisioner.models import Run, RunLogChunk
from provisioner.services.lease import Claim, LeaseLost

log = structlog.get_logger(__name__)

_FLUSH_EVERY_S = 0.4
# A chunk is written when it has this many lines or bytes, however little time has passed.
_CHUNK_LINES = 1000
_CHUNK_BYTES = 256 * 1024
# The database does not answer: the lines wait, and the lease says for how long there is a point in that.
_TRY_AGAIN_AFTER_S = 2.0
# Shares of what a worker may write: of the limit, however much is there already; of that, for the tail.
_AT_LEAST, _TAIL = 4, 8


class RunLog:
    """Collects lines and writes them under the claim's fencing token; use as a context manager.

    Give the engine `write` for its lines and `tick` for the time in between, so that no line waits for the next one.
    """

    def __init__(self, claim: Claim, clock: Callable[[], datetime]) -> None:
        self._claim, self._clock = claim, clock
        self._applying = claim.status is RunStatus.APPLYING
        self._pending: list[LogLine] = []
        self._pending_bytes = 0
        self._changes = self._changes_told = 0
        self._failed = False
        self._due_at = time.monotonic() + _FLUSH_EVERY_S

    def __enter__(self) -> RunLog:
        """Go on where the log stops; an apply begins to count its changes. Raises LeaseLost."""
        held = self._held()
        if self._applying:
            held.update(changes_done=0)
        found = held.values_list("log_last_sequence", "log_bytes").first()
        if found is None:
            raise LeaseLost(f"Run {self._claim.run_id} is in other hands.")
        self._sequence, self._bytes = found
        limit = settings.DRAWBRIDGE_LOG_LIMIT_BYTES
        room = max(limit - self._bytes, limit // _AT_LEAST)
        self._budget = LogBudget(self._take, room - room // _TAIL, room // _TAIL)
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def write(self, line: LogLine) -> None:
        """Take a line; it is in the database within half a second if `tick` is called meanwhile."""
        self._budget(line)
        self.tick()

    def tick(self) -> None:
        """Write what has waited long enough. Raises LeaseLost."""
        if time.monotonic() >= self._due_at:
            self._try_to_flush()

    def close(self) -> None:
        """Write what is left, with a line that says how much was left out. A lost lease writes nothing."""
        try:
            self._budget.close()
            self._try_to_flush()
        except LeaseLost:
            self._pending.clear()
        if self._pending:
            log.error("runlog.lines_lost", run_id=str(self._claim.run_id), lines=len(self._pending))

    def flush(self) -> None:
        """Write the pending lines. Raises LeaseLost when the fencing token is no longer the run's."""
        if self._claim.lost:
            self._pending.clear()
            return
        if self._failed:
            self._catch_up()
        while self._pending or self._changes != self._changes_told:
            self._write_chunk(self._next_chunk())

    def _take(self, line: LogLine) -> None:
        """Keep a line until the next flush; one without text only says that a change was made."""
        self._changes += line.change_done and self._applying
        if line.text:
            self._pending.append(line)
            self._pending_bytes += len(line.text)
        full = len(self._pending) >= _CHUNK_LINES or self._pending_bytes >= _CHUNK_BYTES
        if full and not self._failed:
            self._try_to_flush()

    def _try_to_flush(self) -> None:
        """Flush, unless the database does not answer: Terraform works on, and the lines wait."""
        self._due_at = time.monotonic() + _FLUSH_EVERY_S
        try:
            self.flush()
            self._failed = False
        except DatabaseError as error:
            self._failed = True
            self._due_at = time.monotonic() + _TRY_AGAIN_AFTER_S
            log.warning("runlog.database", run_id=str(self._claim.run_id), error=str(error))
            if not connection.in_atomic_block:
                connection.close()

    def _catch_up(self) -> None:
        """Forget the lines that a failed flush did write: the answer to its commit was lost."""
        found = self._held().values_list("log_last_sequence", "log_bytes").first()
        if found is None:
            raise LeaseLost(f"Run {self._claim.run_id} is in other hands.")
        last, self._bytes = found
        del self._pending[: last - self._sequence]
        self._sequence = last

    def _next_chunk(self) -> list[LogLine]:
        """Return the pending lines that make up one chunk."""
        size = 0
        for count, line in enumerate(self._pending[:_CHUNK_LINES], start=1):
            size += len(line.text)
            if size >= _CHUNK_BYTES:
                return self._pending[:count]
        return self._pending[:_CHUNK_LINES]

    def _write_chunk(self, lines: list[LogLine]) -> None:
        """Write lines as one chunk and tell the run; both or neither, and only with the fencing token."""
        now = self._clock()
        entries = [
            LogEntry(
                sequence, line.at or now, line.phase, line.level, line.address[:ADDRESS_CHARS], line.text
            )
            for sequence, line in enumerate(lines, start=self._sequence + 1)
        ]
        changes, last = self._changes, self._sequence + len(entries)
        total = self._bytes + sum(len(line.text.encode(errors="replace")) for line in lines)
        told: dict[str, int] = {"log_last_sequence": last, "log_bytes": total}
        if self._applying:
            told["changes_done"] = changes
        with transaction.atomic():
            if not self._held().update(**told):
                raise LeaseLost(f"Run {self._claim.run_id} is in other hands.")
            if entries:
                RunLogChunk.objects.create(
                    run_id=self._claim.run_id,
                    first_sequence=self._sequence + 1,
                    last_sequence=last,
                    content=pack(entries),
                    created_at=now,
                )
        self._sequence, self._bytes, self._changes_told = last, total, changes
        del self._pending[: len(lines)]
        self._pending_bytes = sum(len(line.text) for line in self._pending)

    def _held(self) -> QuerySet[Run]:
        """Return the run, if it is still this worker's to write to."""
        return Run.objects.filter(
            pk=self._claim.run_id,
            fencing_token=self._claim.fencing_token,
            status__in=[status.value for status in LEASED],
        )
