"""Run one command: own session, given environment, streamed output, time limit, graceful stop.

Everything happens in the calling thread, callbacks included, so that they may use the caller's database
connection. The command gets SIGINT when this thread dies, also by SIGKILL of the worker.
"""

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol

TICK_S = 0.1
DRAIN_S = 2.0
CHUNK_BYTES = 64 * 1024
_DIE_WITH_PARENT = Path(__file__).with_name("die_with_parent.py")

Reason = Literal["", "stop", "time limit", "caller"]


class Sink(Protocol):
    """Takes what a process writes on one stream."""

    def feed(self, chunk: bytes) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Ended:
    """How a command ended. `reason` is why it was asked to, `killed` that asking did not suffice."""

    code: int
    reason: Reason
    killed: bool
    took_s: float


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    stdout: Sink,
    stderr: Sink,
    stop: threading.Event,
    limit_s: float,
    grace_s: float,
    inherited_fds: Sequence[int] = (),
) -> Ended:
    """Run `argv` to its end and say how it ended.

    When `stop` is set, the limit is over or a sink raises, the command gets SIGINT and, `grace_s` later, its
    whole group SIGKILL; a sink's exception is raised after that. Raises OSError when it cannot be started.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        [*_dying_with_parent(), *argv],
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
        pass_fds=tuple(inherited_fds),
    )
    return _Watch(process, stdout, stderr, stop, started + limit_s, grace_s, started).to_end()


class _Watch:
    """The loop around one process."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        stdout: Sink,
        stderr: Sink,
        stop: threading.Event,
        deadline: float,
        grace_s: float,
        started: float,
    ) -> None:
        self._process = process
        self._sinks = {"stdout": stdout, "stderr": stderr}
        self._stop = stop
        self._deadline = deadline
        self._grace_s = grace_s
        self._started = started
        self._reason: Reason = ""
        self._kill_at = 0.0
        self._killed = False
        self._failure: BaseException | None = None

    def to_end(self) -> Ended:
        pidfd = os.pidfd_open(self._process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                streams = {"stdout": self._process.stdout, "stderr": self._process.stderr}
                for name, stream in streams.items():
                    assert stream is not None  # both are pipes
                    selector.register(stream, selectors.EVENT_READ, name)
                selector.register(pidfd, selectors.EVENT_READ, "exit")
                while not self._step(selector):
                    pass
                selector.unregister(pidfd)
                # Not reaped yet, so the group's id is still ours: end what the command left behind.
                self._signal_group(signal.SIGKILL)
                self._drain(selector)
        finally:
            os.close(pidfd)
            for stream in (self._process.stdout, self._process.stderr):
                if stream is not None:
                    stream.close()
            code = self._process.wait()
        for name in self._sinks:
            self._guarded(self._sinks[name].close)
        if self._failure is not None:
            raise self._failure
        return Ended(code, self._reason, self._killed, time.monotonic() - self._started)

    def _step(self, selector: selectors.BaseSelector) -> bool:
        """Wait for output, the end or the next tick; return True when the process has ended."""
        ended = False
        try:
            for key, _ in selector.select(TICK_S):
                if key.data == "exit":
                    ended = True
                else:
                    self._read(selector, key)
        except BaseException as problem:  # KeyboardInterrupt too: the process must end before it goes on
            self._failure = self._failure or problem
        if not ended:
            self._check()
        return ended

    def _check(self) -> None:
        now = time.monotonic()
        if not self._reason:
            if self._failure is not None:
                self._ask_to_end("caller", now)
            elif self._stop.is_set():
                self._ask_to_end("stop", now)
            elif now >= self._deadline:
                self._ask_to_end("time limit", now)
        elif now >= self._kill_at and not self._killed:
            self._killed = True
            self._signal_group(signal.SIGKILL)

    def _ask_to_end(self, reason: Reason, now: float) -> None:
        """Send SIGINT once, to the command alone: a second one makes Terraform leave without saving state."""
        self._reason = reason
        self._kill_at = now + self._grace_s
        self._process.send_signal(signal.SIGINT)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        stream: IO[bytes] = key.fileobj  # type: ignore[assignment]  # only pipes are registered with a name
        chunk = os.read(stream.fileno(), CHUNK_BYTES)
        if not chunk:
            selector.unregister(stream)
        else:
            self._guarded(lambda: self._sinks[key.data].feed(chunk))

    def _drain(self, selector: selectors.BaseSelector) -> None:
        """Read what is left in the pipes; a process of another session may hold them, so not for long."""
        deadline = time.monotonic() + DRAIN_S
        while selector.get_map() and time.monotonic() < deadline:
            for key, _ in selector.select(TICK_S):
                self._read(selector, key)

    def _guarded(self, deliver: Callable[[], None]) -> None:
        """Deliver output unless a delivery failed before: then the process is only being ended."""
        if self._failure is None:
            try:
                deliver()
            except BaseException as problem:
                self._failure = problem


def _dying_with_parent() -> list[str]:
    """Return the start of argv that asks for SIGINT at the death of the calling thread."""
    setpriv = shutil.which("setpriv")
    if setpriv is not None:
        return [setpriv, "--pdeathsig", "INT", "--"]
    return [sys.executable, "-I", "-S", str(_DIE_WITH_PARENT), str(os.getpid())]
