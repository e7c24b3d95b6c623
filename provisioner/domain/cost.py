"""The monthly estimate: line items, and a list of what has no price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from provisioner.domain import (
    pricing_aws,
    pricing_aws_cache,
    pricing_aws_compute,
    pricing_aws_containers,
    pricing_aws_messaging,
    pricing_aws_storage,
)
from provisioner.domain.plan import Plan
from provisioner.domain.pricing import (
    HOURS_PER_MONTH,
    LineItem,
    Price,
    PriceBook,
    PriceBookError,
    PricedResource,
    PriceModel,
    Sheet,
    Unpriced,
    parse_price_book,
)

__all__ = [
    "FREE_TYPES",
    "HOURS_PER_MONTH",
    "MODELS",
    "Estimate",
    "LineItem",
    "Price",
    "PriceBook",
    "PriceBookError",
    "PriceModel",
    "PricedResource",
    "Unpriced",
    "estimate",
    "parse_price_book",
    "resources_before_plan",
    "resources_from_plan",
]

# One row for each type that costs something; every module of price models adds its own.
_AWS = (
    pricing_aws,
    pricing_aws_cache,
    pricing_aws_compute,
    pricing_aws_containers,
    pricing_aws_messaging,
    pricing_aws_storage,
)
MODELS: dict[str, PriceModel] = {type_: model for part in _AWS for type_, model in part.MODELS.items()}
_FREE_ANYWHERE = frozenset(
    {
        "null_resource",
        "random_id",
        "random_password",
        "random_pet",
        "random_string",
        "terraform_data",
        "time_sleep",
        "time_static",
        "tls_private_key",
    }
)
FREE_TYPES: frozenset[str] = _FREE_ANYWHERE.union(*(part.FREE_TYPES for part in _AWS))

_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Estimate:
    """What resources cost a month at list price. `usd_month` is rounded half up to cents, at the very end."""

    line_items: tuple[LineItem, ...]
    unpriced: tuple[Unpriced, ...]
    usd_month: Decimal

    @property
    def usage_based(self) -> tuple[Unpriced, ...]:
        """The components whose usage nobody knows yet."""
        return tuple(row for row in self.unpriced if row.usage_based)

    @property
    def without_price(self) -> tuple[Unpriced, ...]:
        """The components that have no price: what the total is blind to."""
        return tuple(row for row in self.unpriced if not row.usage_based)


def estimate(resources: Sequence[PricedResource], book: PriceBook) -> Estimate:
    """Estimate what the resources cost a month.

    A type in FREE_TYPES gives no row; a type without a price model is listed as unpriced.
    """
    sheet = Sheet(book=book, resources=resources)
    items: list[LineItem] = []
    unpriced: list[Unpriced] = []
    for resource in resources:
        if resource.type in FREE_TYPES:
            continue
        model = MODELS.get(resource.type)
        if model is None:
            reason = f"There is no price model for {resource.type}."
            unpriced.append(Unpriced(resource.address, resource.type, "", reason))
            continue
        for row in model(resource, sheet):
            if isinstance(row, LineItem):
                items.append(row)
            else:
                unpriced.append(row)
    total = sum((item.usd_month for item in items), Decimal(0))
    return Estimate(tuple(items), tuple(unpriced), total.quantize(_CENT, rounding=ROUND_HALF_UP))


def resources_from_plan(plan: Plan) -> tuple[PricedResource, ...]:
    """Give what exists after the apply."""
    return tuple(
        PricedResource(change.address, change.type, change.after or {}) for change in plan.after_resources()
    )


def resources_before_plan(plan: Plan) -> tuple[PricedResource, ...]:
    """Give what exists before the apply.

    The difference of the two estimates is what the apply adds to the bill.
    """
    return tuple(
        PricedResource(change.address, change.type, change.before or {}) for change in plan.before_resources()
    )
