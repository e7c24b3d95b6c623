"""The processes of one chaos run, found by what only they have: its folder in their environment (Linux)."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Seen:
    """A process: its id, its parent's, and its command line."""

    pid: int
    parent: int
    command: tuple[str, ...]

    @property
    def is_terraform(self) -> bool:
        """Whether it is Terraform itself, not what stands around it."""
        return bool(self.command) and os.path.basename(self.command[0]) in {"terraform", "tofu"}

    @property
    def is_provider(self) -> bool:
        """Whether it is a provider that Terraform started."""
        return any("terraform-provider-" in word for word in self.command[:3])

    @property
    def does(self) -> str:
        """What a Terraform was started for: plan, apply, show, init."""
        return next((word for word in self.command[1:] if not word.startswith("-")), "")

    def __str__(self) -> str:
        return f"{self.pid} {' '.join(self.command)[:160]}"


def ours(folder: Path) -> list[Seen]:
    """Return every living process that was started for the run in `folder`, this one and the dead left out."""
    mark = os.fsencode(folder) + b"/"
    return [seen for seen in _all() if seen.pid != os.getpid() and mark in _read(seen.pid, "environ")]


def children(of: int) -> list[int]:
    """Return the living children of a process."""
    return [seen.pid for seen in _all() if seen.parent == of]


def end(pids: list[int]) -> None:
    """Kill processes that may be gone already."""
    for pid in pids:
        send(pid, signal.SIGKILL)


def send(pid: int, number: signal.Signals) -> bool:
    """Signal a process; False when it is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def send_group(pid: int, number: signal.Signals) -> bool:
    """Signal a process group; False when it is gone."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    return True


def _all() -> Iterator[Seen]:
    for place in Path("/proc").iterdir():
        if not place.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            # pid (comm) state ppid …, where comm may hold spaces and parentheses: proc(5)
            state, parent = (place / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            if state not in "ZX":
                words = (place / "cmdline").read_bytes().rstrip(b"\0").decode(errors="replace").split("\0")
                yield Seen(int(place.name), int(parent), tuple(words))


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
