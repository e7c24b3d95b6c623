"""Prices, and what a price model works with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

HOURS_PER_MONTH = Decimal(730)  # AWS's own convention: 8,760 hours a year / 12


@dataclass(frozen=True)
class Price:
    """One list price in one region, and who says so."""

    service: str
    sku_key: str
    unit: str
    price_usd: Decimal
    effective_date: str
    source: str


@dataclass(frozen=True)
class PriceBook:
    """The prices of one region. `digest` (SHA-256 hex) names the book that an estimate was made with."""

    region: str
    prices: Mapping[tuple[str, str], Price]
    digest: str

    def get(self, service: str, sku_key: str) -> Price | None:
        """Give the price of a SKU, or None when the book has none."""
        return self.prices.get((service, sku_key))


@dataclass(frozen=True)
class PricedResource:
    """A resource as far as pricing cares; from a plan or from a manifest's estimate skeleton."""

    address: str
    type: str
    attributes: Mapping[str, object]


@dataclass(frozen=True)
class LineItem:
    """One component with a price: quantity x unit price = usd_month, unrounded."""

    address: str
    component: str
    sku_key: str
    quantity: Decimal  # in `unit`, a month
    unit: str
    unit_price_usd: Decimal
    usd_month: Decimal
    source: str


@dataclass(frozen=True)
class Unpriced:
    """A component that costs, or may cost, and is in no line item.

    `usage_based` True: the price is known but nobody knows the usage yet. False: there is no price or no way to count.
    """

    address: str
    type: str
    component: str
    reason: str
    usage_based: bool = False


@dataclass(frozen=True)
class Sheet:
    """What a price model may look at: the book, and the other resources of the same estimate."""

    book: PriceBook
    resources: Sequence[PricedResource]

    def line(
        self, resource: PricedResource, component: str, service: str, sku_key: str, quantity: Decimal
    ) -> LineItem | Unpriced:
        """Price a quantity, or say that the book has no price for it."""
        price = self.book.get(service, sku_key)
        if price is None:
            return Unpriced(
                resource.address,
                resource.type,
                component,
                f"The price book of {self.book.region} has no price for {service} {sku_key}.",
            )
        return LineItem(
            address=resource.address,
            component=component,
            sku_key=sku_key,
            quantity=quantity,
            unit=price.unit,
            unit_price_usd=price.price_usd,
            usd_month=quantity * price.price_usd,
            source=price.source,
        )


Rows = Iterable[LineItem | Unpriced]
PriceModel = Callable[[PricedResource, Sheet], Rows]
