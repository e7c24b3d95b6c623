"""Take up what waits. A message only says "look now"; whose turn it is, the database says."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import structlog
from django.db import Error as DatabaseError

from provisioner import queue, waiting
from provisioner.domain.errors import EngineError
from provisioner.domain.queueing import Phase, Waiting
from provisioner.domain.run import RunStatus
from provisioner.engine.types import Engine
from provisioner.models import Run
from provisioner.services import apply, plan, record, shutdown, transition
from provisioner.services.plan import Clock

log = structlog.get_logger(__name__)

TASKS: Mapping[Phase, str] = {Phase.PLAN: queue.PLAN, Phase.APPLY: queue.APPLY}
_PHASES: Mapping[str, Phase] = {task: phase for phase, task in TASKS.items()}
_QUEUED = {Phase.PLAN: RunStatus.PLAN_QUEUED, Phase.APPLY: RunStatus.APPLY_QUEUED}
# No more messages of a task than this wait in the broker because somebody rang again.
RUNG_MAX = 200
# A worker that was too slow for so many runs leaves its message unanswered; the sweeper rings again.
TRIES_MAX = 50


def answer(tasks: Iterable[str], *, engine: Engine, worker: str, clock: Clock) -> RunStatus | None:
    """Take the next run in dispatch order that this worker may do, whichever run the message was sent for.

    `tasks` are those whose messages the worker takes. A run that another worker was quicker to claim is left to it,
    and the next one tried. Returns the run's new status, or None when nothing may start now.
    """
    phases = frozenset(_PHASES[task] for task in tasks)
    tried: set[uuid.UUID] = set()
    while len(tried) < TRIES_MAX and not shutdown.requested():
        line = waiting.read_line()
        candidate = next((run for run in line.may_start(phases) if run.run_id not in tried), None)
        if candidate is None:
            return None
        tried.add(candidate.run_id)
        status = _do(candidate, engine=engine, worker=worker, clock=clock)
        if status is not None:
            return status
    return None


def _do(candidate: Waiting, *, engine: Engine, worker: str, clock: Clock) -> RunStatus | None:
    """Let the run's stage do its work, then ring for whoever waited for the slot."""
    stage = plan.plan if candidate.phase is Phase.PLAN else apply.apply
    try:
        status = stage(candidate.run_id, engine=engine, worker=worker, clock=clock)
    except (DatabaseError, EngineError, OSError):
        raise  # this worker's trouble and not the run's: another may be able
    except Exception:
        _end_if_it_still_waits(candidate, now=clock())
        _ring_for_slot(candidate.account)
        raise
    if status is not None:
        _ring_for_slot(candidate.account)
    return status


def _end_if_it_still_waits(candidate: Waiting, *, now: datetime) -> None:
    """End a run that breaks its stage before it is even claimed: first in line, it would break every worker."""
    frm = _QUEUED[candidate.phase]
    run = Run.objects.filter(pk=candidate.run_id, status=frm.value).first()
    if run is None:
        return
    try:
        record.finish(
            run,
            frm,
            RunStatus.ERRORED,
            now=now,
            reason="a defect of the portal",
            keep_open=candidate.phase is Phase.APPLY,
            fields={
                "error_summary": "The portal failed before it could begin with this run",
                "error_detail": "This is a defect of the portal, not of the order. The operators find the cause in "
                f"the worker's log under run {run.pk}. Retry the run; if it fails again, tell the platform team.",
            },
        )
    except transition.StaleRun:
        log.info("dispatch.moved_meanwhile", run_id=str(run.pk))


def _ring_for_slot(account: int | None) -> None:
    """Ring for a run that may start now in an account: its own message may have come while the account was full."""
    if account is None:
        return
    try:
        able = [run for run in waiting.read_line().may_start() if run.account == account]
    except DatabaseError:
        log.exception("dispatch.ring")  # the sweeper rings instead
        return
    _ring(able, able[:1])


def ring_again(*, waited_since: datetime) -> int:
    """Ring for runs that may start now and wait since before an instant: their message is lost.

    What an account's limit stops is not rung for, nor what a hold does: whoever ends the cause rings.
    """
    able = list(waiting.read_line().may_start())
    return _ring(able, [run for run in able if run.since < waited_since])


def _ring(able: Collection[Waiting], lost: Collection[Waiting]) -> int:
    """Ring for lost runs, up to one message in the broker for each that is able to start; return how many were sent.

    A worker that looks takes whoever is next, so the messages that wait count for anybody.
    """
    sent = 0
    for phase, task in TASKS.items():
        mine = [run.run_id for run in lost if run.phase is phase]
        there = queue.backlog(task) if mine else None
        if there is None:
            continue
        missing = min(sum(run.phase is phase for run in able), RUNG_MAX) - there
        for run_id in mine[: max(0, missing)]:
            if not queue.send(task, run_id):
                return sent
            sent += 1
    return sent
