"""Plan and apply with a real Terraform, as a binary and embedded."""

import dataclasses
import errno
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.engine import workdir
from provisioner.engine.config import EngineConfig
from provisioner.engine.terraform import TerraformEngine
from provisioner.engine.types import EngineFailure, RunSpec
from tests.engine.conftest import PASSWORD, Backend, Lines

MODULE = """
variable "name" { type = string }
variable "size" {
  type    = number
  default = 1
}
resource "terraform_data" "this" {
  input = { name = var.name, size = var.size }
}
output "name" { value = terraform_data.this.output.name }
"""
HOSTILE = [
    '${file("/etc/passwd")}',
    "%{ if true }x%{ endif }",
    '"; } resource "null" {',
    "line\nbreak\ttab",
    "back\\slash",
    "🐘 \u202egnp.exe",
    "$${escaped}",
]
MakeSpec = Callable[..., RunSpec]


def state_of(backend: Backend, spec: RunSpec) -> dict:
    return json.loads(backend.states[spec.state_address.removeprefix(backend.address)])


class TestPlan:
    def test_returns_the_saved_plan_and_its_document(
        self, any_engine: TerraformEngine, make_spec: MakeSpec
    ) -> None:
        lines = Lines()
        plan = any_engine.plan(make_spec(MODULE, {"name": "orders"}), on_line=lines, stop=threading.Event())
        assert plan.plan_file.startswith(b"PK")
        [change] = plan.document["resource_changes"]
        assert change["change"]["actions"] == ["create"]
        assert change["address"] == "module.this.terraform_data.this"
        assert (plan.engine_name, plan.engine_version) == any_engine.version()
        assert "Plan: 1 to add" in lines.text
        assert any(line.address == "module.this.terraform_data.this" for line in lines)

    def test_takes_hostile_text_as_data(self, any_engine: TerraformEngine, make_spec: MakeSpec) -> None:
        module = MODULE.replace("type = string", "type = list(string)")
        spec = make_spec(module, {"name": HOSTILE})
        plan = any_engine.plan(spec, on_line=Lines(), stop=threading.Event())
        assert plan.document["variables"]["name"]["value"] == HOSTILE
        [change] = plan.document["resource_changes"]
        assert change["change"]["after"]["input"]["name"] == HOSTILE

    def test_pays_for_init_once(self, engine: TerraformEngine, make_spec: MakeSpec) -> None:
        first, second = Lines(), Lines()
        engine.plan(make_spec(MODULE, {"name": "a"}), on_line=first, stop=threading.Event())
        engine.plan(make_spec(MODULE, {"name": "b", "size": 2}), on_line=second, stop=threading.Event())
        assert "init" in {line.phase for line in first}
        assert "init" not in {line.phase for line in second}

    def test_leaves_nothing_behind(
        self, engine: TerraformEngine, make_spec: MakeSpec, config: EngineConfig
    ) -> None:
        engine.plan(make_spec(MODULE, {"name": "tell-no-one"}), on_line=Lines(), stop=threading.Event())
        assert list((config.work_dir / "runs").iterdir()) == []
        assert list((config.work_dir / "locks").iterdir()) == []
        kept = [file.read_bytes() for file in config.work_dir.rglob("*") if file.is_file()]
        assert not any(b"tell-no-one" in text or PASSWORD.encode() in text for text in kept)

    def test_names_what_is_wrong_with_the_module(
        self, any_engine: TerraformEngine, make_spec: MakeSpec
    ) -> None:
        spec = make_spec('resource "terraform_data" "this" {\n  input = local.missing\n}\n')
        with pytest.raises(EngineFailure) as failed:
            any_engine.plan(spec, on_line=Lines(), stop=threading.Event())
        assert failed.value.permanent
        assert failed.value.summary == "Reference to undeclared local value"
        assert "main.tf:2" in failed.value.detail

    def test_names_what_a_condition_says(self, engine: TerraformEngine, make_spec: MakeSpec) -> None:
        module = MODULE.replace(
            "type = string",
            "type = string\n  validation {\n    condition = length(var.name) > 3\n"
            '    error_message = "Too short."\n  }',
        ).replace('variable "name" { ', 'variable "name" {\n  ')
        with pytest.raises(EngineFailure) as failed:
            engine.plan(make_spec(module, {"name": "a"}), on_line=Lines(), stop=threading.Event())
        assert failed.value.permanent
        assert "Too short." in failed.value.detail

    def test_names_a_syntax_error(self, engine: TerraformEngine, make_spec: MakeSpec) -> None:
        with pytest.raises(EngineFailure) as failed:
            engine.plan(make_spec('variable "x" {'), on_line=Lines(), stop=threading.Event())
        assert failed.value.permanent
        assert "Unclosed configuration block" in failed.value.summary

    def test_refuses_a_variable_that_the_module_does_not_declare(
        self, engine: TerraformEngine, make_spec: MakeSpec
    ) -> None:
        with pytest.raises(EngineFailure, match="no such variable"):
            engine.plan(
                make_spec(MODULE, {"name": "a", "nmae": "b"}), on_line=Lines(), stop=threading.Event()
            )

    def test_names_a_missing_provider(self, any_engine: TerraformEngine, make_spec: MakeSpec) -> None:
        module = 'terraform {\n  required_providers {\n    x = { source = "example/absent" }\n  }\n}\n'
        with pytest.raises(EngineFailure) as failed:
            any_engine.plan(make_spec(module), on_line=Lines(), stop=threading.Event())
        assert "example/absent" in failed.value.detail

    def test_may_be_retried_when_the_state_cannot_be_read(
        self, engine: TerraformEngine, make_spec: MakeSpec
    ) -> None:
        engine.plan(make_spec(MODULE, {"name": "a"}), on_line=Lines(), stop=threading.Event())
        spec = make_spec(MODULE, {"name": "a"}, state_address="http://127.0.0.1:9/state/")
        with pytest.raises(EngineFailure) as failed:
            engine.plan(spec, on_line=Lines(), stop=threading.Event())
        assert not failed.value.permanent

    def test_initialises_again_when_the_template_does_not_fit_any_more(
        self, engine: TerraformEngine, make_spec: MakeSpec, config: EngineConfig
    ) -> None:
        engine.plan(make_spec(MODULE, {"name": "a"}), on_line=Lines(), stop=threading.Event())
        [template] = (config.work_dir / "templates").iterdir()
        shutil.rmtree(template / ".terraform" / "modules")
        lines = Lines()
        engine.plan(make_spec(MODULE, {"name": "a"}), on_line=lines, stop=threading.Event())
        assert "init" in {line.phase for line in lines}
        assert list((config.work_dir / "templates").iterdir()) == []

    def test_may_be_retried_when_the_disk_fails(
        self, config: EngineConfig, make_spec: MakeSpec, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        engine = TerraformEngine(dataclasses.replace(config, work_dir=tmp_path / "file" / "work"))
        with pytest.raises(EngineFailure, match="disk failed") as failed:
            engine.plan(make_spec(MODULE, {"name": "a"}), on_line=Lines(), stop=threading.Event())
        assert not failed.value.permanent
        assert "DRAWBRIDGE_WORK_DIR" in failed.value.detail

    def test_may_be_retried_when_the_disk_is_full(
        self, engine: TerraformEngine, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def copy(source: Path, target: Path) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))

        monkeypatch.setattr(workdir.shutil, "copy", copy)
        with pytest.raises(EngineFailure, match="disk failed") as failed:
            engine.plan(make_spec(MODULE, {"name": "a"}), on_line=Lines(), stop=threading.Event())
        assert not failed.value.permanent
        assert "No space left" in failed.value.detail

    def test_serves_eight_first_runs_at_once(
        self, config: EngineConfig, make_spec: MakeSpec, tmp_path: Path
    ) -> None:
        engine = TerraformEngine(config)
        specs = [make_spec(MODULE, {"name": str(number)}) for number in range(8)]
        logs = [Lines() for _ in specs]
        names: dict[str, str] = {}

        def plan(spec: RunSpec, lines: Lines) -> None:
            outcome = engine.plan(spec, on_line=lines, stop=threading.Event())
            names[spec.run_id] = outcome.document["variables"]["name"]["value"]

        threads = [threading.Thread(target=plan, args=pair) for pair in zip(specs, logs, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert names == {spec.run_id: spec.variables["name"] for spec in specs}
        assert sum(any(line.phase == "init" for line in log) for log in logs) == 1
        assert len(list((config.work_dir / "templates").iterdir())) == 1


class TestApply:
    def test_applies_the_saved_plan_and_hands_over_the_state(
        self, any_engine: TerraformEngine, make_spec: MakeSpec, backend: Backend
    ) -> None:
        spec, lines = make_spec(MODULE, {"name": "orders"}), Lines()
        plan = any_engine.plan(spec, on_line=Lines(), stop=threading.Event())
        done = any_engine.apply(spec, plan.plan_file, plan.lock_file, on_line=lines, stop=threading.Event())
        assert done.errored_state is None
        assert state_of(backend, spec)["outputs"]["name"]["value"] == "orders"
        assert "Creation complete" in lines.text
        assert backend.locks.get(spec.state_address.removeprefix(backend.address)) is None

        again = any_engine.plan(spec, on_line=Lines(), stop=threading.Event())
        assert [c["change"]["actions"] for c in again.document["resource_changes"]] == [["no-op"]]

        destroy = dataclasses.replace(spec, destroy=True)
        plan = any_engine.plan(destroy, on_line=Lines(), stop=threading.Event())
        any_engine.apply(destroy, plan.plan_file, plan.lock_file, on_line=Lines(), stop=threading.Event())
        assert state_of(backend, spec)["resources"] == []

    def test_applies_the_plan_and_nothing_newer(
        self, engine: TerraformEngine, make_spec: MakeSpec, backend: Backend
    ) -> None:
        spec = make_spec(MODULE, {"name": "orders"})
        plan = engine.plan(spec, on_line=Lines(), stop=threading.Event())
        engine.apply(spec, plan.plan_file, plan.lock_file, on_line=Lines(), stop=threading.Event())
        with pytest.raises(EngineFailure, match="stale"):
            engine.apply(spec, plan.plan_file, plan.lock_file, on_line=Lines(), stop=threading.Event())

    def test_takes_the_values_of_the_plan(
        self, engine: TerraformEngine, make_spec: MakeSpec, backend: Backend
    ) -> None:
        spec = make_spec(MODULE, {"name": "orders"})
        plan = engine.plan(spec, on_line=Lines(), stop=threading.Event())
        other = dataclasses.replace(spec, variables={"name": "other"})
        engine.apply(other, plan.plan_file, plan.lock_file, on_line=Lines(), stop=threading.Event())
        assert state_of(backend, spec)["outputs"]["name"]["value"] == "orders"

    def test_needs_nothing_from_the_host_that_planned(
        self, any_engine: TerraformEngine, any_config: EngineConfig, make_spec: MakeSpec, backend: Backend
    ) -> None:
        spec = make_spec(MODULE, {"name": "orders"})
        plan = any_engine.plan(spec, on_line=Lines(), stop=threading.Event())
        shutil.rmtree(any_config.work_dir)
        TerraformEngine(any_config).apply(
            spec, plan.plan_file, plan.lock_file, on_line=Lines(), stop=threading.Event()
        )
        assert state_of(backend, spec)["outputs"]["name"]["value"] == "orders"

    def test_refuses_bytes_that_are_no_plan(self, engine: TerraformEngine, make_spec: MakeSpec) -> None:
        with pytest.raises(EngineFailure):
            engine.apply(
                make_spec(MODULE, {"name": "a"}), b"no plan", b"", on_line=Lines(), stop=threading.Event()
            )

    def test_rescues_state_that_the_backend_refuses(
        self, engine: TerraformEngine, make_spec: MakeSpec, backend: Backend
    ) -> None:
        spec = make_spec(MODULE, {"name": "orders"})
        plan = engine.plan(spec, on_line=Lines(), stop=threading.Event())
        backend.broken = True
        with pytest.raises(EngineFailure) as failed:
            engine.apply(spec, plan.plan_file, plan.lock_file, on_line=Lines(), stop=threading.Event())
        assert failed.value.errored_state is not None
        assert failed.value.permanent
        assert json.loads(failed.value.errored_state)["outputs"]["name"]["value"] == "orders"
        assert engine.rescued_state(spec.run_id) == failed.value.errored_state
        assert engine.remove_leftovers() == (spec.run_id,)
        engine.forget_rescued_state(spec.run_id)
        assert engine.rescued_state(spec.run_id) is None
