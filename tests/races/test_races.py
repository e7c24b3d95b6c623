"""Many at once, on PostgreSQL: the database lets one through."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from catalog.models import CatalogItemVersion
from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.domain.run import RunStatus
from provisioner.models import ApprovalDecision, Run, StateLock, StateVersion
from provisioner.services import apply, approve, cancel, lease, plan, recover, submit, sweep
from provisioner.services.state_backend import Holder, lock, write
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.services.conftest import ask, decide, now, planned

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
]


def at_once(count: int, act: Callable[[int], Any]) -> Counter[str]:
    """Run `act` in threads that start together; count results by refusal code, or "ok" / "nothing"."""
    start = threading.Barrier(count)
    outcomes: list[str] = []

    def one(index: int) -> None:
        try:
            start.wait(timeout=60)
            outcomes.append("nothing" if act(index) is None else "ok")
        except Refusal as refusal:
            outcomes.append(refusal.code)
        except Exception as error:
            outcomes.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    return Counter(outcomes)


@pytest.fixture
def run(org: Organisation, postgres: CatalogItemVersion) -> Run:
    return submit.submit(ask("production"), requester=org.developer, now=now())


class TestAtOnce:
    def test_forty_updates_of_one_workspace_make_one_run(
        self, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        engine = FakeEngine()
        first = planned(submit.submit(ask(), requester=org.developer, now=now()), engine)
        apply.apply(first.pk, engine=engine, worker="w", clock=now)
        outcomes = at_once(
            40,
            lambda index: submit.submit_update(
                first.workspace_id,
                parameters={"backup_retention_days": 2 + index % 5},
                justification="",
                requester=org.developer,
                now=now(),
            ),
        )
        assert outcomes == {"ok": 1, "workspace_busy": 39}

    def test_two_hundred_orders_of_one_name_make_one_run(
        self, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        outcomes: Counter[str] = Counter()

        def five(_: int) -> None:
            for _again in range(5):
                try:
                    submit.submit(ask(), requester=org.developer, now=now())
                    outcomes["ok"] += 1
                except Refusal as refusal:
                    outcomes[refusal.code] += 1

        at_once(40, five)
        assert Run.objects.count() == 1
        assert outcomes == {"ok": 1, "name_taken": 199}

    def test_eight_sweepers_interrupt_once_and_hand_on_once(self, org: Organisation, run: Run) -> None:
        engine = FakeEngine()
        planned(run, engine)
        decide(run, org, "finops")
        decide(run, org, "sre")
        claim = lease.claim(run.pk, RunStatus.APPLY_QUEUED, RunStatus.APPLYING, worker="w", now=now())
        assert claim is not None
        Run.objects.filter(pk=run.pk).update(lease_expires_at=lease.database_now() - timedelta(seconds=1))

        def sweep_and_recover(_: int) -> None:
            sweep.sweep(now=now())
            recover.recover(now=now(), engine=engine)

        at_once(8, sweep_and_recover)
        run.refresh_from_db()
        assert [t.to_status for t in run.transitions.all()][-2:] == ["interrupted", "plan_queued"]
        assert (run.fencing_token, run.lost_workers) == (claim.fencing_token + 1, 1)

    def test_eight_deliveries_of_one_message_plan_once(self, run: Run) -> None:
        engine = FakeEngine()
        outcomes = at_once(8, lambda index: plan.plan(run.pk, engine=engine, worker=f"w{index}", clock=now))
        assert outcomes == {"ok": 1, "nothing": 7}
        assert len(engine.planned) == 1

    def test_eight_deliveries_of_one_message_apply_once(self, run: Run, org: Organisation) -> None:
        engine = FakeEngine()
        planned(run, engine)
        decide(run, org, "finops")
        decide(run, org, "sre")
        outcomes = at_once(8, lambda index: apply.apply(run.pk, engine=engine, worker=f"w{index}", clock=now))
        assert outcomes == {"ok": 1, "nothing": 7}
        assert len(engine.applied) == 1
        run.refresh_from_db()
        assert [t.sequence for t in run.transitions.all()] == list(range(1, run.transitions.count() + 1))

    def test_eight_approvers_of_one_step_make_one_decision(self, run: Run, org: Organisation) -> None:
        planned(run, FakeEngine())
        step = selectors.steps_of(run)[0]
        approvers = []
        for index in range(8):
            user = type(org.finops).objects.create_user(f"finops{index}")
            user.groups.set(org.finops.groups.all())
            approvers.append(user)
        outcomes = at_once(
            8,
            lambda index: approve.decide(
                run.pk,
                step_id=step.pk,
                verdict="approve",
                comment="",
                plan_digest=step.plan_digest,
                approver=approvers[index],
                now=now(),
            ),
        )
        assert outcomes == {"ok": 1, "already_decided": 7}
        assert ApprovalDecision.objects.count() == 1

    def test_the_two_last_approvals_queue_one_apply(self, run: Run, org: Organisation) -> None:
        planned(run, FakeEngine())
        outcomes = at_once(2, lambda index: decide(run, org, ("finops", "sre")[index]))
        assert outcomes == {"ok": 2}
        run.refresh_from_db()
        assert run.status == RunStatus.APPLY_QUEUED
        assert run.transitions.filter(to_status="apply_queued").count() == 1

    def test_a_rejection_and_a_cancel_end_the_run_once(self, run: Run, org: Organisation) -> None:
        planned(run, FakeEngine())

        def act(index: int) -> object:
            if index:
                return cancel.cancel(run.pk, actor=org.developer, now=now())
            return decide(run, org, "finops", "reject", comment="no")

        outcomes = at_once(2, act)
        run.refresh_from_db()
        assert outcomes["ok"] == 1, outcomes
        assert run.status in {RunStatus.REJECTED, RunStatus.CANCELED}
        assert run.transitions.filter(to_status__in=["rejected", "canceled"]).count() == 1

    def test_twenty_locks_are_one_lock_and_twenty_states_of_one_serial_are_one(self, run: Run) -> None:
        Run.objects.filter(pk=run.pk).update(status="applying")
        run.refresh_from_db()
        holder = Holder(run)

        def take(index: int) -> bool:
            lock(run.workspace_id, holder, b'{"ID": "l%d"}' % index, now=datetime.now(UTC))
            return True

        assert at_once(20, take) == {"ok": 1, "state_locked": 19}
        lock_id = StateLock.objects.get().lock_id

        def store(index: int) -> bool:
            body = b'{"version": 4, "serial": 1, "lineage": "x", "resources": [], "n": %d}' % index
            write(run.workspace_id, holder, body, lock_id=lock_id, now=datetime.now(UTC))
            return True

        assert at_once(20, store) == {"ok": 1, "state_conflict": 19}
        assert StateVersion.objects.count() == 1
