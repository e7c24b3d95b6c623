"""The section `approvals`: who must decide before a plan is applied, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from provisioner.domain.approval import ApprovalRules
from provisioner.domain.policy.section import Section

# Where the file says nothing of it.
EXPIRE_AFTER_DAYS = 14


@dataclass(frozen=True)
class ApprovalPolicy:
    """When which groups are asked, how long a plan waits for them, and who decides on what was cut short."""

    rules: ApprovalRules = field(default_factory=ApprovalRules)
    expire_after_days: int = EXPIRE_AFTER_DAYS
    recovery_group: str = "sre"


def read(section: Section) -> ApprovalPolicy:
    """Read the section."""
    section.keys(
        "finops", "sre", "override_group", "expire_after_days", "recovery_group", required=["finops", "sre"]
    )
    finops, sre = section.at("finops"), section.at("sre")
    finops.keys(
        "above_usd_month",
        "default_usd_month",
        "when_unpriced",
        required=["above_usd_month", "default_usd_month", "when_unpriced"],
    )
    sre.keys("criticalities", required=["criticalities"])
    return ApprovalPolicy(
        rules=ApprovalRules(
            finops_above_usd_month={
                slug: limit.usd() or Decimal(0) for slug, limit in finops.at("above_usd_month").each()
            },
            finops_default_usd_month=finops.at("default_usd_month").usd(),
            finops_when_unpriced=finops.at("when_unpriced").flag(True),
            sre_criticalities=frozenset(sre.at("criticalities").names()),
            override_group=section.at("override_group").text("sre"),
        ),
        expire_after_days=section.at("expire_after_days").days(EXPIRE_AFTER_DAYS),
        recovery_group=section.at("recovery_group").text("sre"),
    )
