"""Lines of a run's log for many readers at a time: each process reads a chunk once, however many follow the run.

Chunks never change and sequences are never used again, so what is kept in memory cannot grow stale: a reader's run says
how far the log goes, and only what is not in memory yet is read. Whether somebody may read a run is asked before, for
each reader (selectors.run_visible).
"""

from __future__ import annotations

import threading
import time
import uuid
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from provisioner.domain.log import Chunk, LogEntry, chunk_of, unpack
from provisioner.domain.run import TERMINAL, RunStatus
from provisioner.logs import archive
from provisioner.models import Run, RunLogChunk

# What one call returns at most, and what all runs together take in a process's memory.
MAX_BYTES = 2 * 1024 * 1024
KEPT_BYTES = 32 * 1024 * 1024
KEPT_BYTES_PER_RUN = 8 * 1024 * 1024
KEPT_RUNS = 500
_LINES_AT_ONCE = 2000
# How many chunks are asked for first, and at most.
_FIRST_CHUNKS, _MOST_CHUNKS = 25, 400
# How old the answer may be that those who wait for new lines share.
LOOK_EVERY_S = 0.25


@dataclass
class _Kept:
    """The chunks of one run that are in memory, by their first sequence; who reads more holds `reading`."""

    chunks: dict[int, Chunk] = field(default_factory=dict)
    firsts: list[int] = field(default_factory=list)
    size: int = 0
    reading: threading.Lock = field(default_factory=threading.Lock)
    newest: tuple[int, bool] = (0, False)
    look_again_at: float = 0.0

    def holding(self, sequence: int) -> Chunk | None:
        """Return the chunk with the line of this sequence."""
        index = bisect_right(self.firsts, sequence)
        chunk = self.chunks[self.firsts[index - 1]] if index else None
        return chunk if chunk is not None and chunk.last >= sequence else None

    def add(self, chunk: Chunk) -> int:
        """Keep a chunk, if need be instead of the oldest; return by how much the size has changed."""
        before = self.size
        if chunk.first not in self.chunks:
            self.firsts.insert(bisect_right(self.firsts, chunk.first), chunk.first)
            self.chunks[chunk.first] = chunk
            self.size += chunk.size
        while self.size > KEPT_BYTES_PER_RUN and len(self.firsts) > 1:
            self.size -= self.chunks.pop(self.firsts.pop(0)).size
        return self.size - before


class _Memory:
    """What this process has read lately; the runs that nobody read for longest make room."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: OrderedDict[uuid.UUID, _Kept] = OrderedDict()
        self._size = 0

    def of(self, run_id: uuid.UUID) -> _Kept:
        """Return what is kept of a run."""
        with self._lock:
            kept = self._runs.setdefault(run_id, _Kept())
            self._runs.move_to_end(run_id)
            self._make_room()
            return kept

    def holding(self, kept: _Kept, sequence: int) -> Chunk | None:
        """Return the chunk with the line of this sequence, if it is in memory."""
        with self._lock:
            return kept.holding(sequence)

    def add(self, run_id: uuid.UUID, kept: _Kept, chunks: list[Chunk]) -> None:
        """Keep chunks of a run."""
        with self._lock:
            grown = sum(kept.add(chunk) for chunk in chunks)
            if self._runs.get(run_id) is kept:  # not forgotten meanwhile
                self._size += grown
            self._make_room()

    def forget(self) -> None:
        """Begin anew."""
        with self._lock:
            self._runs.clear()
            self._size = 0

    def _make_room(self) -> None:
        while len(self._runs) > KEPT_RUNS or (self._size > KEPT_BYTES and len(self._runs) > 1):
            _, oldest = self._runs.popitem(last=False)
            self._size -= oldest.size


memory = _Memory()


def lines(run: Run, after: int, limit: int) -> list[LogEntry]:
    """Return the lines above `after` that the run had when it was read: at most `limit`, or as many as MAX_BYTES hold.

    Raises archive.LogUnreadable.
    """
    found: list[LogEntry] = []
    size, count = 0, _FIRST_CHUNKS
    kept = memory.of(run.pk)
    while after < run.log_last_sequence and len(found) < limit and size < MAX_BYTES:
        held = memory.holding(kept, after + 1)
        chunks = [held] if held is not None else _read(run, kept, after, limit - len(found), count)
        if held is None:
            count = min(4 * count, _MOST_CHUNKS)
        if not chunks:
            break
        for chunk in chunks:
            part = chunk.between(after, limit - len(found))
            if not part or size >= MAX_BYTES:
                break
            found += part
            size += chunk.size
            after = part[-1].sequence
    return found


def all_lines(run: Run) -> Iterator[LogEntry]:
    """Yield every line that the run has now, whenever it was read; few of them are in memory at a time."""
    after = 0
    now = Run.objects.only("log_last_sequence", "log_archive").get(pk=run.pk)
    while part := lines(now, after, _LINES_AT_ONCE):
        yield from part
        after = part[-1].sequence


def newest(run_id: uuid.UUID) -> tuple[int, bool]:
    """Return the sequence of the newest line and whether the run is over; who asks at the same time shares a query."""
    kept = memory.of(run_id)
    with kept.reading:
        if time.monotonic() >= kept.look_again_at:
            row = Run.objects.filter(pk=run_id).values_list("log_last_sequence", "status").first()
            kept.newest = (0, True) if row is None else (row[0], RunStatus(row[1]) in TERMINAL)
            kept.look_again_at = time.monotonic() + LOOK_EVERY_S
        return kept.newest


def _read(run: Run, kept: _Kept, after: int, wanted: int, count: int) -> list[Chunk]:
    """Return the chunks that follow `after`; while one thread reads them, others wait and find them in memory."""
    with kept.reading:
        held = memory.holding(kept, after + 1)
        if held is not None:
            return [held]
        chunks = [] if run.log_archive else _from_database(run, after, wanted, count)
        if not chunks or chunks[0].first > after + 1:
            # It may have been archived since the run was read.
            run.log_archive = Run.objects.values_list("log_archive", flat=True).get(pk=run.pk)
            if run.log_archive:
                chunks = _from_archive(run, after)
        memory.add(run.pk, kept, chunks)
        return chunks


def _from_database(run: Run, after: int, wanted: int, count: int) -> list[Chunk]:
    """Read chunks until they hold the wanted lines or are too large together."""
    rows = RunLogChunk.objects.filter(run_id=run.pk, last_sequence__gt=after).order_by("last_sequence")
    chunks: list[Chunk] = []
    size = 0
    for first, last, content in rows.values_list("first_sequence", "last_sequence", "content")[:count]:
        chunks.append(chunk_of(tuple(unpack(content, first))))
        wanted -= last - max(first - 1, after)
        size += chunks[-1].size
        if wanted <= 0 or size >= MAX_BYTES:
            break
    return chunks


def _from_archive(run: Run, after: int) -> list[Chunk]:
    """Read some lines of an archived log."""
    entries = tuple(islice(archive.read(run.pk, run.log_archive, after=after), _LINES_AT_ONCE))
    return [chunk_of(entries)] if entries else []
