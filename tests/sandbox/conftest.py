"""Real Terraform for the sandbox's tests; they need no Django and no database."""

import shutil
from pathlib import Path

import pytest

from tests.sandbox.terraform import Sandbox, WorkingDirectory


@pytest.fixture(scope="session")
def terraform_binary() -> str:
    found = shutil.which("terraform") or shutil.which("tofu")
    if found is None:
        pytest.skip(
            "neither terraform nor tofu is on PATH: the sandbox provider is tested with the real binary only"
        )
    return found


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("installed") / "sandbox"
    done = Sandbox(home).run("install")
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def sandbox(tmp_path: Path, installed: Path) -> Sandbox:
    """Return an empty cloud. Its mirror is a copy: the wrapper script does not name the directory it is in."""
    return Sandbox(Path(shutil.copytree(installed, tmp_path / "sandbox")))


@pytest.fixture
def directory(tmp_path: Path, sandbox: Sandbox, terraform_binary: str) -> WorkingDirectory:
    return WorkingDirectory(tmp_path / "module", sandbox, [terraform_binary])
