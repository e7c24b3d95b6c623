"""Start the processes of the Procfile, wait until they can take an order, and stop them in the right order.

honcho reads the Procfile and runs and labels each process. Its own Manager is not used, because it stops
everything at once and by process group: Terraform would lose the portal that keeps its state, and Celery's
children would die under it. Here the workers finish or hand back first, and web and broker follow.
"""

import ctypes
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

import httpx
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer
from honcho.process import Process

# Those that need the others to finish their work come first; each group is gone before the next is stopped.
STOP_ORDER = (("beat", "worker", "control", "notify"), ("web", "broker"))
READY_WITHIN_S = 60.0
WEB_GRACE_S = 10.0
_LOOK_S = 0.05
_PR_SET_CHILD_SUBREAPER = 36


class StackFailed(Exception):
    """A process ended or nothing became ready; the text says which and where to look."""


class Stack:
    """The running processes. `stop` may be called at any time, and again."""

    def __init__(self, commands: Mapping[str, str], env: Mapping[str, str], output: TextIO) -> None:
        self._commands = dict(commands)
        self._env = dict(env)
        self._events: queue.Queue[Message] = queue.Queue()
        self._printer = Printer(output, width=max(map(len, commands)), colour=True)
        self._pids: dict[str, int] = {}
        self._ended: dict[str, int] = {}
        self._changed = threading.Condition()
        self._tail: list[str] = []

    @classmethod
    def from_procfile(
        cls, procfile: Path, env: Mapping[str, str], output: TextIO, *, without: frozenset[str] = frozenset()
    ) -> "Stack":
        """Read the Procfile, leaving out the processes named in `without`."""
        processes: Mapping[str, str] = parse_procfile(procfile.read_text()).processes
        commands = {name: command for name, command in processes.items() if name not in without}
        return cls(commands, env, output)

    def start(self) -> None:
        """Start every process; returns before they are ready."""
        adopt_orphans()
        threading.Thread(target=self._pump, daemon=True).start()
        for name, command in self._commands.items():
            process = Process(command, name=name, env=dict(self._env))
            threading.Thread(target=process.run, args=(self._events,), daemon=True).start()
        with self._changed:
            self._changed.wait_for(lambda: len(self._pids) == len(self._commands), timeout=READY_WITHIN_S)

    def wait_ready(self, url: str, within_s: float = READY_WITHIN_S) -> None:
        """Return when `url` answers 200. Raises StackFailed when a process ends or the time is up."""
        began, answer = time.monotonic(), "nothing yet"
        while time.monotonic() - began < within_s:
            self.check()
            try:
                response = httpx.get(url, timeout=5, trust_env=False)
                if response.status_code == httpx.codes.OK:
                    return
                answer = response.text[:300]
            except httpx.HTTPError as error:
                answer = str(error)
            time.sleep(0.1)
        raise StackFailed(
            f"The portal was not ready after {within_s:.0f} seconds; its last answer: {answer}.{self._last_words()}"
        )

    def check(self) -> None:
        """Raise StackFailed when a process has ended by itself."""
        for name, code in list(self._ended.items()):
            raise StackFailed(f"The process {name!r} ended with code {code}.{self._last_words()}")

    def wait(self) -> None:
        """Return never, unless a process ends by itself: then raise StackFailed."""
        while True:
            with self._changed:
                self._changed.wait(timeout=1)
            self.check()

    def stop(self, grace_s: float) -> None:
        """Stop workers, then web and broker; give running Terraforms `grace_s` to finish, then stop them too."""
        for names, limit_s in zip(STOP_ORDER, (grace_s, WEB_GRACE_S), strict=True):
            self._signal(names, signal.SIGTERM)
            if not self._wait_ended(names, limit_s):
                self._signal(names, signal.SIGKILL)
                self._wait_ended(names, WEB_GRACE_S)
            # A Terraform whose worker was killed saves its state to the portal: web must outlive it.
            end_orphans(keep=self._alive(), limit_s=limit_s if names == STOP_ORDER[0] else 2.0)

    def kill(self) -> None:
        """End everything at once; Terraform is still asked to save its state first."""
        self._signal(tuple(self._commands), signal.SIGKILL)
        self._wait_ended(tuple(self._commands), WEB_GRACE_S)
        end_orphans(keep=frozenset(), limit_s=5.0)

    def _alive(self) -> frozenset[int]:
        return frozenset(pid for name, pid in self._pids.items() if name not in self._ended)

    def _signal(self, names: tuple[str, ...], number: signal.Signals) -> None:
        """Signal the named processes themselves, or their whole groups when they are to be killed."""
        for name in names:
            if name in self._pids and name not in self._ended:
                try:
                    if number == signal.SIGKILL:
                        os.killpg(self._pids[name], number)
                    else:
                        os.kill(self._pids[name], number)
                except ProcessLookupError:
                    continue

    def _wait_ended(self, names: tuple[str, ...], limit_s: float) -> bool:
        started = set(names) & set(self._pids)
        with self._changed:
            return self._changed.wait_for(lambda: started <= set(self._ended), timeout=limit_s)

    def _pump(self) -> None:
        """Print what the processes say and note when they start and end."""
        while True:
            message = self._events.get()
            with self._changed:
                if message.type == "start":
                    self._pids[message.name] = message.data["pid"]
                elif message.type == "stop":
                    self._ended[message.name] = message.data["returncode"]
                else:
                    text = message.data.decode(errors="replace") if isinstance(message.data, bytes) else ""
                    self._tail = [*self._tail[-19:], f"{message.name}: {text.rstrip()}"]
                    self._printer.write(message)
                self._changed.notify_all()

    def _last_words(self) -> str:
        return "\nThe last lines were:\n  " + "\n  ".join(self._tail) if self._tail else ""


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies, so that none can outlive the stack (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans(*, keep: frozenset[int], limit_s: float) -> None:
    """Interrupt adopted processes, so that Terraform saves its state, and kill what is left after `limit_s`."""
    began = time.monotonic()
    interrupted: set[int] = set()
    while orphans := [pid for pid in children_of(os.getpid()) if pid not in keep]:
        late = time.monotonic() - began > limit_s
        for pid in orphans:
            if late or pid not in interrupted:
                _kill(pid, signal.SIGKILL if late else signal.SIGINT)
                interrupted.add(pid)
            _reap(pid)
        time.sleep(_LOOK_S)


def children_of(parent: int) -> Iterator[int]:
    """Yield the pids whose parent is `parent` (from /proc; none where there is no /proc)."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # pid (comm) state ppid …, where comm may hold spaces and parentheses: proc(5)
            after_name = status.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[1]) == parent:
            yield int(status.parent.name)


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
