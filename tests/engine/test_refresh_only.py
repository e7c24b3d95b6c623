"""A refresh-only plan with a real Terraform: what changed behind its back, and what an ordinary plan would put back."""

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable

import pytest

from provisioner.engine.config import EngineConfig
from provisioner.engine.terraform import TerraformEngine
from provisioner.engine.types import PlanOutcome, RunSpec
from tests.engine.conftest import Backend, Lines

QUEUE = """
variable "name" { type = string }
variable "delay" { type = number }
resource "aws_sqs_queue" "this" {
  name                      = var.name
  delay_seconds             = var.delay
  message_retention_seconds = 3600
  lifecycle { ignore_changes = [message_retention_seconds] }
}
resource "aws_sns_topic" "this" { name = var.name }
"""
MakeSpec = Callable[..., RunSpec]


def behind_terraforms_back(config: EngineConfig, *words: str) -> None:
    """Change the sandbox cloud without Terraform."""
    subprocess.run(
        [sys.executable, "-m", "provisioner.sandbox", "drift", *words],
        check=True,
        env={**os.environ, "DRAWBRIDGE_SANDBOX_HOME": str(config.sandbox_home)},
    )


def verbs(document: object, key: str) -> dict[str, list[str]]:
    """Return the actions by address of a document's changes, no-op and reads left out."""
    assert isinstance(document, dict)
    return {
        entry["address"]: entry["change"]["actions"]
        for entry in document.get(key, [])
        if entry["change"]["actions"] not in (["no-op"], ["read"])
    }


class TestARefreshOnlyPlan:
    @pytest.fixture
    def spec(self, engine: TerraformEngine, make_spec: MakeSpec) -> RunSpec:
        """Apply the module once; return the spec of a look at it."""
        spec = make_spec(QUEUE, {"name": f"q-{uuid.uuid4().hex[:12]}", "delay": 5})
        plan = engine.plan(spec, on_line=Lines(), stop=threading.Event())
        engine.apply(spec, plan.plan_file, plan.lock_file, on_line=Lines(), stop=threading.Event())
        return RunSpec(**{**vars(spec), "refresh_only": True})

    @staticmethod
    def look(engine: TerraformEngine, spec: RunSpec) -> PlanOutcome:
        return engine.plan(spec, on_line=Lines(), stop=threading.Event())

    def test_says_what_changed_and_what_would_be_put_back_and_changes_no_state(
        self, engine: TerraformEngine, spec: RunSpec, config: EngineConfig, backend: Backend
    ) -> None:
        before = dict(backend.states)
        settled = self.look(engine, spec)
        assert verbs(settled.document, "resource_drift") == {}
        assert settled.correction is None

        name = str(spec.variables["name"])
        queue = ["--type", "aws_sqs_queue", "--id", name]
        behind_terraforms_back(
            config, *queue, "--set", "delay_seconds=9", "--set", "message_retention_seconds=60"
        )
        behind_terraforms_back(config, "--type", "aws_sns_topic", "--id", name, "--delete")
        found = self.look(engine, spec)
        assert verbs(found.document, "resource_drift") == {
            "module.this.aws_sns_topic.this": ["delete"],
            "module.this.aws_sqs_queue.this": ["update"],
        }
        assert verbs(found.document, "resource_changes") == {}
        assert verbs(found.correction, "resource_changes") == {
            "module.this.aws_sns_topic.this": ["create"],
            "module.this.aws_sqs_queue.this": ["update"],
        }
        assert backend.states == before
