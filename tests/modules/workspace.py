"""Run real Terraform on a catalog module against the sandbox provider."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catalog.manifest import from_json
from catalog.variables import read_variables

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
    """A module folder with its manifest as data."""

    path: Path
    manifest: Mapping[str, Any]

    @property
    def slug(self) -> str:
        """Return the folder's name."""
        return self.path.name

    @property
    def environments(self) -> list[str]:
        """Return the environments that the manifest has presets for."""
        return list(self.manifest["presets"])

    def sizes(self, environment: str) -> list[str | None]:
        """Return the sizes of an environment; [None] for a module without sizes."""
        return list(self.manifest.get("sizes", {}).get("choices", {}).get(environment, {})) or [None]

    def default_size(self, environment: str) -> str | None:
        """Return the size that an order gets when it names none."""
        size: str | None = self.manifest.get("sizes", {}).get("default", {}).get(environment)
        return size

    def estimated(self, variables: Mapping[str, Any]) -> Counter[str]:
        """Return how many resources of each type the manifest's estimate expects with these variables."""
        text = (self.path / "variables.tf").read_text(encoding="utf-8")
        defaults = {p.name: p.default for p in read_variables(text).spec.parameters if not p.required}
        manifest = from_json({**self.manifest, "slug": self.slug})
        return Counter(resource.type for resource in manifest.estimate_resources({**defaults, **variables}))

    def variables(self, environment: str, size: str | None = None) -> dict[str, Any]:
        """Return what Terraform gets for an order that gives nothing but a name: preset, then size over it."""
        size = size or self.default_size(environment)
        chosen = self.manifest["sizes"]["choices"][environment][size] if size else {}
        derived = {self.manifest["name_variable"]: "orders-main"}
        if "environment_variable" in self.manifest:
            derived[self.manifest["environment_variable"]] = environment
        return {**self.manifest["presets"][environment], **chosen, **derived}

    @property
    def protection(self) -> str | None:
        """Return the variable that protects from deletion."""
        name: str | None = self.manifest.get("protection", {}).get("parameter")
        return name


def all_modules() -> list[Module]:
    """Return every folder under terraform_modules that has a manifest."""
    return [
        Module(path.parent, yaml.safe_load(path.read_text(encoding="utf-8")))
        for path in sorted(MODULES_PATH.glob("*/catalog.yaml"))
    ]


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

    def init(self) -> None:
        """Prepare the directory; fails the test with Terraform's own words when that is impossible."""
        self._write_root(self._module.variables(self._module.environments[0]))
        outcome = self.run("init", "-backend=false")
        assert outcome.code == 0, outcome.text

    def plan(self, variables: Mapping[str, Any], *, destroy: bool = False) -> dict[str, Any]:
        """Plan and return the plan as `terraform show -json` has it."""
        outcome = self.try_plan(variables, destroy=destroy)
        assert outcome.code == 0, outcome.text
        document: dict[str, Any] = json.loads(self.run("show", "-json", "plan").text)
        return document

    def try_plan(self, variables: Mapping[str, Any], *, destroy: bool = False) -> Outcome:
        """Plan, and return how it ended."""
        self._write_root(variables)
        return self.run("plan", "-out=plan", *(["-destroy"] if destroy else []))

    def apply(self) -> Outcome:
        """Apply the plan that was made last."""
        return self.run("apply", "plan")

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
                    "region": self._module.manifest["region"],
                    "default_tags": {"tags": DEFAULT_TAGS},
                }
            },
            "variable": {name: {} for name in names},
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


def managed_changes(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the plan's changes of managed resources."""
    return [change for change in plan.get("resource_changes", []) if change["mode"] == "managed"]


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
