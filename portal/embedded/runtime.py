"""One portal on one machine: prepare its data, start it, stop it; for `make up`, `make demo` and `make bench`."""

import contextlib
import fcntl
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TextIO

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from catalog.sync import sync_catalog
from portal.demo import organisation
from portal.embedded import broker, port, stack
from provisioner.services import prices


class CannotStart(Exception):
    """The portal cannot be started; the text says why and what to do."""


def say(text: str = "") -> None:
    """Tell the person at the terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def prepare() -> list[organisation.Login]:
    """Bring database, static files, catalog and demo organisation up to date; return the logins made for it."""
    call_command("migrate", interactive=False, verbosity=0)
    prices.load_shipped(now=timezone.now())
    collect_static()
    report = sync_catalog(settings.DRAWBRIDGE_MODULES_DIR, timezone.now())
    for problem in report.refused:
        say(f"Not published: {problem}")
    if settings.DRAWBRIDGE_TARGET != "sandbox":
        return []
    return organisation.seed(organisation.DEMO_PASSWORD)


def collect_static() -> None:
    """Collect the static files when one of them, or Drawbridge's packages, changed since the last time."""
    stamp = settings.STATIC_ROOT / ".collected"
    sources = [
        path
        for folder in settings.STATICFILES_DIRS
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    ]
    locks = sorted(settings.BASE_DIR.glob("requirements*.lock"))
    state = "\n".join(
        f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in [*sources, *locks]
    )
    if stamp.exists() and stamp.read_text() == state:
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(state)


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Hold this installation's folder, so that no second portal writes to it. Raises CannotStart."""
    path = settings.DRAWBRIDGE_HOME / "run" / "portal.lock"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with path.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held.seek(0)
            raise CannotStart(
                f"This installation ({settings.DRAWBRIDGE_HOME}) is already running at {held.read().strip()}. "
                "Use it, or stop it with Ctrl-C in its terminal; for a second one beside it set DRAWBRIDGE_HOME "
                "to another folder."
            ) from None
        held.truncate(0)
        held.write(settings.DRAWBRIDGE_URL)
        held.flush()
        yield


@contextlib.contextmanager
def running(output: TextIO) -> Iterator[stack.Stack]:
    """Start the Procfile's processes, hand over the stack when it can take an order, and stop it in the end.

    Raises CannotStart when the port is taken and StackFailed when a process ends by itself. SIGINT and SIGTERM
    become KeyboardInterrupt; a second one ends everything at once.
    """
    if reason := port.problem_with(str(settings.DRAWBRIDGE_PORT)):
        raise CannotStart(reason)
    env = {**os.environ, "PORT": str(settings.DRAWBRIDGE_PORT), "PYTHONUNBUFFERED": "1"}
    # Whoever pressed Ctrl-C waits for it.
    env.setdefault("DRAWBRIDGE_SHUTDOWN_GRACE_S", str(settings.DRAWBRIDGE_STOP_GRACE_S // 2))
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    own_broker = bool(os.environ.get("DRAWBRIDGE_BROKER_URL"))  # the settings have read .env into it
    with contextlib.ExitStack() as cleanup:
        if not own_broker:
            socket = cleanup.enter_context(broker_socket())
            env |= {
                "DRAWBRIDGE_BROKER_SOCKET": str(socket),
                "DRAWBRIDGE_BROKER_LOG": str(settings.DRAWBRIDGE_HOME / "log" / "broker.log"),
                "DRAWBRIDGE_BROKER_URL": f"redis+socket://{socket}",
            }
        processes = stack.Stack.from_procfile(
            settings.BASE_DIR / "Procfile",
            env,
            output,
            without=frozenset({"broker"}) if own_broker else frozenset(),
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        try:
            processes.start()
            processes.wait_ready(f"http://{port.HOST}:{settings.DRAWBRIDGE_PORT}/readyz")
            yield processes
        finally:
            _stop(processes)


def _stop(processes: stack.Stack) -> None:
    """Stop everything; a second Ctrl-C does not wait for running Terraforms."""
    try:
        processes.stop(settings.DRAWBRIDGE_STOP_GRACE_S)
    except KeyboardInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        processes.kill()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def broker_socket() -> Iterator[Path]:
    """Yield the path of the broker's socket: in the installation's folder, or in a short one where that is too long."""
    socket = settings.DRAWBRIDGE_HOME / "broker" / "broker.sock"
    if len(os.fsencode(socket)) <= broker.SOCKET_PATH_MAX:
        socket.parent.mkdir(mode=0o700, exist_ok=True)
        yield socket
        return
    with tempfile.TemporaryDirectory(prefix="drawbridge-") as folder:
        yield Path(folder) / "broker.sock"


def welcome(logins: list[organisation.Login]) -> None:
    """Say where the portal is and who can sign in."""
    say()
    say(f"Drawbridge is up: {settings.DRAWBRIDGE_URL}    API: {settings.DRAWBRIDGE_URL}/api/docs/")
    if logins:
        say(
            "Target: sandbox. Everything is made in a stand-in for AWS on this machine; nothing costs anything."
        )
        say(f"Sign in with the password {organisation.DEMO_PASSWORD} as")
        for login in logins:
            say(f"  {login.username:<10} who {login.part}")
    say("Ctrl-C stops everything; the data is kept.")
    say()
