"""State versions in people's hands: downloads, differences, restorations, and locks opened by hand."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.domain.run import RunStatus
from provisioner.models import AuditEvent, Run, StateLock, StateVersion, Workspace
from provisioner.services import lease, states, submit
from tests.conftest import Organisation
from tests.fakes import FakeEngine, state_document
from tests.services.conftest import Order, applied, now, planned
from tests.state.backend import Backend, state

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace(order: Order, fake: FakeEngine, org: Organisation) -> Workspace:
    """Make a workspace with two state versions: serial 1, and 2 with another output and one resource less."""
    run = applied(planned(order(), fake), fake)
    Run.objects.filter(pk=run.pk).update(status=RunStatus.APPLYING.value)
    run.refresh_from_db()
    document = state_document(fake.planned[0], 2)
    document["outputs"] = {"endpoint": {"value": "other.example", "type": "string"}}
    document["resources"] = []
    backend = Backend(run)
    backend.lock()
    assert backend.post(json.dumps(document, indent=2).encode()).status_code == 200
    backend.unlock()
    Run.objects.filter(pk=run.pk).update(status=RunStatus.APPLIED.value)
    run.workspace.refresh_from_db()
    return run.workspace


def restore(
    workspace: Workspace, org: Organisation, serial: int = 1, by: str = "developer", **given: Any
) -> StateVersion:
    return states.restore(
        workspace.pk, serial, **{"reason": "lost a database", "actor": org.users[by], "now": now(), **given}
    )


def refused(act: Any) -> str:
    """Return the code of the refusal."""
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.detail.endswith(".")
    return caught.value.code


class TestADownload:
    def test_is_the_state_byte_for_byte_and_noted(self, workspace: Workspace, org: Organisation) -> None:
        found = states.download(workspace.pk, 1, reader=org.teammate, now=now())
        assert json.loads(found.content)["serial"] == 1
        assert found.headers["Cache-Control"] == "no-store"
        event = AuditEvent.objects.get(action="state.download")
        assert (event.actor, event.object_id, event.detail["serial"]) == (org.teammate, str(workspace.pk), 1)

    @pytest.mark.parametrize(("who", "code"), [("finops", "not_your_service"), ("outsider", "not_found")])
    def test_is_for_owners(self, workspace: Workspace, org: Organisation, who: str, code: str) -> None:
        assert refused(lambda: states.download(workspace.pk, 1, reader=org.users[who], now=now())) == code
        assert not AuditEvent.objects.filter(action="state.download").exists()

    @pytest.mark.parametrize("serial", [0, 3, 2**63, 10**30])
    def test_of_an_unknown_serial_is_not_found(
        self, workspace: Workspace, org: Organisation, serial: int
    ) -> None:
        assert (
            refused(lambda: states.download(workspace.pk, serial, reader=org.developer, now=now()))
            == "not_found"
        )

    def test_of_a_version_that_does_not_open_says_so(self, workspace: Workspace, org: Organisation) -> None:
        StateVersion.objects.filter(serial=1).update(content=b"broken")
        with pytest.raises(states.Unreadable, match="doctor"):
            states.download(workspace.pk, 1, reader=org.developer, now=now())


class TestDifferences:
    def test_name_resources_and_outputs(self, workspace: Workspace, org: Organisation) -> None:
        found = states.differences(workspace.pk, 1, 2, reader=org.finops)
        assert [(one.address, one.difference.value) for one in found] == [
            ("module.this.aws_db_instance.this", "removed"),
            ("output.endpoint", "changed"),
        ]

    def test_are_for_those_who_see_the_workspace(self, workspace: Workspace, org: Organisation) -> None:
        assert refused(lambda: states.differences(workspace.pk, 1, 2, reader=org.outsider)) == "not_found"


class TestARestoration:
    def test_is_a_new_version_with_the_old_content_and_the_same_lineage(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        old = json.loads(selectors.state_content(workspace.states.get(serial=1)))
        version = restore(workspace, org)
        assert (version.serial, version.restored_from, version.restored_by) == (3, 1, org.developer)
        assert (version.restore_reason, version.run) == ("lost a database", None)
        assert json.loads(selectors.state_content(version)) == {**old, "serial": 3}
        assert [v.serial for v in workspace.states.all()] == [3, 2, 1], "nothing is taken away"
        assert {v.lineage for v in workspace.states.all()} == {old["lineage"]}

    def test_records_the_inventory_of_what_is_restored(self, workspace: Workspace, org: Organisation) -> None:
        workspace.resources.all().delete()
        restore(workspace, org)
        workspace.refresh_from_db()
        assert [r.address for r in workspace.resources.all()] == ["module.this.aws_db_instance.this"]
        assert workspace.outputs["endpoint"]["value"] == "db.example"

    def test_is_noted_with_its_reason(self, workspace: Workspace, org: Organisation) -> None:
        restore(workspace, org, by="platform", reason="  drill  ")
        event = AuditEvent.objects.get(action="state.restore")
        assert (event.actor, event.detail) == (
            org.platform,
            {"serial": 3, "restored_from": 1, "before": 2, "reason": "drill"},
        )

    def test_makes_an_older_plan_stale(
        self, workspace: Workspace, org: Organisation, fake: FakeEngine
    ) -> None:
        run = submit.submit_update(
            workspace.pk,
            parameters={"backup_retention_days": 3},
            justification="",
            requester=org.developer,
            now=now(),
        )
        planned(run, fake)
        Run.objects.filter(pk=run.pk).update(status=RunStatus.ERRORED.value)
        restore(workspace, org)
        Run.objects.filter(pk=run.pk).update(status=RunStatus.APPLY_QUEUED.value)
        assert applied(run, fake).status == RunStatus.PLAN_QUEUED
        assert "serial" in run.transitions.latest("sequence").reason

    @pytest.mark.parametrize(("who", "code"), [("sre", "not_your_service"), ("outsider", "not_found")])
    def test_is_for_owners(self, workspace: Workspace, org: Organisation, who: str, code: str) -> None:
        assert refused(lambda: restore(workspace, org, by=who)) == code

    @pytest.mark.parametrize("reason", ["", "  \n", "x" * 4001])
    def test_needs_a_reason(self, workspace: Workspace, org: Organisation, reason: str) -> None:
        assert refused(lambda: restore(workspace, org, reason=reason)) == "invalid_input"

    def test_of_the_newest_or_an_unknown_version_is_refused(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        assert refused(lambda: restore(workspace, org, serial=2)) == "already_newest"
        assert refused(lambda: restore(workspace, org, serial=9)) == "not_found"

    def test_is_refused_while_a_run_is_active(self, workspace: Workspace, org: Organisation) -> None:
        submit.submit_destroy(workspace.pk, justification="", requester=org.developer, now=now())
        assert refused(lambda: restore(workspace, org)) == "workspace_busy"

    def test_is_refused_while_the_state_is_locked(self, workspace: Workspace, org: Organisation) -> None:
        leave_lock(workspace)
        assert refused(lambda: restore(workspace, org)) == "state_locked"

    def test_is_refused_for_what_is_destroyed(self, workspace: Workspace, org: Organisation) -> None:
        Workspace.objects.filter(pk=workspace.pk).update(closed_at=now())
        assert refused(lambda: restore(workspace, org)) == "workspace_closed"

    def test_of_a_version_that_does_not_open_changes_nothing(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        StateVersion.objects.filter(serial=1).update(content=b"broken")
        assert refused(lambda: restore(workspace, org)) == "state_unreadable"
        assert workspace.states.count() == 2
        assert not AuditEvent.objects.filter(action="state.restore").exists()


def leave_lock(workspace: Workspace, **columns: Any) -> StateLock:
    """Let the workspace's run leave its lock."""
    run = workspace.runs.order_by("created_at").first()
    assert run is not None
    return StateLock.objects.create(
        workspace=workspace,
        run=run,
        created_at=now(),
        **{
            "fencing_token": run.fencing_token,
            "lock_id": "left",
            "info": {"ID": "left", "Who": "w@host"},
            **columns,
        },
    )


class TestALockThatWasLeft:
    def open(
        self, workspace: Workspace, org: Organisation, by: str = "platform", reason: str = "it is dead"
    ) -> None:
        states.force_unlock(workspace.pk, reason=reason, actor=org.users[by], now=now())

    def let_run(self, workspace: Workspace, seconds: int, **columns: Any) -> None:
        """Let the workspace's run apply with a lease that ends in so many seconds."""
        Run.objects.filter(workspace=workspace).update(
            status=RunStatus.APPLYING.value,
            lease_expires_at=lease.database_now() + timedelta(seconds=seconds),
            **columns,
        )

    def test_by_an_ended_run_is_opened_and_noted(self, workspace: Workspace, org: Organisation) -> None:
        left = leave_lock(workspace)
        self.open(workspace, org)
        assert not StateLock.objects.exists()
        event = AuditEvent.objects.get(action="state.force_unlock")
        assert (event.detail["run"], event.detail["reason"]) == (str(left.run_id), "it is dead")
        assert event.detail["lock"]["Who"] == "w@host"

    def test_by_a_living_run_stays_shut(self, workspace: Workspace, org: Organisation) -> None:
        leave_lock(workspace)
        self.let_run(workspace, 30)
        assert refused(lambda: self.open(workspace, org)) == "state_lock_in_use"
        assert StateLock.objects.exists()

    def test_by_an_interrupted_run_is_left_to_recovery(self, workspace: Workspace, org: Organisation) -> None:
        leave_lock(workspace)
        Run.objects.filter(workspace=workspace).update(status=RunStatus.INTERRUPTED.value)
        assert refused(lambda: self.open(workspace, org)) == "state_lock_in_use"

    def test_by_a_run_whose_lease_expired_is_opened(self, workspace: Workspace, org: Organisation) -> None:
        leave_lock(workspace)
        self.let_run(workspace, -1)
        self.open(workspace, org)
        assert not StateLock.objects.exists()

    def test_under_an_older_token_of_a_living_run_is_opened(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        leave_lock(workspace, fencing_token=0)
        self.let_run(workspace, 30)
        self.open(workspace, org)
        assert not StateLock.objects.exists()

    def test_is_not_taken_for_the_end_of_terraform(self, workspace: Workspace, org: Organisation) -> None:
        Run.objects.update(lock_released_token=None)
        leave_lock(workspace)
        self.open(workspace, org)
        assert Run.objects.get().lock_released_token is None

    @pytest.mark.parametrize(
        ("who", "code"), [("developer", "platform_only"), ("sre", "platform_only"), ("outsider", "not_found")]
    )
    def test_is_opened_by_platform_engineers(
        self, workspace: Workspace, org: Organisation, who: str, code: str
    ) -> None:
        leave_lock(workspace)
        assert refused(lambda: self.open(workspace, org, by=who)) == code

    def test_is_opened_for_a_reason(self, workspace: Workspace, org: Organisation) -> None:
        leave_lock(workspace)
        assert refused(lambda: self.open(workspace, org, reason=" ")) == "invalid_input"

    def test_that_is_none_is_said(self, workspace: Workspace, org: Organisation) -> None:
        assert refused(lambda: self.open(workspace, org)) == "state_not_locked"


class TestWhatIsWrittenAfterARestoration:
    def test_follows_on_it(self, workspace: Workspace, org: Organisation) -> None:
        lineage = restore(workspace, org).lineage
        Run.objects.update(status=RunStatus.APPLYING.value)
        backend = Backend(workspace.runs.get())
        backend.lock()
        assert backend.post(state(3, lineage)).status_code == 409
        assert backend.post(state(4, lineage)).status_code == 200
