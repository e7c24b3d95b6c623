"""Terraform, the sandbox provider, and one prepared directory for each module."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.modules.workspace import ROOT, Module, Workspace, all_modules, terraform_environ

MODULES = all_modules()
MakeWorkspace = Callable[[Module, str], Workspace]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the generic tests once for each module, environment and size, as the manifests have them."""
    wanted = set(metafunc.fixturenames)
    if {"module", "environment", "size"} <= wanted:
        cases = [(m, e, s) for m in MODULES for e in m.environments for s in m.sizes(e)]
        _parametrize(metafunc, ("module", "environment", "size"), cases)
    elif {"module", "environment", "largest_size"} <= wanted:
        # The default size of each environment is ordered below; the largest of all is what no default comes near.
        cases = [(m, e, s) for m in MODULES for e in m.environments[-1:] for s in m.sizes(e)[-1:]]
        _parametrize(metafunc, ("module", "environment", "largest_size"), cases)
    elif {"module", "environment"} <= wanted:
        _parametrize(metafunc, ("module", "environment"), [(m, e) for m in MODULES for e in m.environments])
    elif "module" in wanted:
        metafunc.parametrize("module", MODULES, ids=[m.slug for m in MODULES])


# Whose life in production `make test` has; the others' is in `make thorough`.
LIVED_IN_EVERY_TEST = frozenset({"postgres"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave most of the orders in production to `make thorough`: each takes ten seconds and more."""
    for item in items:
        module = item.callspec.params.get("module") if hasattr(item, "callspec") else None
        is_order = "TestAnOrderInProduction::" in item.nodeid
        if is_order and isinstance(module, Module) and module.slug not in LIVED_IN_EVERY_TEST:
            item.add_marker(pytest.mark.thorough)


def _parametrize(metafunc: pytest.Metafunc, names: Sequence[str], cases: Sequence[tuple[Any, ...]]) -> None:
    metafunc.parametrize(names, cases, ids=["-".join([case[0].slug, *case[1:]]) for case in cases])


@pytest.fixture(scope="session")
def terraform() -> str:
    """Return the Terraform executable; skips where there is none."""
    found = shutil.which("terraform") or shutil.which("tofu")
    if found is None:
        pytest.skip("neither terraform nor tofu is on PATH, so the modules cannot be planned here")
    return found


@pytest.fixture(scope="session")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Install the sandbox provider and return Terraform's environment with it as the only source of providers."""
    home = tmp_path_factory.mktemp("sandbox")
    subprocess.run(
        [sys.executable, "-m", "provisioner.sandbox", "install", "--home", str(home)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    cli_config = home / "terraform.tfrc"
    mirror = json.dumps(str(home / "mirror"))
    cli_config.write_text(
        f"provider_installation {{\n  filesystem_mirror {{\n    path = {mirror}\n  }}\n}}\n"
    )
    return terraform_environ(home, cli_config)


@pytest.fixture(scope="session")
def make_workspace(
    terraform: str, environ: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> MakeWorkspace:
    """Return a function that prepares a directory of its own, with its own cloud, for a module."""
    initialised: dict[Path, Workspace] = {}

    def make(module: Module, name: str) -> Workspace:
        path = tmp_path_factory.mktemp(name)
        cloud: Path = path / "cloud"
        cloud.mkdir()
        workspace = Workspace(
            path / "root", module, terraform, {**environ, "DRAWBRIDGE_SANDBOX_HOME": str(cloud)}
        )
        workspace.init(like=initialised.get(module.path))
        initialised.setdefault(module.path, workspace)
        return workspace

    return make


@pytest.fixture(scope="session")
def plan_only(make_workspace: MakeWorkspace) -> Callable[[Module], Workspace]:
    """Return the one directory of each module in which plans are made and nothing is ever applied."""
    ready: dict[str, Workspace] = {}

    def get(module: Module) -> Workspace:
        if module.slug not in ready:
            ready[module.slug] = make_workspace(module, f"plan-{module.slug}")
        return ready[module.slug]

    return get
