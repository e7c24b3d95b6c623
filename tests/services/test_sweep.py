"""What the sweeper finds and sets going again."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.db import OperationalError, transaction

from catalog.models import CatalogItemVersion
from provisioner import queue, selectors
from provisioner.domain.errors import EngineError
from provisioner.domain.run import RunStatus
from provisioner.engine.types import RunSpec
from provisioner.models import Run, StateLock
from provisioner.services import apply, lease, submit, sweep
from provisioner.services.runspec import is_state_password, state_password
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.services.conftest import Order, applied, ask, now, planned

pytestmark = pytest.mark.django_db(transaction=True)


def let_expire(run: Run) -> None:
    """End the lease of the run's worker."""
    Run.objects.filter(pk=run.pk).update(lease_expires_at=lease.database_now() - timedelta(seconds=1))


def empty(task: str) -> None:
    with current_app.connection_for_write() as connection:
        connection.default_channel.queue_purge(queue.QUEUES[task])


class TestTheSweeper:
    def test_rings_again_for_a_run_whose_message_was_lost(self, order: Order) -> None:
        run = order()
        empty(queue.PLAN)
        Run.objects.filter(pk=run.pk).update(status_at=now() - timedelta(minutes=1))
        assert sweep.sweep(now=now())["rung"] == 1
        assert queue.backlog(queue.PLAN) == 1

    def test_does_not_ring_while_messages_wait(self, order: Order) -> None:
        run = order()
        Run.objects.filter(pk=run.pk).update(status_at=now() - timedelta(minutes=1))
        assert queue.backlog(queue.PLAN)
        assert sweep.sweep(now=now())["rung"] == 0

    def test_queues_planning_again_when_its_worker_was_lost(self, order: Order, fake: FakeEngine) -> None:
        run = order()
        claim = lease.claim(run.pk, RunStatus.PLAN_QUEUED, RunStatus.PLANNING, worker="w1", now=now())
        assert claim is not None
        assert sweep.sweep(now=now())["planning_lost"] == 0, "the lease still runs"
        let_expire(run)
        assert sweep.sweep(now=now())["planning_lost"] == 1
        run.refresh_from_db()
        assert run.status == RunStatus.PLAN_QUEUED
        assert not is_state_password(state_password(run.pk, claim.fencing_token), run.pk, run.fencing_token)
        assert planned(run, fake).status == RunStatus.APPLY_QUEUED

    def test_gives_up_after_three_lost_workers_and_says_so(self, order: Order) -> None:
        run = order()
        for _ in range(3):
            lease.claim(run.pk, RunStatus.PLAN_QUEUED, RunStatus.PLANNING, worker="w1", now=now())
            let_expire(run)
            sweep.sweep(now=now())
        run.refresh_from_db()
        assert run.status == RunStatus.ERRORED
        assert "lost 3 times" in run.error_summary

    def test_interrupts_an_apply_whose_worker_was_lost_and_leaves_its_lock_to_recovery(
        self, order: Order, fake: FakeEngine
    ) -> None:
        run = planned(order(), fake)
        claim = lease.claim(run.pk, RunStatus.APPLY_QUEUED, RunStatus.APPLYING, worker="w1", now=now())
        assert claim is not None
        StateLock.objects.create(
            workspace=run.workspace,
            run=run,
            fencing_token=claim.fencing_token,
            lock_id="left",
            info={"ID": "left"},
            created_at=now(),
        )
        let_expire(run)
        assert sweep.sweep(now=now())["applying_lost"] == 1
        run.refresh_from_db()
        assert (run.status, run.lost_workers) == (RunStatus.INTERRUPTED, 1)
        assert run.interrupted_at is not None
        assert StateLock.objects.exists()

    def test_leaves_living_runs_alone(self, order: Order, fake: FakeEngine) -> None:
        applied(planned(order(), fake), fake)
        assert sweep.sweep(now=now()) == {"planning_lost": 0, "applying_lost": 0, "rung": 0}


class TestALease:
    def test_is_measured_by_the_databases_clock_whatever_a_workers_own_says(
        self, order: Order, fake: FakeEngine
    ) -> None:
        run = order()
        late = now() - timedelta(minutes=10)
        claim = lease.claim(run.pk, RunStatus.PLAN_QUEUED, RunStatus.PLANNING, worker="late", now=late)
        assert claim is not None
        assert sweep.sweep(now=now() + timedelta(minutes=10))["planning_lost"] == 0
        run.refresh_from_db()
        assert run.lease_expires_at is not None
        assert run.lease_expires_at > lease.database_now()

    def test_is_given_up_by_a_worker_that_cannot_renew_it(
        self, order: Order, fake: FakeEngine, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_database(claim: lease.Claim) -> bool:
            raise OperationalError("the server closed the connection")

        settings.DRAWBRIDGE_LEASE_S, settings.DRAWBRIDGE_HEARTBEAT_S = 2, 1
        monkeypatch.setattr(lease, "_renew", no_database)
        monkeypatch.setattr(lease, "_stop_requested", no_database)

        def wait(spec: RunSpec, stop: threading.Event) -> None:
            assert stop.wait(20), "Terraform is stopped"
            raise EngineError("Stopped")

        fake.during_plan = wait
        run = planned(order(), fake)
        assert run.status == RunStatus.PLANNING, "it writes nothing more"

    def test_that_was_taken_away_takes_the_log_with_it(self, order: Order, fake: FakeEngine) -> None:
        run = planned(order(), fake)
        before = len(selectors.log_lines(run))

        def slow(spec: RunSpec, stop: threading.Event) -> None:
            let_expire(run)
            sweep.sweep(now=now())

        fake.during_apply, fake.apply_error = slow, EngineError("it was too slow")
        apply.apply(run.pk, engine=fake, worker="slow", clock=now)
        run.refresh_from_db()
        assert run.status == RunStatus.INTERRUPTED
        assert [line.text for line in selectors.log_lines(run)[before:]] in ([], ["applying"])


class TestAMessage:
    def test_is_sent_only_when_what_it_rings_for_is_committed(
        self, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        empty(queue.PLAN)
        with transaction.atomic():
            submit.submit(ask(), requester=org.developer, now=now())
            assert queue.backlog(queue.PLAN) == 0
        assert queue.backlog(queue.PLAN) == 1
