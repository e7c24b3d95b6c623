"""Make the plans beside this file again: `.venv/bin/python -m tests.data.plans` (needs terraform or tofu on PATH).

Each folder is planned by the real Terraform with the sandbox provider; data_heavy is applied first without its archive,
so that its plan has resources that exist. The registry that nested names does not exist: its module is put where init
would have put it.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from tests.sandbox.terraform import Sandbox, WorkingDirectory

HERE = Path(__file__).parent
PLANS: dict[
    str, tuple[list[str], list[str]]
] = {  # what is applied before (nothing: []), and how the plan is made
    "plain": ([], []),
    "nested": ([], []),
    "data_heavy": (["-var=archive=false"], ["-var=archive=true"]),
}
FROM_REGISTRY = {
    "Modules": [
        {"Key": "", "Source": "", "Dir": "."},
        {
            "Key": "events",
            "Source": "registry.example.com/platform/queue/aws",
            "Version": "2.1.0",
            "Dir": "modules/queue",
        },
    ]
}


def make(name: str, terraform: str, home: Path) -> dict[str, object]:
    """Return the JSON of the plan of one folder."""
    sandbox = Sandbox(home / "sandbox")
    done = sandbox.run("install")
    assert done.returncode == 0, done.stderr
    directory = WorkingDirectory(home / "module", sandbox, [terraform])
    shutil.copytree(HERE / name, directory.path, dirs_exist_ok=True)
    if name == "nested":
        (directory.path / ".terraform" / "modules").mkdir(parents=True)
        (directory.path / ".terraform" / "modules" / "modules.json").write_text(json.dumps(FROM_REGISTRY))
    directory.init()
    before, planning = PLANS[name]
    if before:
        directory.apply(*before)
    directory.run("plan", "-input=false", "-out=plan", *planning)
    document: dict[str, object] = json.loads(directory.run("show", "-json", "plan"))
    document["timestamp"] = "2026-01-01T00:00:00Z"  # so that a plan of the same is the same file
    return document


def main() -> int:
    """Write every plan."""
    terraform = shutil.which("terraform") or shutil.which("tofu")
    if terraform is None:
        sys.stderr.write("Neither terraform nor tofu is on PATH.\n")
        return 2
    for name in PLANS:
        with tempfile.TemporaryDirectory() as home:
            raw = json.dumps(make(name, terraform, Path(home)), separators=(",", ":")).encode()
        (HERE / f"{name}.json").write_bytes(raw + b"\n")
        sys.stdout.write(f"{name}: {len(raw):,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
