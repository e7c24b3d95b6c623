"""Messages that come twice, early, late or never, through a real Redis: the database knows what is to be done."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from kombu import Connection

from catalog.models import CatalogItemVersion
from provisioner import queue
from provisioner.domain.run import TERMINAL, RunStatus
from provisioner.models import Run, Workspace
from provisioner.services import dispatch, lease, plan, recover, submit, sweep
from tests.conftest import Organisation, has_terraform
from tests.delivery.test_worker import Worker, order, start_worker, status, until_applied
from tests.fakes import FakeEngine
from tests.services.conftest import ask, now
from tests.waiting import until

__all__ = ["start_worker"]  # the fixture

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.django_db(transaction=True),
]

BOTH = (queue.PLAN, queue.APPLY)


@contextmanager
def broker(**options: object) -> Iterator[Any]:
    """Yield a channel to the broker, as a worker has one."""
    transport = {**settings.CELERY_BROKER_TRANSPORT_OPTIONS, **options}
    with Connection(settings.CELERY_BROKER_URL, transport_options=transport) as connection:
        yield connection.default_channel


def empty_queues() -> None:
    with broker() as channel:
        for name in queue.QUEUES.values():
            channel.queue_purge(name)


@pytest.fixture(autouse=True)
def _no_messages() -> Iterator[None]:
    for task in BOTH:
        queue.backlog(task)  # declares the queue
    empty_queues()
    yield
    empty_queues()


def answer_all(engine: FakeEngine) -> int:
    """Take every message and answer it, as workers do; return how many came."""
    count = 0
    with broker() as channel:
        while True:
            taken = [
                (task, message)
                for task in BOTH
                if (message := channel.basic_get(queue.QUEUES[task])) is not None
            ]
            if not taken:
                return count
            for task, message in taken:
                channel.basic_ack(message.delivery_tag)
                count += 1
                dispatch.answer([task], engine=engine, worker="w1", clock=now)


def moves(run: Run) -> Counter[str]:
    return Counter(run.transitions.values_list("to_status", flat=True))


def order_database(org: Organisation, name: str) -> Run:
    return submit.submit(ask(name=name), requester=org.developer, now=now())


class TestAMessage:
    def test_that_comes_twelve_times_applies_once(
        self, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        run, engine = order_database(org, "burst"), FakeEngine()
        for _ in range(12):
            for task in BOTH:
                queue.send(task, run.pk)
        assert answer_all(engine) >= 24
        assert status(run) == RunStatus.APPLIED
        assert (len(engine.planned), len(engine.applied)) == (1, 1)
        assert (moves(run)["planning"], moves(run)["applying"]) == (1, 1)

    def test_that_comes_before_its_run_is_there_finds_nothing(
        self, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        engine = FakeEngine()
        queue.send(queue.PLAN, uuid.uuid4())
        assert answer_all(engine) == 1
        with transaction.atomic():
            run = order_database(org, "early")
            assert queue.backlog(queue.PLAN) == 0, "nothing is sent before the commit"
        answer_all(engine)
        assert status(run) == RunStatus.APPLIED

    def test_that_comes_after_its_run_ended_changes_nothing(
        self, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        run, engine = order_database(org, "late"), FakeEngine()
        answer_all(engine)
        before = run.transitions.count()
        for task in BOTH:
            queue.send(task, run.pk)
        assert answer_all(engine) == 2
        assert run.transitions.count() == before

    def test_that_is_delivered_again_after_the_visibility_timeout_applies_nothing_twice(
        self, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        """A worker takes each message, does the work and dies before the broker hears of it."""
        run, engine = order_database(org, "redelivered"), FakeEngine()
        short = {"visibility_timeout": 2}
        again = 0
        for task in BOTH:
            with broker(**short) as dead, broker(**short) as other:
                dead.qos.restore_at_shutdown = False
                first = dead.basic_get(queue.QUEUES[task])
                dispatch.answer([task], engine=engine, worker="w1", clock=now)
                if task == queue.APPLY:
                    assert status(run) == RunStatus.APPLIED

                def redelivered(channel: Any = other, name: str = queue.QUEUES[task]) -> Any:
                    channel.qos.restore_visible(interval=1)
                    return channel.basic_get(name)

                second = until(redelivered, deadline_s=60, what="the broker delivers it again")
                assert second.headers["id"] == first.headers["id"]
                other.basic_ack(second.delivery_tag)
                dispatch.answer([task], engine=engine, worker="w2", clock=now)
                again += 1
        assert again == 2
        assert (len(engine.planned), len(engine.applied)) == (1, 1)
        assert moves(run)["applying"] == 1


class TestAWipedBroker:
    def test_loses_none_of_a_hundred_runs_in_every_status(
        self, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        engine = FakeEngine()
        pattern = order_database(org, "pattern")
        ready = [order_database(org, f"ready-{number}") for number in range(10)]
        for run in ready:
            plan.plan(run.pk, engine=engine, worker="w1", clock=now)
        ready += [one for run in ready for one in copies(run, 1, RunStatus.APPLY_QUEUED)]
        expired = lease.database_now() - timedelta(minutes=1)
        many = {
            RunStatus.PLAN_QUEUED: copies(pattern, 35, RunStatus.PLAN_QUEUED),
            RunStatus.APPLY_QUEUED: ready,
            RunStatus.PLANNING: copies(pattern, 10, RunStatus.PLANNING, lease_expires_at=expired),
            RunStatus.NEEDS_APPROVAL: copies(pattern, 10, RunStatus.NEEDS_APPROVAL),
            **{one: copies(pattern, 3, one) for one in sorted(TERMINAL)},
        }
        applying = ready.pop()
        lease.claim(applying.pk, RunStatus.APPLY_QUEUED, RunStatus.APPLYING, worker="dead", now=now())
        Run.objects.filter(pk=applying.pk).update(lease_expires_at=expired)
        living = ready.pop()
        lease.claim(living.pk, RunStatus.APPLY_QUEUED, RunStatus.APPLYING, worker="alive", now=now())
        assert Run.objects.count() == 100
        assert {run.status for run in Run.objects.all()} >= {one.value for one in many}
        resting = {
            run.pk: run.status
            for frm, runs in many.items()
            if frm in TERMINAL | {RunStatus.NEEDS_APPROVAL}
            for run in runs
        }
        Run.objects.exclude(pk=living.pk).update(status_at=now() - timedelta(minutes=1))

        with broker() as channel:
            channel.client.flushdb()  # this test's own database of the server

        swept = sweep.sweep(now=now())
        # Those whose worker was lost are rung for when they are queued again, the others because they wait.
        assert (swept["planning_lost"], swept["applying_lost"]) == (10, 1)
        recover.recover(now=now(), engine=engine)
        answer_all(engine)
        after = dict(Run.objects.values_list("pk", "status"))
        assert {pk: after[pk] for pk in resting} == resting
        assert after[living.pk] == RunStatus.APPLYING
        for run in [pattern, *many[RunStatus.PLAN_QUEUED], *many[RunStatus.PLANNING], *ready, applying]:
            assert after[run.pk] == RunStatus.APPLIED, run
        assert sweep.sweep(now=now())["rung"] == 0


def copies(run: Run, count: int, to: RunStatus, **columns: object) -> list[Run]:
    """Copy a run with its request, workspace and plan, each under a name of its own, in a status."""
    made = []
    for _ in range(count):
        workspace, request = Workspace.objects.get(pk=run.workspace_id), run.request
        workspace.pk = uuid.uuid4()
        workspace.name = f"db-{workspace.pk.hex[:12]}"
        request.pk = uuid.uuid4()
        workspace.save(force_insert=True)
        request.workspace = workspace
        request.save(force_insert=True)
        copy = Run.objects.get(pk=run.pk)
        copy.pk, copy.workspace, copy.request = uuid.uuid4(), workspace, request
        copy.status = RunStatus.PLAN_QUEUED.value if to is RunStatus.APPLY_QUEUED else to.value
        for column, value in columns.items():
            setattr(copy, column, value)
        copy.save(force_insert=True)
        if to is RunStatus.APPLY_QUEUED:
            plan.plan(copy.pk, engine=FakeEngine(), worker="w1", clock=now)
        made.append(copy)
    return made


@pytest.mark.skipif(not has_terraform(), reason="needs terraform or tofu on PATH")
class TestAWorkerProcess:
    def test_that_serves_both_queues_takes_what_is_next_at_any_ring(
        self, org: Organisation, postgres: CatalogItemVersion, start_worker: Callable[..., Worker]
    ) -> None:
        """The ring for the apply comes while the workspace is on hold; the next one is for another run's plan."""
        start_worker()
        run = order(org)
        until(lambda: status(run) == RunStatus.PLANNING, what="planning")
        Workspace.objects.filter(pk=run.workspace_id).update(held_at=now())
        until(lambda: status(run) == RunStatus.APPLY_QUEUED, what="planned")
        until(lambda: queue.backlog(queue.APPLY) == 0, what="the ring is answered")
        Workspace.objects.filter(pk=run.workspace_id).update(held_at=None)
        assert status(run) == RunStatus.APPLY_QUEUED
        queue.send(queue.PLAN, uuid.uuid4())
        until_applied(run)

    def test_answers_who_it_is(self, db: None, start_worker: Callable[..., Worker]) -> None:
        start_worker()
        (found,) = until(queue.workers, what="the worker answers")
        assert (found.places, found.tasks) == (1, frozenset(BOTH))
