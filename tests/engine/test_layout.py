"""Run directories, locks, templates and the root module."""

import json
import os
import threading
import time
from pathlib import Path

import pytest

from provisioner.engine import module_interface, root_module, templates, workdir
from provisioner.engine.config import EngineConfig
from provisioner.engine.module_interface import ModuleInterface
from provisioner.engine.places import exclusive
from provisioner.engine.types import EngineFailure, Stopped

MODULE = """
variable "name" { type = string }
variable "password" {
  type      = string
  sensitive = true
}
variable "token" {
  type      = string
  ephemeral = true
}
resource "aws_sns_topic" "this" { name = var.name }
output "arn" { value = aws_sns_topic.this.arn }
output "password" {
  value     = var.password
  sensitive = true
}
output "token" {
  value     = var.token
  ephemeral = true
}
"""


class TestModuleInterface:
    def test_names_variables_and_outputs_with_their_sensitivity(self, tmp_path: Path) -> None:
        (tmp_path / "main.tf").write_text(MODULE)
        found = module_interface.read(tmp_path)
        assert found.variables == {"name": False, "password": True, "token": False}
        assert found.outputs == {"arn": False, "password": True}
        assert found.ephemeral == ("token",)
        assert found.uses_aws
        assert ModuleInterface.from_json(found.to_json()) == found

    def test_reads_the_json_syntax(self, tmp_path: Path) -> None:
        (tmp_path / "main.tf.json").write_text(
            json.dumps({"variable": {"a": {}}, "output": [{"b": {"value": 1, "sensitive": True}}]})
        )
        found = module_interface.read(tmp_path)
        assert (found.variables, found.outputs, found.uses_aws) == ({"a": False}, {"b": True}, False)

    def test_counts_everything_as_sensitive_in_a_file_it_cannot_read(self, tmp_path: Path) -> None:
        (tmp_path / "main.tf").write_text('output "a" {\n  value = 1\n}\noutput "b" {')
        assert module_interface.read(tmp_path).outputs == {"a": True, "b": True}


class TestRootModule:
    def test_holds_names_and_no_values(self) -> None:
        interface = ModuleInterface({"name": False, "password": True}, {"arn": True}, (), uses_aws=True)
        root = json.loads(root_module.root_module(interface, ["name", "password"]))
        assert root["module"]["this"] == {
            "source": "./module",
            "name": "${var.name}",
            "password": "${var.password}",
        }
        assert root["variable"]["password"] == {"sensitive": True}
        assert root["output"]["arn"] == {"value": "${module.this.arn}", "sensitive": True}
        assert root["provider"]["aws"]["default_tags"] == {"tags": "${var.drawbridge_default_tags}"}
        assert root["terraform"]["backend"] == {"http": {}}

    def test_has_no_provider_that_the_module_does_not_use(self) -> None:
        root = json.loads(root_module.root_module(ModuleInterface({}, {}, (), uses_aws=False), []))
        assert "provider" not in root
        assert "required_providers" not in root["terraform"]


class TestPrune:
    def test_removes_templates_that_nobody_uses(self, tmp_path: Path) -> None:
        config = EngineConfig(work_dir=tmp_path, sandbox_home=tmp_path)
        for name, age_s in (("used", 10), ("unused", 1000)):
            path = tmp_path / "templates" / name
            path.mkdir(parents=True)
            os.utime(path, (time.time() - age_s,) * 2)
        templates.prune(config, 100)
        assert [path.name for path in (tmp_path / "templates").iterdir()] == ["used"]


class TestOccupied:
    def test_is_at_the_same_path_each_time_and_empty(self, tmp_path: Path) -> None:
        for _ in range(2):
            with workdir.occupied(tmp_path, "run-1", threading.Event()) as place:
                assert place.path == tmp_path / "runs" / "run-1"
                assert list(place.path.iterdir()) == []
                assert place.path.stat().st_mode & 0o077 == 0
                (place.path / "secret").write_text("x")
            assert not place.path.exists()

    def test_keeps_state_that_is_nowhere_else(self, tmp_path: Path) -> None:
        with workdir.occupied(tmp_path, "run-1", threading.Event()) as place:
            (place.path / "errored.tfstate").write_bytes(b"state")
        assert workdir.rescued_state(tmp_path, "run-1") == b"state"
        workdir.forget_rescued_state(tmp_path, "run-1")
        assert workdir.rescued_state(tmp_path, "run-1") is None

    def test_keeps_state_that_a_killed_worker_left(self, tmp_path: Path) -> None:
        left = workdir.run_path(tmp_path, "run-1")
        left.mkdir(parents=True)
        (left / "errored.tfstate").write_bytes(b"state")
        assert workdir.rescued_state(tmp_path, "run-1") == b"state"
        with workdir.occupied(tmp_path, "run-1", threading.Event()):
            pass
        assert workdir.rescued_state(tmp_path, "run-1") == b"state"

    def test_leaves_alone_what_a_process_works_on(self, tmp_path: Path) -> None:
        with workdir.occupied(tmp_path, "run-1", threading.Event()) as place:
            assert workdir.is_busy(tmp_path, "run-1")
            workdir.remove_leftovers(tmp_path, threading.Event())
            assert place.path.exists()
        assert not workdir.is_busy(tmp_path, "run-1")

    @pytest.mark.parametrize("run_id", ["", "..", "../x", "a/b", "a\0b", "-rf", "x" * 65])
    def test_refuses_ids_that_are_no_plain_name(self, run_id: str, tmp_path: Path) -> None:
        with pytest.raises(EngineFailure), workdir.occupied(tmp_path, run_id, threading.Event()):
            pass


class TestExclusive:
    def test_is_held_once_at_a_time(self, tmp_path: Path) -> None:
        path, inside, seen = tmp_path / "lock", [], []

        def enter() -> None:
            with exclusive(path, threading.Event()):
                inside.append(1)
                seen.append(len(inside))
                inside.pop()

        threads = [threading.Thread(target=enter) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [1] * 20
        assert not path.exists()

    def test_gives_up_after_its_time(self, tmp_path: Path) -> None:
        with (
            exclusive(tmp_path / "lock", threading.Event()),
            pytest.raises(EngineFailure, match="still at work") as busy,
            exclusive(tmp_path / "lock", threading.Event(), wait_s=0),
        ):
            pass
        assert not busy.value.permanent

    def test_stops_waiting_when_it_is_told(self, tmp_path: Path) -> None:
        stop = threading.Event()
        stop.set()
        with exclusive(tmp_path / "lock", stop), pytest.raises(Stopped), exclusive(tmp_path / "lock", stop):
            pass
