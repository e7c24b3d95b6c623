"""Logs written directly, for tests of reading."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from provisioner.domain.log import LogEntry, pack
from provisioner.models import Run, RunLogChunk
from tests.conftest import NOW


def write_log(run: Run, texts: Iterable[str], *, phase: str = "plan", at: datetime = NOW) -> None:
    """Append one chunk with these lines to a run's log, as a flush does; the run given knows of it too."""
    entries = [
        LogEntry(sequence, at, phase, "info", "", text)
        for sequence, text in enumerate(texts, start=run.log_last_sequence + 1)
    ]
    RunLogChunk.objects.create(
        run=run,
        first_sequence=entries[0].sequence,
        last_sequence=entries[-1].sequence,
        content=pack(entries),
        created_at=at,
    )
    run.log_last_sequence = entries[-1].sequence
    run.log_bytes += sum(len(entry.text.encode()) for entry in entries)
    run.save(update_fields=["log_last_sequence", "log_bytes"])
