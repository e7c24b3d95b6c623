"""Logs of old runs as files in the storage `archive`: gzipped JSON lines, sealed.

They are sealed because lines hold what only a run's own team may see (names, addresses, identifiers) and the storage is
a place of its own, a bucket perhaps, with other readers than the database. The sealed value is bound to its run.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages

from provisioner import crypto
from provisioner.domain.errors import Refusal
from provisioner.domain.log import LogEntry, from_json, to_json

log = structlog.get_logger(__name__)

ALIAS = "archive"


class ArchiveFailed(Exception):
    """The storage did not take a file, or did not give it back as it was."""


class LogUnreadable(Refusal):
    """The log is in the archive, and the archive does not give it."""

    code = "archived_log_unreadable"
    status = 503
    title = "The log is in the archive and cannot be read"


def write(run_id: uuid.UUID, entries: Iterable[LogEntry], *, finished_at: datetime) -> str:
    """Store lines as a new file, read it back, and return its name. Raises ArchiveFailed.

    Every call makes a file of its own, so that two who archive the same run do not touch each other's.
    """
    packed, digest = io.BytesIO(), hashlib.sha256()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as lines:
        for entry in entries:
            row = to_json(entry, with_sequence=True) + b"\n"
            digest.update(row)
            lines.write(row)
    sealed = crypto.seal(packed.getvalue(), identity=_identity(run_id))
    wanted = f"logs/{finished_at:%Y/%m}/{run_id}-{uuid.uuid4().hex[:12]}.jsonl.gz.sealed"
    try:
        name = storages[ALIAS].save(wanted, ContentFile(sealed))
        _settle(storages[ALIAS], name)
        with gzip.open(io.BytesIO(_opened(run_id, name))) as stored:
            read_back = hashlib.file_digest(stored, "sha256")
    except Exception as error:  # a storage raises what its service does
        remove(wanted)
        raise ArchiveFailed(f"{wanted}: {error}") from error
    if read_back.digest() != digest.digest():
        remove(name)
        raise ArchiveFailed(f"{name} is not what was written")
    return name


def read(run_id: uuid.UUID, name: str, *, after: int = 0) -> Iterator[LogEntry]:
    """Yield the lines with a sequence above `after`. Raises LogUnreadable."""
    try:
        packed = _opened(run_id, name)
    except Exception as error:  # a storage raises what its service does
        log.error("archive.unreadable", run_id=str(run_id), name=name, error=str(error))
        raise LogUnreadable(
            f"The log of this run is older than the portal keeps logs and was moved to the archive as {name}. The "
            "archive does not give that file: it is missing, the archive cannot be reached, or its encryption key is "
            "gone. Ask the operators to restore it; the log of the web process names the cause. The run itself, its "
            "plan and its history are not affected."
        ) from error
    with gzip.open(io.BytesIO(packed)) as rows:
        for row in rows:
            entry = from_json(row)
            if entry.sequence > after:
                yield entry


def is_readable(run_id: uuid.UUID, name: str) -> bool:
    """Tell whether the file is there and opens."""
    try:
        return bool(_opened(run_id, name))
    except Exception as error:  # a storage raises what its service does
        log.error("archive.unreadable", run_id=str(run_id), name=name, error=str(error))
        return False


def key_id_of(name: str) -> str:
    """Return the id of the key that wraps a file. Raises CannotOpen and what the storage raises."""
    with storages[ALIAS].open(name) as file:
        return crypto.key_id_of(file.read(crypto.HEAD_BYTES))


def rewrap(run_id: uuid.UUID, name: str) -> str:
    """Store a file anew with its data key wrapped by the first key; return the new name. The old file stays.

    Raises CannotOpen, ArchiveFailed and what the storage raises.
    """
    with storages[ALIAS].open(name) as file:
        sealed = file.read()
    fresh = crypto.rewrap(sealed, identity=_identity(run_id))
    folder, _, _ = name.rpartition("/")
    stored = storages[ALIAS].save(
        f"{folder}/{run_id}-{uuid.uuid4().hex[:12]}.jsonl.gz.sealed", ContentFile(fresh)
    )
    _settle(storages[ALIAS], stored)
    if not is_readable(run_id, stored):
        remove(stored)
        raise ArchiveFailed(f"{name} was stored anew and does not open")
    return stored


def remove(name: str) -> None:
    """Remove a file that nothing refers to; one that cannot be removed does no harm."""
    try:
        storages[ALIAS].delete(name)
    except Exception as error:  # a storage raises what its service does
        log.warning("archive.leftover", name=name, error=str(error))


def _opened(run_id: uuid.UUID, name: str) -> bytes:
    with storages[ALIAS].open(name) as file:
        return crypto.open_sealed(file.read(), identity=_identity(run_id))


def _identity(run_id: uuid.UUID) -> str:
    return f"log:{run_id}"


def _settle(storage: Storage, name: str) -> None:
    """Have a file on a local disk survive a power cut: what it replaces is deleted next."""
    try:
        path = storage.path(name)
    except NotImplementedError:
        return
    for place in (path, os.path.dirname(path)):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
