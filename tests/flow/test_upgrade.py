"""A workspace's way from 1.0.0 to 1.1.0, with real Terraform."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.sync import sync_catalog
from provisioner import selectors
from provisioner.domain.run import RunStatus
from provisioner.models import Run, Workspace
from provisioner.services import submit, upgrade
from provisioner.services.ask import Ask
from tests.conftest import Organisation, Pump, has_terraform
from tests.services.conftest import now

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not has_terraform(), reason="needs terraform or tofu on PATH"),
]

MANIFEST = """\
schema: drawbridge/v1
name: Note
summary: Keeps a note.
category: test
owner: data-platform
lifecycle: published
version: 1.0.0
changelog:
  - {version: 1.0.0, notes: First version.}
region: us-east-1
name_variable: name
"""
CHANGELOG = """\
earlier_versions:
  1.0.0:
    lifecycle: deprecated
    deprecation: {since: 2026-11-01, successor: note@1.1.0, reason: Its notes are short.}
changelog:
  - {version: 1.1.0, notes: Notes are long by default.}
"""
MODULE = """\
resource "terraform_data" "note" {
  input = { name = var.name, text = var.text, colour = var.colour }
}
output "text" {
  value = terraform_data.note.output.text
}
"""
VARIABLES = """\
variable "name" {
  type        = string
  description = "Name."
}
variable "text" {
  type        = string
  description = "What it says."
  default     = "short"
  nullable    = false
}
variable "colour" {
  type        = string
  description = "Its colour."
  default     = "yellow"
  nullable    = false
}
"""


def publish(folder: Path, manifest: str, variables: str, module: str = MODULE) -> None:
    note = folder / "note"
    note.mkdir(exist_ok=True)
    (note / "catalog.yaml").write_text(manifest)
    (note / "variables.tf").write_text(variables)
    (note / "main.tf").write_text(module)
    assert sync_catalog(folder, now()).refused == ()


def finish(run: Run, pump: Pump) -> Run:
    pump()
    run.refresh_from_db()
    return run


class TestAnUpgrade:
    def test_shows_an_update_is_applied_and_leaves_the_workspace_on_the_new_version(
        self, org: Organisation, pump: Pump, tmp_path: Path
    ) -> None:
        publish(tmp_path, MANIFEST, VARIABLES)
        asked = Ask("note", "receipts", "development", "my-note", {"colour": "green"})
        assert (
            finish(submit.submit(asked, requester=org.developer, now=now()), pump).status == RunStatus.APPLIED
        )
        workspace = Workspace.objects.get()

        newer = MANIFEST.replace("version: 1.0.0", "version: 1.1.0", 1).replace("changelog:\n", CHANGELOG)
        publish(tmp_path, newer, VARIABLES.replace('"short"', '"long"'))
        found = upgrade.preview(workspace, version=None, parameters={}, requester=org.developer, now=now())
        assert [(d.name, d.difference, d.after) for d in found.differences] == [("text", "changed", "long")]
        assert [change.notes for change in found.changelog] == ["Notes are long by default."]

        run = submit.submit_upgrade(
            workspace.pk, version=None, parameters={}, justification="", requester=org.developer, now=now()
        )
        finish(run, pump)
        assert run.status == RunStatus.APPLIED, run.error_detail
        assert (run.plan.counts["update"], run.plan.counts["create"], run.plan.counts["delete"]) == (1, 0, 0)
        plan = selectors.plan_view(run)
        assert plan is not None
        workspace.refresh_from_db()
        assert workspace.item_version.version == "1.1.0"
        assert workspace.outputs["text"]["value"] == "long"
        assert workspace.parameters == {"colour": "green"}
        assert workspace.variables["colour"] == "green"

        # Nothing in the module's resources changes from 1.1.0 to 1.1.1.
        patch = newer.replace("version: 1.1.0", "version: 1.1.1", 1).replace(
            "{version: 1.1.0, notes", "{version: 1.1.1, notes"
        )
        publish(tmp_path, patch, VARIABLES.replace('"short"', '"long"'))
        run = submit.submit_upgrade(
            workspace.pk, version="1.1.1", parameters={}, justification="", requester=org.developer, now=now()
        )
        assert finish(run, pump).status == RunStatus.PLANNED_AND_FINISHED, run.error_detail
        workspace.refresh_from_db()
        assert workspace.item_version.version == "1.1.1"
