"""Apply exactly the stored plan of a confirmed run, and record what came of it."""

from __future__ import annotations

import json
import uuid

import structlog
from django.db import transaction

from provisioner import crypto, notify, queue, selectors
from provisioner.domain import plan as plans
from provisioner.domain.errors import EngineError
from provisioner.domain.run import RunStatus
from provisioner.engine.types import Engine
from provisioner.models import Run, RunPlan
from provisioner.services import lease, outcome, overrides, record, recover, state_backend, transition
from provisioner.services.plan import Clock
from provisioner.services.runlog import RunLog
from provisioner.services.runspec import spec_of

log = structlog.get_logger(__name__)


def apply(run_id: uuid.UUID, *, engine: Engine, worker: str, clock: Clock) -> RunStatus | None:
    """Apply a run that waits in `apply_queued`. Returns its new status, or None when there was nothing to take."""
    run = (
        Run.objects.select_related("workspace", "item_version__item", "request", "plan", "estimate")
        .filter(pk=run_id, status=RunStatus.APPLY_QUEUED.value)
        .first()
    )
    if run is None:
        return None
    if stale := stale_reason(run, run.plan, engine):
        return _plan_again(run, stale, clock)
    claim = lease.claim(run_id, RunStatus.APPLY_QUEUED, RunStatus.APPLYING, worker=worker, now=clock())
    if claim is None:
        return None
    failure: EngineError | None = None
    try:
        plan_file = _opened(run, "file", run.plan.plan_file)
        sensitive_values = tuple(json.loads(_opened(run, "sensitive-values", run.plan.sensitive_values)))
        with lease.held(claim), RunLog(claim, clock) as runlog:
            try:
                engine.apply(
                    spec_of(run, claim, sensitive_values=sensitive_values),
                    plan_file,
                    run.plan.lock_file.encode(),
                    on_line=runlog.write,
                    on_tick=runlog.tick,
                    stop=claim.stop,
                )
            except EngineError as error:
                failure = error
                if state_backend.rescue(run, claim, getattr(error, "errored_state", None), now=clock()):
                    engine.forget_rescued_state(str(run.pk))
        if not claim.lost:
            record.inventory(run.workspace_id)
            if failure is not None and outcome.was_killed(failure):
                recover.note_suspects(run, engine)
    except lease.LeaseLost:
        return None
    except Exception:
        outcome.portal_failed(run, claim, now=clock())
        raise
    if failure is not None:
        return outcome.engine_failed(run, claim, failure, now=clock())
    now = clock()
    try:
        with transaction.atomic():
            transition.move(
                run.pk, RunStatus.APPLYING, RunStatus.APPLIED, now=now, holding=claim.fencing_token
            )
            record.applied(run, now=now)
            notify.run_applied(run, now=now)
    except transition.StaleRun:
        log.warning("run.lease_lost", run_id=str(run_id))
        return None
    return RunStatus.APPLIED


def _opened(run: Run, part: str, sealed: bytes | memoryview) -> bytes:
    return crypto.open_sealed(sealed, identity=selectors.plan_identity(run.pk, part))


def stale_reason(run: Run, plan: RunPlan, engine: Engine) -> str:
    """Say why the stored plan must not be applied any more, or ""."""
    made_by, here = (plan.engine_name, plan.engine_version), engine.version()
    if made_by != here:
        return f"it was made by {' '.join(made_by)}, and this worker has {' '.join(here)}"
    newest = selectors.newest_state(run.workspace_id)
    serial, lineage = (None, "") if newest is None else (newest.serial, newest.lineage)
    if (serial, lineage) != (plan.state_serial, plan.state_lineage):
        return f"the state moved from serial {plan.state_serial} to {serial}"
    if run.item_version.module_digest != plan.module_digest:
        return "the module's content changed"
    if plans.variables_digest(run.variables) != plan.variables_digest:
        return "the parameters changed"
    return overrides.revoked(run, plan.digest)


def _plan_again(run: Run, reason: str, clock: Clock) -> RunStatus | None:
    try:
        with transaction.atomic():
            transition.move(
                run.pk,
                RunStatus.APPLY_QUEUED,
                RunStatus.PLAN_QUEUED,
                now=clock(),
                reason=f"the plan is stale: {reason}",
            )
            queue.ring(queue.PLAN, run.pk)
    except transition.StaleRun:
        return None
    return RunStatus.PLAN_QUEUED
