"""Who must decide before a plan is applied, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from provisioner.domain.cost import Estimate
from provisioner.domain.finding import Finding, Level
from provisioner.domain.plan import PlanCounts
from provisioner.domain.run import RunKind

APPROVE = "approve"
OVERRIDE = "override"


@dataclass(frozen=True)
class ApprovalRules:
    """When finops and sre are asked. `sre_environments` None means: the environments marked as production."""

    finops_above_usd_month: Mapping[str, Decimal] = field(default_factory=dict)  # by environment slug
    finops_default_usd_month: Decimal | None = None  # for environments that the mapping does not name
    finops_when_unpriced: bool = True
    sre_criticalities: frozenset[str] = frozenset({"tier-1"})
    sre_environments: frozenset[str] | None = None
    override_group: str = "sre"  # for soft-mandatory findings that name no group


@dataclass(frozen=True)
class StepSpec:
    """A group that must decide. `verdict_needed` is "override" when a soft-mandatory finding stands in the way."""

    group: str
    rule: str
    reason: str
    verdict_needed: str
