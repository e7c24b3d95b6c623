"""Many workers that look at once, on PostgreSQL: the limits hold, and each run is taken once."""

from __future__ import annotations

import threading

import pytest

from catalog.models import CatalogItemVersion, Environment, TargetAccount
from provisioner import queue
from provisioner.domain.run import LEASED, RunStatus
from provisioner.engine.types import RunSpec
from provisioner.models import QueueTurn, Run
from provisioner.services import dispatch, lease, submit
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.races.test_races import at_once
from tests.services.conftest import ask, now

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
]

WORKERS = 8


@pytest.fixture
def runs(org: Organisation, postgres: CatalogItemVersion) -> list[Run]:
    """Order one database for each worker, by two teams, in an account that takes three at a time."""
    Environment.objects.update(
        account=TargetAccount.objects.create(slug="shared", name="Shared", max_running=3)
    )
    return [
        submit.submit(
            ask(service="ads" if number % 2 else "orders", name=f"db-{number}"),
            requester=org.outsider if number % 2 else org.developer,
            now=now(),
        )
        for number in range(WORKERS)
    ]


def look(engine: FakeEngine, index: int) -> RunStatus | None:
    return dispatch.answer([queue.PLAN], engine=engine, worker=f"w{index}", clock=now)


class TestEightWorkers:
    def test_that_claim_a_run_each_get_what_the_account_takes(self, runs: list[Run]) -> None:
        outcomes = at_once(
            WORKERS,
            lambda index: lease.claim(
                runs[index].pk, RunStatus.PLAN_QUEUED, RunStatus.PLANNING, worker=f"w{index}", now=now()
            ),
        )
        assert outcomes == {"ok": 3, "nothing": 5}
        assert Run.objects.filter(status__in=sorted(LEASED)).count() == 3

    def test_that_look_at_once_fill_the_account_and_never_exceed_it(self, runs: list[Run]) -> None:
        """The three that plan are let go when the five others have found nothing."""
        guard, all_looked = threading.Lock(), threading.Event()
        seen: list[int] = []
        nothing = 0

        def hold(spec: RunSpec, stop: threading.Event) -> None:
            seen.append(Run.objects.filter(status__in=sorted(LEASED)).count())
            assert all_looked.wait(60)

        engine = FakeEngine(during_plan=hold)

        def act(index: int) -> RunStatus | None:
            nonlocal nothing
            status = look(engine, index)
            with guard:
                nothing += status is None
                if nothing == WORKERS - 3:
                    all_looked.set()
            return status

        assert at_once(WORKERS, act) == {"ok": 3, "nothing": 5}
        assert max(seen) <= 3
        assert len({spec.run_id for spec in engine.planned}) == 3
        teams = {Run.objects.get(pk=spec.run_id).workspace.service.slug for spec in engine.planned}
        assert teams == {"orders", "ads"}

    def test_that_look_again_and_again_plan_each_run_once(self, runs: list[Run]) -> None:
        seen: list[int] = []
        engine = FakeEngine(
            during_plan=lambda spec, stop: seen.append(Run.objects.filter(status__in=sorted(LEASED)).count())
        )

        def act(index: int) -> int:
            while Run.objects.filter(status=RunStatus.PLAN_QUEUED.value).exists():
                look(engine, index)
            return index

        assert at_once(WORKERS, act) == {"ok": WORKERS}
        assert sorted(spec.run_id for spec in engine.planned) == sorted(str(run.pk) for run in runs)
        assert max(seen) <= 3
        assert sum(turn.number > 0 for turn in QueueTurn.objects.all()) == 2

    def test_that_get_one_message_each_for_one_run_do_it_once(self, runs: list[Run]) -> None:
        Run.objects.exclude(pk=runs[0].pk).update(status="canceled")
        engine = FakeEngine()
        outcomes = at_once(WORKERS, lambda index: look(engine, index))
        assert outcomes == {"ok": 1, "nothing": 7}
        assert len(engine.planned) == 1
