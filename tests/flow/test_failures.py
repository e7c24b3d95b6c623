"""What goes wrong outside the portal ends the run readably, keeps what was made, and can be retried."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from catalog.models import CatalogItemVersion
from provisioner import selectors
from provisioner.domain.run import RunStatus
from provisioner.engine.terraform import TerraformEngine, configured_engine
from provisioner.models import Run, StateLock
from provisioner.services import submit
from tests.conftest import Organisation, Pump, has_terraform, process_queued
from tests.services.conftest import ask, now

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not has_terraform(), reason="needs terraform or tofu on PATH"),
]


@pytest.fixture
def run(org: Organisation, postgres: CatalogItemVersion) -> Run:
    """Order under a name of its own: the sandbox cloud outlives a test."""
    return submit.submit(ask(name=f"db-{uuid.uuid4().hex[:12]}"), requester=org.developer, now=now())


def fault(sandbox_home: Path, *words: str) -> None:
    """Let the sandbox cloud fail."""
    subprocess.run(
        [sys.executable, "-m", "provisioner.sandbox", "fail", "--home", sandbox_home, *words],
        cwd=settings.BASE_DIR,
        env=os.environ,
        check=True,
    )


class TestARun:
    def test_without_terraform_says_what_to_install(self, run: Run, pump: Pump) -> None:
        config = replace(configured_engine().config, terraform="/nowhere/terraform")
        process_queued(TerraformEngine(config))
        run.refresh_from_db()
        assert run.status == RunStatus.ERRORED
        assert "/nowhere/terraform" in run.error_summary + run.error_detail

    def test_whose_cloud_refuses_one_resource_keeps_the_others_and_a_retry_makes_the_rest(
        self, run: Run, org: Organisation, pump: Pump, sandbox_home: Path
    ) -> None:
        fault(
            sandbox_home, "--type", "aws_db_instance", "--op", "create", "--message", "InstanceQuotaExceeded"
        )
        pump()
        run.refresh_from_db()
        assert run.status == RunStatus.ERRORED
        assert "InstanceQuotaExceeded" in run.error_summary + run.error_detail
        assert "aws_db_instance.this" in run.error_summary + run.error_detail
        made = set(run.workspace.resources.values_list("address", flat=True))
        assert made
        assert not StateLock.objects.exists()

        again = submit.retry(run.pk, requester=org.developer, now=now())
        pump()
        again.refresh_from_db()
        assert again.status == RunStatus.APPLIED, again.error_detail
        assert again.plan.counts["no_op"] == len(made)

    def test_whose_provider_crashes_ends_readably_and_can_be_retried(
        self, run: Run, org: Organisation, pump: Pump, sandbox_home: Path
    ) -> None:
        fault(
            sandbox_home,
            "--type",
            "aws_db_parameter_group",
            "--op",
            "create",
            "--kind",
            "crash",
            "--message",
            "boom",
        )
        pump()
        run.refresh_from_db()
        assert run.status == RunStatus.ERRORED
        assert run.error_summary
        assert any(line.level == "error" for line in selectors.log_lines(run, limit=10_000))
        assert not StateLock.objects.exists()
        fault(sandbox_home, "--clear")

        again = submit.retry(run.pk, requester=org.developer, now=now())
        assert again.status == RunStatus.PLAN_QUEUED
