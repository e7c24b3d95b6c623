"""What becomes of an apply that was cut short."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from provisioner import selectors
from provisioner.domain.recovery import CloudObject
from provisioner.domain.run import RunStatus
from provisioner.engine.types import EngineFailure, RunSpec, Stopped, TimedOut
from provisioner.models import Run, StateLock
from provisioner.services import cancel, lease, recover, shutdown, state_backend, submit, sweep
from provisioner.services.runspec import state_password
from tests.conftest import Organisation
from tests.fakes import FakeEngine, change, plan_document, state_document, store_state
from tests.services.conftest import Order, applied, decide, now, planned

pytestmark = pytest.mark.django_db(transaction=True)

DATABASE = "module.this.aws_db_instance.this"
GROUP = "module.this.aws_security_group.this"


def two_resources(spec: RunSpec) -> dict[str, Any]:
    """Plan a database and a security group."""
    return plan_document(
        [
            change(DATABASE, "aws_db_instance", ["create"], _after(spec)),
            change(GROUP, "aws_security_group", ["create"], {"tags_all": dict(spec.default_tags)}),
        ]
    )


def only_the_group(spec: RunSpec) -> dict[str, Any]:
    """Plan what is left when the database is made."""
    return plan_document(
        [
            change(DATABASE, "aws_db_instance", ["no-op"], _after(spec)),
            change(GROUP, "aws_security_group", ["create"], {"tags_all": dict(spec.default_tags)}),
        ]
    )


def _after(spec: RunSpec) -> dict[str, Any]:
    return {
        "engine": "postgres",
        "instance_class": "db.t4g.micro",
        "multi_az": True,
        "allocated_storage": 20,
        "storage_type": "gp3",
        "storage_encrypted": True,
        "backup_retention_period": 7,
        "deletion_protection": True,
        "tags_all": dict(spec.default_tags),
    }


def in_the_middle(run: Run, fake: FakeEngine) -> RunSpec:
    """Let a worker claim the apply and its Terraform take the lock; return what Terraform was told."""
    claim = lease.claim(run.pk, RunStatus.APPLY_QUEUED, RunStatus.APPLYING, worker="w1", now=now())
    assert claim is not None
    run.refresh_from_db()
    spec = replace(fake.planned[-1], state_password=state_password(run.pk, run.fencing_token))
    holder = state_backend.authenticate(run.workspace_id, spec.state_username, spec.state_password)
    state_backend.lock(run.workspace_id, holder, b'{"ID": "theirs"}', now=now())
    return spec


def save(run: Run, spec: RunSpec, serial: int = 1) -> None:
    """Save the state of the database under the lock that is held."""
    holder = state_backend.authenticate(run.workspace_id, spec.state_username, spec.state_password)
    body = json.dumps(state_document(spec, serial)).encode()
    state_backend.write(run.workspace_id, holder, body, lock_id="theirs", now=now())


def end_by_itself(run: Run, spec: RunSpec) -> None:
    """Let Terraform save its state and release its lock, as it does when it is asked to end."""
    save(run, spec)
    let_go(run, spec)


def let_go(run: Run, spec: RunSpec) -> None:
    """Release the lock that Terraform took."""
    holder = state_backend.authenticate(run.workspace_id, spec.state_username, spec.state_password)
    state_backend.unlock(run.workspace_id, holder, b'{"ID": "theirs"}')


def lose_the_worker(run: Run) -> None:
    """Let the lease run out and the sweeper find it."""
    Run.objects.filter(pk=run.pk).update(lease_expires_at=lease.database_now() - timedelta(seconds=1))
    assert sweep.sweep(now=now())["applying_lost"] == 1
    run.refresh_from_db()
    assert run.status == RunStatus.INTERRUPTED


def wait_out_the_grace(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(interrupted_at=lease.database_now() - timedelta(hours=1))


def recovered(run: Run, fake: FakeEngine) -> Run:
    """Let recovery take the run, and a worker plan what is left."""
    assert recover.recover(now=now(), engine=fake) == {"taken": 1, "handed_on": 1}
    run.refresh_from_db()
    assert run.status == RunStatus.PLAN_QUEUED
    return planned(run, fake)


@pytest.fixture
def cut_short(order: Order, fake: FakeEngine) -> Run:
    """Return a run that waits to be applied, with two resources to make."""
    fake.document = two_resources
    return planned(order(), fake)


class TestAnInterruptedApply:
    def test_goes_on_by_itself_when_terraform_ended_by_itself_and_a_part_is_left(
        self, cut_short: Run, fake: FakeEngine
    ) -> None:
        spec = in_the_middle(cut_short, fake)
        end_by_itself(cut_short, spec)
        lose_the_worker(cut_short)
        fake.document = only_the_group
        run = recovered(cut_short, fake)
        assert run.status == RunStatus.APPLY_QUEUED
        assert (run.recovery["verdict"], run.recovery["graceful"], run.recovery["made"]) == (
            "continues",
            True,
            1,
        )
        assert applied(run, fake).status == RunStatus.APPLIED
        assert "interrupted" in [t.to_status for t in run.transitions.all()]

    def test_goes_on_by_itself_when_its_terraform_never_began(self, cut_short: Run, fake: FakeEngine) -> None:
        lease.claim(cut_short.pk, RunStatus.APPLY_QUEUED, RunStatus.APPLYING, worker="w1", now=now())
        lose_the_worker(cut_short)
        run = recovered(cut_short, fake)
        assert run.recovery["ended"] == "never_began"
        assert run.status == RunStatus.APPLY_QUEUED

    def test_is_applied_when_nothing_is_left_to_do(self, cut_short: Run, fake: FakeEngine) -> None:
        end_by_itself(cut_short, in_the_middle(cut_short, fake))
        lose_the_worker(cut_short)
        fake.document = lambda spec: plan_document([])
        run = recovered(cut_short, fake)
        assert run.status == RunStatus.APPLIED
        run.workspace.refresh_from_db()
        assert run.workspace.applied_at is not None
        assert run.recovery["verdict"] == "finished"

    def test_may_still_save_its_state_and_begins_nothing_more(self, cut_short: Run, fake: FakeEngine) -> None:
        spec = in_the_middle(cut_short, fake)
        lose_the_worker(cut_short)
        save(cut_short, spec)
        holder = state_backend.authenticate(cut_short.workspace_id, spec.state_username, spec.state_password)
        with pytest.raises(state_backend.StateWriteRefused):
            state_backend.lock(cut_short.workspace_id, holder, b'{"ID": "another"}', now=now())

    def test_is_left_alone_while_its_terraform_may_still_be_saving(
        self, cut_short: Run, fake: FakeEngine
    ) -> None:
        in_the_middle(cut_short, fake)
        lose_the_worker(cut_short)
        assert recover.recover(now=now(), engine=fake) == {"taken": 0, "handed_on": 0}
        assert StateLock.objects.exists()

    def test_asks_a_person_when_terraform_did_not_end_by_itself(
        self, cut_short: Run, fake: FakeEngine, org: Organisation
    ) -> None:
        spec = in_the_middle(cut_short, fake)
        lose_the_worker(cut_short)
        wait_out_the_grace(cut_short)
        fake.objects = (CloudObject("aws_db_instance", "db-1"),)
        run = recovered(cut_short, fake)
        assert run.status == RunStatus.NEEDS_APPROVAL
        assert not StateLock.objects.exists()
        with pytest.raises(state_backend.BadCredential):
            state_backend.authenticate(run.workspace_id, spec.state_username, spec.state_password)
        (step,) = selectors.steps_of(run)
        assert (step.group, step.rule) == ("sre", "interrupted-apply")
        assert "something may exist that no state knows" in step.reason
        assert [(s["address"], s["ids"]) for s in run.recovery["suspects"]] == [(DATABASE, ["db-1"])]
        decide(run, org, "sre")
        assert applied(run, fake).status == RunStatus.APPLIED

    def test_asks_a_person_when_what_is_left_is_not_a_part_of_what_was_agreed_to(
        self, cut_short: Run, fake: FakeEngine
    ) -> None:
        end_by_itself(cut_short, in_the_middle(cut_short, fake))
        lose_the_worker(cut_short)
        fake.document = lambda spec: plan_document(
            [change(DATABASE, "aws_db_instance", ["delete", "create"], _after(spec))]
        )
        run = recovered(cut_short, fake)
        assert run.status == RunStatus.NEEDS_APPROVAL
        assert any("to replace now; it was to create" in reason for reason in run.recovery["reasons"])

    def test_asks_when_the_cloud_shows_what_no_state_knows(self, cut_short: Run, fake: FakeEngine) -> None:
        end_by_itself(cut_short, in_the_middle(cut_short, fake))
        lose_the_worker(cut_short)
        fake.objects = (CloudObject("aws_db_instance", "db-1"), CloudObject("aws_security_group", "sg-1"))
        fake.document = only_the_group
        run = recovered(cut_short, fake)
        assert run.status == RunStatus.NEEDS_APPROVAL
        assert [s["ids"] for s in run.recovery["suspects"]] == [["sg-1"]]

    def test_takes_the_state_that_was_left_on_the_disk(self, cut_short: Run, fake: FakeEngine) -> None:
        spec = in_the_middle(cut_short, fake)
        lose_the_worker(cut_short)
        fake.rescued[str(cut_short.pk)] = json.dumps(state_document(spec, 1)).encode()
        fake.document = only_the_group
        run = recovered(cut_short, fake)
        assert fake.forgotten == [str(run.pk)]
        assert run.recovery["ended"] == "by_itself"
        assert run.workspace.states.count() == 1
        assert run.status == RunStatus.APPLY_QUEUED

    def test_asks_when_the_state_that_was_left_on_the_disk_cannot_be_taken(
        self, cut_short: Run, fake: FakeEngine
    ) -> None:
        in_the_middle(cut_short, fake)
        lose_the_worker(cut_short)
        fake.rescued[str(cut_short.pk)] = b"cut sho"
        fake.objects = None
        run = recovered(cut_short, fake)
        assert (run.recovery["ended"], fake.forgotten) == ("unknown", [])
        assert run.status == RunStatus.NEEDS_APPROVAL
        assert run.recovery["suspects"]

    def test_takes_the_state_that_lies_where_it_is_planned_again(
        self, cut_short: Run, fake: FakeEngine
    ) -> None:
        spec = in_the_middle(cut_short, fake)
        lose_the_worker(cut_short)
        wait_out_the_grace(cut_short)
        recover.recover(now=now(), engine=FakeEngine())  # on a host that has nothing
        fake.rescued[str(cut_short.pk)] = json.dumps(state_document(spec, 1)).encode()
        fake.document = only_the_group
        run = planned(cut_short, fake)
        assert run.workspace.states.count() == 1
        assert run.status == RunStatus.NEEDS_APPROVAL

    def test_ends_canceled_when_somebody_had_asked_to_stop_it(
        self, cut_short: Run, fake: FakeEngine, org: Organisation
    ) -> None:
        spec = in_the_middle(cut_short, fake)
        cancel.cancel(cut_short.pk, actor=org.developer, now=now())
        end_by_itself(cut_short, spec)
        lose_the_worker(cut_short)
        run = recovered(cut_short, fake)
        assert run.status == RunStatus.CANCELED
        assert run.workspace.resources.count() == 1

    def test_gives_up_after_three_lost_workers_with_the_evidence(
        self, cut_short: Run, fake: FakeEngine
    ) -> None:
        run = cut_short
        for _ in range(2):
            end_by_itself_or_again(run, fake)
            run = recovered(run, fake)
            assert run.status == RunStatus.APPLY_QUEUED
        end_by_itself_or_again(run, fake)
        recover.recover(now=now(), engine=fake)
        run.refresh_from_db()
        assert run.status == RunStatus.ERRORED
        assert "lost 3 times" in run.error_summary
        assert run.recovery["verdict"] == "gave_up"
        run.workspace.refresh_from_db()
        assert run.workspace.closed_at is None

    def test_goes_on_when_its_state_cannot_be_read(self, cut_short: Run, fake: FakeEngine) -> None:
        end_by_itself(cut_short, in_the_middle(cut_short, fake))
        cut_short.workspace.states.update(content=b"broken")
        lose_the_worker(cut_short)
        assert recover.recover(now=now(), engine=fake)["handed_on"] == 1

    def test_is_not_answered_by_an_approval_from_before_the_interruption(
        self, order: Order, fake: FakeEngine, org: Organisation
    ) -> None:
        fake.document = two_resources
        run = planned(order("production"), fake)
        for step in selectors.steps_of(run):
            decide(run, org, step.group)
        before = run.plan.digest
        in_the_middle(run, fake)  # no state is saved, so the same plan comes out again
        lose_the_worker(run)
        wait_out_the_grace(run)
        run = recovered(run, fake)
        assert run.status == RunStatus.NEEDS_APPROVAL
        assert selectors.plan_of(run).digest != before  # type: ignore[union-attr]
        assert {step.group for step in selectors.steps_of(run)} >= {"sre"}

    def test_remembers_the_suspects_of_an_earlier_interruption(
        self, cut_short: Run, fake: FakeEngine, org: Organisation
    ) -> None:
        in_the_middle(cut_short, fake)
        lose_the_worker(cut_short)
        wait_out_the_grace(cut_short)
        fake.objects = None
        run = recovered(cut_short, fake)
        assert {s["address"] for s in run.recovery["suspects"]} == {DATABASE, GROUP}
        decide(run, org, "sre")
        in_the_middle(run, fake)
        lose_the_worker(run)
        wait_out_the_grace(run)
        fake.objects = ()
        run = recovered(run, fake)
        assert {s["address"] for s in run.recovery["suspects"]} == {DATABASE, GROUP}


def end_by_itself_or_again(run: Run, fake: FakeEngine) -> None:
    """Let a worker begin to apply, its Terraform end by itself, and the worker be lost."""
    spec = in_the_middle(run, fake)
    if not run.workspace.states.exists():
        save(run, spec)
    fake.document = only_the_group
    let_go(run, spec)
    lose_the_worker(run)


class TestARetryOfAnInterruptedRun:
    def test_asks_about_what_may_have_been_left_behind(
        self, cut_short: Run, fake: FakeEngine, org: Organisation
    ) -> None:
        in_the_middle(cut_short, fake)
        lose_the_worker(cut_short)
        wait_out_the_grace(cut_short)
        fake.objects = (CloudObject("aws_db_instance", "db-1"),)
        run = recovered(cut_short, fake)
        cancel.discard(run.pk, actor=org.developer, now=now())
        again = planned(submit.retry(run.pk, requester=org.developer, now=now()), fake)
        assert again.status == RunStatus.NEEDS_APPROVAL
        assert again.recovery["suspects"] == run.recovery["suspects"]
        assert "may have left 1 object that no state knows" in selectors.steps_of(again)[0].reason
        decide(again, org, "sre")
        assert applied(again, fake).status == RunStatus.APPLIED
        update = submit.submit_update(
            run.workspace_id,
            parameters={"backup_retention_days": 3},
            justification="",
            requester=org.developer,
            now=now(),
        )
        assert planned(update, fake).status == RunStatus.APPLY_QUEUED


class TestAPlan:
    def test_whose_terraform_dies_is_made_again_and_given_up_the_third_time(
        self, order: Order, fake: FakeEngine
    ) -> None:
        fake.plan_error = EngineFailure(
            "Terraform's plan ended without a diagnostic",
            "The command was killed by signal 9.",
            permanent=False,
            graceful=False,
        )
        run = order()
        assert planned(run, fake).status == RunStatus.PLAN_QUEUED
        assert planned(run, fake).status == RunStatus.PLAN_QUEUED
        assert planned(run, fake).status == RunStatus.ERRORED


class TestAnApply:
    def test_is_interrupted_when_its_terraform_dies(self, cut_short: Run, fake: FakeEngine) -> None:
        fake.apply_error = EngineFailure(
            "Terraform's apply ended without a diagnostic",
            "The command was killed by signal 9.",
            permanent=True,
            graceful=False,
        )
        run = applied(cut_short, fake)
        assert run.status == RunStatus.INTERRUPTED
        assert run.lost_workers == 1

    @pytest.mark.parametrize(("kind", "summary"), [(TimedOut, "The apply took longer"), (Stopped, "Stopped")])
    def test_that_had_to_be_killed_lists_what_may_be_lost(
        self, cut_short: Run, fake: FakeEngine, kind: type[EngineFailure], summary: str
    ) -> None:
        fake.apply_error = kind(summary, "", permanent=True, graceful=False)
        fake.objects = (CloudObject("aws_security_group", "sg-1"),)
        run = applied(cut_short, fake)
        assert run.status == RunStatus.ERRORED
        assert [s["ids"] for s in run.recovery["suspects"]] == [["sg-1"]]


@pytest.fixture
def shut_down() -> Any:
    yield shutdown.request
    shutdown.withdraw()


class TestAWorkerThatIsAskedToEnd:
    def test_hands_planning_back(self, order: Order, fake: FakeEngine, shut_down: Any) -> None:
        def wait(spec: RunSpec, stop: Any) -> None:
            shut_down()
            assert stop.wait(20)
            raise Stopped("Stopped during plan", "", permanent=False)

        fake.during_plan = wait
        run = planned(order(), fake)
        assert run.status == RunStatus.PLAN_QUEUED
        assert run.lost_workers == 0

    def test_lets_an_apply_finish_within_its_time(
        self, cut_short: Run, fake: FakeEngine, shut_down: Any
    ) -> None:
        fake.during_apply = lambda spec, stop: shut_down()
        assert applied(cut_short, fake).status == RunStatus.APPLIED

    def test_stops_an_apply_after_its_time_and_recovery_goes_on(
        self, cut_short: Run, fake: FakeEngine, shut_down: Any, settings: Any
    ) -> None:
        settings.DRAWBRIDGE_SHUTDOWN_GRACE_S = 0

        def wait(spec: RunSpec, stop: Any) -> None:
            shut_down()
            assert stop.wait(20)
            store_state(spec)
            raise Stopped("Stopped during apply", "", permanent=False)

        fake.during_apply = wait
        run = applied(cut_short, fake)
        assert run.status == RunStatus.INTERRUPTED
        shutdown.withdraw()
        fake.document, fake.during_apply = only_the_group, None
        run = recovered(run, fake)
        assert run.status == RunStatus.APPLY_QUEUED
        assert applied(run, fake).status == RunStatus.APPLIED

    def test_takes_nothing_more(self, order: Order, fake: FakeEngine, shut_down: Any) -> None:
        shut_down()
        assert planned(order(), fake).status == RunStatus.PLAN_QUEUED


class TestTheSweeper:
    def test_takes_nobody_for_lost_before_the_database_has_answered_for_a_lease(
        self, cut_short: Run, fake: FakeEngine, settings: Any
    ) -> None:
        settings.DRAWBRIDGE_LEASE_S = 60
        watch = sweep.Watch()
        assert not watch.reached(1000.0)
        assert not watch.reached(1059.0)
        assert watch.reached(1060.0)
        watch.missed()
        assert not watch.reached(1070.0)
        in_the_middle(cut_short, fake)
        Run.objects.update(lease_expires_at=lease.database_now() - timedelta(seconds=1))
        assert sweep.sweep(now=now(), steady=False)["applying_lost"] == 0
