"""Run one command: own session, given environment, streamed output, time limit, graceful stop.

Everything happens in the calling thread, callbacks included, so that they may use the caller's database
connection. The command gets one SIGINT when the worker dies, also by SIGKILL (between.py).
"""

import contextlib
import fcntl
import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol

TICK_S = 0.1
DRAIN_S = 2.0
CHUNK_BYTES = 64 * 1024
PIPE_BYTES = 1024 * 1024
_BETWEEN = Path(__file__).with_name("between.py")
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
    on_tick: Callable[[], None] = lambda: None,
) -> Ended:
    """Run `argv` to its end and say how it ended; call `on_tick` every TICK_S or more often.

    When `stop` is set, the limit is over, a sink or `on_tick` raises, the command gets SIGINT and, `grace_s` later, its
    whole group SIGKILL; a sink's exception is raised after that. Raises OSError when it cannot be started.
    """
    started = time.monotonic()
    with _pipe() as (stdout_end, stdout_start), _pipe() as (stderr_end, stderr_start):
        process = subprocess.Popen(
            [*_dying_with_parent("KILL"), *_script(_BETWEEN), *_dying_with_parent("INT"), *argv],
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=stdout_start,
            stderr=stderr_start,
            start_new_session=True,
            # The command holds the reading ends too: were this process killed, a write to a broken pipe
            # would kill Terraform (SIGPIPE) before it has saved its state.
            pass_fds=(*inherited_fds, stdout_end.fileno(), stderr_end.fileno()),
        )
        stdout_start.close()
        stderr_start.close()
        streams = {stdout_end: stdout, stderr_end: stderr}
        return _Watch(process, streams, stop, started + limit_s, grace_s, started, on_tick).to_end()


@contextlib.contextmanager
def _pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Make a pipe as large as an unprivileged process may, for what is written when nobody reads any more."""
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as end, open(writing, "wb", buffering=0) as start:
        with contextlib.suppress(OSError):
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        yield end, start


class _Watch:
    """The loop around one process."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        sinks: Mapping[IO[bytes], Sink],
        stop: threading.Event,
        deadline: float,
        grace_s: float,
        started: float,
        on_tick: Callable[[], None],
    ) -> None:
        self._process = process
        self._sinks = sinks
        self._stop = stop
        self._deadline = deadline
        self._grace_s = grace_s
        self._started = started
        self._on_tick = on_tick
        self._reason: Reason = ""
        self._kill_at = 0.0
        self._killed = False
        self._failure: BaseException | None = None

    def to_end(self) -> Ended:
        pidfd = os.pidfd_open(self._process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                for stream, sink in self._sinks.items():
                    selector.register(stream, selectors.EVENT_READ, sink)
                selector.register(pidfd, selectors.EVENT_READ)
                while not self._step(selector):
                    pass
                selector.unregister(pidfd)
                # Not reaped yet, so the group's id is still ours: end what the command left behind.
                self._signal_group(signal.SIGKILL)
                self._drain(selector)
        finally:
            os.close(pidfd)
            code = self._process.wait()
        for sink in self._sinks.values():
            self._guarded(sink.close)
        if self._failure is not None:
            raise self._failure
        return Ended(code, self._reason, self._killed, time.monotonic() - self._started)

    def _step(self, selector: selectors.BaseSelector) -> bool:
        """Wait for output, the end or the next tick; return True when the process has ended."""
        ended = False
        try:
            for key, _ in selector.select(TICK_S):
                if key.data is None:
                    ended = True
                else:
                    self._read(selector, key)
            self._guarded(self._on_tick)
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
        """Send one SIGINT, which reaches the command alone: a second makes Terraform leave without its state."""
        self._reason = reason
        self._kill_at = now + self._grace_s
        self._process.send_signal(signal.SIGINT)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> int:
        """Deliver what can be read at once; return how many bytes that was."""
        chunk = os.read(key.fd, CHUNK_BYTES)
        if not chunk:
            selector.unregister(key.fileobj)
        else:
            self._guarded(lambda: key.data.feed(chunk))
        return len(chunk)

    def _drain(self, selector: selectors.BaseSelector) -> None:
        """Read what is left in the pipes, however long that takes.

        A process of another session may hold them: wait for more not for long, and take no more than they held.
        """
        deadline = time.monotonic() + DRAIN_S
        left = len(self._sinks) * PIPE_BYTES
        while selector.get_map() and left > 0:
            ready = selector.select(0)
            if not ready and time.monotonic() >= deadline:
                return
            for key, _ in ready or selector.select(TICK_S):
                left -= self._read(selector, key)

    def _guarded(self, deliver: Callable[[], None]) -> None:
        """Deliver output unless a delivery failed before: then the process is only being ended."""
        if self._failure is None:
            try:
                deliver()
            except BaseException as problem:
                self._failure = problem


def _dying_with_parent(number: str) -> list[str]:
    """Return the start of an argv that asks the kernel for a signal at the parent's death."""
    setpriv = shutil.which("setpriv")
    if setpriv is not None:
        return [setpriv, "--pdeathsig", number, "--"]
    return [*_script(_DIE_WITH_PARENT), number]


def _script(path: Path) -> list[str]:
    """Return the start of an argv that runs one of our scripts quickly: without site-packages."""
    return [sys.executable, "-I", "-S", str(path)]
