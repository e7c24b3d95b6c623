"""Move the logs of old runs to the archive: a file is written and read back before anything is deleted."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import QuerySet

from provisioner.domain.log import LogEntry, unpack
from provisioner.domain.run import TERMINAL
from provisioner.logs import archive
from provisioner.models import Run, RunLogChunk

log = structlog.get_logger(__name__)

# Runs a call, so that the sweeper, which may share the process, gets its turn.
RUNS_AT_ONCE = 50
_TRIED_AT_MOST = 500
_CHUNKS_AT_ONCE = 200


@dataclass(frozen=True)
class Report:
    """How many logs were archived, how many could not be, and whether there are more to archive now."""

    archived: int
    failed: int
    more: bool


def archive_old(*, now: datetime) -> Report:
    """Archive logs of runs that ended more than DRAWBRIDGE_LOG_KEEP_DAYS ago; 0 days keeps them all in the database.

    Safe to repeat, to cut short anywhere, and to run twice at a time: a file counts once its name is on the run, which
    one of two writes, and chunks are deleted only after that.
    """
    if settings.DRAWBRIDGE_LOG_KEEP_DAYS <= 0:
        return Report(0, 0, more=False)
    archived = failed = 0
    for run in list(_due(now - timedelta(days=settings.DRAWBRIDGE_LOG_KEEP_DAYS))[:_TRIED_AT_MOST]):
        try:
            archived += _archive(run)
        except archive.ArchiveFailed as error:
            # A full disk or a storage that is away: the chunks stay, and the next run would fare no better.
            log.error("log_archive.failed", run_id=str(run.pk), error=str(error))
            return Report(archived, failed + 1, more=False)
        except Exception:  # a log that cannot be read must not keep the others from the archive
            log.exception("log_archive.unreadable", run_id=str(run.pk))
            failed += 1
        if archived >= RUNS_AT_ONCE:
            return Report(archived, failed, more=True)
    return Report(archived, failed, more=False)


def _due(before: datetime) -> QuerySet[Run]:
    """Return the runs that ended before an instant and still have chunks, longest ended first."""
    with_old_chunks = RunLogChunk.objects.filter(created_at__lt=before).values("run_id")
    return (
        Run.objects.filter(
            pk__in=with_old_chunks,
            status__in=sorted(status.value for status in TERMINAL),
            finished_at__lt=before,
        )
        .only("log_archive", "finished_at")
        .order_by("finished_at", "id")
    )


def _archive(run: Run) -> bool:
    """Archive one run's log; return whether it is in the archive and out of the database."""
    if not run.log_archive:
        assert run.finished_at is not None  # _due asks for it
        name = archive.write(run.pk, _stored_lines(run.pk), finished_at=run.finished_at)
        if not Run.objects.filter(pk=run.pk, log_archive="").update(log_archive=name):
            archive.remove(name)  # another was quicker; its file counts, and it deletes the chunks
            return False
        run.log_archive = name
    elif not archive.is_readable(run.pk, run.log_archive):
        return False  # said in the worker's log; the chunks that were not deleted yet stay
    _delete_chunks(run.pk)
    log.info("log_archive.archived", run_id=str(run.pk), name=run.log_archive)
    return True


def _stored_lines(run_id: uuid.UUID) -> Iterator[LogEntry]:
    last = 0
    while chunks := list(
        RunLogChunk.objects.filter(run_id=run_id, last_sequence__gt=last)
        .order_by("last_sequence")
        .values_list("first_sequence", "last_sequence", "content")[:_CHUNKS_AT_ONCE]
    ):
        for first, _, content in chunks:
            yield from unpack(content, first)
        last = chunks[-1][1]


def _delete_chunks(run_id: uuid.UUID) -> None:
    chunks = RunLogChunk.objects.filter(run_id=run_id)
    while ids := list(chunks.order_by("pk").values_list("pk", flat=True)[:_CHUNKS_AT_ONCE]):
        RunLogChunk.objects.filter(pk__in=ids).delete()
