"""Everything that a portal consists of, as real processes in one temporary folder, each in a session of its own."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

from portal.embedded import broker, home, port
from tests.chaos import processes

ROOT = Path(__file__).resolve().parents[2]
MODULES = Path(__file__).resolve().with_name("modules")
WORKERS, CONCURRENCY, BEATS, CONTROLS = 4, 2, 2, 2
READY_WITHIN_S = 180.0
LEASE_S, HEARTBEAT_S, SWEEP_S, STOP_GRACE_S, SHUTDOWN_GRACE_S = 9, 2, 3, 15, 10
_POSTGRES_USERS = ("postgres", "nobody")


class CannotRun(Exception):
    """The suite cannot run here, and must not pass; the text says why and what to do."""


@dataclass
class Service:
    """One process, started again whenever it is gone, unless it is to be down."""

    name: str
    argv: list[str]
    log: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    down_until: float = 0.0
    starts: int = 0

    @property
    def pid(self) -> int:
        return 0 if self.process is None else self.process.pid

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        self.starts += 1
        self.stay_down(1)  # what ends at once is not started again at once
        argv = [word.replace("{n}", str(self.starts)) for word in self.argv]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                argv,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def send(self, number: signal.Signals) -> None:
        """Signal the process alone."""
        if self.alive:
            processes.send(self.pid, number)

    def send_group(self, number: signal.Signals) -> None:
        """Signal the process and what is in its group; what it started in sessions of their own is not."""
        if self.alive:
            processes.send_group(self.pid, number)

    def stay_down(self, seconds: float) -> None:
        self.down_until = time.monotonic() + seconds

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False when it did not come."""
        if self.process is None:
            return True
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


@dataclass
class Retiring:
    """A worker that was told to end and has a successor already."""

    process: subprocess.Popen[bytes]
    kill_at: float


@dataclass
class Services:
    """All of them. `keep_up` starts again what is gone."""

    folder: Path
    database: Service | None
    broker: Service
    web: Service
    workers: list[Service]
    controls: list[Service]
    beats: list[Service]
    url: str
    retiring: list[Retiring] = field(default_factory=list)
    stubborn: int = 0  # workers that had to be killed after a SIGTERM

    @property
    def all(self) -> list[Service]:
        """In the order in which they are started."""
        database = [] if self.database is None else [self.database]
        return [*database, self.broker, self.web, *self.workers, *self.controls, *self.beats]

    def keep_up(self, now: float) -> None:
        """Start what is gone, and end retiring workers that take too long."""
        for service in self.all:
            if not service.alive and now >= service.down_until:
                service.start()
        for leaving in list(self.retiring):
            if leaving.process.poll() is not None:
                self.retiring.remove(leaving)
            elif now >= leaving.kill_at:
                self.stubborn += 1
                processes.send_group(leaving.process.pid, signal.SIGKILL)

    def deploy(self, worker: Service) -> None:
        """Tell a worker to end and start its successor at once, as a deployment does."""
        if worker.process is not None and worker.alive:
            self.retiring.append(
                Retiring(worker.process, time.monotonic() + SHUTDOWN_GRACE_S + 2 * STOP_GRACE_S)
            )
            worker.send(signal.SIGTERM)
        worker.start()

    def wait_ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Return when the portal could take an order through. Raises CannotRun."""
        until, answer = time.monotonic() + within_s, "nothing"
        while time.monotonic() < until:
            self.keep_up(time.monotonic())
            with contextlib.suppress(httpx.HTTPError):
                response = httpx.get(f"{self.url}/readyz", timeout=10, trust_env=False)
                if response.status_code == httpx.codes.OK:
                    return
                answer = response.text[:200]
            time.sleep(0.3)
        raise CannotRun(
            f"The portal was not ready within {within_s:.0f} s; its last answer: {answer}. See {self.folder}/home/log."
        )

    def stop_work(self, seconds: float) -> None:
        """Stop beats, workers and control workers as an operator does; kill what does not end."""
        leaving = [*self.beats, *self.workers, *self.controls]
        for service in leaving:
            service.send_group(signal.SIGCONT)
            service.send(signal.SIGTERM)
        until = time.monotonic() + seconds
        for service in leaving:
            if not service.wait(max(0.1, until - time.monotonic())):
                self.stubborn += 1
                service.send_group(signal.SIGKILL)
                service.wait(5)
        for old in self.retiring:
            with contextlib.suppress(subprocess.TimeoutExpired):
                old.process.wait(timeout=max(0.1, until - time.monotonic()))

    def stop_rest(self) -> None:
        """Stop web, broker and database."""
        for service, number in (
            (self.web, signal.SIGTERM),
            (self.broker, signal.SIGTERM),
            (self.database, signal.SIGINT),
        ):
            if service is not None:
                service.send(number)
                if not service.wait(15):
                    service.send_group(signal.SIGKILL)
                    service.wait(5)

    def kill(self) -> None:
        """End everything of this folder at once."""
        for service in self.all:
            service.send_group(signal.SIGKILL)
        until = time.monotonic() + 10
        while time.monotonic() < until and (left := processes.ours(self.folder)):
            processes.end([seen.pid for seen in left if "guard.py" not in " ".join(seen.command)])
            time.sleep(0.2)


def lay_out(folder: Path, delay_s: float, *, sqlite: bool = False) -> str:
    """Make the folder's installation and set this process's environment to it; return what the database is."""
    home.make_home(folder / "home")
    (folder / "modules").mkdir()
    shutil.copytree(MODULES / "chain", folder / "modules" / "chain")
    shutil.copytree(ROOT / "terraform_modules" / "message-queue", folder / "modules" / "message-queue")
    for name in [name for name in os.environ if name.startswith("DRAWBRIDGE_")]:
        if name != "DRAWBRIDGE_TERRAFORM":
            del os.environ[name]
    for name in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE"):
        os.environ.pop(name, None)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DRAWBRIDGE_HOME": str(folder / "home"),
        "DRAWBRIDGE_MODULES_DIR": str(folder / "modules"),
        "DRAWBRIDGE_TARGET": "sandbox",
        "DRAWBRIDGE_SANDBOX_HOME": str(folder / "home" / "sandbox"),
        "DRAWBRIDGE_SANDBOX_DELAY_S": str(delay_s),
        "DRAWBRIDGE_BROKER_URL": f"redis+socket://{folder / 'broker.sock'}",
        "DRAWBRIDGE_LEASE_S": str(LEASE_S),
        "DRAWBRIDGE_HEARTBEAT_S": str(HEARTBEAT_S),
        "DRAWBRIDGE_SWEEP_S": str(SWEEP_S),
        "DRAWBRIDGE_STOP_GRACE_S": str(STOP_GRACE_S),
        "DRAWBRIDGE_SHUTDOWN_GRACE_S": str(SHUTDOWN_GRACE_S),
        "DRAWBRIDGE_API_RATE": "100000/min",
        "PORT": str(port.free_port()),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
    }
    os.environ.pop("CHAOS_POSTGRES", None)
    binaries = None if sqlite else postgres_binaries()
    if binaries is None:
        why = "asked for" if sqlite else "this machine has no PostgreSQL"
        return f"SQLite ({why}): what disturbs PostgreSQL is left out"
    os.environ["CHAOS_POSTGRES"] = str(binaries)
    return f"PostgreSQL ({binaries})"


def postgres_binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL of this machine, None when there is none."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: float(path.split("/")[4]))
    on_path = shutil.which("initdb")
    place = found[-1] if found else on_path
    return None if place is None else Path(place).resolve().parent


def start(folder: Path) -> Services:
    """Start database and broker, and define the rest; `wait_ready` starts it. The environment is `lay_out`'s."""
    environment = dict(os.environ)
    database = (
        _database(folder, Path(environment["CHAOS_POSTGRES"])) if "CHAOS_POSTGRES" in environment else None
    )
    environment = dict(os.environ)  # with the database's address
    log = folder / "home" / "log"

    def celery(name: str, *arguments: str) -> Service:
        argv = [sys.executable, "-m", "celery", "--quiet", "-A", "portal", *arguments]
        return Service(name, argv, log / f"{name}.log", environment)

    quiet = ("--loglevel", "warning", "--without-gossip", "--without-mingle")
    socket_, broker_log = folder / "broker.sock", log / "broker.log"
    services = Services(
        folder=folder,
        database=database,
        broker=Service("broker", _broker_command(socket_, broker_log), broker_log, environment),
        web=Service("web", _web_command(environment["PORT"]), log / "web.log", environment),
        workers=[
            celery(
                f"worker{number}",
                *("worker", "--queues", "plan,apply", "--concurrency", str(CONCURRENCY)),
                *("--hostname", f"worker{number}-{{n}}@chaos", *quiet),
            )
            for number in range(WORKERS)
        ],
        controls=[
            celery(
                f"control{number}",
                *("worker", "--queues", "control,default", "--pool", "solo"),
                *("--hostname", f"control{number}-{{n}}@chaos", *quiet),
            )
            for number in range(CONTROLS)
        ],
        beats=[
            celery(
                f"beat{number}",
                *("beat", "--loglevel", "warning", "--pidfile=", "--schedule", str(folder / f"beat{number}")),
            )
            for number in range(BEATS)
        ],
        url=f"http://{port.HOST}:{environment['PORT']}",
    )
    services.broker.start()
    return services


def _broker_command(socket_: Path, log: Path) -> list[str]:
    try:
        return broker.command(socket_, log)
    except ImportError as error:  # pragma: no cover - the development packages hold one
        raise CannotRun("There is no broker: install the packages with `make install`.") from error


def _web_command(listen: str) -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn", "portal.wsgi", "--bind", f"{port.HOST}:{listen}"),
        *("--worker-class", "gthread", "--workers", "2", "--threads", "16", "--graceful-timeout", "5"),
        *("--no-control-socket", "--log-level", "warning"),
    ]


def _database(folder: Path, binaries: Path) -> Service:
    """Make a cluster and start it; its address goes into the environment. fsync stays on."""
    data, password, listen = folder / "postgres", secrets.token_hex(16), port.free_port()
    prefix, user = _as_somebody_else() if os.geteuid() == 0 else ([], "")
    data.mkdir(mode=0o700)
    secret = folder / "postgres-password"
    secret.write_text(password)
    if user:
        folder.chmod(0o711)  # the other user must pass through; what is inside stays closed
        shutil.chown(data, user)
        shutil.chown(secret, user)
    subprocess.run(
        [
            *(*prefix, str(binaries / "initdb"), "--pgdata", str(data), "--username", "chaos"),
            *("--auth", "scram-sha-256", "--pwfile", str(secret), "--encoding", "UTF8", "--locale", "C"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
    )
    secret.unlink()
    settings = {
        "listen_addresses": port.HOST,
        "port": listen,
        "unix_socket_directories": "",
        "max_connections": 200,
        "fsync": "on",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    environment = {"PATH": os.environ["PATH"], "CHAOS_FOLDER": f"{folder}/"}
    service = Service(
        "postgres",
        [*prefix, str(binaries / "postgres"), "-D", str(data), *options],
        folder / "home" / "log" / "postgres.log",
        environment,
    )
    service.start()
    os.environ["DATABASE_URL"] = f"postgres://chaos:{password}@{port.HOST}:{listen}/postgres"
    wait_for(lambda: _answers(os.environ["DATABASE_URL"]), 30, "PostgreSQL answers")
    return service


def _as_somebody_else() -> tuple[list[str], str]:
    """Return what starts a command as another user than root, whom PostgreSQL refuses."""
    for name in _POSTGRES_USERS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            if setpriv := shutil.which("setpriv"):
                who = [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
                return [setpriv, *who, "--"], name
    raise CannotRun("PostgreSQL does not run as root, and setpriv or a user to run it as is missing.")


def _answers(address: str) -> bool:
    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def wait_for(condition: Callable[[], bool], within_s: float, what: str) -> None:
    """Return when the condition holds. Raises CannotRun when it does not in time."""
    until = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > until:
            raise CannotRun(f"Not within {within_s:.0f} s: {what}.")
        time.sleep(0.1)


@contextlib.contextmanager
def guarded(folder: Path, limit_s: float) -> Iterator[None]:
    """Have a watchdog end everything when this process dies or the time is up."""
    argv: Sequence[str] = [
        sys.executable,
        "-I",
        str(Path(__file__).with_name("guard.py")),
        str(folder),
        str(limit_s),
    ]
    guard = subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True, env={"PATH": os.defpath})
    assert guard.stdin is not None
    try:
        yield
    finally:
        guard.stdin.write(b"done")
        guard.stdin.close()
        guard.wait()
