"""Run real Terraform on a catalog module against the sandbox provider."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.manifest import Manifest
from catalog.manifest_check import read_manifest
from catalog.parameters import fill
from catalog.spec import ParameterSpec
from catalog.variables import read_variables
from provisioner.domain.cost import Estimate, estimate, resources_from_plan
from provisioner.domain.plan import Plan
from provisioner.domain.pricing import PriceBook, PricedResource, parse_price_book

ROOT = Path(__file__).resolve().parents[2]
MODULES_PATH = ROOT / "terraform_modules"
DEFAULT_TAGS = {
    "service": "orders",
    "team-owner": "shop",
    "cost-center": "cc-1001",
    "environment": "test",
    "criticality": "tier-1",
    "managed-by": "drawbridge",
}
COMMAND_TIMEOUT_S = 120


@dataclass(frozen=True)
class Module:
    """A module folder with its manifest and parameters, read as the catalog reads them."""

    path: Path
    manifest: Manifest
    spec: ParameterSpec

    @property
    def slug(self) -> str:
        """Return the folder's name."""
        return self.path.name

    @property
    def environments(self) -> list[str]:
        """Return the environments that the manifest has presets for."""
        return list(self.manifest.presets)

    def sizes(self, environment: str) -> list[str]:
        """Return the sizes of an environment, small to large; empty for a module without sizes."""
        return list(self.manifest.sizes.in_environment(environment)) if self.manifest.sizes else []

    def variables(self, environment: str, size: str | None = None) -> dict[str, Any]:
        """Return what Terraform gets for an order that gives a name, what is required, and perhaps a size."""
        given = {p.name: p.example for p in self.spec if p.required and p.name not in self.manifest.hidden}
        if size and self.manifest.sizes:
            given[self.manifest.sizes.parameter] = size
        filled = fill(self.manifest, self.spec, environment, given)
        assert filled.problems == ()
        return {**filled.variables, self.manifest.name_variable: "orders-main"}

    def estimate_before_plan(self, variables: Mapping[str, Any]) -> Estimate:
        """Return what the manifest's skeleton says that the module costs a month."""
        rows = self.manifest.estimate_resources(variables)
        return estimate([PricedResource(r.address, r.type, r.attributes) for r in rows], self._book())

    def estimate_of_plan(self, plan: Plan) -> Estimate:
        """Return what the planned resources cost a month."""
        return estimate(resources_from_plan(plan), self._book())

    def _book(self) -> PriceBook:
        region = self.manifest.region
        text = (ROOT / "provisioner" / "prices" / f"{region}.csv").read_text(encoding="utf-8")
        return parse_price_book(text, region)


def read_module(path: Path) -> Module:
    """Return the module in a folder; fails when the catalog would refuse it."""
    variables = read_variables((path / "variables.tf").read_text(encoding="utf-8"))
    text = (path / "catalog.yaml").read_text(encoding="utf-8")
    read = read_manifest(text, variables, slug=path.name)
    assert read.manifest is not None, read.problems
    assert read.spec is not None
    return Module(path, read.manifest, read.spec)


def all_modules() -> list[Module]:
    """Return every folder under terraform_modules that has a manifest."""
    return [read_module(path.parent) for path in sorted(MODULES_PATH.glob("*/catalog.yaml"))]


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    text: str


class Workspace:
    """A directory whose root module calls the catalog module the way the engine does: JSON in, JSON out."""

    def __init__(self, path: Path, module: Module, terraform: str, environ: Mapping[str, str]) -> None:
        self._path = path
        self._terraform = terraform
        self._environ = dict(environ)
        path.mkdir(parents=True, exist_ok=True)
        self._module = module

    def init(self, like: Workspace | None = None) -> None:
        """Prepare the directory, or copy what another one of the module has; fails with Terraform's own words."""
        self._write_root(self._module.variables(self._module.environments[0]))
        if like is not None:
            shutil.copytree(like._path / ".terraform", self._path / ".terraform", symlinks=True)
            shutil.copy(like._path / ".terraform.lock.hcl", self._path)
            return
        outcome = self.run("init", "-backend=false")
        assert outcome.code == 0, outcome.text

    def plan(self, variables: Mapping[str, Any], *, destroy: bool = False) -> dict[str, Any]:
        """Plan and return the plan as `terraform show -json` has it."""
        outcome = self.try_plan(variables, destroy=destroy)
        assert outcome.code == 0, outcome.text
        document: dict[str, Any] = json.loads(self.run("show", "-json", "plan").text)
        return document

    def try_plan(self, variables: Mapping[str, Any], *, destroy: bool = False) -> Outcome:
        """Plan, and return how it ended, with Terraform's wrapped lines joined."""
        self._write_root(variables)
        outcome = self.run("plan", "-out=plan", *(["-destroy"] if destroy else []))
        return Outcome(outcome.code, " ".join(outcome.text.replace("\u2502", " ").split()))

    def apply(self) -> Outcome:
        """Apply the plan that was made last."""
        return self.run("apply", "plan")

    def plan_and_apply(self, variables: Mapping[str, Any], *, destroy: bool = False) -> Outcome:
        """Plan and apply in one go, and return how that ended."""
        self._write_root(variables)
        return self.run("apply", "-auto-approve", *(["-destroy"] if destroy else []))

    def is_settled(self, variables: Mapping[str, Any]) -> Outcome:
        """Plan once more: the code is 0 when nothing, no output either, would change."""
        self._write_root(variables)
        return self.run("plan", "-detailed-exitcode")

    def state(self) -> dict[str, Any]:
        """Return the raw state."""
        path = self._path / "terraform.tfstate"
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return document

    def run(self, command: str, *arguments: str) -> Outcome:
        """Run one Terraform command here; standard error only matters when it failed."""
        options = [] if command == "show" else ["-input=false"] if command != "validate" else []
        completed = subprocess.run(
            [self._terraform, command, "-no-color", *options, *arguments],
            cwd=self._path,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        return Outcome(
            completed.returncode, completed.stdout + (completed.stderr if completed.returncode else "")
        )

    def _write_root(self, variables: Mapping[str, Any]) -> None:
        """Write the root module. Values go through a variables file, so that they are data and never HCL."""
        names = sorted(variables)
        root = {
            "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
            "provider": {
                "aws": {
                    "region": self._module.manifest.region,
                    "default_tags": {"tags": DEFAULT_TAGS},
                }
            },
            "variable": {name: {} for name in names},
            "output": {"all": {"value": "${module.this}"}},
            "module": {
                "this": {"source": str(self._module.path), **{name: f"${{var.{name}}}" for name in names}},
            },
        }
        (self._path / "main.tf.json").write_text(json.dumps(root), encoding="utf-8")
        (self._path / "terraform.tfvars.json").write_text(json.dumps(dict(variables)), encoding="utf-8")


def terraform_environ(home: Path, cli_config: Path) -> dict[str, str]:
    """Return the whole environment of Terraform in these tests: nothing of the caller's but PATH."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TF_CLI_CONFIG_FILE": str(cli_config),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        "DRAWBRIDGE_SANDBOX_HOME": str(home),
    }


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Return every scalar of nested data with the keys that lead to it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, (*path, str(key)))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path, value
