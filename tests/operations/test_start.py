"""`make up` as a process: what it refuses to start, and what it leaves behind when it is stopped."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from portal.embedded import port
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
ANY_ORDER = {"item": "postgres", "service": "receipts", "environment": "development", "name": "slow-db"}


def environment(home: Path, port_number: int) -> dict[str, str]:
    """Return an environment without the tests' own settings, for an installation in `home`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DRAWBRIDGE_", "DATABASE_", "DJANGO_"))
    }
    return kept | {
        "DRAWBRIDGE_HOME": str(home),
        "PORT": str(port_number),
        # Each change takes its time, so that a Terraform runs when the portal is stopped.
        "DRAWBRIDGE_SANDBOX_DELAY_S": "2",
        "DRAWBRIDGE_STOP_GRACE_S": "1",
    }


def manage(env: dict[str, str], *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def processes_of(home: Path) -> list[str]:
    """Return the command lines of every process that has to do with an installation."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command, env = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(home) in command or os.fsencode(home) in env:
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def env(home: Path) -> dict[str, str]:
    made = environment(home, port.free_port())
    manage(made, "init_home")
    return made


@pytest.fixture
def portal(env: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start everything and wait until it can take an order."""
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "portal.embedded"],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    try:
        until(lambda: process.poll() is not None or is_ready(env["PORT"]), what="the portal's start")
        assert process.poll() is None, (tmp_path / "said").read_text()
        yield process
    finally:
        process.terminate()
        process.wait(timeout=120)


def is_ready(port_number: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port_number}/readyz", trust_env=False, timeout=10).is_success
    except httpx.HTTPError:
        return False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")
class TestPortal:
    def test_leaves_no_process_when_it_is_stopped(
        self, portal: subprocess.Popen[bytes], env: dict[str, str], home: Path, tmp_path: Path
    ) -> None:
        # While it runs: a second start of the same installation is refused.
        second = subprocess.run(
            [sys.executable, "-m", "portal.embedded"],
            cwd=ROOT,
            env=env | {"PORT": str(port.free_port())},
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 1
        assert f"already running at http://127.0.0.1:{env['PORT']}" in second.stdout

        token = manage(env, "issue_token", "developer", "--scope", "all")
        with httpx.Client(
            base_url=f"http://127.0.0.1:{env['PORT']}/api/v1/",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=30,
        ) as api:
            run = api.post("requests/", json=ANY_ORDER).raise_for_status().json()
            until(lambda: api.get(f"runs/{run['id']}/").json()["status"] == "applying", what="the apply")
            until(
                lambda: any("terraform" in line and " apply " in line for line in processes_of(home)),
                what="Terraform",
            )

        portal.send_signal(signal.SIGTERM)
        assert portal.wait(timeout=120) == 0
        assert processes_of(home) == []
        assert "Stopped. The data is kept." in (tmp_path / "said").read_text()


class TestPort:
    def test_that_is_taken_is_named_with_what_to_do(self) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = other.getsockname()[1]
            ended = subprocess.run(
                ["make", "up", f"PORT={taken}", f"PYTHON={sys.executable}"],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
        assert ended.returncode != 0
        assert f"Port {taken} on 127.0.0.1 is taken" in ended.stderr
        assert "PORT=" in ended.stderr

    @pytest.mark.parametrize("text", ["", "http", "0", "65536", "-1", "80 80"])
    def test_that_is_none_is_refused(self, text: str) -> None:
        assert "not a port number" in port.problem_with(text)

    def test_that_is_free_is_taken(self) -> None:
        assert port.problem_with(str(port.free_port())) == ""
