"""Planning and applying: what is stored, what is refused, how failures end."""

from __future__ import annotations

import json
import threading

import pytest
from django.contrib.auth.models import Group

from provisioner import selectors
from provisioner.crypto import CannotOpen
from provisioner.domain import guardrails
from provisioner.domain.errors import EngineError
from provisioner.domain.run import RunStatus
from provisioner.engine.types import EngineFailure, RunSpec
from provisioner.models import AuditEvent, Run, RunPlan, StateLock
from provisioner.services import approve, cancel, plan
from tests.conftest import Organisation
from tests.fakes import FakeEngine, change, plan_document, state_document, store_state
from tests.services.conftest import Order, applied, decide, now, planned

pytestmark = pytest.mark.django_db(transaction=True)


class TestPlanning:
    def test_stores_a_sealed_plan_that_binds_module_parameters_and_state(
        self, order: Order, fake: FakeEngine
    ) -> None:
        run = planned(order(), fake)
        stored = RunPlan.objects.get(run=run)
        assert run.status == RunStatus.APPLY_QUEUED
        assert b"plan of" not in bytes(stored.plan_file)
        assert stored.module_digest == run.item_version.module_digest
        assert (stored.state_serial, stored.state_lineage) == (None, "")
        assert run.estimate.line_items[0]["address"] == "module.this.aws_db_instance.this"

    def test_is_done_once_when_the_message_comes_twice(self, order: Order, fake: FakeEngine) -> None:
        run = planned(order(), fake)
        assert plan.plan(run.pk, engine=fake, worker="w2", clock=now) is None
        assert len(fake.planned) == 1

    def test_that_fails_ends_the_run_with_terraforms_words_and_frees_the_name(
        self, order: Order, fake: FakeEngine
    ) -> None:
        fake.plan_error = EngineError("Unsupported argument", "on main.tf line 3", permanent=True)
        run = planned(order(), fake)
        assert (run.status, run.error_summary) == (RunStatus.ERRORED, "Unsupported argument")
        assert run.error_detail == "on main.tf line 3"
        assert run.workspace.__class__.objects.get().closed_at is not None

    def test_that_meets_a_bug_of_ours_ends_the_run_and_raises(self, order: Order, fake: FakeEngine) -> None:
        def bug(spec: RunSpec, stop: threading.Event) -> None:
            raise ZeroDivisionError

        fake.during_plan = bug
        run = order()
        with pytest.raises(ZeroDivisionError):
            planned(run, fake)
        run.refresh_from_db()
        assert run.status == RunStatus.ERRORED
        assert "defect of the portal" in run.error_detail

    def test_refuses_a_plan_whose_resources_miss_a_required_tag(self, order: Order, fake: FakeEngine) -> None:
        fake.document = lambda spec: plan_document(
            [
                change(
                    "module.this.aws_kms_key.k",
                    "aws_kms_key",
                    ["create"],
                    {"tags_all": {"service": "orders"}},
                )
            ]
        )
        run = planned(order(), fake)
        assert run.status == RunStatus.POLICY_FAILED
        assert {f["rule"] for f in run.findings} == {"required-tags"}

    def test_is_refused_by_a_rule_that_breaks(
        self, order: Order, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(guardrails, "check_plan", broken)
        run = planned(order(), fake)
        assert run.status == RunStatus.POLICY_FAILED
        assert "could not be evaluated" in run.error_summary
        assert fake.applied == []

    def test_of_nothing_to_do_finishes_without_applying(self, order: Order, fake: FakeEngine) -> None:
        fake.document = lambda spec: plan_document([])
        run = planned(order(), fake)
        assert run.status == RunStatus.PLANNED_AND_FINISHED
        assert fake.applied == []

    def test_is_stopped_by_a_cancel(self, order: Order, org: Organisation, fake: FakeEngine) -> None:
        def cancel_meanwhile(spec: RunSpec, stop: threading.Event) -> None:
            cancel.cancel(spec.run_id, actor=org.developer, now=now())
            assert stop.wait(20)
            raise EngineError("Stopped", permanent=True)

        fake.during_plan = cancel_meanwhile
        run = planned(order(), fake)
        assert run.status == RunStatus.CANCELED

    def test_by_a_worker_that_lost_its_lease_writes_nothing(self, order: Order, fake: FakeEngine) -> None:
        def lose(spec: RunSpec, stop: threading.Event) -> None:
            Run.objects.update(fencing_token=99)

        fake.during_plan = lose
        run = planned(order(), fake)
        assert run.status == RunStatus.PLANNING
        assert not RunPlan.objects.exists()
        assert not [line for line in selectors.log_lines(run) if line.text != "planning"]


class TestApplying:
    def test_applies_exactly_the_stored_plan_and_records_what_came_of_it(
        self, order: Order, fake: FakeEngine
    ) -> None:
        run = applied(planned(order(), fake), fake)
        assert run.status == RunStatus.APPLIED
        assert fake.applied == [f"plan of {run.pk}".encode()]
        workspace = run.workspace.__class__.objects.get()
        assert workspace.outputs == {"endpoint": {"sensitive": False, "value": "db.example"}}
        assert [r.address for r in workspace.resources.all()] == ["module.this.aws_db_instance.this"]
        assert workspace.estimate_usd_month == run.estimate.usd_month
        assert workspace.variables == run.variables

    def test_plans_again_when_the_state_moved_meanwhile(self, order: Order, fake: FakeEngine) -> None:
        run = planned(order(), fake)
        Run.objects.filter(pk=run.pk).update(status="applying")
        store_state(fake.planned[0])
        Run.objects.filter(pk=run.pk).update(status="apply_queued")
        run = applied(run, fake)
        assert run.status == RunStatus.PLAN_QUEUED
        assert fake.applied == []
        assert "state moved" in run.transitions.last().reason

    def test_plans_again_when_the_parameters_changed_meanwhile(self, order: Order, fake: FakeEngine) -> None:
        run = planned(order(), fake)
        Run.objects.filter(pk=run.pk).update(variables={**run.variables, "multi_az": True})
        assert applied(run, fake).status == RunStatus.PLAN_QUEUED

    def test_plans_again_on_a_worker_with_another_terraform(self, order: Order, fake: FakeEngine) -> None:
        run = planned(order(), fake)
        fake.engine_version = "1.12.0"
        run = applied(run, fake)
        assert (run.status, fake.applied) == (RunStatus.PLAN_QUEUED, [])
        assert (
            "made by Terraform 1.11.4, and this worker has Terraform 1.12.0" in run.transitions.last().reason
        )
        assert applied(planned(run, fake), fake).status == RunStatus.APPLIED

    def test_plans_again_when_the_content_of_its_module_is_another(
        self, order: Order, fake: FakeEngine
    ) -> None:
        run = planned(order(), fake)
        RunPlan.objects.filter(run=run).update(module_digest="0" * 64)
        assert (applied(run, fake).status, fake.applied) == (RunStatus.PLAN_QUEUED, [])

    def test_that_fails_halfway_keeps_what_was_made_and_can_be_retried(
        self, order: Order, org: Organisation, fake: FakeEngine
    ) -> None:
        fake.during_apply = lambda spec, stop: store_state(spec)
        fake.apply_error = EngineError(
            "creating alarm: quota", "aws_cloudwatch_metric_alarm.cpu", permanent=False
        )
        run = applied(planned(order(), fake), fake)
        assert (run.status, run.error_summary) == (RunStatus.ERRORED, "creating alarm: quota")
        workspace = run.workspace.__class__.objects.get()
        assert workspace.resources.count() == 1
        assert workspace.closed_at is None
        assert workspace.applied_at is None


class TestADecision:
    @pytest.fixture
    def waiting(self, order: Order, fake: FakeEngine) -> Run:
        return planned(order("production"), fake)

    def test_of_the_last_step_queues_the_apply(self, waiting: Run, org: Organisation) -> None:
        decide(waiting, org, "finops")
        waiting.refresh_from_db()
        assert waiting.status == RunStatus.NEEDS_APPROVAL
        decide(waiting, org, "sre")
        waiting.refresh_from_db()
        assert waiting.status == RunStatus.APPLY_QUEUED

    def test_against_it_ends_the_run_and_frees_the_name(self, waiting: Run, org: Organisation) -> None:
        decide(waiting, org, "finops", "reject", comment="Use staging first.")
        waiting.refresh_from_db()
        assert (waiting.status, waiting.error_detail) == (RunStatus.REJECTED, "Use staging first.")
        assert waiting.workspace.__class__.objects.get().closed_at is not None

    @pytest.mark.parametrize(
        ("refusal", "changed"),
        [
            (approve.PlanChanged, {"plan_digest": "0" * 64}),
            (approve.UnknownStep, {"step_id": 10**9}),
            (approve.InvalidDecision, {"verdict": "maybe"}),
            (approve.InvalidDecision, {"verdict": "reject", "comment": " "}),
            (approve.InvalidDecision, {"comment": "x" * 4001}),
            (approve.InvalidDecision, {"comment": "a\0"}),
        ],
    )
    def test_that_cannot_be_taken_is_refused_and_changes_nothing(
        self, waiting: Run, org: Organisation, refusal: type[Exception], changed: dict[str, object]
    ) -> None:
        with pytest.raises(refusal):
            decide(waiting, org, "finops", **{"verdict": "approve", **changed})  # type: ignore[arg-type]
        assert not waiting.decisions.exists()

    def test_of_the_requester_is_refused_and_audited(self, waiting: Run, org: Organisation) -> None:
        org.developer.groups.add(Group.objects.get(name="finops"))
        with pytest.raises(approve.SelfApproval):
            decide(waiting, org, "finops", approver=org.developer)
        assert AuditEvent.objects.filter(action="approval.refused", actor=org.developer).exists()

    def test_of_somebody_outside_the_group_is_refused(self, waiting: Run, org: Organisation) -> None:
        with pytest.raises(approve.NotAnApprover):
            decide(waiting, org, "finops", approver=org.sre)
        with pytest.raises(selectors.NotVisible):
            decide(waiting, org, "finops", approver=org.outsider)

    def test_of_an_approver_who_left_the_group_meanwhile_is_refused(
        self, waiting: Run, org: Organisation
    ) -> None:
        org.finops.groups.clear()
        with pytest.raises((approve.NotAnApprover, selectors.NotVisible)):
            decide(waiting, org, "finops", approver=type(org.finops).objects.get(pk=org.finops.pk))

    def test_of_a_second_step_by_the_same_person_is_refused(self, waiting: Run, org: Organisation) -> None:
        org.finops.groups.add(Group.objects.get(name="sre"))
        both = type(org.finops).objects.get(pk=org.finops.pk)
        decide(waiting, org, "finops", approver=both)
        with pytest.raises(approve.SecondStep):
            decide(waiting, org, "sre", approver=both)

    def test_that_was_taken_already_names_who_took_it(self, waiting: Run, org: Organisation) -> None:
        decide(waiting, org, "finops")
        with pytest.raises(approve.AlreadyDecided, match="finops decided"):
            decide(waiting, org, "finops")

    def test_binds_to_its_plan_and_is_asked_again_for_another(
        self, waiting: Run, org: Organisation, fake: FakeEngine
    ) -> None:
        decide(waiting, org, "finops")
        decide(waiting, org, "sre")
        Run.objects.filter(pk=waiting.pk).update(variables={**waiting.variables, "backup_retention_days": 30})
        assert applied(waiting, fake).status == RunStatus.PLAN_QUEUED
        again = planned(waiting, fake)
        assert again.status == RunStatus.NEEDS_APPROVAL
        assert waiting.decisions.count() == 2, "the old decisions stay as history"
        assert all(not hasattr(step, "decision") for step in selectors.steps_of(again))

    def test_to_approve_is_not_enough_where_a_guardrail_must_be_overridden(
        self, order: Order, org: Organisation, fake: FakeEngine
    ) -> None:
        run = planned(order("production", deletion_protection=False), fake)
        with pytest.raises(approve.InvalidDecision, match="override"):
            decide(run, org, "sre", "approve")
        decide(run, org, "sre", "override", comment="Short-lived test of production.")


class TestALock:
    def test_does_not_outlive_its_apply(self, order: Order, fake: FakeEngine) -> None:
        applied(planned(order(), fake), fake)
        assert not StateLock.objects.exists()


class TestAStateThatTerraformCouldNotSave:
    def test_is_kept_by_the_portal_and_then_forgotten_by_the_engine(
        self, order: Order, fake: FakeEngine
    ) -> None:
        def leave_state(spec: RunSpec, stop: threading.Event) -> None:
            body = json.dumps(state_document(spec, 1)).encode()
            raise EngineFailure("Failed to persist state", "", True, errored_state=body)

        fake.during_apply = leave_state
        run = applied(planned(order(), fake), fake)
        assert run.status == RunStatus.ERRORED
        assert selectors.newest_state(run.workspace_id).serial == 1
        assert run.workspace.resources.count() == 1
        assert fake.forgotten == [str(run.pk)]


class TestAPlanThatCannotBeOpened:
    def test_ends_the_run_at_once_and_raises(self, order: Order, fake: FakeEngine) -> None:
        run = planned(order(), fake)
        RunPlan.objects.filter(run=run).update(plan_file=b"DB1?")
        with pytest.raises(CannotOpen):
            applied(run, fake)
        run.refresh_from_db()
        assert run.status == RunStatus.ERRORED
        assert fake.applied == []
