"""What rules may look at beside the parameters and the plan: who asks, for what, and what the portal knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from provisioner.domain.run import RunKind


@dataclass(frozen=True)
class Facts:
    """What the portal knows of the organisation; None: not known, as for a pipeline outside the portal.

    Amounts are USD a month at list price, of open workspaces, without the one that is judged.
    """

    first_use_of_item: bool | None = None  # no workspace of the owner team has had the item applied
    team_workspaces: int | None = None
    item_workspaces: int | None = None  # the team's, of this item in this environment
    team_usd_month: Decimal | None = None
    environment_usd_month: Decimal | None = None  # of the team in this environment
    cost_center_usd_month: Decimal | None = None
    budget_usd_month: Decimal | None = None  # the cost center's
    budget_left_usd_month: Decimal | None = None
    unit_cost_breached: bool | None = None


@dataclass(frozen=True)
class Context:
    """The ask around a plan or a set of parameters. Empty texts: not known."""

    kind: RunKind = RunKind.PROVISION
    item: str = ""
    version: str = ""
    service: str = ""
    team: str = ""
    cost_center: str = ""
    environment: str = ""
    is_production: bool = False
    criticality: str = ""
    region: str = ""
    requester: str = ""
    ttl_days: int | None = None
    ttl_known: bool = False  # whether `ttl_days` None means that it has no end
    facts: Facts = field(default_factory=Facts)
