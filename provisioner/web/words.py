"""How statuses, verbs, levels and kinds read on a page: a label, a tone and an icon, never a colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from provisioner.domain.cost_change import CostStatus
from provisioner.domain.delivery import Status
from provisioner.domain.finding import Level
from provisioner.domain.run import RunKind, RunStatus


@dataclass(frozen=True)
class Word:
    """A label with its tone (ok, warn, bad, busy, idle) and its icon of the sprite."""

    label: str
    tone: str
    icon: str


UNKNOWN = Word("unknown", "idle", "circle")

_S = RunStatus
STATUSES: Mapping[str, Word] = {
    _S.PENDING: Word("accepted", "busy", "clock"),
    _S.PLAN_QUEUED: Word("waits for a worker to plan", "busy", "clock"),
    _S.PLANNING: Word("planning", "busy", "arrow-repeat"),
    _S.PLANNED: Word("planned, being checked", "busy", "arrow-repeat"),
    _S.NEEDS_APPROVAL: Word("needs approval", "warn", "pause-circle"),
    _S.CONFIRMED: Word("approved", "busy", "check2"),
    _S.APPLY_QUEUED: Word("waits for a worker to apply", "busy", "clock"),
    _S.APPLYING: Word("applying", "busy", "arrow-repeat"),
    _S.APPLIED: Word("applied", "ok", "check-circle"),
    _S.PLANNED_AND_FINISHED: Word("no changes", "ok", "check-circle"),
    _S.POLICY_FAILED: Word("refused by a guardrail", "bad", "shield-lock"),
    _S.REJECTED: Word("rejected", "bad", "x-circle"),
    _S.DISCARDED: Word("discarded", "idle", "slash-circle"),
    _S.CANCELED: Word("canceled", "idle", "stop-circle"),
    _S.EXPIRED: Word("expired", "idle", "hourglass-split"),
    _S.ERRORED: Word("errored", "bad", "exclamation-octagon"),
    _S.INTERRUPTED: Word("interrupted", "bad", "exclamation-triangle"),
}

# A drift check that ended well: what it found is said beside it.
CHECKED = Word("checked", "ok", "check-circle")
DRIFTED = Word("drifted", "warn", "exclamation-triangle")
DRIFTS: Mapping[str, Word] = {
    "changed": Word("changed", "warn", "pencil-square"),
    "gone": Word("gone", "bad", "x-circle"),
}

VERBS: Mapping[str, Word] = {
    "create": Word("create", "ok", "plus-circle"),
    "update": Word("update in place", "busy", "pencil-square"),
    "replace": Word("destroy and create anew", "bad", "arrow-left-right"),
    "delete": Word("destroy", "bad", "trash3"),
    "no-op": Word("no change", "idle", "check2"),
    "read": Word("read", "idle", "search"),
}

COSTS: Mapping[str, Word] = {
    CostStatus.ADDED: Word("added", "ok", "plus-circle"),
    CostStatus.CHANGED: Word("changed", "busy", "pencil-square"),
    CostStatus.REMOVED: Word("removed", "idle", "trash3"),
    CostStatus.UNCHANGED: Word("unchanged", "idle", "check2"),
}

LEVELS: Mapping[str, Word] = {
    Level.HARD_MANDATORY: Word("must be changed", "bad", "shield-lock"),
    Level.SOFT_MANDATORY: Word("needs an override", "warn", "exclamation-triangle"),
    Level.ADVISORY: Word("advice", "busy", "info-circle"),
}

# The same levels where a rule is described instead of broken.
RULE_LEVELS: Mapping[str, Word] = {
    Level.HARD_MANDATORY: Word("refuses", "bad", "shield-lock"),
    Level.SOFT_MANDATORY: Word("asks for an override", "warn", "unlock"),
    Level.ADVISORY: Word("advises", "busy", "info-circle"),
}

KINDS: Mapping[str, str] = {
    RunKind.PROVISION: "Provision",
    RunKind.UPDATE: "Update",
    RunKind.UPGRADE: "Upgrade",
    RunKind.DESTROY: "Destroy",
    RunKind.DRIFT_CHECK: "Drift check",
}

LIFECYCLES: Mapping[str, Word] = {
    "draft": Word("draft", "warn", "pencil-square"),
    "published": Word("published", "ok", "check-circle"),
    "deprecated": Word("deprecated", "warn", "exclamation-triangle"),
    "retired": Word("retired", "idle", "slash-circle"),
}

VERDICTS: Mapping[str, Word] = {
    "approve": Word("approved", "ok", "check-circle"),
    "override": Word("overridden", "warn", "unlock"),
    "reject": Word("rejected", "bad", "x-circle"),
    "request_changes": Word("changes requested", "warn", "pencil-square"),
}

STEP_WAITS = Word("waiting", "warn", "pause-circle")
STEP_VOID = Word("no longer asked", "idle", "slash-circle")


def readable(value: object) -> str:
    """Write a parameter's value the way people say it."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(readable(entry) for entry in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {readable(entry)}" for key, entry in value.items()) or "none"
    return str(value)


DELIVERIES: Mapping[str, Word] = {
    Status.HELD: Word("waits for its digest", "idle", "clock"),
    Status.PENDING: Word("is being sent", "busy", "clock"),
    Status.FAILED: Word("failed, is tried again", "warn", "arrow-repeat"),
    Status.SENT: Word("sent", "ok", "check-circle"),
    Status.DIGESTED: Word("went out in a digest", "ok", "check-circle"),
    Status.GAVE_UP: Word("given up", "bad", "x-circle"),
}
