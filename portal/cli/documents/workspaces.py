"""Workspaces, and the check of other pipelines' plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from portal.cli.documents.base import Document, Finding, Unpriced


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
