"""What the portal knows around an order, for the rules: one query, whatever the policy asks."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Count, Q, Sum

from catalog.models import CatalogItem, Environment, Service
from provisioner.domain.context import Facts
from provisioner.models import Workspace

_CENT = Decimal("0.01")


def of_order(
    *, item: CatalogItem, service: Service, environment: Environment, workspace: Workspace | None
) -> Facts:
    """Return the facts around an order for a service. `workspace` is the one that it is about; it is not counted.

    Amounts are those of the last applied plans; what was never applied adds nothing. Budgets and unit costs are not
    kept yet and stay None.
    """
    is_open = Q(closed_at__isnull=True)
    team = Q(service__owner_team=service.owner_team_id)
    cost_center = Q(service__cost_center=service.cost_center_id) & is_open
    here = team & is_open & Q(environment=environment)
    rows = Workspace.objects.filter(team | cost_center)
    if workspace is not None:
        rows = rows.exclude(pk=workspace.pk)
    found = rows.aggregate(
        applied=Count("pk", filter=team & Q(item=item, applied_at__isnull=False)),
        of_team=Count("pk", filter=team & is_open),
        of_item=Count("pk", filter=here & Q(item=item)),
        team_usd=Sum("estimate_usd_month", filter=team & is_open),
        here_usd=Sum("estimate_usd_month", filter=here),
        cost_center_usd=Sum("estimate_usd_month", filter=cost_center),
    )
    # An update of what the team has is no first use, whatever else it has.
    used = found["applied"] > 0 or (workspace is not None and workspace.applied_at is not None)
    return Facts(
        first_use_of_item=not used,
        team_workspaces=found["of_team"],
        item_workspaces=found["of_item"],
        team_usd_month=_usd(found["team_usd"]),
        environment_usd_month=_usd(found["here_usd"]),
        cost_center_usd_month=_usd(found["cost_center_usd"]),
    )


def _usd(amount: Decimal | None) -> Decimal:
    return (amount or Decimal(0)).quantize(_CENT)
