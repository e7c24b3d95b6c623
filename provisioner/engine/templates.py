"""Initialised directories: `terraform init` is paid once per module, engine and providers, not per run."""

import hashlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from provisioner.engine import providers
from provisioner.engine.config import EngineConfig
from provisioner.engine.discovery import Binary
from provisioner.engine.module_interface import ModuleInterface
from provisioner.engine.places import exclusive
from provisioner.engine.types import RunSpec

LAYOUT = "1"  # raise it when what a template holds changes
_INTERFACE = "interface.json"


@dataclass(frozen=True)
class Template:
    """An initialised directory, never changed after it is made."""

    path: Path

    def interface(self) -> ModuleInterface:
        return ModuleInterface.from_json((self.path / _INTERFACE).read_text("utf-8"))


def key_of(config: EngineConfig, binary: Binary, spec: RunSpec) -> str:
    """Return what a template depends on as one name. The content is hashed too: the digest is a claim."""
    parts = [
        LAYOUT,
        spec.module_digest,
        hashlib.sha256(spec.module_content).hexdigest(),
        binary.name,
        binary.version,
        config.target,
        providers.fingerprint(config),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def ensure(
    config: EngineConfig, key: str, build: Callable[[Path], ModuleInterface], stop: threading.Event
) -> Template:
    """Return the template, made by `build` on first use; other processes wait for the first one."""
    template = Template(_path(config, key))
    if template.path.exists():
        os.utime(template.path)  # says to `prune` that it is in use
        return template
    with exclusive(config.work_dir / "locks" / f"template-{key}", stop, wait_s=config.init_timeout_s):
        if not template.path.exists():
            _make(template.path, build)
    return template


def discard(config: EngineConfig, key: str) -> None:
    """Remove a template that turned out not to fit any more; the next run makes a new one."""
    gone = _path(config, f"{key}.{secrets.token_hex(4)}.old")
    try:
        _path(config, key).rename(gone)
    except FileNotFoundError:
        return
    shutil.rmtree(gone, ignore_errors=True)


def prune(config: EngineConfig, unused_s: float) -> None:
    """Remove templates, and what killed workers left of them, that were not used for `unused_s`."""
    folder = config.work_dir.absolute() / "templates"
    for path in folder.iterdir() if folder.is_dir() else []:
        if time.time() - path.stat().st_mtime > unused_s:
            shutil.rmtree(path, ignore_errors=True)


def _make(path: Path, build: Callable[[Path], ModuleInterface]) -> None:
    """Build beside the final place and rename, so that a template is whole or absent."""
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    new.mkdir(parents=True, mode=0o700)
    try:
        interface = build(new)
        (new / _INTERFACE).write_text(interface.to_json(), "utf-8")
        new.rename(path)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def _path(config: EngineConfig, key: str) -> Path:
    return config.work_dir.absolute() / "templates" / key
