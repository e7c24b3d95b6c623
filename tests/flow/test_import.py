"""A queue that Terraform made before the portal was there becomes a workspace, with real Terraform."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from catalog.models import CatalogItemVersion
from catalog.parameters import fill_parameters
from provisioner import selectors
from provisioner.domain.run import RunStatus
from provisioner.models import Run, StateVersion, Workspace
from provisioner.services import drift
from tests.conftest import Organisation, Pump, has_terraform
from tests.modules.workspace import ROOT, terraform_environ
from tests.services.conftest import now

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not has_terraform(), reason="needs terraform or tofu on PATH"),
]


def applied_elsewhere(folder: Path, sandbox_home: Path, variables: dict[str, Any]) -> Path:
    """Apply the queue's module as somebody's own root module, its state in a file; return that file."""
    shutil.copytree(
        ROOT / "terraform_modules" / "message-queue", folder, ignore=shutil.ignore_patterns("tests")
    )
    (folder / "provider.tf").write_text('provider "aws" {\n  region = "us-east-1"\n}\n')
    (folder / "terraform.tfvars.json").write_text(json.dumps(variables))
    subprocess.run(
        [sys.executable, "-m", "provisioner.sandbox", "install", "--home", str(sandbox_home)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    cli_config = folder.parent / "terraform.tfrc"
    mirror = json.dumps(str(sandbox_home / "mirror"))
    cli_config.write_text(
        f"provider_installation {{\n  filesystem_mirror {{\n    path = {mirror}\n  }}\n}}\n"
    )
    terraform = shutil.which("terraform") or shutil.which("tofu")
    assert terraform is not None
    environment = {**terraform_environ(sandbox_home, cli_config), "PATH": os.environ["PATH"]}
    for words in (["init"], ["apply", "-auto-approve"]):
        done = subprocess.run(
            [terraform, *words, "-no-color", "-input=false"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "terraform.tfstate"


class TestAStateFromElsewhere:
    def test_becomes_a_workspace_whose_first_plan_changes_tags_alone(
        self, org: Organisation, postgres: CatalogItemVersion, pump: Pump, sandbox_home: Path, tmp_path: Path
    ) -> None:
        name = f"q-{uuid.uuid4().hex[:12]}"
        state = applied_elsewhere(
            tmp_path / "mine", sandbox_home, {"name": name, "environment": "development", **self.preset()}
        )
        before = json.loads(state.read_text())
        made = {
            f"module.this.{one['type']}.{one['name']}"
            for one in before["resources"]
            if one["mode"] == "managed"
        }
        said = StringIO()
        call_command(
            "import_state",
            str(state),
            "--item=message-queue",
            "--service=receipts",
            "--environment=development",
            f"--name={name}",
            "--as=developer",
            stdout=said,
        )
        workspace = Workspace.objects.get(pk=said.getvalue().strip())
        version = StateVersion.objects.get(workspace=workspace)
        assert (version.serial, version.lineage) == (before["serial"] + 1, before["lineage"])
        inventory = {
            address.partition("[")[0] for address in workspace.resources.values_list("address", flat=True)
        }
        assert inventory == made

        run = Run.objects.get()
        pump()
        run.refresh_from_db()
        assert run.status == RunStatus.APPLIED, run.error_detail or run.findings
        plan = selectors.plan_view(run)
        assert plan is not None
        counts = plan.counts()
        assert (counts.create, counts.replace, counts.delete) == (0, 0, 0), run.plan.counts
        changed = {
            key
            for change in plan.changes
            if change.verb == "update" and change.before is not None and change.after is not None
            for key in change.after
            if change.before.get(key) != change.after[key]
        }
        assert changed == {"tags_all"}
        workspace.refresh_from_db()
        queue = workspace.resources.filter(type="aws_sqs_queue").first()
        assert queue is not None
        assert queue.tags["drawbridge-workspace"] == str(workspace.pk)
        assert workspace.outputs
        newest = selectors.newest_state(workspace.pk)
        assert newest is not None
        assert newest.lineage == before["lineage"]

        drift.submit_check(workspace.pk, requester=org.developer, now=now())
        pump()
        workspace.refresh_from_db()
        assert workspace.drift == []

    @staticmethod
    def preset() -> dict[str, Any]:
        """Return what the catalog fills in for development, as the module's users elsewhere have set it."""
        version = CatalogItemVersion.objects.filter(item__slug="message-queue").latest("pk")
        filled = fill_parameters(version, "development", "some-name", {})
        return {k: v for k, v in filled.variables.items() if k not in ("name", "environment")}
