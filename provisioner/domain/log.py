"""Lines of a run's log, and how several are packed into one value: gzipped JSON lines."""

from __future__ import annotations

import gzip
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

# Of a resource's address, what is kept.
ADDRESS_CHARS = 512


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One redacted line of Terraform's output, or a stretch that was left out, saying so.

    `sequence` counts a run's lines from 1, whatever phase and worker they came from.
    """

    sequence: int
    at: datetime
    phase: str
    level: str
    address: str
    text: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines in their order, from `first` to `last`; `size` is about what they take in memory, in bytes."""

    first: int
    last: int
    entries: tuple[LogEntry, ...]
    size: int

    def between(self, after: int, limit: int) -> tuple[LogEntry, ...]:
        """Return its lines with a sequence above `after`, at most `limit`."""
        start = bisect_right(self.entries, after, key=lambda entry: entry.sequence)
        return self.entries[start : start + limit]


def chunk_of(entries: tuple[LogEntry, ...]) -> Chunk:
    """Put lines in their order, at least one, into a chunk."""
    return Chunk(entries[0].sequence, entries[-1].sequence, entries, sum(map(size_of, entries)))


def size_of(entry: LogEntry) -> int:
    """Return about how many bytes a line takes in memory: the object, its texts and its instant."""
    return 400 + len(entry.text) + len(entry.address)


def pack(entries: Iterable[LogEntry]) -> bytes:
    """Return lines as they are stored; the same lines give the same bytes."""
    return gzip.compress(b"".join(to_json(entry) + b"\n" for entry in entries), compresslevel=6, mtime=0)


def unpack(packed: bytes | memoryview, first: int) -> Iterator[LogEntry]:
    """Yield the lines that `pack` packed; the first has the sequence `first`."""
    for sequence, row in enumerate(gzip.decompress(packed).splitlines(), start=first):
        yield from_json(row, sequence)


def to_json(entry: LogEntry, *, with_sequence: bool = False) -> bytes:
    """Return a line as one line of JSON, which holds no line end and no NUL whatever the text."""
    document: dict[str, object] = {"sequence": entry.sequence} if with_sequence else {}
    document |= {
        "at": entry.at.isoformat(),
        "phase": entry.phase,
        "level": entry.level,
        "address": entry.address[:ADDRESS_CHARS],
        "text": entry.text,
    }
    # Separators of lines besides \n are escaped in JSON only when asked to be: bytes.splitlines knows \n and \r alone,
    # which always are.
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def from_json(row: bytes, sequence: int | None = None) -> LogEntry:
    """Read one line of JSON; without `sequence`, the line holds it."""
    document = json.loads(row)
    return LogEntry(
        sequence=document["sequence"] if sequence is None else sequence,
        at=datetime.fromisoformat(document["at"]),
        phase=document["phase"],
        level=document["level"],
        address=document["address"],
        text=document["text"],
    )
