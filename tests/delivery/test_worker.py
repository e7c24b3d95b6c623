"""A real worker process behind a real Redis, its database PostgreSQL; killed where it hurts."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection

from catalog.models import CatalogItemVersion
from portal.embedded.stack import children_of
from provisioner import queue
from provisioner.domain.run import TERMINAL, RunStatus
from provisioner.engine.terraform import configured_engine
from provisioner.models import Run, StateLock
from provisioner.services import lease, recover, submit, sweep
from provisioner.services.ask import Ask
from tests.conftest import Organisation, has_terraform
from tests.services.conftest import ask, now
from tests.waiting import until

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not has_terraform(), reason="needs terraform or tofu on PATH"),
]


class Worker:
    """A `celery worker` process in a session of its own."""

    def __init__(self, state_url: str, log: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "portal", "worker", "--concurrency", "1"),
                *(
                    "-Q",
                    "plan,apply,control,default",
                    "--loglevel",
                    "INFO",
                    "--without-gossip",
                    "--without-mingle",
                ),
            ],
            cwd=settings.BASE_DIR,
            env=environment_of_a_process(state_url, **environment),
            stdin=subprocess.DEVNULL,
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        until(lambda: b" ready." in log.read_bytes(), what=f"the worker is ready, see {log}")

    def kill(self) -> None:
        """End it and its pool at once, as the kernel does when memory runs out."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def start_worker(live_server: Any, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Return a function that starts a worker; every one is ended with the test."""
    workers: list[Worker] = []
    with current_app.connection_for_write() as broker:
        for name in queue.QUEUES.values():
            broker.default_channel.queue_purge(name)

    def start(**environment: str) -> Worker:
        workers.append(Worker(live_server.url, tmp_path / f"worker-{len(workers)}.log", **environment))
        return workers[-1]

    yield start
    for worker in workers:
        if worker.process.poll() is None:
            worker.process.terminate()
            try:
                worker.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                worker.kill()


def environment_of_a_process(state_url: str = "", **more: str) -> dict[str, str]:
    """Return the environment of a process that works on the test's database."""
    database = connection.settings_dict
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database),
        "DRAWBRIDGE_BROKER_URL": settings.CELERY_BROKER_URL,
        "DRAWBRIDGE_INTERNAL_URL": state_url,
        "DRAWBRIDGE_LOG_LEVEL": "INFO",
        **more,
    }


ORDER = """
import uuid
from django.contrib.auth.models import User
from tests.services.conftest import ask, now
from provisioner.services import submit
name = f"db-{uuid.uuid4().hex[:12]}"
submit.submit(ask(name=name), requester=User.objects.get(username="developer"), now=now())
"""


def order_elsewhere(**environment: str) -> None:
    """Order as another process of the portal."""
    subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", ORDER],
        cwd=settings.BASE_DIR,
        env=environment_of_a_process(**environment),
        check=True,
        timeout=120,
    )


def order(org: Organisation) -> Run:
    """Order under a name of its own: the sandbox cloud outlives a test."""
    name = f"db-{uuid.uuid4().hex[:12]}"
    return submit.submit(ask(name=name), requester=org.developer, now=now())


def order_queue(org: Organisation) -> Run:
    """Order what the cloud makes at once: what takes its time would be half made by a stop, and somebody asked."""
    name = f"queue-{uuid.uuid4().hex[:12]}"
    ordered = Ask(item="message-queue", service="orders", environment="development", name=name)
    return submit.submit(ordered, requester=org.developer, now=now())


def status(run: Run) -> str:
    run.refresh_from_db()
    return run.status


def until_applied(run: Run) -> None:
    """Wait for the run to be applied; tell at once when it ends otherwise."""
    until(lambda: RunStatus(status(run)) in TERMINAL | {RunStatus.NEEDS_APPROVAL}, what="the run ends")
    assert run.status == RunStatus.APPLIED, f"{run.error_summary}: {run.error_detail} {run.recovery}"


def expire_lease(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(lease_expires_at=lease.database_now() - timedelta(seconds=1))


class TestAWorker:
    def test_takes_an_order_from_the_queue_to_applied(
        self, org: Organisation, postgres: CatalogItemVersion, start_worker: Callable[..., Worker]
    ) -> None:
        start_worker()
        run = order(org)
        until_applied(run)
        assert run.workspace.resources.filter(type="aws_db_instance").exists()

    def test_finds_an_order_that_was_made_while_the_broker_was_down(
        self, org: Organisation, postgres: CatalogItemVersion, start_worker: Callable[..., Worker]
    ) -> None:
        order_elsewhere(DRAWBRIDGE_BROKER_URL="redis://127.0.0.1:1/0")
        run = Run.objects.get()
        assert status(run) == RunStatus.PLAN_QUEUED
        start_worker()
        Run.objects.filter(pk=run.pk).update(status_at=now() - timedelta(minutes=1))
        assert sweep.sweep(now=now())["rung"] == 1
        until_applied(run)

    def test_that_is_killed_while_it_plans_is_replaced_by_another(
        self, org: Organisation, postgres: CatalogItemVersion, start_worker: Callable[..., Worker]
    ) -> None:
        first = start_worker()
        run = order(org)
        until(lambda: status(run) == RunStatus.PLANNING, what="planning")
        first.kill()
        if status(run) == RunStatus.PLANNING:
            expire_lease(run)
            sweep.sweep(now=now())
        start_worker()
        until_applied(run)
        assert run.attempts >= 2

    def test_that_is_killed_while_it_applies_is_followed_by_another_that_makes_what_is_left(
        self, org: Organisation, postgres: CatalogItemVersion, start_worker: Callable[..., Worker]
    ) -> None:
        run = self.kill_while_applying(order_queue(org), start_worker)
        # The killed worker's Terraform is told by the kernel; it saves its state and releases its lock.
        until(lambda: run.workspace.states.exists(), what="Terraform saved its state")
        until(lambda: not StateLock.objects.exists(), what="Terraform released its lock")
        expire_lease(run)
        assert sweep.sweep(now=now())["applying_lost"] == 1
        assert status(run) == RunStatus.INTERRUPTED
        created = run.plan.counts["create"]
        assert recover.recover(now=now(), engine=configured_engine()) == {"taken": 1, "handed_on": 1}
        start_worker()
        until_applied(run)
        assert (run.recovery["verdict"], run.recovery["suspects"]) == ("continues", [])
        assert run.plan.counts["create"] < created
        assert_made_once(run)

    def test_that_is_killed_with_its_terraform_leaves_a_decision_to_a_person(
        self, org: Organisation, postgres: CatalogItemVersion, start_worker: Callable[..., Worker]
    ) -> None:
        run = self.kill_while_applying(order(org), start_worker, terraform=True)
        expire_lease(run)
        sweep.sweep(now=now())
        Run.objects.filter(pk=run.pk).update(interrupted_at=lease.database_now() - timedelta(hours=1))
        engine = configured_engine()
        until(lambda: not engine.is_busy(str(run.pk)), what="nothing of the killed run is left")
        assert recover.recover(now=now(), engine=engine) == {"taken": 1, "handed_on": 1}
        start_worker()
        until(lambda: status(run) == RunStatus.NEEDS_APPROVAL, what="somebody is asked")
        made = {row["id"] for row in objects_of(run)}
        assert made, "something had been made"
        assert {one for suspect in run.recovery["suspects"] for one in suspect["ids"]} == made

    def kill_while_applying(
        self, run: Run, start_worker: Callable[..., Worker], *, terraform: bool = False
    ) -> Run:
        """Kill the worker, and its Terraform too, when it has made a resource."""
        worker = start_worker(DRAWBRIDGE_SANDBOX_DELAY_S="2")
        until(lambda: status(run) == RunStatus.APPLYING and StateLock.objects.exists(), what="applying")
        until(lambda: objects_of(run), what="a resource made")
        run.plan  # noqa: B018 - as it was approved
        if terraform:
            for pid in descendants(worker.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        worker.kill()
        return run


class TestAWorkerThatIsAskedToEnd:
    def test_stops_its_terraform_gracefully_and_another_makes_what_is_left(
        self, org: Organisation, postgres: CatalogItemVersion, start_worker: Callable[..., Worker]
    ) -> None:
        run = order_queue(org)
        first = start_worker(DRAWBRIDGE_SANDBOX_DELAY_S="5", DRAWBRIDGE_SHUTDOWN_GRACE_S="0")
        until(lambda: status(run) == RunStatus.APPLYING and objects_of(run), what="a resource made")
        first.process.terminate()
        assert first.process.wait(timeout=60) == 0
        assert status(run) == RunStatus.INTERRUPTED
        assert recover.recover(now=now(), engine=configured_engine()) == {"taken": 1, "handed_on": 1}
        start_worker()
        until_applied(run)
        assert run.lost_workers == 0
        assert run.recovery["verdict"] == "continues"
        assert_made_once(run)


def descendants(pid: int) -> list[int]:
    """Return the processes below a process, children first."""
    found: list[int] = []
    for child in children_of(pid):
        found += [child, *descendants(child)]
    return found


def objects_of(run: Run) -> list[dict[str, Any]]:
    """Return what the sandbox cloud has of the run's workspace."""
    if not (Path(settings.DRAWBRIDGE_SANDBOX_HOME) / "cloud.db").exists():
        return []
    return sandbox("list", run)


def sandbox(command: str, run: Run) -> list[dict[str, Any]]:
    """Ask the sandbox cloud about the run's workspace."""
    shown = subprocess.run(
        [
            *(sys.executable, "-m", "provisioner.sandbox", command, "--json"),
            *("--home", str(settings.DRAWBRIDGE_SANDBOX_HOME), "--workspace", str(run.workspace_id)),
        ],
        cwd=settings.BASE_DIR,
        check=True,
        capture_output=True,
        timeout=60,
    )
    return [json.loads(line) for line in shown.stdout.splitlines()]


def assert_made_once(run: Run) -> None:
    """Check with the cloud's own log that nothing was made twice, and that the state knows all of it."""
    created = [
        (event["type"], event["id"]) for event in sandbox("log", run) if event["operation"] == "create"
    ]
    assert len(created) == len(set(created))
    assert len(created) == len(objects_of(run)), "nothing was made and left behind"
    known = Counter(run.workspace.resources.values_list("type", flat=True))
    assert Counter(kind for kind, _ in created) <= known
