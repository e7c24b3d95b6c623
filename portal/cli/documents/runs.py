"""Runs with their plans, logs and approvals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from portal.cli.documents.base import Document, Finding, LineItem, Unpriced

IN_FAVOUR = ("approve", "override")


@dataclass(frozen=True)
class Decision:
    """What somebody decided on a step."""

    approver: str
    verdict: str
    decided_at: datetime
    comment: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A decision that the current plan needs: of `quorum` people in any of `groups`."""

    step: int
    group: str
    reason: str
    verdict_needed: str
    plan_digest: str
    created_at: datetime
    rule: str = ""
    groups: tuple[str, ...] = ()
    quorum: int = 1
    decided: int = 0
    settled_at: datetime | None = None
    settled_how: str = ""
    decisions: tuple[Decision, ...] = ()
    decision: Decision | None = None

    @property
    def who(self) -> tuple[str, ...]:
        """The groups whose members may decide."""
        return self.groups or (self.group,)

    @property
    def said(self) -> tuple[Decision, ...]:
        """What was decided so far."""
        return self.decisions or ((self.decision,) if self.decision else ())

    @property
    def is_open(self) -> bool:
        """Whether somebody is still asked."""
        if self.settled_at is not None or any(one.verdict not in IN_FAVOUR for one in self.said):
            return False
        return len(self.said) < self.quorum


@dataclass(frozen=True, kw_only=True)
class Run(Document):
    """A run in a list."""

    id: str
    kind: str
    status: str
    status_at: datetime
    terminal: bool
    workspace_id: str
    name: str
    item: str
    version: str
    service: str
    team: str
    environment: str
    requester: str
    created_at: datetime
    finished_at: datetime | None = None
    estimate_usd_month: Decimal | None = None
    delta_usd_month: Decimal | None = None
    error_summary: str = ""
    on_hold: bool = False
    target: str = ""


@dataclass(frozen=True)
class PlanSummary:
    """What the current plan is."""

    digest: str
    counts: Mapping[str, int]
    engine_name: str = ""
    engine_version: str = ""


@dataclass(frozen=True)
class Progress:
    """How many of the plan's changes are made."""

    done: int
    total: int


@dataclass(frozen=True)
class Queue:
    """Where a run that waits for a worker stands."""

    phase: str
    position: int | None
    waiting: int
    waits_for: str
    held_by: str = ""
    hold_reason: str = ""
    expected_wait_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunDetail(Run):
    """A run with plan, cost, findings and approvals."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    justification: str = ""
    findings: tuple[Finding, ...] = ()
    usage_usd_month: Decimal | None = None
    line_items: tuple[LineItem, ...] = ()
    unpriced: tuple[Unpriced, ...] = ()
    plan: PlanSummary | None = None
    progress: Progress | None = None
    queue: Queue | None = None
    approvals: tuple[Step, ...] = ()
    error_detail: str = ""
    cancelable: bool = False
    discardable: bool = False
    retryable: bool = False


@dataclass(frozen=True, kw_only=True)
class WaitedRun(RunDetail):
    """A run after waiting for it."""

    reached: bool


@dataclass(frozen=True)
class AttributeChange:
    """One attribute that changes; None is "not set"."""

    path: str
    before: str | None = None
    after: str | None = None
    unknown: bool = False
    forces_replace: bool = False


@dataclass(frozen=True)
class ResourceChange:
    """What would happen to one resource."""

    address: str
    type: str
    verb: str
    attributes: tuple[AttributeChange, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan(Document):
    """A plan as changes by resource."""

    run_id: str
    digest: str
    counts: Mapping[str, int]
    changes: tuple[ResourceChange, ...] = ()
    drift: tuple[ResourceChange, ...] = ()
    engine_name: str = ""
    engine_version: str = ""


@dataclass(frozen=True)
class LogLine:
    """One line of a run's log."""

    sequence: int
    at: datetime
    phase: str
    level: str
    address: str
    text: str


@dataclass(frozen=True, kw_only=True)
class LogPage(Document):
    """Some lines, and where to go on."""

    lines: tuple[LogLine, ...]
    next_after: int
    complete: bool


@dataclass(frozen=True, kw_only=True)
class WaitingStep(Step, Document):
    """A step that waits for a decision, with its run."""

    run: Run
    justification: str = ""
    criticality: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    unpriced_count: int = 0
    findings: tuple[Finding, ...] = ()
    can_decide: bool = False
    barred: str | None = None
    on_behalf_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class Decided(Document):
    """A decision and the run after it."""

    step: int
    verdict: str
    approver: str
    run: Run
