"""State and its lock under many hands, on PostgreSQL: nothing is written after the lease is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F

from catalog.models import CatalogItemVersion
from provisioner import crypto
from provisioner.domain.errors import Refusal
from provisioner.domain.run import RunStatus
from provisioner.models import Run, StateLock, StateVersion
from provisioner.services import apply, lease, state_backend, states, submit
from provisioner.services.lease import Claim
from provisioner.services.state_backend import Holder
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.races.test_races import at_once
from tests.services.conftest import ask, now, planned
from tests.state.backend import lock_info, state
from tests.waiting import until

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def run(org: Organisation, postgres: CatalogItemVersion) -> Run:
    """Order a database and let it apply under fencing token 1, its lease expired."""
    made = submit.submit(ask(), requester=org.developer, now=now())
    Run.objects.filter(pk=made.pk).update(
        status=RunStatus.APPLYING.value,
        fencing_token=1,
        lease_expires_at=lease.database_now() - timedelta(seconds=1),
    )
    made.refresh_from_db()
    return made


def lock(run: Run, lock_id: str = "l1") -> None:
    state_backend.lock(run.workspace_id, Holder(run), lock_info(lock_id), now=now())


def unlock(run: Run, lock_id: str = "l1") -> None:
    state_backend.unlock(run.workspace_id, Holder(run), lock_info(lock_id))


def write(run: Run, body: bytes, lock_id: str = "l1") -> None:
    state_backend.write(run.workspace_id, Holder(run), body, lock_id=lock_id, now=now())


def rescue(run: Run, body: bytes) -> None:
    if not state_backend.rescue(run, Claim(run.pk, 1, RunStatus.APPLYING), body, now=now()):
        raise state_backend.BadCredential("not rescued")


class Meanwhile(threading.Thread):
    """Does one thing beside the test; `answer` is "ok", a refusal's code or the error, None while it lasts."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.act, self.answer = act, ""
        self.start()

    def run(self) -> None:
        try:
            self.act()
            self.answer = "ok"
        except Refusal as refusal:
            self.answer = refusal.code
        except Exception as error:
            self.answer = repr(error)
        finally:
            connection.close()

    def ended(self) -> str:
        self.join(timeout=60)
        return self.answer


def waiting() -> int:
    """Count the connections that wait for a lock of another."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # a transaction sees the activity of its first look
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


@contextmanager
def fencing(run: Run) -> Iterator[None]:
    """Fence the run as the sweep and recovery do; what is done inside happens before that is committed."""
    with transaction.atomic():
        assert Run.objects.filter(pk=run.pk).update(fencing_token=F("fencing_token") + 1) == 1
        StateLock.objects.filter(run=run).delete()
        yield


def fence(run: Run) -> None:
    with fencing(run):
        pass


class TestAFencingThatCommitsFirst:
    """What began before and would end after is refused."""

    @pytest.mark.parametrize(
        "act",
        [
            lambda run: lock(run, "l2"),
            lambda run: unlock(run),
            lambda run: state_backend.unlock(run.workspace_id, Holder(run), b""),
            lambda run: write(run, state(2)),
            lambda run: rescue(run, state(2)),
        ],
        ids=["lock", "unlock", "force-unlock", "write", "rescue"],
    )
    def test_refuses_what_waited_for_it(self, run: Run, act: Callable[[Run], None]) -> None:
        lock(run)
        write(run, state(1))
        before = StateVersion.objects.values().get()
        with fencing(run):
            late = Meanwhile(lambda: act(run))
            until(lambda: waiting() == 1, deadline_s=30)
        assert late.ended() == "state_credential"
        assert StateVersion.objects.values().get() == before
        assert not StateLock.objects.exists()
        assert Run.objects.get().lock_released_token is None


class TestAWriteThatCommitsFirst:
    def test_holds_the_fencing_back_and_is_there_afterwards(self, run: Run) -> None:
        lock(run)
        body = state(1, resources=[])
        with transaction.atomic():
            # Somebody else is about to store the same serial: the write waits with the run's row in its hand.
            StateVersion.objects.create(
                workspace_id=run.workspace_id,
                serial=1,
                lineage="x",
                sha256="0" * 64,
                size_bytes=1,
                content=crypto.seal(b"x", identity="x"),
                created_at=now(),
            )
            early = Meanwhile(lambda: write(run, body))
            until(lambda: waiting() == 1, deadline_s=30)
            late = Meanwhile(lambda: fence(run))
            until(lambda: waiting() == 2, deadline_s=30)
            transaction.set_rollback(True)
        assert (early.ended(), late.ended()) == ("ok", "ok")
        assert StateVersion.objects.get().sha256 != "0" * 64
        assert Run.objects.get().fencing_token == 2
        assert not StateLock.objects.exists()
        with pytest.raises(state_backend.BadCredential):
            write(run, state(2))


class TestAtOnce:
    def test_eight_locks_are_one_and_the_others_are_told_whose(self, run: Run) -> None:
        assert at_once(8, lambda index: lock(run, f"l{index}") or True) == {"ok": 1, "state_locked": 7}

    def test_eight_deliveries_of_one_lock_are_one_lock(self, run: Run) -> None:
        assert at_once(8, lambda _: lock(run) or True) == {"ok": 8}
        assert StateLock.objects.count() == 1

    def test_eight_states_of_one_serial_are_one(self, run: Run) -> None:
        lock(run)
        outcomes = at_once(8, lambda index: write(run, state(1, number=index)) or True)
        assert outcomes == {"ok": 1, "state_conflict": 7}
        assert StateVersion.objects.count() == 1

    def test_eight_deliveries_of_one_state_are_one_version(self, run: Run) -> None:
        lock(run)
        assert at_once(8, lambda _: write(run, state(1)) or True) == {"ok": 8}
        assert StateVersion.objects.count() == 1

    def test_locks_and_unlocks_leave_the_lock_of_the_last_that_took_it(self, run: Run) -> None:
        lock(run)

        def act(index: int) -> Any:
            if index == 0:
                unlock(run)
            else:
                lock(run, f"m{index}")
            return True

        outcomes = at_once(8, act)
        assert outcomes["ok"] in {1, 2}, outcomes
        assert set(outcomes) <= {"ok", "state_locked"}, outcomes
        assert StateLock.objects.count() == outcomes["ok"] - 1

    @pytest.mark.parametrize("attempt", range(5))
    def test_writes_and_a_fencing_end_with_what_was_accepted(self, run: Run, attempt: int) -> None:
        lock(run)

        def act(index: int) -> Any:
            if index == 3:
                fence(run)
            else:
                write(run, state(index + 1))
            return True

        outcomes = at_once(8, act)
        assert set(outcomes) <= {"ok", "state_credential", "state_conflict", "state_locked"}, outcomes
        assert StateVersion.objects.count() == outcomes["ok"] - 1
        assert not StateLock.objects.exists()


class TestARestorationAndANewRun:
    @pytest.mark.parametrize("attempt", range(5))
    def test_at_once_end_with_a_run_that_knows_what_was_restored(
        self, org: Organisation, postgres: CatalogItemVersion, attempt: int
    ) -> None:
        engine = FakeEngine()
        first = planned(submit.submit(ask(), requester=org.developer, now=now()), engine)
        apply.apply(first.pk, engine=engine, worker="w", clock=now)
        newest = first.workspace.states.get()
        newest.pk, newest.serial = None, 2
        newest.save()  # what of it opens does not matter: the first is restored

        def act(index: int) -> Any:
            if index:
                return states.restore(first.workspace_id, 1, reason="drill", actor=org.developer, now=now())
            return submit_destroy(first, org)

        outcomes = at_once(2, act)
        assert outcomes in ({"ok": 2}, {"ok": 1, "workspace_busy": 1}), outcomes
        assert first.workspace.states.count() == 1 + outcomes["ok"]
        run = planned(Run.objects.get(status="plan_queued"), engine)
        assert run.plan.state_serial == 1 + outcomes["ok"]


def submit_destroy(run: Run, org: Organisation) -> Run:
    return submit.submit_destroy(run.workspace_id, justification="", requester=org.developer, now=now())
