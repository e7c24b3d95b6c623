"""What the sweeper finds and sets going again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from celery import current_app

from provisioner import queue
from provisioner.domain.run import RunStatus
from provisioner.models import Run, StateLock
from provisioner.services import lease, sweep
from provisioner.services.runspec import is_state_password, state_password
from tests.fakes import FakeEngine
from tests.services.conftest import Order, applied, now, planned

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
