"""The monthly estimate: line items, and a list of what has no price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from provisioner.domain.plan import Plan
from provisioner.domain.pricing import (
    HOURS_PER_MONTH,
    LineItem,
    Price,
    PriceBook,
    PricedResource,
    PriceModel,
    Unpriced,
)

__all__ = [
    "HOURS_PER_MONTH",
    "Estimate",
    "LineItem",
    "Price",
    "PriceBook",
    "PriceModel",
    "PricedResource",
    "Unpriced",
]


@dataclass(frozen=True)
class Estimate:
    """What a set of resources costs a month at list price. `usd_month` is rounded half up to cents, at the end."""

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
