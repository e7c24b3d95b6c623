"""A secret that a module makes stays in the sealed state: a canary is looked for everywhere else."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.test import Client

from catalog.sync import sync_catalog
from provisioner import selectors
from provisioner.domain.run import RunStatus
from provisioner.models import Run
from provisioner.services import submit
from provisioner.services.ask import Ask
from tests.conftest import PASSWORD, Organisation, Pump, has_terraform
from tests.services.conftest import now

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not has_terraform(), reason="needs terraform or tofu on PATH"),
]

MANIFEST = """\
schema: drawbridge/v1
name: Vault
summary: Keeps a secret.
category: security
owner: data-platform
lifecycle: published
version: 1.0.0
region: us-east-1
name_variable: name
"""
MODULE = """\
variable "name" {
  type        = string
  description = "Name."
}
resource "terraform_data" "secret" {
  input = sensitive(join("-", ["canary", var.name, sha256(var.name)]))
}
resource "terraform_data" "copy" {
  input = terraform_data.secret.output
}
output "secret" {
  value     = terraform_data.copy.output
  sensitive = true
}
output "name" {
  value = var.name
}
"""


def rows() -> list[str]:
    """Return every row of every table, as text, bytes spelt out."""
    found = []
    for model in apps.get_models():
        for values in model.objects.values():
            found.append(
                repr({key: bytes(v) if isinstance(v, memoryview) else v for key, v in values.items()})
            )
    return found


def files_below(*folders: Path) -> list[Path]:
    return [
        Path(parent) / name for folder in folders for parent, _, names in os.walk(folder) for name in names
    ]


class TestASecret:
    def test_is_in_the_sealed_state_and_nowhere_else(
        self, org: Organisation, pump: Pump, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = tmp_path / "vault"
        folder.mkdir()
        (folder / "catalog.yaml").write_text(MANIFEST)
        (folder / "variables.tf").write_text(MODULE[: MODULE.index("resource")])
        (folder / "main.tf").write_text(MODULE[MODULE.index("resource") :])
        assert not sync_catalog(tmp_path, now=now()).refused
        name = f"v-{uuid.uuid4().hex[:8]}"
        run = submit.submit(
            Ask(item="vault", service="receipts", environment="development", name=name),
            requester=org.developer,
            now=now(),
        )
        pump()
        run.refresh_from_db()
        assert run.status == RunStatus.APPLIED, run.error_detail
        version = selectors.newest_state(run.workspace_id)
        assert version is not None
        canary = f"canary-{name}-".encode()
        assert canary in selectors.state_content(version), "the state holds it"

        text = canary.decode()
        assert not [row for row in rows() if text in row]
        assert text not in caplog.text
        for path in self.pages(run):
            assert text not in path
        left = files_below(Path(settings.DRAWBRIDGE_WORK_DIR))
        assert not [path for path in left if canary in path.read_bytes()]

    @staticmethod
    def pages(run: Run) -> list[str]:
        """Return what both doors say of the run and its workspace to one of its owners."""
        client = Client()
        assert client.login(username="developer", password=PASSWORD)
        addresses = [
            f"/runs/{run.pk}/",
            f"/workspaces/{run.workspace_id}/",
            *(f"/api/v1/runs/{run.pk}/{part}" for part in ("", "plan/", "logs/", "history/")),
            f"/api/v1/workspaces/{run.workspace_id}/",
        ]
        answers = [client.get(address) for address in addresses]
        assert [answer.status_code for answer in answers] == [200] * len(addresses)
        return [answer.content.decode() for answer in answers]
