"""What may not reach Terraform, and what may not leave it."""

import base64
import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.engine import environment
from provisioner.engine.config import EngineConfig
from provisioner.engine.terraform import TerraformEngine
from provisioner.engine.types import EngineFailure, RunSpec
from tests.engine.conftest import PASSWORD, Backend, Lines
from tests.engine.fake_terraform import fake_terraform
from tests.engine.test_plan_and_apply import MODULE

MakeSpec = Callable[..., RunSpec]
CANARY = 'canary\n1f7b-<"secret">'
LEAKY = """
variable "password" {
  type      = string
  sensitive = true
}
resource "terraform_data" "this" {
  input = var.password
  provisioner "local-exec" {
    command     = "printf '%s\\n' \\"$TEXT\\"; false"
    environment = { TEXT = nonsensitive(var.password) }
  }
}
output "password" {
  value     = var.password
  sensitive = true
}
"""


class TestEnvironment:
    def test_holds_only_what_is_listed(
        self, engine: TerraformEngine, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("DRAWBRIDGE_ENCRYPTION_KEYS", "AWS_SECRET_ACCESS_KEY", "LD_AUDIT", "TF_VAR_name"):
            monkeypatch.setenv(name, "canary-environment")
        monkeypatch.setenv("TF_CLI_ARGS_plan", "-destroy")
        monkeypatch.setenv("TF_LOG", "trace")
        monkeypatch.setenv("TF_PLUGIN_CACHE_DIR", "/canary-environment")
        spec = make_spec('output "environment" { value = filebase64("/proc/self/environ") }')
        plan = engine.plan(spec, on_line=Lines(), stop=threading.Event())
        seen = base64.b64decode(plan.document["planned_values"]["outputs"]["environment"]["value"])
        names = {item.split(b"=")[0].decode() for item in seen.split(b"\0") if item}
        assert b"canary-environment" not in seen
        assert not {name for name in names if name.startswith(("TF_LOG", "TF_CLI_ARGS", "TF_PLUGIN", "LD_"))}
        assert "TF_HTTP_PASSWORD" in names

    def test_holds_the_tokens_of_registries_which_no_line_shows(
        self, config: EngineConfig, tmp_path: Path
    ) -> None:
        own = {"TF_TOKEN_app_terraform_io": "canary-token", "TF_TOKENS": "x"}
        found = environment.base_environment(config, tmp_path / "terraform.tfrc", own)
        assert found["TF_TOKEN_app_terraform_io"] == "canary-token"
        assert "TF_TOKENS" not in found
        assert "canary-token" in environment.secrets_of(found)


class TestSecrets:
    def test_are_not_in_argv(self, config: EngineConfig, make_spec: MakeSpec, tmp_path: Path) -> None:
        terraform = fake_terraform(tmp_path, "echo plan > plan.bin; ls -l terraform.tfvars.json")
        engine = TerraformEngine(dataclasses.replace(config, terraform=str(terraform)))
        spec, lines = make_spec(MODULE, {"name": "canary-name"}), Lines()
        plan = engine.plan(spec, on_line=lines, stop=threading.Event())
        engine.apply(spec, plan.plan_file, plan.lock_file, on_line=lines, stop=threading.Event())
        said = (tmp_path / "argv").read_text()
        assert "canary" not in said
        assert "-var" not in said
        assert "-auto-approve" not in said
        assert said.splitlines()[-1].endswith(f"/runs/{spec.run_id}/plan.bin")
        assert "-rw-------" in lines.text

    def test_are_not_in_lines_or_errors(
        self, any_engine: TerraformEngine, make_spec: MakeSpec, caplog: pytest.LogCaptureFixture
    ) -> None:
        spec, lines = make_spec(LEAKY, {"password": CANARY}), Lines()
        with caplog.at_level("DEBUG"):
            plan = any_engine.plan(spec, on_line=lines, stop=threading.Event())
            with pytest.raises(EngineFailure) as failed:
                any_engine.apply(spec, plan.plan_file, plan.lock_file, on_line=lines, stop=threading.Event())
        written = "\n".join(
            [lines.text, str(failed.value), failed.value.detail, repr(failed.value), caplog.text]
        )
        assert "canary" not in written
        assert "1f7b" not in written
        assert "(sensitive)" in lines.text
        assert plan.document["variables"]["password"]["value"] == CANARY  # raw: the caller redacts it
        assert plan.document["planned_values"]["outputs"]["password"]["sensitive"]

    def test_are_not_in_the_representation_of_a_run(self, make_spec: MakeSpec) -> None:
        assert "canary" not in repr(make_spec(MODULE, {"name": "canary-name"}))
        assert PASSWORD not in repr(make_spec(MODULE))

    def test_reach_the_backend_as_a_credential(
        self, engine: TerraformEngine, make_spec: MakeSpec, backend: Backend
    ) -> None:
        engine.plan(make_spec(MODULE, {"name": "a"}), on_line=Lines(), stop=threading.Event())
        expected = base64.b64encode(f"run:{PASSWORD}".encode()).decode()
        assert f"Basic {expected}" in backend.credentials
