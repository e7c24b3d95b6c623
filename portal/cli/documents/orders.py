"""The catalog, and what an order would get, cost and need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from portal.cli.documents.base import Document, FieldProblem, Finding, LineItem, Unpriced


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
