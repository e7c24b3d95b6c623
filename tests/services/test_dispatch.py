"""Whose turn it is when a worker looks, and who rings for whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from celery import current_app
from django.db import OperationalError

from catalog.models import CatalogItemVersion, Environment, TargetAccount
from provisioner import queue
from provisioner.domain.errors import EngineError
from provisioner.domain.queueing import PRIORITY_DRIFT_CHECK
from provisioner.domain.run import RunStatus
from provisioner.engine.types import RunSpec
from provisioner.models import QueueTurn, Run, Workspace
from provisioner.services import dispatch, lease, shutdown, submit, sweep
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.services.conftest import ask, now, planned

pytestmark = pytest.mark.django_db(transaction=True)

BOTH = (queue.PLAN, queue.APPLY)
Wait = Callable[..., Run]


def empty_queues() -> None:
    with current_app.connection_for_write() as connection:
        for name in queue.QUEUES.values():
            connection.default_channel.queue_purge(name)


@pytest.fixture(autouse=True)
def _no_messages() -> Iterator[None]:
    for task in BOTH:
        queue.backlog(task)  # declares the queue
    empty_queues()
    yield
    empty_queues()


@pytest.fixture
def wait(org: Organisation, postgres: CatalogItemVersion) -> Wait:
    """Return a function that orders a database under a name, which then waits to be planned."""

    def make(name: str, *, service: str = "orders", environment: str = "development") -> Run:
        requester = org.outsider if service == "ads" else org.developer
        return submit.submit(ask(environment, service, name), requester=requester, now=now())

    return make


@pytest.fixture
def account(org: Organisation) -> TargetAccount:
    """Make an account in which one run may work at a time, and put development there."""
    made = TargetAccount.objects.create(slug="shared", name="Shared", max_running=1)
    Environment.objects.filter(slug="development").update(account=made)
    return made


def look(engine: FakeEngine, *tasks: str, worker: str = "w1") -> RunStatus | None:
    return dispatch.answer(tasks or BOTH, engine=engine, worker=worker, clock=now)


def names(engine: FakeEngine) -> list[str]:
    """Return the names of the workspaces that were planned, in order."""
    return [Workspace.objects.get(runs=spec.run_id).name for spec in engine.planned]


def status(run: Run) -> str:
    run.refresh_from_db()
    return run.status


def occupy(run: Run, account: TargetAccount | None = None) -> lease.Claim:
    """Let another worker hold a run."""
    claim = lease.claim(run.pk, RunStatus.PLAN_QUEUED, RunStatus.PLANNING, worker="other", now=now())
    assert claim is not None
    return claim


def let_wait(*runs: Run) -> None:
    """Make runs wait for longer than a sweep."""
    Run.objects.filter(pk__in=[run.pk for run in runs]).update(status_at=now() - timedelta(minutes=1))


class TestAWorkerThatLooks:
    def test_finds_nothing_where_nothing_waits(self, org: Organisation, fake: FakeEngine) -> None:
        assert look(fake) is None

    def test_takes_the_turns_of_the_teams_and_not_of_the_messages(self, wait: Wait, fake: FakeEngine) -> None:
        for name in ("first", "second", "third"):
            wait(name)
        wait("single", service="ads")
        for _ in range(4):
            look(fake, queue.PLAN)
        assert names(fake) == ["first", "single", "second", "third"]

    def test_takes_what_nobody_waits_for_last(self, wait: Wait, fake: FakeEngine) -> None:
        for name in ("check", "order"):
            wait(name)
        Run.objects.filter(workspace__name="check").update(priority=PRIORITY_DRIFT_CHECK)
        QueueTurn.objects.create(
            team=Workspace.objects.first().service.owner_team, priority=PRIORITY_DRIFT_CHECK, number=1
        )
        look(fake)
        assert names(fake) == ["order"]

    def test_takes_plans_only_where_it_serves_only_their_queue(self, wait: Wait, fake: FakeEngine) -> None:
        ready, fresh = planned(wait("ready"), fake), wait("fresh")
        assert look(fake, queue.PLAN) == RunStatus.APPLY_QUEUED
        assert (status(ready), status(fresh)) == (RunStatus.APPLY_QUEUED, RunStatus.APPLY_QUEUED)
        assert look(fake, queue.PLAN) is None
        assert look(fake, queue.APPLY) == RunStatus.APPLIED
        assert (status(ready), status(fresh)) == (RunStatus.APPLIED, RunStatus.APPLY_QUEUED)

    def test_tries_the_next_one_when_another_was_quicker(
        self, wait: Wait, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lost, next_one = wait("lost"), wait("next")
        read = dispatch.waiting.read_line

        def and_lose() -> object:
            line = read()
            if status(lost) == RunStatus.PLAN_QUEUED:
                occupy(lost)
            return line

        monkeypatch.setattr(dispatch.waiting, "read_line", and_lose)
        look(fake)
        assert status(next_one) == RunStatus.APPLY_QUEUED
        assert names(fake) == ["next"]

    def test_remembers_the_turn(self, wait: Wait, org: Organisation, fake: FakeEngine) -> None:
        wait("first")
        wait("second")
        look(fake, queue.PLAN)
        look(fake, queue.PLAN)
        assert QueueTurn.objects.get().number == 2
        assert QueueTurn.objects.get().team == org.teams["payments"]

    def test_does_one_run_once_however_many_messages_come_for_it(self, wait: Wait, fake: FakeEngine) -> None:
        run = wait("once")
        for _ in range(12):
            look(fake)
        assert status(run) == RunStatus.APPLIED
        assert (len(fake.planned), len(fake.applied)) == (1, 1)

    def test_ends_a_run_that_breaks_every_worker_and_the_next_message_goes_on(
        self, wait: Wait, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bad, good = wait("bad"), wait("good")
        claim = lease.claim

        def broken(run_id: object, *args: object, **kwargs: object) -> object:
            if run_id == bad.pk:
                raise RuntimeError("out of order")
            return claim(run_id, *args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(lease, "claim", broken)
        with pytest.raises(RuntimeError, match="out of order"):
            look(fake)
        assert status(bad) == RunStatus.ERRORED
        assert "defect of the portal" in bad.error_detail
        look(fake)
        assert status(good) == RunStatus.APPLY_QUEUED

    def test_begins_nothing_once_it_is_to_end(self, wait: Wait, fake: FakeEngine) -> None:
        run = wait("patient")
        shutdown.request()
        try:
            assert look(fake) is None
        finally:
            shutdown.withdraw()
        assert status(run) == RunStatus.PLAN_QUEUED

    @pytest.mark.parametrize(
        "trouble", [OperationalError("gone"), EngineError("no Terraform here"), OSError("disk full")]
    )
    def test_leaves_a_run_waiting_when_the_trouble_is_its_own(
        self, wait: Wait, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, trouble: Exception
    ) -> None:
        run = wait("unlucky")

        def fails(*_: object, **__: object) -> None:
            raise trouble

        with monkeypatch.context() as patched:
            patched.setattr(lease, "claim", fails)
            with pytest.raises(type(trouble)):
                look(fake)
        assert status(run) == RunStatus.PLAN_QUEUED


class TestAWorkspaceOnHold:
    def test_has_no_run_taken_up_until_it_is_released(self, wait: Wait, fake: FakeEngine) -> None:
        held, free = wait("held"), wait("free")
        Workspace.objects.filter(name="held").update(held_at=now())
        assert look(fake, queue.PLAN) == RunStatus.APPLY_QUEUED
        assert look(fake, queue.PLAN) is None
        assert (status(held), status(free)) == (RunStatus.PLAN_QUEUED, RunStatus.APPLY_QUEUED)
        assert lease.claim(held.pk, RunStatus.PLAN_QUEUED, RunStatus.PLANNING, worker="w", now=now()) is None
        Workspace.objects.filter(name="held").update(held_at=None)
        assert look(fake, queue.PLAN) == RunStatus.APPLY_QUEUED
        assert status(held) == RunStatus.APPLY_QUEUED

    def test_is_not_rung_for(self, wait: Wait) -> None:
        run = wait("held")
        Workspace.objects.filter(name="held").update(held_at=now())
        empty_queues()
        let_wait(run)
        assert sweep.sweep(now=now())["rung"] == 0
        Workspace.objects.filter(name="held").update(held_at=None)
        assert sweep.sweep(now=now())["rung"] == 1


class TestAnAccountAtItsLimit:
    def test_lets_none_start_and_holds_up_no_other(
        self, wait: Wait, account: TargetAccount, fake: FakeEngine
    ) -> None:
        occupy(wait("first"))
        blocked = wait("blocked")
        elsewhere = wait("elsewhere", environment="staging")
        assert look(fake, queue.PLAN) is not None
        assert look(fake, queue.PLAN) is None
        assert status(blocked) == RunStatus.PLAN_QUEUED
        assert status(elsewhere) != RunStatus.PLAN_QUEUED

    def test_counts_every_run_that_a_worker_holds_drift_checks_too(
        self, wait: Wait, account: TargetAccount
    ) -> None:
        check, blocked = wait("check"), wait("blocked")
        Run.objects.filter(pk=check.pk).update(kind="drift_check")
        occupy(check)
        assert (
            lease.claim(blocked.pk, RunStatus.PLAN_QUEUED, RunStatus.PLANNING, worker="w", now=now()) is None
        )
        TargetAccount.objects.update(max_running=2)
        assert (
            lease.claim(blocked.pk, RunStatus.PLAN_QUEUED, RunStatus.PLANNING, worker="w", now=now())
            is not None
        )

    def test_is_shared_by_its_environments(self, wait: Wait, account: TargetAccount) -> None:
        Environment.objects.update(account=account)
        occupy(wait("first"))
        other = wait("other", environment="staging")
        assert lease.claim(other.pk, RunStatus.PLAN_QUEUED, RunStatus.PLANNING, worker="w", now=now()) is None

    def test_is_rung_for_by_the_run_that_leaves_it(
        self, wait: Wait, account: TargetAccount, fake: FakeEngine
    ) -> None:
        wait("first")
        blocked: list[Run] = []

        def meanwhile(spec: RunSpec, stop: object) -> None:
            """Let two more come whose messages are answered while the account is full."""
            if not blocked:
                blocked.extend([wait("second"), wait("third")])
                assert look(fake) is None
                empty_queues()

        fake.during_plan = meanwhile
        assert look(fake, queue.PLAN) == RunStatus.APPLY_QUEUED
        # One for the run's own apply, which is able to start, too; one for the slot.
        assert (queue.backlog(queue.PLAN), queue.backlog(queue.APPLY)) == (1, 1)

    def test_is_not_rung_for_where_enough_messages_wait(
        self, wait: Wait, account: TargetAccount, fake: FakeEngine
    ) -> None:
        for name in ("first", "second", "third"):
            wait(name)
        before = queue.backlog(queue.PLAN)
        look(fake, queue.PLAN)
        assert queue.backlog(queue.PLAN) == before

    def test_is_rung_for_when_a_run_fails_there(
        self, wait: Wait, account: TargetAccount, fake: FakeEngine
    ) -> None:
        wait("first")
        wait("second")
        empty_queues()

        def broken(spec: RunSpec, stop: object) -> None:
            raise RuntimeError("a bug")

        fake.during_plan = broken
        with pytest.raises(RuntimeError):
            look(fake)
        assert queue.backlog(queue.PLAN) == 1

    def test_is_not_rung_for_by_the_sweeper_while_it_is_full(
        self, wait: Wait, account: TargetAccount
    ) -> None:
        occupy(wait("first"))
        let_wait(wait("second"), wait("third"))
        empty_queues()
        for _ in range(3):
            assert sweep.sweep(now=now())["rung"] == 0
        TargetAccount.objects.update(max_running=2)
        assert sweep.sweep(now=now())["rung"] == 1, "as many as may start"
        assert sweep.sweep(now=now())["rung"] == 0, "its message waits"


class TestTheSweeper:
    def test_tops_the_messages_up_to_what_may_start(self, wait: Wait) -> None:
        let_wait(*[wait(f"db-{number}") for number in range(5)])
        empty_queues()
        queue.send(queue.PLAN, "whichever")
        queue.send(queue.PLAN, "another")
        assert sweep.sweep(now=now())["rung"] == 3
        assert queue.backlog(queue.PLAN) == 5
        assert sweep.sweep(now=now())["rung"] == 0

    def test_never_fills_the_broker(self, wait: Wait, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dispatch, "RUNG_MAX", 3)
        let_wait(*[wait(f"db-{number}") for number in range(5)])
        empty_queues()
        assert sweep.sweep(now=now())["rung"] == 3
        assert sweep.sweep(now=now())["rung"] == 0

    def test_leaves_fresh_runs_to_their_own_messages(self, wait: Wait) -> None:
        wait("fresh")
        empty_queues()
        assert sweep.sweep(now=now())["rung"] == 0
