"""What holds for every module of the catalog, with the values that its own manifest gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.modules.conftest import MakeWorkspace
from tests.modules.workspace import DEFAULT_TAGS, ROOT, Module, Workspace, leaves, managed_changes

SECRET_NAMES = re.compile(
    r"(^|_)(password|secret_string|secret_binary|auth_token|private_key|secret_access_key|secret_key)(_wo)?$"
)
ANYWHERE = ("0.0.0.0/0", "::/0")
MAX_VISIBLE_PARAMETERS = 8
PlanOnly = Callable[[Module], Workspace]


class TestAModulesFiles:
    def test_are_formatted(self, module: Module, terraform: str, environ: Mapping[str, str]) -> None:
        completed = subprocess.run(
            [terraform, "fmt", "-check", "-recursive", "-diff", str(module.path)],
            env=dict(environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert completed.returncode == 0, completed.stdout + completed.stderr

    def test_are_valid(self, module: Module, plan_only: PlanOnly) -> None:
        outcome = plan_only(module).run("validate", "-json")
        assert outcome.code == 0, outcome.text
        assert json.loads(outcome.text)["diagnostics"] == []

    def test_have_examples_that_plan(
        self, module: Module, terraform: str, environ: Mapping[str, str], tmp_path: Path
    ) -> None:
        copy = tmp_path / module.slug
        shutil.copytree(module.path, copy)
        examples = sorted(path.parent for path in copy.glob("examples/*/main.tf"))
        assert examples
        for example in examples:
            for command in (
                ["init", "-input=false", "-backend=false"],
                ["plan", "-input=false", "-lock=false"],
            ):
                completed = subprocess.run(
                    [terraform, *command],
                    cwd=example,
                    env=dict(environ),
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=60,
                )
                assert completed.returncode == 0, completed.stdout + completed.stderr

    def test_include_what_a_reader_needs(self, module: Module) -> None:
        names = {path.name for path in module.path.iterdir()}
        assert {"main.tf", "variables.tf", "outputs.tf", "versions.tf", "catalog.yaml", "README.md"} <= names


class TestAManifest:
    def test_explains_every_parameter(self, module: Module) -> None:
        declared = re.findall(r'^variable "(\w+)"', (module.path / "variables.tf").read_text(), re.MULTILINE)
        shown = [name for name in declared if name not in module.manifest.get("derived", [])]
        assert set(module.manifest["parameters"]) == set(shown)
        for name, text in module.manifest["parameters"].items():
            missing = [key for key in ("label", "group", "help", "example", "consequence") if key not in text]
            assert missing == [], f"{name} lacks {missing}"

    def test_shows_only_a_few_parameters_at_first(self, module: Module) -> None:
        visible = [name for name, text in module.manifest["parameters"].items() if not text.get("advanced")]
        assert 0 < len(visible) <= MAX_VISIBLE_PARAMETERS

    def test_gives_each_environment_a_preset_of_its_own(self, module: Module) -> None:
        presets = [json.dumps(preset, sort_keys=True) for preset in module.manifest["presets"].values()]
        assert len(set(presets)) == len(presets)

    def test_offers_only_what_its_guardrails_allow(
        self, module: Module, environment: str, size: str | None
    ) -> None:
        variables = module.variables(environment, size)
        broken = [
            guardrail["rule"]
            for guardrail in module.manifest.get("guardrails", [])
            if environment in guardrail["environments"]
            and guardrail["parameter"] in variables
            and not _holds(guardrail, environment, variables[guardrail["parameter"]])
        ]
        assert broken == []


class TestAPlan:
    def test_is_clean_tagged_closed_and_as_the_estimate_says(
        self, module: Module, environment: str, size: str | None, plan_only: PlanOnly
    ) -> None:
        variables = module.variables(environment, size)
        plan = plan_only(module).plan(variables)
        changes = managed_changes(plan)

        assert changes
        assert {tuple(change["change"]["actions"]) for change in changes} == {("create",)}
        assert _untagged(changes) == []
        assert _open_to_anyone(changes) == []
        planned = Counter(change["type"] for change in changes)
        estimated = module.estimated(variables)
        assert {name: planned[name] for name in estimated} == dict(estimated)


class TestAnOrder:
    def test_is_applied_and_needs_no_second_change_and_goes_away_again(
        self, module: Module, environment: str, make_workspace: MakeWorkspace
    ) -> None:
        workspace = make_workspace(module, f"{module.slug}-{environment}")
        variables = module.variables(environment)
        workspace.plan(variables)
        applied = workspace.apply()
        assert applied.code == 0, applied.text

        again = workspace.plan(variables)
        assert _changed(again) == []
        assert again.get("resource_drift", []) == []
        assert _secrets(workspace.state()) == []

        if module.protection and variables.get(module.protection):
            workspace.plan(variables, destroy=True)
            refused = workspace.apply()
            assert refused.code == 1
            assert "protect" in refused.text
            assert workspace.state()["resources"]
            variables = {**variables, module.protection: False}
            workspace.plan(variables)
            unprotected = workspace.apply()
            assert unprotected.code == 0, unprotected.text

        workspace.plan(variables, destroy=True)
        destroyed = workspace.apply()
        assert destroyed.code == 0, destroyed.text
        assert workspace.state()["resources"] == []


def _holds(guardrail: Mapping[str, Any], environment: str, value: Any) -> bool:
    wanted = guardrail["environments"][environment]
    match guardrail["kind"]:
        case "allowed":
            return value in wanted
        case "minimum":
            return bool(value >= wanted)
        case "maximum":
            return bool(value <= wanted)
        case "required_value":
            return bool(value == wanted)
    pytest.fail(f"unknown kind of guardrail: {guardrail['kind']}")


def _untagged(changes: list[dict[str, Any]]) -> list[str]:
    """Return the addresses of taggable resources whose planned tags lack a default tag."""
    taggable = set(json.loads((ROOT / "provisioner" / "taggable.json").read_text(encoding="utf-8")))
    return [
        change["address"]
        for change in changes
        if change["type"] in taggable
        and not DEFAULT_TAGS.items() <= (change["change"]["after"].get("tags_all") or {}).items()
    ]


def _open_to_anyone(changes: list[dict[str, Any]]) -> list[str]:
    """Return the addresses of security groups and rules that let the whole internet in."""
    return [
        change["address"]
        for change in changes
        if change["type"] in ("aws_security_group", "aws_vpc_security_group_ingress_rule")
        and any(value in ANYWHERE for _, value in leaves(change["change"]["after"]))
    ]


def _changed(plan: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    changes = [(c["address"], c["change"]["actions"]) for c in managed_changes(plan)]
    outputs = [(name, c["actions"]) for name, c in plan.get("output_changes", {}).items()]
    return [(name, actions) for name, actions in changes + outputs if actions != ["no-op"]]


def _secrets(state: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return where the state holds a value under a name that secrets have."""
    return [
        path
        for path, value in leaves(state["resources"])
        if path and isinstance(value, str) and value and SECRET_NAMES.search(path[-1])
    ]
