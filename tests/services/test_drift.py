"""Drift checks: who may order them, when the clock does, what they record, and how what they found is settled."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F

from provisioner.domain.errors import EngineError
from provisioner.domain.run import RunStatus
from provisioner.engine.types import PlanOutcome, RunSpec
from provisioner.models import AuditEvent, Run, Workspace
from provisioner.services import cancel, drift, plan, settle, submit, system
from provisioner.services.ask import InvalidAsk, NotYourService
from tests.conftest import Organisation
from tests.fakes import FakeEngine, plan_document
from tests.services.conftest import Order, applied, now, planned

pytestmark = pytest.mark.django_db(transaction=True)

DAY_S = 24 * 3600.0
DATABASE = "module.this.aws_db_instance.this"


def object_change(actions: list[str], before: Any, after: Any, name: str = "this") -> dict[str, Any]:
    return {
        "address": f"module.this.aws_db_instance.{name}",
        "module_address": "module.this",
        "mode": "managed",
        "type": "aws_db_instance",
        "name": name,
        "change": {"actions": actions, "before": before, "after": after, "after_unknown": {}},
    }


class DriftingEngine(FakeEngine):
    """Finds what it is told when it is asked for a refresh-only plan: {attribute: (recorded, found)}, or None: gone."""

    def __init__(self, **found: tuple[object, object]) -> None:
        super().__init__()
        self.found: dict[str, tuple[object, object]] | None = found
        self.variables_behind = {
            "instance_class": "instance_class",
            "allocated_storage": "allocated_storage_gb",
            "identifier": "name",
        }

    def plan(self, spec: RunSpec, **how: Any) -> PlanOutcome:
        outcome = super().plan(spec, **how)
        if not spec.refresh_only:
            return outcome
        fields = {**vars(outcome), "document": {**plan_document([]), "resource_drift": []}}
        if self.found is None or self.found:
            fields["correction"] = self.correction()
        return PlanOutcome(**fields)

    def correction(self) -> dict[str, Any]:
        resource = {
            "mode": "managed",
            "type": "aws_db_instance",
            "name": "this",
            "expressions": {a: {"references": [f"var.{v}"]} for a, v in self.variables_behind.items()},
        }
        given = {v: {"references": [f"var.{v}"]} for v in self.variables_behind.values()}
        module = {"expressions": given, "module": {"resources": [resource]}}
        if self.found is None:
            recorded, found = {"id": "db"}, None
        else:
            recorded = {name: before for name, (before, _) in self.found.items()}
            found = {name: after for name, (_, after) in self.found.items()}
        return {
            **plan_document([object_change(["create"] if found is None else ["update"], found, recorded)]),
            "resource_drift": [object_change(["delete"] if found is None else ["update"], recorded, found)],
            "configuration": {"root_module": {"module_calls": {"this": module}}},
        }


@pytest.fixture
def workspace(order: Order, fake: FakeEngine) -> Workspace:
    """Return a workspace that is applied."""
    run = applied(planned(order(), fake), fake)
    assert run.status == RunStatus.APPLIED
    return Workspace.objects.get()


def check(workspace: Workspace, org: Organisation, engine: FakeEngine) -> Run:
    return planned(drift.submit_check(workspace.pk, requester=org.developer, now=now()), engine)


def seen_before(workspace: Workspace, **ago: float) -> None:
    """Let everything that counts as a look at the workspace lie so long in the past."""
    at = now() - timedelta(**ago)
    Workspace.objects.filter(pk=workspace.pk).update(applied_at=at, drift_checked_at=at)
    Run.objects.update(created_at=at)


class TestACheck:
    def test_ends_without_approval_cost_or_apply_and_says_in_sync(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        run = check(workspace, org, DriftingEngine())
        assert run.status == RunStatus.PLANNED_AND_FINISHED
        assert run.transitions.last().reason == "in sync"
        assert not run.approval_steps.exists()
        assert getattr(run, "estimate", None) is None
        after = Workspace.objects.get()
        assert after.drift_checked_at is not None
        assert (after.drift, after.drifted_at) == ([], None)
        assert after.applied_at == workspace.applied_at
        assert after.estimate_usd_month == workspace.estimate_usd_month

    def test_plans_refresh_only_with_what_the_workspace_has(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        engine = DriftingEngine()
        run = check(workspace, org, engine)
        [spec] = engine.planned
        assert spec.refresh_only
        assert spec.variables == workspace.variables
        assert engine.applied == []
        assert run.request_id == workspace.origin_request_id, "it asks for nothing of its own"

    def test_writes_what_it_found_and_keeps_when_it_began(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        engine = DriftingEngine(instance_class=("db.t4g.small", "db.t4g.large"))
        run = check(workspace, org, engine)
        assert run.transitions.last().reason == "1 resource drifted"
        first = Workspace.objects.get()
        [found] = first.drift
        assert (found["address"], found["verb"], found["correction"]) == (DATABASE, "changed", "update")
        [row] = found["differences"]
        assert (row["path"], row["before"], row["after"]) == (
            "instance_class",
            "db.t4g.small",
            "db.t4g.large",
        )
        assert first.drifted_at is not None

        check(workspace, org, engine)
        again = Workspace.objects.get()
        assert again.drifted_at == first.drifted_at
        assert again.drift_checked_at > first.drift_checked_at
        assert AuditEvent.objects.filter(action="workspace.drifted").count() == 1

        check(workspace, org, DriftingEngine())
        assert Workspace.objects.get().drifted_at is None
        assert AuditEvent.objects.filter(action="workspace.in_sync").count() == 1

    def test_says_that_an_object_is_gone(self, workspace: Workspace, org: Organisation) -> None:
        engine = DriftingEngine()
        engine.found = None
        check(workspace, org, engine)
        assert [(one["verb"], one["correction"]) for one in Workspace.objects.get().drift] == [
            ("gone", "create")
        ]

    def test_that_fails_marks_nothing(self, workspace: Workspace, org: Organisation) -> None:
        engine = DriftingEngine()
        engine.plan_error = EngineError("Invalid credentials", "The token is expired.", permanent=True)
        run = check(workspace, org, engine)
        assert run.status == RunStatus.ERRORED
        after = Workspace.objects.get()
        assert (after.drift, after.drifted_at, after.drift_checked_at) == ([], None, None)
        assert after.closed_at is None

    def test_whose_lease_is_lost_marks_nothing(self, workspace: Workspace, org: Organisation) -> None:
        engine = DriftingEngine(instance_class=("a", "b"))
        engine.during_plan = lambda spec, stop: (
            Run.objects.filter(pk=spec.run_id).update(fencing_token=F("fencing_token") + 1) and None
        )
        run = drift.submit_check(workspace.pk, requester=org.developer, now=now())
        assert plan.plan(run.pk, engine=engine, worker="w1", clock=now) is None
        assert Workspace.objects.get().drifted_at is None

    @pytest.mark.parametrize("name", ["developer", "teammate", "sre", "platform"])
    def test_is_ordered_by_owners_sre_and_platform(
        self, name: str, workspace: Workspace, org: Organisation
    ) -> None:
        run = drift.submit_check(workspace.pk, requester=org.users[name], now=now())
        assert run.status == RunStatus.PLAN_QUEUED
        assert AuditEvent.objects.filter(action="run.drift_check", actor=org.users[name]).exists()

    def test_is_refused_to_others(self, workspace: Workspace, org: Organisation) -> None:
        with pytest.raises(NotYourService, match="sre"):
            drift.submit_check(workspace.pk, requester=org.finops, now=now())

    def test_waits_its_turn(self, workspace: Workspace, org: Organisation) -> None:
        submit.submit_update(
            workspace.pk, parameters={"multi_az": True}, justification="", requester=org.developer, now=now()
        )
        with pytest.raises(submit.WorkspaceBusy, match=r"The update run .* holds orders-db"):
            drift.submit_check(workspace.pk, requester=org.developer, now=now())

    def test_is_refused_where_there_is_nothing_to_compare(
        self, order: Order, org: Organisation, workspace: Workspace
    ) -> None:
        other = order(name="other-db").workspace
        with pytest.raises(submit.NotApplied):
            drift.submit_check(other.pk, requester=org.developer, now=now())
        Workspace.objects.filter(pk=workspace.pk).update(closed_at=now())
        with pytest.raises(submit.WorkspaceClosed):
            drift.submit_check(workspace.pk, requester=org.developer, now=now())

    def test_does_not_outdate_a_run_that_failed_before_it(
        self, workspace: Workspace, org: Organisation, fake: FakeEngine
    ) -> None:
        update = submit.submit_update(
            workspace.pk, parameters={"multi_az": True}, justification="", requester=org.developer, now=now()
        )
        fake.plan_error = EngineError("Throttled", "", permanent=False)
        planned(update, fake)
        check(workspace, org, DriftingEngine())
        again = submit.retry(update.pk, requester=org.developer, now=now())
        assert again.kind == "update"

    def test_is_cleared_by_an_apply(self, workspace: Workspace, org: Organisation, fake: FakeEngine) -> None:
        check(workspace, org, DriftingEngine(instance_class=("a", "b")))
        run = settle.correct(workspace.pk, justification="", requester=org.developer, now=now())
        applied(planned(run, fake), fake)
        after = Workspace.objects.get()
        assert (after.drift, after.drifted_at) == ([], None)


class TestTheClock:
    def test_orders_a_check_when_the_last_one_is_over_a_day_old(self, workspace: Workspace) -> None:
        seen_before(workspace, hours=25)
        assert drift.order_due(now=now()) == 1
        run = Run.objects.get(kind="drift_check")
        assert (run.status, run.priority) == (RunStatus.PLAN_QUEUED, 20)
        assert run.requester == system.account()

    @pytest.mark.parametrize("hours", [0, 1, 11])
    def test_orders_none_soon_after_one(self, workspace: Workspace, hours: float) -> None:
        seen_before(workspace, hours=hours)
        assert drift.order_due(now=now()) == 0

    def test_counts_an_apply_as_a_check(self, workspace: Workspace) -> None:
        seen_before(workspace, hours=25)
        Workspace.objects.update(applied_at=now() - timedelta(hours=1))
        assert drift.order_due(now=now()) == 0

    @pytest.mark.parametrize("column", ["closed_at", "held_at"])
    def test_leaves_alone_what_is_closed_or_held(self, workspace: Workspace, column: str) -> None:
        seen_before(workspace, hours=48)
        Workspace.objects.update(**{column: now()})
        assert drift.order_due(now=now()) == 0

    def test_orders_none_when_it_is_switched_off(self, workspace: Workspace, settings: Any) -> None:
        settings.DRAWBRIDGE_DRIFT_CHECK_HOURS = 0
        seen_before(workspace, hours=480)
        assert drift.order_due(now=now()) == 0

    def test_orders_none_for_a_busy_workspace(self, workspace: Workspace, org: Organisation) -> None:
        seen_before(workspace, hours=48)
        submit.submit_destroy(workspace.pk, justification="", requester=org.developer, now=now())
        assert drift.order_due(now=now()) == 0

    def test_orders_once_when_two_beats_ring(self, workspace: Workspace) -> None:
        seen_before(workspace, hours=25)
        assert [drift.order_due(now=now()) for _ in range(2)] == [1, 0]

    def test_repeats_one_that_failed_at_its_next_turn_only(self, workspace: Workspace) -> None:
        seen_before(workspace, hours=25)
        drift.order_due(now=now())
        engine = DriftingEngine()
        engine.plan_error = EngineError("Throttled", "", permanent=False)
        run = planned(Run.objects.get(kind="drift_check"), engine)
        assert run.status == RunStatus.ERRORED
        assert drift.order_due(now=now()) == 0
        Run.objects.update(created_at=now() - timedelta(hours=25))
        assert drift.order_due(now=now()) == 1

    def test_spreads_workspaces_over_the_day_each_at_its_own_time(self) -> None:
        start = datetime(2026, 11, 24, tzinfo=UTC)
        ids = [uuid.uuid5(uuid.NAMESPACE_URL, str(number)) for number in range(100)]
        looks: dict[uuid.UUID, list[int]] = {one: [] for one in ids}
        last_at = dict.fromkeys(ids, start)  # all at the same instant
        for tick in range(4 * 144):
            at = start + timedelta(seconds=drift.TICK_S * tick)
            for one in ids:
                if drift.is_due(one, last_at[one], now=at, period_s=DAY_S):
                    looks[one].append(tick)
                    last_at[one] = at
        assert {ticks[-1] - ticks[-2] for ticks in looks.values()} == {144}, "once a day, at the same tick"
        last = [ticks[-1] for ticks in looks.values()]
        assert max(last.count(tick) for tick in last) < 8

    def test_catches_up_in_shares(self, workspace: Workspace, org: Organisation) -> None:
        seen_before(workspace, days=9)
        copies = [Workspace.objects.get(pk=workspace.pk) for _ in range(300)]
        for number, copy in enumerate(copies):
            copy.pk, copy.name = uuid.uuid4(), f"copy-{number}"
        Workspace.objects.bulk_create(copies)
        assert drift.order_due(now=now()) == 5, "twice the share of ten minutes in a day, rounded up"


class TestAWaitingCheckOfTheClock:
    def test_gives_way_to_an_order(self, workspace: Workspace, org: Organisation) -> None:
        seen_before(workspace, hours=25)
        drift.order_due(now=now())
        update = submit.submit_update(
            workspace.pk, parameters={"multi_az": True}, justification="", requester=org.developer, now=now()
        )
        assert update.status == RunStatus.PLAN_QUEUED
        waiting = Run.objects.get(kind="drift_check")
        assert waiting.status == RunStatus.CANCELED
        assert waiting.transitions.last().reason == "gave way to an order"

    def test_does_not_once_a_worker_has_it(self, workspace: Workspace, org: Organisation) -> None:
        seen_before(workspace, hours=25)
        drift.order_due(now=now())
        refused: list[str] = []

        def order_meanwhile(spec: RunSpec, stop: object) -> None:
            with pytest.raises(submit.WorkspaceBusy) as refusal:
                submit.submit_destroy(workspace.pk, justification="", requester=org.developer, now=now())
            refused.append(refusal.value.detail)

        engine = DriftingEngine()
        engine.during_plan = order_meanwhile
        run = planned(Run.objects.get(kind="drift_check"), engine)
        assert run.status == RunStatus.PLANNED_AND_FINISHED
        assert "The drift check run" in refused[0]

    def test_of_a_person_does_not(self, workspace: Workspace, org: Organisation) -> None:
        run = drift.submit_check(workspace.pk, requester=org.developer, now=now())
        with pytest.raises(submit.WorkspaceBusy):
            submit.submit_destroy(workspace.pk, justification="", requester=org.developer, now=now())
        cancel.cancel(run.pk, actor=org.developer, now=now())
        assert Workspace.objects.get().closed_at is None

    def test_stays_when_the_order_is_refused(self, workspace: Workspace, org: Organisation) -> None:
        seen_before(workspace, hours=25)
        drift.order_due(now=now())
        with pytest.raises(submit.GuardrailRefused):
            submit.submit_update(
                workspace.pk,
                parameters={"instance_class": "db.r6g.16xlarge"},
                justification="",
                requester=org.developer,
                now=now(),
            )
        assert Run.objects.get(kind="drift_check").status == RunStatus.PLAN_QUEUED


class TestSettling:
    @staticmethod
    def drifted(workspace: Workspace, org: Organisation, **found: object) -> None:
        present = {
            "instance_class": workspace.variables["instance_class"],
            "allocated_storage": workspace.variables["allocated_storage_gb"],
            "identifier": workspace.name,
            "port": 5432,
        }
        check(
            workspace, org, DriftingEngine(**{name: (present[name], value) for name, value in found.items()})
        )

    def test_by_a_correction_orders_the_present_parameters(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        self.drifted(workspace, org, instance_class="db.t4g.large")
        run = settle.correct(workspace.pk, justification="Put it back.", requester=org.developer, now=now())
        assert (run.kind, run.variables, run.parameters) == (
            "update",
            workspace.variables,
            workspace.parameters,
        )
        assert run.request.justification == "Put it back."

    def test_by_accepting_orders_what_was_found(self, workspace: Workspace, org: Organisation) -> None:
        self.drifted(
            workspace, org, instance_class="db.t4g.large", allocated_storage=30, port=6000, identifier="x"
        )
        wanted = settle.acceptance(Workspace.objects.get())
        assert wanted.parameters == {"instance_class": "db.t4g.large", "allocated_storage_gb": 30}
        assert {row.path: row.obstacle.split(".")[0] for row in wanted.put_back} == {
            "identifier": "name is filled in by the portal and stays as it is",
            "port": "No single parameter of the module sets it",
        }
        run = settle.accept(workspace.pk, justification="It was needed.", requester=org.developer, now=now())
        assert run.kind == "update"
        assert run.variables["instance_class"] == "db.t4g.large"
        assert run.parameters == {"instance_class": "db.t4g.large", "allocated_storage_gb": 30}

    def test_by_accepting_what_a_guardrail_forbids_is_refused(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        self.drifted(workspace, org, instance_class="db.r6g.16xlarge")
        with pytest.raises(submit.GuardrailRefused, match="development allows only"):
            settle.accept(workspace.pk, justification="", requester=org.developer, now=now())
        assert Workspace.objects.get().drifted_at is not None

    def test_by_accepting_takes_more_parameters_where_what_was_found_alone_breaks_a_rule(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        self.drifted(workspace, org, allocated_storage=64)
        with pytest.raises(InvalidAsk) as refusal:
            settle.accept(workspace.pk, justification="", requester=org.developer, now=now())
        assert [error.field for error in refusal.value.errors] == ["max_allocated_storage_gb"]
        run = settle.accept(
            workspace.pk,
            parameters={"max_allocated_storage_gb": 128},
            justification="",
            requester=org.developer,
            now=now(),
        )
        assert run.parameters == {"allocated_storage_gb": 64, "max_allocated_storage_gb": 128}

    def test_by_accepting_what_no_parameter_sets_is_refused(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        self.drifted(workspace, org, port=6000)
        with pytest.raises(settle.NothingToAccept, match="No single parameter"):
            settle.accept(workspace.pk, justification="", requester=org.developer, now=now())

    def test_of_nothing_is_refused(self, workspace: Workspace, org: Organisation) -> None:
        for act in (settle.accept, settle.correct):
            with pytest.raises(settle.NotDrifted):
                act(workspace.pk, justification="", requester=org.developer, now=now())

    def test_is_for_owners_alone(self, workspace: Workspace, org: Organisation) -> None:
        self.drifted(workspace, org, instance_class="db.t4g.large")
        for act in (settle.accept, settle.correct):
            with pytest.raises(NotYourService):
                act(workspace.pk, justification="", requester=org.sre, now=now())
