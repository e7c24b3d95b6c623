"""What a module brings beside its resources: tests of its own, and a dashboard of use and cost."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hcl2
import promql_parser
import pytest

from tests.modules.workspace import Module

COST = "drawbridge_workspace_estimate_usd_month"
USAGE = re.compile(r"\baws_[a-z0-9_]+")


class TestAModulesOwnTests:
    @pytest.mark.thorough
    def test_pass(self, module: Module, terraform: str, environ: Mapping[str, str], tmp_path: Path) -> None:
        copy = tmp_path / module.slug
        shutil.copytree(module.path, copy)
        for command in (["init", "-input=false", "-backend=false"], ["test", "-no-color"]):
            completed = subprocess.run(
                [terraform, *command],
                cwd=copy,
                env=dict(environ),
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert completed.returncode == 0, completed.stdout + completed.stderr
        runs = re.search(r"Success! (\d+) passed, 0 failed", completed.stdout)
        assert runs is not None
        assert int(runs[1]) > len(module.environments)

    def test_are_about_what_the_portal_orders(self, module: Module, environment: str) -> None:
        text = (module.path / "tests" / f"{environment}.tftest.hcl").read_text(encoding="utf-8")
        tested = _plain(hcl2.loads(text)["variables"][0])
        preset = dict(module.manifest.presets[environment])
        sizes = module.manifest.sizes
        usual = sizes.choices[environment][sizes.default[environment]] if sizes else {}
        required = {p.name: p.example for p in module.spec if p.required and p.name != "name"}
        named = {"name": tested["name"], "environment": environment}
        assert tested == {**required, **preset, **usual, **named}


class TestADashboard:
    def test_joins_use_and_cost_by_the_tags(self, module: Module) -> None:
        board = _board(module)
        assert board["uid"] == f"drawbridge-{module.slug}"
        assert board["schemaVersion"] >= 39
        variables = {v["name"]: v for v in board["templating"]["list"]}
        assert list(variables) == ["datasource", "service", "environment"]
        assert all(
            f'item="{module.slug}"' in variables[n]["query"]["query"] for n in ("service", "environment")
        )
        together = 0
        for expression in _expressions(board):
            promql_parser.parse(expression)
            used = [name for name in USAGE.findall(expression) if not name.endswith("_info")]
            if used:
                assert 'tag_service="$service", tag_environment="$environment"' in expression
            if COST in expression:
                assert f'item="{module.slug}", service="$service", environment="$environment"' in expression
            together += bool(used) and COST in expression
        assert together >= 1

    def test_explains_every_panel(self, module: Module) -> None:
        panels = _board(module)["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        for panel in panels:
            assert panel["title"]
            assert panel["description"].endswith(".")
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            assert panel["datasource"]["uid"] == "${datasource}"


def _board(module: Module) -> Mapping[str, Any]:
    board: Mapping[str, Any] = json.loads(
        (module.path / "dashboards" / "grafana.json").read_text(encoding="utf-8")
    )
    return board


def _expressions(board: Mapping[str, Any]) -> Iterator[str]:
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def _plain(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a block's attributes without what the parser adds, texts without their quotes."""
    return {
        key: value.strip('"') if isinstance(value, str) else value
        for key, value in block.items()
        if not key.startswith("__")
    }
