"""What the documentation shows is what the policy takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from provisioner.domain.policy.guardrail_settings import Kind
from provisioner.rulebook import file
from tests.rulebook.rules import HEAD

TEXT = (Path(__file__).parents[2] / "docs" / "guardrails.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)


class TestTheExamples:
    @pytest.mark.parametrize("block", BLOCKS)
    def test_are_taken(self, block: str, tmp_path: Path) -> None:
        (tmp_path / "rego").mkdir()
        (tmp_path / "rego" / "ours.rego").write_text('package main\ndeny[msg] { input.x; msg := "x" }')
        rules = (
            block
            if block.startswith("guardrails:")
            else "\n".join(f"    {line}" for line in block.splitlines())
        )
        head = HEAD.partition("guardrails:")[0] if block.startswith("guardrails:") else HEAD
        policy = file.read(f"{head}{rules}\n".encode(), beside=tmp_path)
        assert len(policy.guardrails.rules) >= 2  # and the one that is always there

    def test_show_every_kind(self) -> None:
        shown = {kind for kind in Kind if f"kind: {kind.value}" in TEXT}
        table = {kind for kind in Kind if f"| `{kind.value}` |" in TEXT}
        assert table == set(Kind)
        assert set(Kind) - shown <= {Kind.DELETION_PROTECTION, Kind.NO_DATA_LOSS, Kind.BUDGET_LEFT}

    def test_of_the_shipped_policy_hold_what_they_held(self) -> None:
        shipped = Path(__file__).parents[2] / "portal" / "policy" / "default.yaml"
        names = [rule["rule"] for rule in yaml.safe_load(shipped.read_text())["guardrails"]["rules"]]
        policy = file.read(shipped.read_bytes(), beside=shipped.parent)
        assert [rule.rule for rule in policy.guardrails.rules] == names
