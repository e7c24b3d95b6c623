"""Recovery of applies that were cut short: take the run, look what was made, plan what is left, and decide.

Provider calls are not idempotent, so nothing is applied twice blindly. A run goes on by itself only when its Terraform
is known to have ended by itself, so that its state knows all it made, and what is left is a part of what was agreed
to. Otherwise a person decides, with the difference and the suspected orphans in front of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from provisioner import queue, selectors
from provisioner.crypto import CannotOpen
from provisioner.domain import recovery
from provisioner.domain.plan import Plan
from provisioner.domain.recovery import Known, Suspect
from provisioner.domain.run import LOST_WORKERS_MAX, RunKind, RunStatus
from provisioner.domain.state import StateFormatError, StateView
from provisioner.engine.types import Engine
from provisioner.models import Run, RunPlan, StateLock
from provisioner.services import audit, lease, record, state_backend, transition
from provisioner.services.lease import Claim

log = structlog.get_logger(__name__)

_BATCH = 50


class Ended(StrEnum):
    """How the Terraform of an interrupted apply ended."""

    NEVER_BEGAN = "never_began"  # it never held the state lock, and can take it no more
    BY_ITSELF = (
        "by_itself"  # it released the lock, or left its state behind: some state knows all that it made
    )
    UNKNOWN = "unknown"  # killed, or out of sight: something may be in no state

    @property
    def graceful(self) -> bool:
        """Whether everything that was made is in a state."""
        return self is not Ended.UNKNOWN


class Verdict(StrEnum):
    """What recovery made of an interrupted run."""

    CONTINUES = "continues"  # by itself: what is left is a part of what was agreed to
    FINISHED = "finished"  # nothing was left to do
    ASKS = "asks"  # a person decides
    GAVE_UP = "gave_up"  # too many workers were lost over it


@dataclass(frozen=True)
class Decision:
    """What to do with the plan of what is left; `reasons` say why a person is asked."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()


def recover(*, now: datetime, engine: Engine) -> dict[str, int]:
    """Take up interrupted runs. Returns how many were taken from their workers and how many were handed on."""
    taken = handed_on = 0
    for run in _interrupted():
        if "ended" not in run.recovery:
            taken += _take(run, engine, now)
        if "ended" in run.recovery:
            handed_on += _hand_on(run, engine, now)
    return {"taken": taken, "handed_on": handed_on}


def _interrupted() -> list[Run]:
    return list(
        Run.objects.select_related("workspace", "request", "plan", "estimate")
        .filter(status=RunStatus.INTERRUPTED.value)
        .order_by("interrupted_at")[:_BATCH]
    )


def _take(run: Run, engine: Engine, now: datetime) -> bool:
    """Fence the run once its Terraform has ended or can do no more; False when that is not yet so."""
    left_behind = engine.rescued_state(str(run.pk))
    ended = _ended(run, engine, left_behind)
    if ended is None:
        return False
    kept = False
    with transaction.atomic():
        # In one statement with what `ended` was read from: a Terraform that takes or releases the lock meanwhile wins.
        taken = Run.objects.filter(
            pk=run.pk,
            status=RunStatus.INTERRUPTED.value,
            fencing_token=run.fencing_token,
            lock_taken_token=run.lock_taken_token,
            lock_released_token=run.lock_released_token,
        ).update(fencing_token=F("fencing_token") + 1, recovery={**run.recovery, "ended": ended.value})
        if not taken:
            return False
        StateLock.objects.filter(run=run).delete()
        if left_behind is not None:
            kept = state_backend.keep(run, left_behind, now=now)
            if not kept and ended is Ended.BY_ITSELF and run.lock_released_token != run.fencing_token:
                # What it made is in a state that the portal cannot take.
                ended = Ended.UNKNOWN
                Run.objects.filter(pk=run.pk).update(recovery={**run.recovery, "ended": ended.value})
    if kept:
        engine.forget_rescued_state(str(run.pk))
    log.warning("run.fenced", run_id=str(run.pk), worker=run.worker, ended=ended.value)
    run.refresh_from_db(fields=["recovery", "fencing_token"])
    return True


def _ended(run: Run, engine: Engine, left_behind: bytes | None) -> Ended | None:
    """Tell how the run's Terraform ended; None while it may still be saving its state."""
    if run.lock_taken_token != run.fencing_token:
        return Ended.NEVER_BEGAN
    if run.lock_released_token == run.fencing_token or left_behind is not None:
        return Ended.BY_ITSELF
    waited = (
        timedelta() if run.interrupted_at is None else lease.database_now() - run.interrupted_at
    ).total_seconds()
    # Asked to end when its worker died, it has its grace; it may run on another host than this.
    if waited < settings.DRAWBRIDGE_STOP_GRACE_S or (
        engine.is_busy(str(run.pk)) and waited < 2 * settings.DRAWBRIDGE_STOP_GRACE_S
    ):
        return None
    return Ended.UNKNOWN


def _hand_on(run: Run, engine: Engine, now: datetime) -> bool:
    """Record what the state knows and what may be lost, and queue the planning of what is left."""
    ended = Ended(run.recovery["ended"])
    view = _inventory(run)
    approved = selectors.plan_view(run)
    lost = [] if approved is None else _suspects(run, ended, view, approved, engine)
    evidence: dict[str, Any] = {
        **run.recovery,
        "graceful": ended.graceful,
        "worker": run.worker,
        "made": 0 if view is None else len(view.resources),
        "approved_digest": run.plan.digest,
        "approved_usd_month": str(run.estimate.usd_month),
        "suspects": [asdict(suspect) for suspect in lost],
        "reasons": [],
        "verdict": "",
    }
    try:
        with transaction.atomic():
            RunPlan.objects.filter(run=run).update(approved_document=F("document"))
            if run.lost_workers >= LOST_WORKERS_MAX:
                _give_up(run, {**evidence, "verdict": Verdict.GAVE_UP.value}, now, keep_open=view is None)
                return True
            transition.move(
                run.pk,
                RunStatus.INTERRUPTED,
                RunStatus.PLAN_QUEUED,
                now=now,
                reason="recovery plans what is left",
                fields={"recovery": evidence},
            )
            queue.ring(queue.PLAN, run.pk)
    except transition.StaleRun:
        return False
    return True


def _give_up(run: Run, evidence: Mapping[str, Any], now: datetime, *, keep_open: bool) -> None:
    record.finish(
        run,
        RunStatus.INTERRUPTED,
        RunStatus.ERRORED,
        now=now,
        reason=f"{run.lost_workers} workers were lost over it",
        keep_open=keep_open or bool(evidence["suspects"]),
        fields={
            "recovery": evidence,
            "error_summary": f"The worker was lost {run.lost_workers} times over this run",
            "error_detail": "Whatever works on this run dies, so it is not tried again by itself. What Terraform had "
            "saved is recorded on the workspace. The platform team finds the workers' end in their logs "
            f"(last worker: {run.worker}). When the cause is mended, retry the run: it plans what is left.",
        },
    )


def _inventory(run: Run) -> StateView | None:
    """Record what the state knows; None when there is none, or when it cannot be read, which must not stop recovery."""
    try:
        return record.inventory(run.workspace_id)
    except (CannotOpen, StateFormatError):
        log.exception("recover.inventory", run_id=str(run.pk))
        return None


def _suspects(
    run: Run, ended: Ended, view: StateView | None, approved: Plan, engine: Engine
) -> tuple[Suspect, ...]:
    """List what may be in no state: none after a Terraform that ended by itself, unless the cloud shows it."""
    known = [] if view is None else [_known(resource) for resource in view.resources]
    found = engine.objects_of(str(run.workspace_id))
    listed = recovery.suspects(approved, known, () if ended.graceful else _said(run), found)
    if ended.graceful:
        listed = tuple(one for one in listed if one.ids)
    return (*listed, *(one for one in _earlier(run) if recovery.is_still_lost(one, known, listed)))


def _earlier(run: Run) -> tuple[Suspect, ...]:
    """Return the suspects of an earlier interruption of the same run."""
    return tuple(
        Suspect(**{**document, "ids": tuple(document["ids"])})
        for document in run.recovery.get("earlier_suspects", [])
    )


def _known(resource: Any) -> Known:
    texts = {value for value in resource.attributes.values() if isinstance(value, str) and value}
    return Known(resource.address, resource.type, frozenset(texts))


def _said(run: Run) -> tuple[str, ...]:
    """Return what Terraform said while it applied."""
    return tuple(line.text for line in selectors.whole_log(run) if line.phase == "apply")


def note_suspects(run: Run, engine: Engine) -> None:
    """Note on a run whose Terraform had to be killed what may be in no state."""
    view = _inventory(run)
    approved = selectors.plan_view(run)
    if approved is None:
        return
    lost = _suspects(run, Ended.UNKNOWN, view, approved, engine)
    noted = {
        **run.recovery,
        "ended": Ended.UNKNOWN.value,
        "graceful": False,
        "worker": run.worker,
        "made": 0 if view is None else len(view.resources),
        "suspects": [asdict(suspect) for suspect in lost],
        "reasons": [],
        "verdict": "",
    }
    Run.objects.filter(pk=run.pk).update(recovery=noted)


def is_recovering(run: Run) -> bool:
    """Whether the plan being made is that of what an interrupted apply left."""
    return bool(run.recovery.get("approved_digest"))


def decide(run: Run, left: Plan, *, left_usd_month: Decimal) -> Decision:
    """Decide what becomes of the plan of what is left."""
    if not left.has_changes:
        return Decision(Verdict.FINISHED)
    reasons: list[str] = []
    if run.recovery["ended"] == Ended.UNKNOWN:
        reasons.append("Terraform did not end by itself, so something may exist that no state knows.")
    elif run.recovery["suspects"]:
        reasons.append("Something exists in the cloud that no state knows.")
    approved = selectors.approved_view(run)
    if approved is None:
        reasons.append("The plan that was being applied is not kept.")
    else:
        reasons += recovery.beyond(
            approved,
            left,
            approved_usd_month=Decimal(run.recovery["approved_usd_month"]),
            left_usd_month=left_usd_month,
        )
    if not reasons:
        return Decision(Verdict.CONTINUES)
    return Decision(Verdict.ASKS, ("Its apply was cut short.", *reasons))


def inherited(run: Run) -> tuple[str, ...]:
    """Say why a person looks at a run that was never cut short: the one before it may have left something behind.

    The suspects are noted on the run. The caller holds the transaction. Whether they are gone only a person can tell,
    so they are asked about until a run of the workspace is applied.
    """
    before = (
        Run.objects.filter(workspace_id=run.workspace_id, created_at__lt=run.created_at)
        .exclude(kind=RunKind.DRIFT_CHECK.value)
        .order_by("-created_at", "-id")
        .first()
    )
    if before is None or before.status == RunStatus.APPLIED or not before.recovery.get("suspects"):
        return ()
    suspected = before.recovery["suspects"]
    reason = f"Run {before.pk} did not finish its apply, and may have left {len(suspected)} object"
    reasons = (f"{reason}{'' if len(suspected) == 1 else 's'} that no state knows.",)
    run.recovery = {
        "inherited_from": str(before.pk),
        "suspects": suspected,
        "reasons": list(reasons),
        "verdict": Verdict.ASKS.value,
    }
    Run.objects.filter(pk=run.pk).update(recovery=run.recovery)
    return reasons


def note(run: Run, decision: Decision, *, now: datetime) -> None:
    """Write the decision on the run. The caller holds the transaction."""
    run.recovery = {
        **run.recovery,
        "verdict": decision.verdict.value,
        "reasons": list(decision.reasons),
    }
    Run.objects.filter(pk=run.pk).update(recovery=run.recovery)
    audit.record(
        f"run.recovery_{decision.verdict.value}",
        object_type="run",
        object_id=run.pk,
        actor=None,
        now=now,
        detail={"reasons": list(decision.reasons), "suspects": len(run.recovery["suspects"])},
    )


def keep_left_behind(run: Run, claim: Claim, engine: Engine, *, now: datetime) -> None:
    """Store the state that the interrupted apply left on the host that now plans what is left."""
    body = engine.rescued_state(str(run.pk))
    if state_backend.rescue(run, claim, body, now=now):
        engine.forget_rescued_state(str(run.pk))
        _inventory(run)


def keep_rescued(*, now: datetime, engine: Engine, run_ids: tuple[str, ...]) -> int:
    """Store states that were left on this host by runs that are over or interrupted; return how many were kept.

    One of an interrupted run is left to `recover`, which looks for it. Any other is newer than what the portal has,
    or is refused and stays on disk.
    """
    kept = 0
    for run in Run.objects.filter(pk__in=run_ids).exclude(
        status__in=[RunStatus.APPLYING.value, RunStatus.INTERRUPTED.value]
    ):
        body = engine.rescued_state(str(run.pk))
        if body is not None and state_backend.keep(run, body, now=now):
            engine.forget_rescued_state(str(run.pk))
            record.inventory(run.workspace_id)
            kept += 1
    return kept
