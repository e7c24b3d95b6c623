"""Plan a queued run: let Terraform plan, judge the plan, and send it where it belongs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

import structlog
from django.db import transaction

from provisioner import notify, policy, selectors
from provisioner.domain import approval
from provisioner.domain import plan as plans
from provisioner.domain.errors import EngineError
from provisioner.domain.finding import Level
from provisioner.domain.run import RunKind, RunStatus
from provisioner.engine.types import Engine, PlanOutcome
from provisioner.models import Run, RunEstimate
from provisioner.services import (
    confirm,
    drift,
    estimator,
    judge,
    lease,
    outcome,
    overrides,
    record,
    recover,
    stored_plan,
    transition,
)
from provisioner.services.findings import (
    change_documents,
    coverage_document,
    documents,
    line_item_documents,
    unpriced_documents,
)
from provisioner.services.judge import JudgedPlan
from provisioner.services.lease import Claim
from provisioner.services.recover import Verdict
from provisioner.services.runlog import RunLog
from provisioner.services.runspec import spec_of

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]


def plan(run_id: uuid.UUID, *, engine: Engine, worker: str, clock: Clock) -> RunStatus | None:
    """Plan a run that waits in `plan_queued`. Returns its new status, or None when there was nothing to take."""
    claim = lease.claim(run_id, RunStatus.PLAN_QUEUED, RunStatus.PLANNING, worker=worker, now=clock())
    if claim is None:
        return None
    run = _load(run_id)
    if run.stop_requested_at is not None:  # of an apply that was cut short before it could be stopped
        claim.cause.append("canceled")
        return outcome.engine_failed(run, claim, EngineError("Stopped"), now=clock())
    try:
        if recover.is_recovering(run):
            recover.keep_left_behind(run, claim, engine, now=clock())
        newest = selectors.newest_state(run.workspace_id)
        with lease.held(claim), RunLog(claim, clock) as runlog:
            result = engine.plan(
                spec_of(run, claim), on_line=runlog.write, on_tick=runlog.tick, stop=claim.stop
            )
            outside = estimator.outside(run, result, claim)
        if run.kind == RunKind.DRIFT_CHECK.value:
            return drift.conclude(run, claim, result, state=newest, now=clock())
        judgement = judge.plan_of(run, result, outside=outside, now=clock())
    except EngineError as error:
        return outcome.engine_failed(run, claim, error, now=clock())
    except plans.PlanFormatError as error:
        return outcome.engine_failed(
            run, claim, EngineError("The plan cannot be read", str(error), permanent=True), now=clock()
        )
    except lease.LeaseLost:
        return None
    except Exception:
        outcome.portal_failed(run, claim, now=clock())
        raise
    if claim.canceled:
        return outcome.engine_failed(run, claim, EngineError("Stopped"), now=clock())
    try:
        return _commit(
            run,
            claim,
            result,
            judgement,
            serial=None if newest is None else newest.serial,
            lineage="" if newest is None else newest.lineage,
            now=clock(),
        )
    except transition.StaleRun:
        log.warning("run.lease_lost", run_id=str(run_id))
        return None


def _load(run_id: uuid.UUID) -> Run:
    return Run.objects.select_related(
        "workspace__service__owner_team",
        "workspace__service__cost_center",
        "workspace__environment",
        "workspace__item",
        "item_version__item",
        "request",
        "requester",
    ).get(pk=run_id)


def _commit(
    run: Run,
    claim: Claim,
    result: PlanOutcome,
    judgement: JudgedPlan,
    *,
    serial: int | None,
    lineage: str,
    now: datetime,
) -> RunStatus:
    """Store the plan and move the run on, all or nothing."""
    with transaction.atomic():
        transition.move(
            run.pk,
            RunStatus.PLANNING,
            RunStatus.PLANNED,
            now=now,
            holding=claim.fencing_token,
            fields={
                "findings": documents(judgement.said.findings),
                "policy_digest": judgement.policy_digest,
                "lease_expires_at": None,
            },
        )
        stored_plan.store(
            run,
            result,
            judgement.document,
            digest=judgement.digest,
            variables_digest=judgement.variables_digest,
            counts=judgement.plan.counts(),
            serial=serial,
            lineage=lineage,
            now=now,
        )
        run.estimate, _ = RunEstimate.objects.update_or_create(
            run=run,
            defaults={
                "usd_month": judgement.said.estimate.usd_month,
                "delta_usd_month": judgement.said.delta_usd_month,
                "usage_usd_month": judgement.said.estimate.usage_usd_month,
                "change_usd_month": judgement.said.change.delta_usd_month,
                "changes": change_documents(judgement.said.change),
                "coverage": coverage_document(judgement.said.estimate.coverage),
                "line_items": line_item_documents(judgement.said.change.lines),
                "unpriced": unpriced_documents(judgement.said.estimate.unpriced),
                "price_book_digest": judgement.price_book_digest,
                "estimated_by": judgement.estimated_by,
                "created_at": now,
            },
        )
        return _route(run, judgement, now)


def _route(run: Run, judgement: JudgedPlan, now: datetime) -> RunStatus:
    """Move a planned run to where its plan sends it."""
    planned = RunStatus.PLANNED
    if judgement.said.refused:
        first = next(f for f in judgement.said.findings if f.level is Level.HARD_MANDATORY)
        record.finish(
            run,
            planned,
            RunStatus.POLICY_FAILED,
            now=now,
            reason=f"guardrail {first.rule}",
            fields={
                "error_summary": f"{first.where}: {first.what}"[:500],
                "error_detail": f"{first.why} {first.fix}",
            },
        )
        return RunStatus.POLICY_FAILED
    steps = judgement.said.steps
    if recover.is_recovering(run):
        decision = recover.decide(run, judgement.plan, left_usd_month=judgement.said.estimate.usd_month)
        recover.note(run, decision, now=now)
        if decision.verdict is Verdict.FINISHED:
            transition.move(
                run.pk,
                planned,
                RunStatus.APPLIED,
                now=now,
                reason="the apply that was cut short had done everything",
            )
            record.applied(run, now=now)
            notify.run_applied(run, now=now)
            return RunStatus.APPLIED
        if decision.verdict is Verdict.CONTINUES:
            digest = run.recovery["approved_digest"]
            return _confirm(run, planned, now, f"what is left is a part of the plan {digest[:12]}")
        group = policy.current().approvals.recovery_group
        steps = approval.with_recovery(steps, decision.reasons, group=group)
        notify.apply_interrupted(run, group=group, reasons=decision.reasons, now=now)
    elif judgement.plan.has_changes and (reasons := recover.inherited(run)):
        steps = approval.with_recovery(steps, reasons, group=policy.current().approvals.recovery_group)
    if not judgement.plan.has_changes:
        transition.move(
            run.pk, planned, RunStatus.PLANNED_AND_FINISHED, now=now, reason="the plan changes nothing"
        )
        record.applied(run, now=now)
        return RunStatus.PLANNED_AND_FINISHED
    overrides.note_uses(run, judgement.digest, judgement.said.covered, now=now)
    waiting = confirm.ask(run, steps, judgement.digest, policy_digest=judgement.policy_digest, now=now)
    if waiting:
        groups = " and ".join(step.who for step in waiting)
        transition.move(run.pk, planned, RunStatus.NEEDS_APPROVAL, now=now, reason=f"asks {groups}"[:500])
        return RunStatus.NEEDS_APPROVAL
    return _confirm(
        run, planned, now, "the same plan was approved before" if steps else "no rule asks for approval"
    )


def _confirm(run: Run, frm: RunStatus, now: datetime, reason: str) -> RunStatus:
    confirm.apply_it(run, frm, reason, now=now)
    return RunStatus.APPLY_QUEUED
