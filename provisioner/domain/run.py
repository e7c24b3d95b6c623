"""The life of a run: its statuses and the one table of moves between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class RunStatus(StrEnum):
    """Where a run is. Everything a run ever does is a move between two of these."""

    PENDING = "pending"  # accepted, nothing queued yet
    PLAN_QUEUED = "plan_queued"  # waits for a worker to plan
    PLANNING = "planning"  # a worker holds the lease and plans
    PLANNED = "planned"  # the plan is stored; its guardrails, cost and route are being judged
    NEEDS_APPROVAL = "needs_approval"  # waits for people
    CONFIRMED = "confirmed"  # every step is decided in favour
    APPLY_QUEUED = "apply_queued"  # waits for a worker to apply
    APPLYING = "applying"  # a worker holds the lease and applies
    APPLIED = "applied"  # done
    PLANNED_AND_FINISHED = "planned_and_finished"  # nothing to apply (no changes, or a drift check)
    POLICY_FAILED = "policy_failed"  # a hard-mandatory guardrail refused the plan
    REJECTED = "rejected"  # an approver said no
    DISCARDED = "discarded"  # somebody dropped the plan
    CANCELED = "canceled"  # somebody stopped the run
    EXPIRED = "expired"  # nobody decided in time
    ERRORED = "errored"  # Terraform or the portal failed; the cause is on the run
    INTERRUPTED = "interrupted"  # the worker died while applying; recovery or a person decides what is next


class RunKind(StrEnum):
    """Why a run exists."""

    PROVISION = "provision"
    UPDATE = "update"
    UPGRADE = "upgrade"
    DESTROY = "destroy"
    DRIFT_CHECK = "drift_check"


class InvalidTransition(Exception):
    """A move that the table does not have: a bug in the caller, never an answer to a user."""

    def __init__(self, frm: RunStatus, to: RunStatus) -> None:
        super().__init__(f"a run cannot move from {frm} to {to}")
        self.frm = frm
        self.to = to


_S = RunStatus

# Three moves go backwards, always to a queue and never to a second apply of the same plan:
# - planning → plan_queued: the worker was lost or shut down; planning changes nothing, so it is done again.
# - planned|needs_approval|confirmed|apply_queued|applying → plan_queued: the stored plan is stale (state,
#   module, variables or engine changed); from applying only when Terraform refused the plan before changing
#   anything.
# - interrupted → plan_queued: recovery plans what is left. There is no applying → apply_queued and no interrupted →
#   apply_queued: provider calls are not idempotent, so an apply that may have begun is never repeated blindly.
# One ends an interrupted run whose apply had done everything: planned → applied.
TRANSITIONS: Mapping[RunStatus, frozenset[RunStatus]] = MappingProxyType(
    {
        _S.PENDING: frozenset({_S.PLAN_QUEUED, _S.ERRORED, _S.CANCELED}),
        _S.PLAN_QUEUED: frozenset({_S.PLANNING, _S.ERRORED, _S.CANCELED}),
        _S.PLANNING: frozenset(
            {
                _S.PLANNED,
                _S.PLANNED_AND_FINISHED,
                _S.POLICY_FAILED,
                _S.PLAN_QUEUED,
                _S.ERRORED,
                _S.CANCELED,
            }
        ),
        _S.PLANNED: frozenset(
            {
                _S.NEEDS_APPROVAL,
                _S.CONFIRMED,
                _S.APPLIED,
                _S.PLANNED_AND_FINISHED,
                _S.POLICY_FAILED,
                _S.PLAN_QUEUED,
                _S.DISCARDED,
                _S.ERRORED,
                _S.CANCELED,
            }
        ),
        _S.NEEDS_APPROVAL: frozenset(
            {
                _S.CONFIRMED,
                _S.REJECTED,
                _S.EXPIRED,
                _S.PLAN_QUEUED,
                _S.POLICY_FAILED,
                _S.DISCARDED,
                _S.ERRORED,
                _S.CANCELED,
            }
        ),
        _S.CONFIRMED: frozenset(
            {_S.APPLY_QUEUED, _S.PLAN_QUEUED, _S.EXPIRED, _S.DISCARDED, _S.ERRORED, _S.CANCELED}
        ),
        _S.APPLY_QUEUED: frozenset({_S.APPLYING, _S.PLAN_QUEUED, _S.ERRORED, _S.CANCELED}),
        _S.APPLYING: frozenset({_S.APPLIED, _S.INTERRUPTED, _S.PLAN_QUEUED, _S.ERRORED, _S.CANCELED}),
        _S.INTERRUPTED: frozenset({_S.PLAN_QUEUED, _S.ERRORED}),
        _S.APPLIED: frozenset(),
        _S.PLANNED_AND_FINISHED: frozenset(),
        _S.POLICY_FAILED: frozenset(),
        _S.REJECTED: frozenset(),
        _S.DISCARDED: frozenset(),
        _S.CANCELED: frozenset(),
        _S.EXPIRED: frozenset(),
        _S.ERRORED: frozenset(),
    }
)

TERMINAL: frozenset[RunStatus] = frozenset(status for status, moves in TRANSITIONS.items() if not moves)
ACTIVE: frozenset[RunStatus] = frozenset(TRANSITIONS) - TERMINAL  # holds its workspace; interrupted does too

QUEUED: frozenset[RunStatus] = frozenset({_S.PLAN_QUEUED, _S.APPLY_QUEUED})
LEASED: frozenset[RunStatus] = frozenset({_S.PLANNING, _S.APPLYING})  # a worker must be alive behind it

# While a lease is held, cancel is a wish that the worker honours by stopping Terraform gracefully. An
# interrupted run is not cancelable: what it left behind needs a decision.
CANCELABLE: frozenset[RunStatus] = frozenset(s for s, moves in TRANSITIONS.items() if _S.CANCELED in moves)
DISCARDABLE: frozenset[RunStatus] = frozenset(s for s, moves in TRANSITIONS.items() if _S.DISCARDED in moves)
# A plan that nobody decided on in time.
EXPIRABLE: frozenset[RunStatus] = frozenset(s for s, moves in TRANSITIONS.items() if _S.EXPIRED in moves)

# Ended without effect or with part of it, and nobody said no: the same ask may be run again as a new run.
RETRYABLE: frozenset[RunStatus] = frozenset(
    {_S.ERRORED, _S.CANCELED, _S.EXPIRED, _S.DISCARDED, _S.POLICY_FAILED}
)


# After so many workers, or Terraforms, that died over one run, it is the run that kills them.
LOST_WORKERS_MAX = 3


def can_move(frm: RunStatus, to: RunStatus) -> bool:
    """Tell whether the table has a move from `frm` to `to`."""
    return to in TRANSITIONS[frm]


def check_move(frm: RunStatus, to: RunStatus) -> None:
    """Raise InvalidTransition unless the table has the move."""
    if not can_move(frm, to):
        raise InvalidTransition(frm, to)
