"""What the doctor finds, and that it finds nothing in a healthy installation."""

from __future__ import annotations

import io
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from portal.management.commands import doctor as command
from provisioner.domain.run import RunStatus
from provisioner.models import Run, RunPlan, StateLock, StateVersion, Workspace
from provisioner.services import doctor, lease
from provisioner.services.doctor import CloudObject
from tests.fakes import FakeEngine
from tests.services.conftest import Order, applied, fake, now, order, planned  # noqa: F401  (fixtures)

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(order: Order, fake: FakeEngine) -> Run:  # noqa: F811
    return applied(planned(order(), fake), fake)


def checks(*objects: CloudObject) -> list[str]:
    """Return the names of what was found."""
    found = list(doctor.examine(objects))
    assert all(trouble.what.endswith(".") and trouble.fix for trouble in found)
    return [trouble.check for trouble in found]


def made(run: Run, seconds: int = 0, workspace: object = None) -> CloudObject:
    """Return an object made so many seconds after the run's state was written."""
    at = StateVersion.objects.get().created_at + timedelta(seconds=seconds)
    return CloudObject("aws_db_instance", "db-1", str(workspace or run.workspace_id), at)


class TestTheDoctor:
    def test_finds_nothing_in_what_fits_together(self, run: Run, order: Order) -> None:  # noqa: F811
        order(environment="staging")
        assert checks(made(run, -5)) == []

    def test_finds_sealed_values_that_do_not_open(self, run: Run) -> None:
        StateVersion.objects.update(content=b"broken")
        RunPlan.objects.update(plan_file=b"")
        assert checks() == ["sealed values that do not open"] * 2

    def test_finds_values_whose_key_is_gone(self, run: Run, settings: Any) -> None:
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = ["new:" + "C" * 43 + "="]
        found = list(doctor.examine())
        assert len(found) == 4
        assert "'tests'" in found[0].what

    @pytest.mark.parametrize("serial", [2, 7])
    def test_finds_states_that_are_older_than_a_plan(self, run: Run, serial: int) -> None:
        RunPlan.objects.update(state_serial=serial)
        assert checks() == ["states older than a plan"]

    def test_finds_plans_whose_state_is_gone(self, run: Run) -> None:
        RunPlan.objects.update(state_serial=1)
        assert checks() == []
        StateVersion.objects.all().delete()
        assert checks() == ["states older than a plan", "resources without a state"]

    def test_finds_locks_that_nobody_will_release(self, run: Run) -> None:
        held = StateLock.objects.create(
            workspace=run.workspace,
            run=run,
            fencing_token=run.fencing_token,
            lock_id="l",
            info={},
            created_at=now(),
        )
        assert checks() == ["locks that nobody will release"]
        Run.objects.update(
            status=RunStatus.APPLYING.value,
            finished_at=None,
            lease_expires_at=lease.database_now() + timedelta(seconds=30),
        )
        assert checks() == [], "its run is alive"
        StateLock.objects.filter(pk=held.pk).update(fencing_token=run.fencing_token - 1)
        assert checks() == ["locks that nobody will release"]

    def test_finds_closed_workspaces_with_resources(self, run: Run) -> None:
        Workspace.objects.update(closed_at=now())
        assert checks() == ["closed workspaces with resources"]

    @pytest.mark.parametrize(("seconds", "found"), [(60, 0), (-30, 0), (-3600, 1)])
    def test_finds_runs_whose_lease_ended_long_ago(self, run: Run, seconds: int, found: int) -> None:
        Run.objects.update(
            status=RunStatus.APPLYING.value,
            finished_at=None,
            lease_expires_at=lease.database_now() + timedelta(seconds=seconds),
        )
        assert checks() == ["runs that no worker holds"] * found

    def test_finds_what_is_newer_in_the_cloud_than_in_a_restored_database(self, run: Run) -> None:
        assert checks(made(run, 60)) == ["objects newer than their state"]
        assert checks(made(run, 60, uuid.uuid4())) == ["objects that the database does not know"]
        assert checks(made(run, 60, "not-a-uuid")) == ["objects that the database does not know"]

    def test_leaves_alone_what_a_run_is_making(self, run: Run) -> None:
        Run.objects.update(
            status=RunStatus.APPLYING.value,
            finished_at=None,
            lease_expires_at=lease.database_now() + timedelta(seconds=30),
        )
        assert checks(made(run, 60)) == []

    def test_leaves_alone_what_carries_no_tag(self, run: Run) -> None:
        untagged = CloudObject("aws_iam_role", "r", "", now() + timedelta(hours=1))
        assert checks(untagged) == []


class TestTheCommand:
    def told(self) -> tuple[str, int]:
        out, code = io.StringIO(), 0
        try:
            call_command("doctor", stdout=out, stderr=out)
        except SystemExit as end:
            code = int(end.code or 0)
        return out.getvalue(), code

    @pytest.fixture(autouse=True)
    def _empty_cloud(self, settings: Any, tmp_path: Any) -> None:
        settings.DRAWBRIDGE_SANDBOX_HOME = tmp_path

    def test_ends_well_when_everything_fits(self, run: Run) -> None:
        assert self.told() == ("Everything fits together.\n", 0)

    def test_ends_with_1_and_what_to_do(self, run: Run) -> None:
        StateVersion.objects.all().delete()
        said, code = self.told()
        assert code == 1
        assert "Resources without a state" in said
        assert "take them from a backup" in said
        assert "1 found." in said

    def test_asks_the_sandbox_and_no_account(self, run: Run, settings: Any, tmp_path: Any) -> None:
        assert command.cloud_objects() == []
        (tmp_path / "cloud.db").touch()
        settings.DRAWBRIDGE_TARGET = "aws"
        assert command.cloud_objects() == []
        settings.DRAWBRIDGE_TARGET = "sandbox"
        assert command.cloud_objects() == [], "an empty cloud"
