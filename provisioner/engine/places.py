"""Locks and atomic writes on the worker's disk."""

import contextlib
import fcntl
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

from provisioner.engine.types import EngineFailure, Stopped

POLL_S = 0.05
LOCK_WAIT_S = 120.0


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that only we can read; readers see the old one or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.new")
    try:
        write_private(new, data)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def write_private(path: Path, data: bytes) -> None:
    """Write a new file with mode 0600."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(fd, "wb") as file:
        file.write(data)


@contextlib.contextmanager
def exclusive(path: Path, stop: threading.Event, wait_s: float = LOCK_WAIT_S) -> Iterator[int]:
    """Hold a lock that the kernel drops when all processes that inherited it have ended; yield its fd.

    Raises EngineFailure (not permanent) when another process keeps it for `wait_s`, Stopped when `stop` is
    set.
    """
    fd = _acquire(path, stop, wait_s)
    try:
        yield fd
    finally:
        path.unlink(missing_ok=True)
        os.close(fd)


def is_held(path: Path) -> bool:
    """Return whether a process on this host holds the lock."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _acquire(path: Path, stop: threading.Event, wait_s: float) -> int:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    tries_left = max(1, round(wait_s / POLL_S))
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same_file(fd, path):
                return fd
            os.close(fd)  # its last holder removed the file: lock the one that is there now
            continue
        except BlockingIOError:
            os.close(fd)
        except BaseException:
            os.close(fd)
            raise
        tries_left -= 1
        if tries_left <= 0:
            raise EngineFailure(
                "Another process is still at work",
                f"{path.name} is locked by a process on this worker that did not end within {wait_s:.0f} s."
                " It is likely a Terraform that is still saving its state. Retry when it has ended.",
                permanent=False,
            )
        if stop.wait(POLL_S):
            raise Stopped("Stopped", "The run was stopped before Terraform was started.", permanent=False)


def _is_same_file(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False
