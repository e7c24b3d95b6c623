"""The AWS provider as modules see it: region, default tags and the sandbox's mirror."""

import threading
import uuid
from collections.abc import Callable

from provisioner.engine.terraform import TerraformEngine
from provisioner.engine.types import RunSpec
from tests.engine.conftest import Backend, Lines
from tests.engine.test_plan_and_apply import state_of

TOPIC = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 6.0, < 7.0" }
  }
}
data "aws_region" "current" {}
variable "name" { type = string }
resource "aws_sns_topic" "this" { name = var.name }
output "arn" { value = aws_sns_topic.this.arn }
output "region" { value = data.aws_region.current.region }
"""


class TestSandboxTarget:
    def test_plans_and_applies_with_tags_as_data(
        self, any_engine: TerraformEngine, make_spec: Callable[..., RunSpec], backend: Backend
    ) -> None:
        tags = {"service": '${file("/etc/passwd")}', "%{x": 'quote " \\ end', "cost-center": "🐘"}
        spec = make_spec(TOPIC, {"name": str(uuid.uuid4())}, default_tags=tags, region="eu-west-1")
        plan = any_engine.plan(spec, on_line=Lines(), stop=threading.Event())
        [change] = plan.document["resource_changes"]
        assert change["change"]["after"]["tags_all"] == tags
        assert b"hashicorp/aws" in plan.lock_file
        any_engine.apply(spec, plan.plan_file, plan.lock_file, on_line=Lines(), stop=threading.Event())
        outputs = state_of(backend, spec)["outputs"]
        assert outputs["region"]["value"] == "eu-west-1"
        assert outputs["arn"]["value"].startswith("arn:aws:sns:eu-west-1:")

    def test_is_initialised_again_for_the_lock_file_of_another_host(
        self, engine: TerraformEngine, make_spec: Callable[..., RunSpec], backend: Backend
    ) -> None:
        spec, lines = make_spec(TOPIC, {"name": str(uuid.uuid4())}), Lines()
        plan = engine.plan(spec, on_line=Lines(), stop=threading.Event())
        other = plan.lock_file.replace(b"# This file", b"# Made elsewhere. This file")
        engine.apply(spec, plan.plan_file, other, on_line=lines, stop=threading.Event())
        assert "init" in {line.phase for line in lines}
        assert "Creation complete" in lines.text
