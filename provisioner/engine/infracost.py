"""Run infracost on a plan: bounded in time and output, with an environment of its own, no secret in its arguments.

https://www.infracost.io/docs/features/cli_commands/ and https://www.infracost.io/docs/integrations/environment_variables/
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from provisioner.engine import process
from provisioner.engine.environment import DEFAULT_PATH

OUTPUT_MAX_BYTES = 64 * 1024 * 1024
_STDERR_MAX_BYTES = 4096
_GRACE_S = 5
_VERSION_LIMIT_S = 10
_TAKEN = (
    "PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "INFRACOST_API_KEY", "INFRACOST_PRICING_API_ENDPOINT", "INFRACOST_TLS_CA_CERT_FILE",
)  # fmt: skip
# It asks for no newer version of itself and sends no plan anywhere but for prices.
_SET = {
    "INFRACOST_SKIP_UPDATE_CHECK": "true",
    "INFRACOST_NO_COLOR": "true",
    "INFRACOST_LOG_LEVEL": "error",
    "INFRACOST_CURRENCY": "USD",
    "INFRACOST_ENABLE_CLOUD": "false",
    "INFRACOST_ENABLE_CLOUD_UPLOAD": "false",
}


class InfracostFailed(Exception):
    """There is no output to take; the text completes "infracost was not used: "."""


@dataclass(frozen=True)
class Output:
    """What infracost wrote, and which one it is ("infracost v0.10.39")."""

    content: bytes
    name: str


def breakdown(
    document: Mapping[str, object],
    *,
    executable: str,
    work_dir: Path,
    limit_s: float,
    stop: threading.Event,
    on_tick: Callable[[], None] = lambda: None,
) -> Output:
    """Let infracost break a plan document (redacted) down. `executable`: a path, or "" for the one on PATH.

    Raises InfracostFailed when it is not there, fails, takes too long or writes too much.
    """
    found = shutil.which(executable or "infracost")
    if found is None:
        where = f"at {executable}" if executable else "on PATH"
        raise InfracostFailed(f"it is not installed {where}")
    environment = {name: os.environ[name] for name in _TAKEN if name in os.environ} | _SET
    environment.setdefault("PATH", DEFAULT_PATH)
    work_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="infracost-", dir=work_dir) as folder:
        place = Path(folder)
        environment |= {"HOME": folder, "TMPDIR": folder}
        plan = place / "plan.json"
        with os.fdopen(os.open(plan, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(document, file, default=str)
        argv = [found, "breakdown", "--path", plan.name, "--format", "json", "--show-skipped"]
        content = _run(argv, place, environment, limit_s, stop, on_tick)
        return Output(content, _name(found, os.stat(found).st_mtime_ns))


def _run(
    argv: list[str],
    cwd: Path,
    environment: Mapping[str, str],
    limit_s: float,
    stop: threading.Event,
    on_tick: Callable[[], None] = lambda: None,
) -> bytes:
    written, complained = _Kept(OUTPUT_MAX_BYTES, strict=True), _Kept(_STDERR_MAX_BYTES)
    try:
        ended = process.run(
            argv,
            cwd=cwd,
            environment=environment,
            stdout=written,
            stderr=complained,
            stop=stop,
            limit_s=limit_s,
            grace_s=_GRACE_S,
            on_tick=on_tick,
        )
    except OSError as error:
        raise InfracostFailed(f"it cannot be started ({error.strerror})") from None
    if ended.reason == "time limit":
        raise InfracostFailed(f"it did not end within {limit_s:g} s")
    if ended.reason == "stop":
        raise InfracostFailed("it was stopped")
    if ended.code != 0:
        said = " ".join(complained.content.decode(errors="replace").split())[:200]
        raise InfracostFailed(f"it ended with code {ended.code}{f': {said}' if said else ''}")
    return bytes(written.content)


@lru_cache(maxsize=4)
def _name(executable: str, changed_ns: int) -> str:
    """Return what `infracost --version` says; `changed_ns` makes it ask again after an upgrade."""
    environment = {"PATH": os.environ.get("PATH", DEFAULT_PATH), "HOME": "/nonexistent", **_SET}
    try:
        said = _run([executable, "--version"], Path("/"), environment, _VERSION_LIMIT_S, threading.Event())
    except InfracostFailed:
        return "infracost"
    words = said.decode(errors="replace").split()
    return f"infracost {words[-1]:.40}" if words else "infracost"


class _Kept:
    """Keeps what a stream writes, up to so many bytes; `strict` makes more a failure."""

    def __init__(self, most: int, *, strict: bool = False) -> None:
        self.content = bytearray()
        self._most = most
        self._strict = strict

    def feed(self, chunk: bytes) -> None:
        if self._strict and len(self.content) + len(chunk) > self._most:
            raise InfracostFailed(f"it wrote more than {self._most // 1024**2} MiB")
        self.content += chunk[: self._most - len(self.content)]

    def close(self) -> None:
        """Nothing is left to write."""
