"""What the API answers, as frozen types: the fields that a client needs; `document` has all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Document:
    """An answer; `document` is its JSON as it came, empty for parts of another answer."""

    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class FieldProblem:
    """A field that cannot be taken as it is."""

    field: str
    code: str
    message: str


@dataclass(frozen=True)
class Finding:
    """What one rule has to say."""

    rule: str
    level: str
    where: str
    what: str
    why: str
    fix: str
    suggested: Any = None
    override_group: str | None = None


@dataclass(frozen=True)
class LineItem:
    """One priced component; money as the portal wrote it."""

    address: str
    component: str
    quantity: str
    unit: str
    unit_price_usd: str
    usd_month: str
    source: str = ""
    usage_based: bool = False
    status: str = ""


@dataclass(frozen=True)
class Unpriced:
    """A component without a price."""

    address: str
    component: str
    reason: str
    usage_based: bool = False


@dataclass(frozen=True)
class Ref:
    """A thing of the organisation, by slug and name."""

    slug: str
    name: str = ""


@dataclass(frozen=True)
class Token:
    """The token that the call was made with, without its secret."""

    name: str
    prefix: str
    scopes: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Caller(Document):
    """Who calls: the user behind the token."""

    username: str
    target: str = ""
    teams: tuple[Ref, ...] = ()
    groups: tuple[str, ...] = ()
    token: Token | None = None


@dataclass(frozen=True)
class Deprecation:
    """Why something should not be ordered any more."""

    since: str
    until: str | None = None
    successor: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Item(Document):
    """A golden path."""

    slug: str
    name: str
    summary: str = ""
    category: str = ""
    owner: str = ""
    lifecycle: str = ""
    maturity: str = ""
    latest_version: str = ""
    deprecation: Deprecation | None = None


@dataclass(frozen=True)
class ItemEnvironment:
    """An environment that an item is prepared for."""

    slug: str
    name: str = ""
    is_production: bool = False
    sizes: tuple[str, ...] = ()
    default_size: str | None = None


@dataclass(frozen=True)
class ApprovalHint:
    """Who may be asked."""

    text: str
    group: str | None = None


@dataclass(frozen=True)
class Version:
    """One version of an item."""

    version: str
    published_at: datetime
    lifecycle: str = ""
    maturity: str = ""


@dataclass(frozen=True, kw_only=True)
class ItemDetail(Item):
    """A golden path with what is needed to order it."""

    versions: tuple[Version, ...] = ()
    environments: tuple[ItemEnvironment, ...] = ()
    approvals: tuple[ApprovalHint, ...] = ()
    region: str = ""


@dataclass(frozen=True)
class ExpectedStep:
    """A group that would have to decide."""

    group: str
    reason: str
    verdict_needed: str = "approve"
    rule: str = ""
    others: tuple[str, ...] = ()
    quorum: int = 1


@dataclass(frozen=True, kw_only=True)
class Evaluation(Document):
    """What an order would get, cost and need."""

    item: str
    version: str
    service: str
    environment: str
    name: str
    orderable: bool
    parameters: Mapping[str, Any]
    tags: Mapping[str, str]
    estimate_usd_month: Decimal | None
    usage_usd_month: Decimal | None = None
    target: str = ""
    problems: tuple[FieldProblem, ...] = ()
    findings: tuple[Finding, ...] = ()
    line_items: tuple[LineItem, ...] = ()
    unpriced: tuple[Unpriced, ...] = ()
    approvals_expected: tuple[ExpectedStep, ...] = ()


@dataclass(frozen=True)
class Difference:
    """A parameter that another version adds, has no more, or fills in differently."""

    name: str
    difference: str
    before: Any = None
    after: Any = None
    required: bool = False
    kept: bool = False


@dataclass(frozen=True)
class Change:
    """What one version brought."""

    version: str
    notes: str


@dataclass(frozen=True, kw_only=True)
class UpgradeEvaluation(Evaluation):
    """What an upgrade would change, cost and need."""

    from_version: str
    delta_usd_month: Decimal
    changelog: tuple[Change, ...] = ()
    differences: tuple[Difference, ...] = ()


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


@dataclass(frozen=True)
class ActiveRun:
    """The run that holds a workspace."""

    id: str
    kind: str
    status: str


@dataclass(frozen=True)
class Hold:
    """A person's stop on a workspace."""

    since: datetime
    reason: str
    by: str | None = None
    group: str = ""


@dataclass(frozen=True, kw_only=True)
class Workspace(Document):
    """A workspace in a list."""

    id: str
    name: str
    item: str
    version: str
    service: str
    team: str
    cost_center: str
    environment: str
    created_at: datetime
    newest_version: str | None = None
    criticality: str = ""
    created_by: str = ""
    applied_at: datetime | None = None
    expires_at: datetime | None = None
    closed_at: datetime | None = None
    drifted_at: datetime | None = None
    hold: Hold | None = None
    orphaned: bool = False
    expiry_obstacle: str = ""
    estimate_usd_month: Decimal | None = None
    unpriced_count: int = 0
    active_run: ActiveRun | None = None
    target: str = ""


@dataclass(frozen=True)
class Output:
    """An output; a sensitive one has no value here."""

    name: str
    sensitive: bool
    value: Any = None


@dataclass(frozen=True)
class Resource:
    """A resource in the newest state."""

    address: str
    type: str
    provider_id: str = ""


@dataclass(frozen=True, kw_only=True)
class WorkspaceDetail(Workspace):
    """A workspace with its inventory."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    resources: tuple[Resource, ...] = ()


@dataclass(frozen=True)
class PlanReportSummary:
    """How much was looked at and found."""

    resources: int
    checked: int
    hard_mandatory: int
    soft_mandatory: int
    advisory: int


@dataclass(frozen=True)
class PlanCost:
    """What a checked plan costs a month."""

    usd_month: str
    delta_usd_month: str
    region: str = ""
    unpriced: tuple[Unpriced, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlanReport(Document):
    """What the policy says about a plan of another pipeline."""

    passed: bool
    fail_on: str
    summary: PlanReportSummary
    findings: tuple[Finding, ...] = ()
    cost: PlanCost | None = None
