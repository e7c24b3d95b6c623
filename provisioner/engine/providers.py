"""Where Terraform gets providers from: a CLI configuration file of our own per target."""

import hashlib
import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from provisioner.engine import process
from provisioner.engine.config import EngineConfig
from provisioner.engine.lines import Collector
from provisioner.engine.places import exclusive, write_atomically
from provisioner.engine.types import EngineFailure

REPOSITORY = Path(__file__).resolve().parents[2]
INSTALL_TIMEOUT_S = 120
SMALL_FILE_BYTES = 64 * 1024
REGISTRIES = {"Terraform": "registry.terraform.io", "OpenTofu": "registry.opentofu.org"}


def mirror_of(config: EngineConfig) -> Path | None:
    """Return the folder that providers are taken from, or None for the registry."""
    return config.sandbox_home / "mirror" if config.target == "sandbox" else config.provider_mirror


def write_cli_config(config: EngineConfig) -> Path:
    """Write the CLI configuration file of the target, once, and return its path."""
    mirror = mirror_of(config)
    method = f"filesystem_mirror {{\n    path = {_quoted(mirror)}\n  }}" if mirror else "direct {}"
    text = f"provider_installation {{\n  {method}\n}}\ndisable_checkpoint = true\n"
    name = f"{config.target}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.tfrc"
    path = config.work_dir / "cli" / name
    if not path.exists():
        write_atomically(path, text.encode())
    (config.work_dir / "home").mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def ensure_sandbox(
    config: EngineConfig, engine_name: str, environment: Mapping[str, str], stop: threading.Event
) -> None:
    """Install the sandbox's stand-in provider when its mirror is missing. Does nothing for other targets."""
    if config.target != "sandbox":
        return
    ours = config.sandbox_home / "mirror" / REGISTRIES.get(engine_name, engine_name)
    if not ours.exists():
        with exclusive(config.work_dir / "locks" / "sandbox-install", stop):
            if not ours.exists():
                _install_sandbox(config, environment)


def fingerprint(config: EngineConfig) -> str:
    """Return a digest that changes when the mirror's providers change: a lock file holds their checksums."""
    mirror = mirror_of(config)
    parts = [str(mirror)]
    for file in sorted(mirror.rglob("*")) if mirror else []:
        if file.is_file():
            state = file.stat()
            small = state.st_size <= SMALL_FILE_BYTES
            seal = hashlib.sha256(file.read_bytes()).hexdigest() if small else str(state.st_mtime_ns)
            parts.append(f"{file.relative_to(mirror or file)}:{state.st_size}:{seal}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _install_sandbox(config: EngineConfig, environment: Mapping[str, str]) -> None:
    """Run the sandbox's installer in a process of its own: nobody imports it."""
    output = Collector(64 * 1024)
    argv = [sys.executable, "-m", "provisioner.sandbox", "install", "--home", str(config.sandbox_home)]
    ended = process.run(
        argv,
        cwd=REPOSITORY,
        environment=environment,
        stdout=output,
        stderr=output,
        stop=threading.Event(),  # it takes a moment, and half an installation helps nobody
        limit_s=INSTALL_TIMEOUT_S,
        grace_s=5,
    )
    if ended.code != 0:
        said = output.data.decode("utf-8", "replace").strip()[-2000:]
        raise EngineFailure(
            "The sandbox provider could not be installed",
            f"`{' '.join(argv)}` exited with {ended.code}: {said or 'no message'}."
            " Correct the cause and retry the run.",
            permanent=False,
        )


def _quoted(path: Path | None) -> str:
    """Return a path as a string of the CLI configuration's language."""
    return json.dumps(os.fspath(path or ""), ensure_ascii=False).replace("${", "$${")
