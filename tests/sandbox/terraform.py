"""A working directory with the real Terraform and a sandbox of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
DEADLINE_S = 30

HEADER = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}
provider "aws" {
  region = "eu-west-1"
  default_tags { tags = { drawbridge-workspace = "ws-test" } }
}
"""


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """Return the condition's value as soon as it is true; fail after the deadline."""
    end = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {DEADLINE_S} s in vain: {what}"
        time.sleep(0.02)
    return value


class Sandbox:
    """The stand-in cloud under one directory, through its command line."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m provisioner.sandbox command`."""
        argv = [sys.executable, "-m", "provisioner.sandbox", command, "--home", str(self.home), *arguments]
        return subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    def rows(self, command: str, *arguments: str) -> list[dict[str, Any]]:
        """Run a listing command and return its rows."""
        done = self.run(command, "--json", *arguments)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def events(self, type_name: str) -> list[str]:
        """List what was done to a type's objects."""
        return [row["operation"] for row in self.rows("log", "--type", type_name)]


class WorkingDirectory:
    """A root module; every call is a Terraform process."""

    def __init__(self, path: Path, sandbox: Sandbox, terraform: list[str]) -> None:
        self.path = path
        self.sandbox = sandbox
        self.terraform = terraform
        self.temporary = Path(tempfile.mkdtemp(prefix="sandbox-"))  # short, for the socket's address
        weakref.finalize(self, shutil.rmtree, self.temporary, ignore_errors=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(path),
            "TMPDIR": str(self.temporary),
            "TF_CLI_CONFIG_FILE": str(path.parent / "terraformrc"),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            "DRAWBRIDGE_SANDBOX_HOME": str(sandbox.home),
        }
        path.mkdir()
        mirror = f'provider_installation {{\n  filesystem_mirror {{ path = "{sandbox.home}/mirror" }}\n}}\n'
        (path.parent / "terraformrc").write_text(mirror)

    def write(self, body: str, header: str = HEADER) -> None:
        """Write the module."""
        (self.path / "main.tf").write_text(header + body)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start Terraform in a process group of its own."""
        return subprocess.Popen(
            [*self.terraform, arguments[0], "-no-color", *arguments[1:]],
            cwd=self.path,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """Run Terraform and return what it printed; fail unless it ends with the code."""
        process = self.start(*arguments, **environment)
        output, _ = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == code, output
        return output

    def init(self) -> None:
        """Initialise the directory."""
        self.run("init", "-input=false")

    def apply(self, *arguments: str, code: int = 0) -> str:
        """Apply without asking."""
        return self.run("apply", "-auto-approve", "-input=false", *arguments, code=code)

    def plan(self, *arguments: str) -> dict[str, str]:
        """Plan into the file "plan"; return what happens to each address, without the no-ops."""
        return self._planned("planned_change", *arguments)

    def drift(self, *arguments: str) -> dict[str, str]:
        """Plan; return what happened to each address outside of Terraform."""
        return self._planned("resource_drift", *arguments)

    def _planned(self, message_type: str, *arguments: str) -> dict[str, str]:
        printed = self.run("plan", "-json", "-input=false", "-out=plan", *arguments)
        changes = [
            message["change"]
            for line in printed.splitlines()
            if (message := json.loads(line))["type"] == message_type
        ]
        return {
            change["resource"]["addr"]: change["action"] for change in changes if change["action"] != "read"
        }

    def attributes(self, address: str) -> dict[str, Any]:
        """Return a resource's attributes in the state."""
        type_name, name = address.split(".")
        state = json.loads((self.path / "terraform.tfstate").read_text())
        found = next(item for item in state["resources"] if (item["type"], item["name"]) == (type_name, name))
        attributes: dict[str, Any] = found["instances"][0]["attributes"]
        return attributes

    def forget(self, address: str) -> None:
        """Take a resource out of the state; the object stays."""
        command = [*self.terraform, "state", "rm", address]
        subprocess.run(command, cwd=self.path, env=self.environment, check=True, capture_output=True)

    def interrupt(self, process: subprocess.Popen[str], number: int = signal.SIGINT) -> str:
        """Send a signal as Ctrl-C does, to the whole group; return what Terraform printed."""
        os.killpg(process.pid, number)
        output, _ = process.communicate(timeout=DEADLINE_S)
        return output

    def provider_processes(self) -> list[int]:
        """List the providers that run for this sandbox."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    environment = (entry / "environ").read_bytes()
                    arguments = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                wanted = f"DRAWBRIDGE_SANDBOX_HOME={self.sandbox.home}\0".encode()
                if wanted in environment and b"sandbox/__main__.py\0serve" in arguments:
                    found.append(int(entry.name))
        return found

    def sockets(self) -> list[Path]:
        """List the socket directories that were left behind."""
        return list(self.temporary.glob("drawbridge-sandbox-*"))
