"""A run's history as the four stages that people follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from provisioner.domain.run import RunStatus
from provisioner.models import RunTransition

_S = RunStatus
_STAGES: tuple[tuple[str, frozenset[RunStatus]], ...] = (
    ("Ordered", frozenset({_S.PENDING})),
    ("Plan", frozenset({_S.PLAN_QUEUED, _S.PLANNING, _S.PLANNED})),
    ("Approval", frozenset({_S.NEEDS_APPROVAL, _S.CONFIRMED})),
    ("Apply", frozenset({_S.APPLY_QUEUED, _S.APPLYING, _S.INTERRUPTED})),
)
_FINISHED_WELL = frozenset({_S.APPLIED, _S.PLANNED_AND_FINISHED})


@dataclass(frozen=True)
class Stage:
    """One stage. `state` is done, now, wait (for people), failed, skipped or todo."""

    name: str
    state: str
    note: str
    took: timedelta | None  # the time spent in it, once it was left
    since: datetime | None  # set while it is the current one


@dataclass(frozen=True)
class Entry:
    """One line of the history: the move, and how long the run stayed where it went."""

    transition: RunTransition
    stayed: timedelta | None


def entries(transitions: Sequence[RunTransition]) -> list[Entry]:
    """Return the history with the time spent in each status; the current one has none."""
    following = [*transitions[1:], None]
    return [
        Entry(transition, None if after is None else after.at - transition.at)
        for transition, after in zip(transitions, following, strict=True)
    ]


def stages(status: RunStatus, transitions: Sequence[RunTransition]) -> list[Stage]:
    """Return the four stages for a run in `status` with this history."""
    took: dict[int, timedelta] = {}
    since: dict[int, datetime] = {}
    last = 0
    for entry in entries(transitions):
        index = _stage_of(RunStatus(entry.transition.to_status))
        if index is None:
            continue
        last = index
        since.setdefault(index, entry.transition.at)
        if entry.stayed is not None:
            took[index] = took.get(index, timedelta()) + entry.stayed
    current = _stage_of(status)
    return [
        _stage(index, name, status, current, last, took.get(index), since.get(index))
        for index, (name, _) in enumerate(_STAGES)
    ]


def _stage(
    index: int,
    name: str,
    status: RunStatus,
    current: int | None,
    last: int,
    took: timedelta | None,
    since: datetime | None,
) -> Stage:
    visited = since is not None
    if current is not None:  # still going
        if index == current:
            state = "wait" if status is RunStatus.NEEDS_APPROVAL else "now"
            if status is RunStatus.INTERRUPTED:
                state = "failed"
            return Stage(name, state, _NOW[state], None, since)
        if index < current:
            return Stage(
                name, "done" if visited else "skipped", "done" if visited else "not needed", took, None
            )
        return Stage(name, "todo", "to come", None, None)
    if status in _FINISHED_WELL:
        return Stage(name, "done" if visited else "skipped", "done" if visited else "not needed", took, None)
    if index == last:
        return Stage(name, "failed", "ended here", took, None)
    if index < last:
        return Stage(name, "done" if visited else "skipped", "done" if visited else "not needed", took, None)
    return Stage(name, "todo", "not reached", None, None)


_NOW = {"now": "under way", "wait": "waits for people", "failed": "interrupted"}


def _stage_of(status: RunStatus) -> int | None:
    return next((index for index, (_, statuses) in enumerate(_STAGES) if status in statuses), None)
