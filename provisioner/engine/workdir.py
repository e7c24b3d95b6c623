"""A run's directory: the same absolute path for plan and apply, made for one phase, removed after it."""

import contextlib
import os
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from provisioner.engine.places import exclusive, is_held
from provisioner.engine.types import EngineFailure

LOCK_FILE = ".terraform.lock.hcl"
ERRORED_STATE = "errored.tfstate"
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class WorkDir:
    """A directory that this process alone uses.

    `lock_fd` is inherited by Terraform, so that the directory stays locked until Terraform has ended, even
    when the worker is killed.
    """

    path: Path
    lock_fd: int

    def lock_file(self) -> bytes:
        """Return the dependency lock file; empty when the module needs no provider."""
        path = self.path / LOCK_FILE
        return path.read_bytes() if path.exists() else b""

    def errored_state(self) -> bytes | None:
        """Return the state that Terraform could not hand to the backend."""
        path = self.path / ERRORED_STATE
        return path.read_bytes() if path.exists() else None


@contextlib.contextmanager
def occupied(work_dir: Path, run_id: str, stop: threading.Event) -> Iterator[WorkDir]:
    """Give a run its empty directory, and remove it at the end whatever happens.

    What a killed worker left there is removed first; state that it could not save is kept (`rescued_state`).
    """
    path = run_path(work_dir, run_id)
    with exclusive(_lock_path(work_dir, run_id), stop) as fd:
        _clear(work_dir, run_id)
        path.mkdir(parents=True, mode=0o700)
        try:
            yield WorkDir(path, fd)
        finally:
            _clear(work_dir, run_id)


def run_path(work_dir: Path, run_id: str) -> Path:
    """Return a run's directory. Raises EngineFailure for an id that is no plain name."""
    if not _RUN_ID.fullmatch(run_id):
        raise EngineFailure(
            "The run's id cannot name a directory",
            f"{run_id!r} is not made of letters, digits, '-' and '_' alone. This is a fault of the portal:"
            " report it.",
            permanent=True,
        )
    return work_dir.absolute() / "runs" / run_id


def is_busy(work_dir: Path, run_id: str) -> bool:
    """Return whether a process on this host still works on the run, an orphaned Terraform included."""
    run_path(work_dir, run_id)
    return is_held(_lock_path(work_dir, run_id))


def rescued_state(work_dir: Path, run_id: str) -> bytes | None:
    """Return the state that a run's Terraform could not save and that is still on this host."""
    for path in (_rescue_path(work_dir, run_id), run_path(work_dir, run_id) / ERRORED_STATE):
        if path.exists():
            return path.read_bytes()
    return None


def forget_rescued_state(work_dir: Path, run_id: str) -> None:
    """Remove the rescued state, when it has been stored elsewhere."""
    _rescue_path(work_dir, run_id).unlink(missing_ok=True)
    (run_path(work_dir, run_id) / ERRORED_STATE).unlink(missing_ok=True)


def remove_leftovers(work_dir: Path, stop: threading.Event) -> tuple[str, ...]:
    """Remove what killed workers left, rescue their states, return the ids of runs with a rescued state."""
    runs = work_dir / "runs"
    for path in sorted(runs.iterdir()) if runs.is_dir() else []:
        with contextlib.suppress(EngineFailure), exclusive(_lock_path(work_dir, path.name), stop, wait_s=0):
            _clear(work_dir, path.name)
    rescue = work_dir / "rescue"
    return tuple(sorted(path.stem for path in rescue.glob("*.tfstate"))) if rescue.is_dir() else ()


def copy_initialised(template: Path, path: Path) -> None:
    """Copy an initialised directory; links are kept, and downloaded providers are linked, not copied."""
    _copy_tree(template / "module", path / "module")
    if (template / LOCK_FILE).exists():
        shutil.copyfile(template / LOCK_FILE, path / LOCK_FILE)
    data, copied = template / ".terraform", path / ".terraform"
    copied.mkdir()
    for entry in data.iterdir() if data.is_dir() else []:
        if entry.name == "providers":
            _link_packages(entry, copied / entry.name)
        else:
            _copy_tree(entry, copied / entry.name)


def _copy_tree(source: Path, target: Path) -> None:
    """Copy a file, link or folder. Unlike shutil.copytree, raises the disk's own error."""
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir()
        for entry in source.iterdir():
            _copy_tree(entry, target / entry.name)
    else:
        shutil.copy(source, target)


def _link_packages(providers: Path, copied: Path) -> None:
    """Rebuild `<host>/<namespace>/<type>/<version>/<platform>` with the last part linked."""
    for package in providers.glob("*/*/*/*/*"):
        link = copied / package.relative_to(providers)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.realpath(package))


def _clear(work_dir: Path, run_id: str) -> None:
    """Remove a run's directory, but keep state that is nowhere else."""
    path = run_path(work_dir, run_id)
    state = path / ERRORED_STATE
    if state.exists() and state.stat().st_size:
        rescued = _rescue_path(work_dir, run_id)
        rescued.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        state.replace(rescued)
        rescued.chmod(0o600)
    if path.exists():
        shutil.rmtree(path)


def _rescue_path(work_dir: Path, run_id: str) -> Path:
    return work_dir / "rescue" / f"{run_id}.tfstate"


def _lock_path(work_dir: Path, run_id: str) -> Path:
    return work_dir / "locks" / run_id
