"""Long random lives of runs, and of a state under its lock, against simple models of both."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from provisioner.domain.errors import Refusal
from provisioner.domain.run import ACTIVE, LEASED, TERMINAL, InvalidTransition, RunStatus, can_move
from provisioner.models import Run, RunTransition, StateLock, StateVersion, Workspace
from provisioner.services import lease, state_backend, states, transition
from provisioner.services.runspec import state_password
from tests.api.rows import make_run
from tests.conftest import NOW, Organisation
from tests.services.conftest import now
from tests.state.backend import lock_info, state

pytestmark = pytest.mark.django_db

S = RunStatus


def live(machine: Callable[[], RuleBasedStateMachine], *, examples: int, steps: int) -> None:
    """Let the machine live many lives, in about five seconds."""
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def answer_of(act: Callable[[], object]) -> str:
    """Return "ok", or the code of the refusal."""
    try:
        act()
    except Refusal as refusal:
        return refusal.code
    return "ok"


class InTransaction(RuleBasedStateMachine):
    """A machine whose every life is rolled back."""

    def __init__(self) -> None:
        super().__init__()
        self.life = transaction.atomic()
        self.life.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.life.__exit__(None, None, None)


@dataclass
class Seen:
    """A run as somebody saw it, perhaps long ago."""

    run_id: uuid.UUID
    status: RunStatus
    token: int


class RunsOfTwoWorkspaces(InTransaction):
    """Several people and workers move the runs of two workspaces by what each of them last saw."""

    template: Run
    workspaces: tuple[Workspace, ...]
    people: tuple[User | None, ...]

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Seen] = []
        self.actual: dict[uuid.UUID, Seen] = {}
        self.clock = NOW

    def later(self) -> Any:
        self.clock += timedelta(seconds=1)
        return self.clock

    def looked_at(self, run_id: uuid.UUID) -> Seen:
        actual = self.actual[run_id]
        return Seen(run_id, actual.status, actual.token)

    @rule(which=st.integers(0, 1), who=st.integers(0, 3))
    def order(self, which: int, who: int) -> None:
        run = Run(
            workspace=self.workspaces[which],
            request=self.template.request,
            kind=self.template.kind,
            requester=self.template.requester,
            item_version=self.template.item_version,
        )
        busy = any(
            seen.status in ACTIVE
            for seen in self.actual.values()
            if Run.objects.get(pk=seen.run_id).workspace_id == run.workspace_id
        )
        try:
            with transaction.atomic():
                transition.begin(run, now=self.later(), actor=self.people[who])
        except IntegrityError:
            assert busy
            return
        assert not busy
        self.actual[run.pk] = Seen(run.pk, S.PENDING, 0)
        self.seen.append(self.looked_at(run.pk))

    @precondition(lambda self: self.actual)
    @rule(number=st.integers(0, 99))
    def look(self, number: int) -> None:
        run_ids = list(self.actual)
        self.seen.append(self.looked_at(run_ids[number % len(run_ids)]))

    @precondition(lambda self: self.seen)
    @rule(
        number=st.integers(0, 99),
        to=st.sampled_from(S),
        who=st.integers(0, 3),
        holding=st.sampled_from([None, 0, 1]),
    )
    def move(self, number: int, to: RunStatus, who: int, holding: int | None) -> None:
        """Move by what was seen; `holding` is None, the token that was seen, or a later one."""
        seen = self.seen[-1 - number % len(self.seen)]
        self.try_to_move(seen, to, who, holding)

    @precondition(lambda self: self.seen)
    @rule(number=st.integers(0, 3), choice=st.integers(0, 99), who=st.integers(0, 3))
    def move_on(self, number: int, choice: int, who: int) -> None:
        """Move along the table, so that lives get far."""
        seen = self.seen[-1 - number % len(self.seen)]
        allowed = [to for to in S if can_move(seen.status, to)]
        if allowed:
            self.try_to_move(seen, allowed[choice % len(allowed)], who, None)

    def try_to_move(self, seen: Seen, to: RunStatus, who: int, holding: int | None) -> None:
        actual = self.actual[seen.run_id]
        token = None if holding is None else seen.token + holding
        try:
            transition.move(
                seen.run_id, seen.status, to, now=self.later(), actor=self.people[who], holding=token
            )
        except InvalidTransition:
            assert not can_move(seen.status, to)
            return
        except transition.StaleRun:
            assert actual.status != seen.status or token not in {None, actual.token}
            return
        assert can_move(seen.status, to)
        assert actual.status == seen.status
        assert token in {None, actual.token}
        actual.status = to
        self.seen.append(self.looked_at(seen.run_id))

    @precondition(lambda self: self.seen)
    @rule(number=st.integers(0, 99), apply=st.booleans())
    def claim(self, number: int, apply: bool) -> None:
        seen = self.seen[-1 - number % len(self.seen)]
        frm, to = (S.APPLY_QUEUED, S.APPLYING) if apply else (S.PLAN_QUEUED, S.PLANNING)
        actual = self.actual[seen.run_id]
        claim = lease.claim(seen.run_id, frm, to, worker="w", now=self.later())
        assert (claim is not None) == (actual.status is frm)
        if claim is not None:
            actual.status, actual.token = to, actual.token + 1
            assert claim.fencing_token == actual.token
            self.seen.append(self.looked_at(seen.run_id))

    @invariant()
    def every_run_is_where_the_model_has_it(self) -> None:
        for run in Run.objects.filter(pk__in=list(self.actual)):
            actual = self.actual[run.pk]
            assert (run.status, run.fencing_token) == (actual.status, actual.token)
            assert (run.finished_at is not None) == (actual.status in TERMINAL)
            if actual.status in TERMINAL:
                assert run.lease_expires_at is None

    @invariant()
    def no_workspace_has_two_active_runs(self) -> None:
        active = list(
            Run.objects.filter(status__in=ACTIVE, pk__in=list(self.actual)).values_list(
                "workspace", flat=True
            )
        )
        assert len(active) == len(set(active))

    @invariant()
    def histories_are_chains(self) -> None:
        chains: dict[uuid.UUID, list[RunTransition]] = {}
        for step in RunTransition.objects.filter(run__in=list(self.actual)).order_by("run", "sequence"):
            chains.setdefault(step.run_id, []).append(step)
        for run_id, chain in chains.items():
            assert [step.sequence for step in chain] == list(range(1, len(chain) + 1))
            assert [step.from_status for step in chain] == ["", *(step.to_status for step in chain[:-1])]
            assert chain[-1].to_status == self.actual[run_id].status
            assert [step.at for step in chain] == sorted(step.at for step in chain)
            assert not [step for step in chain if step.from_status and S(step.from_status) in TERMINAL]


@dataclass
class Worked:
    """A run in the model; its credentials are those of every token up to `token`."""

    run: Run
    token: int = 1
    status: RunStatus = S.APPLYING
    taken: int | None = None
    released: int | None = None


Lock = tuple[str, int, int]  # id, number of the run, token
Version = tuple[int, str, str]  # serial, lineage, sha256
READS = LEASED | {S.INTERRUPTED}


class StateUnderItsLock(InTransaction):
    """One state; Terraforms of living, fenced and ended runs; lost replies, late deliveries; a platform engineer."""

    template: Run
    engineer: User

    def __init__(self) -> None:
        super().__init__()
        self.lock: Lock | None = None
        self.versions: list[Version] = []
        self.runs: list[Worked] = []
        self.sent: list[Callable[[], None]] = []
        self.workspace = self.template.workspace
        Run.objects.filter(workspace=self.workspace).delete()
        self.begin()

    def begin(self) -> None:
        run = Run.objects.create(
            workspace=self.workspace, request=self.template.request, kind="update", status=S.APPLYING.value,
            status_at=NOW, requester=self.template.requester, item_version=self.template.item_version,
            created_at=NOW, fencing_token=1, lease_expires_at=lease.database_now() + timedelta(hours=1),
        )  # fmt: skip
        self.runs.append(Worked(run))

    # --- What happens to runs ---------------------------------------------------------------------------

    @precondition(lambda self: self.runs[-1].status in TERMINAL)
    @rule()
    def a_new_run_begins(self) -> None:
        self.begin()

    @rule(to=st.sampled_from([S.PLANNING, S.APPLYING, S.APPLYING, S.INTERRUPTED, S.ERRORED]))
    def the_run_gets_on(self, to: RunStatus) -> None:
        current = self.runs[-1]
        if current.status in TERMINAL:
            return
        current.status = to
        Run.objects.filter(pk=current.run.pk).update(
            status=to.value,
            finished_at=NOW if to in TERMINAL else None,
            lease_expires_at=lease.database_now() + timedelta(hours=1) if to in LEASED else None,
        )

    @rule(releases=st.booleans())
    def the_run_is_fenced(self, releases: bool) -> None:
        """Take the run from its worker; a claim after a restart raises the token and touches no lock."""
        current = self.runs[-1]
        current.token += 1
        Run.objects.filter(pk=current.run.pk).update(fencing_token=F("fencing_token") + 1)
        if releases:
            StateLock.objects.filter(run=current.run).delete()
            if self.lock is not None and self.lock[1] == len(self.runs) - 1:
                self.lock = None

    # --- What Terraforms send ---------------------------------------------------------------------------

    def deliver(
        self, number: int, token: int, act: Callable[[Any], None], expected: Callable[[Worked], str]
    ) -> None:
        """Deliver a request under a credential and compare the answer with the model's; a refusal changes nothing."""
        worked = self.runs[number]
        before = self.everything()
        wanted = "state_credential"
        if worked.token == token and worked.status in READS:
            wanted = expected(worked)
        username, password = str(worked.run.pk), state_password(worked.run.pk, token)
        answer = answer_of(lambda: act(state_backend.authenticate(self.workspace.pk, username, password)))
        assert answer == wanted
        if answer != "ok":
            assert self.everything() == before

    def everything(self) -> Any:
        return (
            list(StateLock.objects.values_list("lock_id", "run", "fencing_token")),
            list(StateVersion.objects.filter(workspace=self.workspace).values_list("serial", "sha256")),
            list(Run.objects.order_by("pk").values_list("pk", "lock_taken_token", "lock_released_token")),
        )

    def send(self, request: Callable[[], None], lost: bool) -> None:
        """Send a request; when its reply is lost, Terraform sends it again at once."""
        self.sent.append(request)
        request()
        if lost:
            request()

    def credential(self, older: int) -> tuple[int, int]:
        """Name the current run's credential, an older one of it, or one of an earlier run."""
        number = len(self.runs) - 1 if older < 8 else max(0, len(self.runs) - 2)
        token = self.runs[number].token
        return number, token if older < 6 or older >= 8 else max(1, token - 1)

    OLDER = st.integers(0, 9)
    IDS = st.sampled_from(["l1", "l2", "l3"])

    @rule(older=OLDER, lock_id=IDS, lost=st.booleans())
    def take(self, older: int, lock_id: str, lost: bool) -> None:
        number, token = self.credential(older)

        def expected(worked: Worked) -> str:
            if worked.status is S.INTERRUPTED:
                return "state_read_only"
            if self.lock is not None and self.lock[1] == number and self.lock[2] < token:
                self.lock = None
            if self.lock is None:
                self.lock = (lock_id, number, token)
            elif self.lock[:2] != (lock_id, number):
                return "state_locked"
            worked.taken = token
            return "ok"

        def act(holder: Any) -> None:
            state_backend.lock(self.workspace.pk, holder, lock_info(lock_id), now=NOW)

        self.send(lambda: self.deliver(number, token, act, expected), lost)

    @rule(older=OLDER, lock_id=st.one_of(IDS, st.none()), lost=st.booleans())
    def release(self, older: int, lock_id: str | None, lost: bool) -> None:
        """Release a lock by its id, or by force without one."""
        number, token = self.credential(older)

        def expected(worked: Worked) -> str:
            if self.lock is None:
                return "ok"
            if lock_id is not None and lock_id != self.lock[0]:
                return "state_locked"
            if lock_id is not None and self.lock[1:] == (number, token):
                worked.released = token
            self.lock = None
            return "ok"

        def act(holder: Any) -> None:
            state_backend.unlock(self.workspace.pk, holder, lock_info(lock_id) if lock_id else b"")

        self.send(lambda: self.deliver(number, token, act, expected), lost)

    @rule(
        older=OLDER,
        under=st.one_of(st.none(), IDS),
        step=st.sampled_from([1, 1, 1, 1, 2, 0, -1]),
        foreign=st.sampled_from([False, False, False, True]),
        content=st.integers(0, 1),
        lost=st.booleans(),
    )
    def write(
        self, older: int, under: str | None, step: int, foreign: bool, content: int, lost: bool
    ) -> None:
        """Write a state; `under` None is the lock that is held now."""
        number, token = self.credential(older)
        lock_id = under or (self.lock[0] if self.lock else "l1")
        serial = max(0, (self.versions[-1][0] if self.versions else 0) + step)
        lineage = "other" if foreign else self.versions[-1][1] if self.versions else "own"
        body = state(serial, lineage, content=content)

        def expected(worked: Worked) -> str:
            if worked.status is S.PLANNING:
                return "state_read_only"
            if self.lock != (lock_id, number, token):
                return "state_locked"
            version = (serial, lineage, hashlib.sha256(body).hexdigest())
            newest = self.versions[-1] if self.versions else (-1, lineage, "")
            if newest == version:
                return "ok"
            if lineage != newest[1] or serial <= newest[0]:
                return "state_conflict"
            self.versions.append(version)
            return "ok"

        def act(holder: Any) -> None:
            state_backend.write(self.workspace.pk, holder, body, lock_id=lock_id, now=NOW)

        self.send(lambda: self.deliver(number, token, act, expected), lost)

    @rule(
        states=st.integers(1, 3),
        lock_id=IDS,
        releases=st.booleans(),
        ends=st.booleans(),
        lost=st.booleans(),
    )
    def terraform_applies(self, states: int, lock_id: str, releases: bool, ends: bool, lost: bool) -> None:
        """Apply as a Terraform does, perhaps killed before it releases its lock, so that lives get far."""
        if self.runs[-1].status in TERMINAL:
            self.begin()
        self.the_run_gets_on(S.APPLYING)
        self.take(older=0, lock_id=lock_id, lost=lost)
        for content in range(states):
            self.write(older=0, under=None, step=1, foreign=False, content=content % 2, lost=lost)
        if releases:
            self.release(older=0, lock_id=lock_id, lost=lost)
        if ends:
            self.the_run_gets_on(S.ERRORED)

    @precondition(lambda self: self.sent)
    @rule(back=st.integers(0, 9))
    def something_arrives_again(self, back: int) -> None:
        self.sent[-1 - back % len(self.sent)]()

    # --- What people do ---------------------------------------------------------------------------------

    @rule(back=st.integers(0, 3))
    def somebody_restores(self, back: int) -> None:
        serial = self.versions[-1 - back % len(self.versions)][0] if self.versions else 7
        wanted = "ok"
        if self.runs[-1].status in ACTIVE:
            wanted = "workspace_busy"
        elif self.lock is not None:
            wanted = "state_locked"
        elif not self.versions:
            wanted = "not_found"
        elif serial == self.versions[-1][0]:
            wanted = "already_newest"
        answer = answer_of(
            lambda: states.restore(self.workspace.pk, serial, reason="x", actor=self.engineer, now=now())
        )
        assert answer == wanted
        if answer == "ok":
            made = StateVersion.objects.get(workspace=self.workspace, serial=self.versions[-1][0] + 1)
            assert made.restored_from == serial
            self.versions.append((made.serial, self.versions[-1][1], made.sha256))

    @rule()
    def somebody_opens_the_lock(self) -> None:
        wanted = "ok"
        if self.lock is None:
            wanted = "state_not_locked"
        else:
            holder = self.runs[self.lock[1]]
            if holder.token == self.lock[2] and holder.status in READS:
                wanted = "state_lock_in_use"
        answer = answer_of(
            lambda: states.force_unlock(self.workspace.pk, reason="x", actor=self.engineer, now=now())
        )
        assert answer == wanted
        if answer == "ok":
            self.lock = None

    # --- What always holds ------------------------------------------------------------------------------

    @invariant()
    def the_lock_is_the_models(self) -> None:
        held = [
            (lock_id, run_id, token)
            for lock_id, run_id, token in StateLock.objects.values_list("lock_id", "run", "fencing_token")
        ]
        wanted = [] if self.lock is None else [(self.lock[0], self.runs[self.lock[1]].run.pk, self.lock[2])]
        assert held == wanted

    @invariant()
    def the_versions_are_those_that_were_accepted_in_their_order(self) -> None:
        kept = list(
            StateVersion.objects.filter(workspace=self.workspace)
            .order_by("pk")
            .values_list("serial", "lineage", "sha256")
        )
        assert kept == self.versions
        serials = [serial for serial, _, _ in kept]
        assert serials == sorted(set(serials))
        assert len({lineage for _, lineage, _ in kept}) <= 1

    @invariant()
    def the_run_knows_how_its_terraform_took_and_released_the_lock(self) -> None:
        tokens = Run.objects.values_list("pk", "lock_taken_token", "lock_released_token")
        kept = {pk: [taken, released] for pk, taken, released in tokens}
        for worked in self.runs:
            assert kept[worked.run.pk] == [worked.taken, worked.released]


class TestRuns:
    def test_keep_to_their_table_whoever_moves_them(self, org: Organisation, published: Any) -> None:
        template = make_run(org, published, status=S.ERRORED)
        other = make_run(org, published, status=S.ERRORED, number=1)

        class Machine(RunsOfTwoWorkspaces):
            workspaces = (template.workspace, other.workspace)
            people = (org.developer, org.teammate, org.platform, None)

        Machine.template = template
        live(Machine, examples=10, steps=40)


class TestAState:
    def test_is_never_changed_but_by_whom_holds_its_lock(self, org: Organisation, published: Any) -> None:
        class Machine(StateUnderItsLock):
            template = make_run(org, published, status=S.ERRORED)
            engineer = org.platform

        live(Machine, examples=12, steps=40)
