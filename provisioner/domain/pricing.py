"""Prices, and what a price model works with."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

HOURS_PER_MONTH = Decimal(730)  # AWS's own convention: 8,760 hours a year / 12

COLUMNS = ("provider", "region", "service", "sku_key", "unit", "price_usd", "effective_date", "source")


class PriceBookError(ValueError):
    """The price file cannot be read; the text names the line and what to do."""


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

    def text(self, name: str) -> str:
        """Give a text attribute, or "" when it is not set, unknown, or something else."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> Decimal | None:
        """Give a number attribute or None; a text that spells one counts, a negative one does not."""
        value = self.attributes.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
            return None
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            return None
        return number if number.is_finite() and number >= 0 else None

    def flag(self, name: str) -> bool:
        """Whether a boolean attribute is set to true."""
        return self.attributes.get(name) is True


@dataclass(frozen=True)
class LineItem:
    """One component with a price: quantity times unit price gives usd_month, unrounded."""

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

    `usage_based` True: it costs by usage that nobody knows yet. False: there is no price or no way to count.
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

    def of_type(self, kind: str) -> list[PricedResource]:
        """Give the resources of one type."""
        return [resource for resource in self.resources if resource.type == kind]

    def line(
        self, resource: PricedResource, component: str, service: str, sku_key: str, quantity: Decimal
    ) -> LineItem | Unpriced:
        """Price a quantity, or say that the book has no price for it."""
        price = self.book.get(service, sku_key)
        if price is None:
            return self.unpriced(
                resource,
                component,
                f"The price book of {self.book.region} has no price for {service} {sku_key:.100}.",
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

    def unpriced(self, resource: PricedResource, component: str, reason: str) -> Unpriced:
        """Say that a component has no price."""
        return Unpriced(resource.address, resource.type, component, reason)

    def usage(
        self, resource: PricedResource, component: str, what: str, service: str = "", sku_key: str = ""
    ) -> Unpriced:
        """Say that a component costs by usage, with its rate where the book has it."""
        price = self.book.get(service, sku_key)
        rate = f", at {price.price_usd:f} USD per {price.unit}" if price else ""
        return Unpriced(
            resource.address, resource.type, component, f"Usage based: {what}{rate}.", usage_based=True
        )


Rows = Iterable[LineItem | Unpriced]
PriceModel = Callable[[PricedResource, Sheet], Rows]


def parse_price_book(csv_text: str, region: str) -> PriceBook:
    """Read the prices of one region from CSV with the columns of COLUMNS. Raises PriceBookError."""
    reader = csv.DictReader(io.StringIO(csv_text), strict=True)
    prices: dict[tuple[str, str], Price] = {}
    try:
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise PriceBookError(f"line 1: the columns are not {','.join(COLUMNS)}. Restore the header.")
        for row in reader:
            if row["region"] == region:
                price = _price(row, reader.line_num)
                key = (price.service, price.sku_key)
                if key in prices:
                    raise PriceBookError(
                        f"line {reader.line_num}: {' '.join(key)} is there twice. Keep one row."
                    )
                prices[key] = price
    except csv.Error as error:
        raise PriceBookError(f"line {reader.line_num}: not CSV ({error}). Mend the quoting.") from None
    return PriceBook(region=region, prices=prices, digest=_digest(region, prices))


def _price(row: Mapping[str | None, str | None], line: int) -> Price:
    # DictReader puts surplus cells under None and fills missing ones with None.
    values = {key: row.get(key) for key in COLUMNS}
    if None in row or not all(values.values()):
        raise PriceBookError(
            f"line {line}: a cell is empty, missing or too many. Every column needs a value."
        )
    text = str(values["price_usd"])
    try:
        price_usd = Decimal(text)
    except InvalidOperation:
        price_usd = Decimal("NaN")
    if not price_usd.is_finite() or price_usd < 0:
        raise PriceBookError(f"line {line}: {text!r} is not a price. Write a decimal number such as 0.065.")
    return Price(
        service=str(values["service"]),
        sku_key=str(values["sku_key"]),
        unit=str(values["unit"]),
        price_usd=price_usd,
        effective_date=str(values["effective_date"]),
        source=str(values["source"]),
    )


def _digest(region: str, prices: Mapping[tuple[str, str], Price]) -> str:
    lines = [
        region,
        *("\t".join((*key, prices[key].unit, f"{prices[key].price_usd:f}")) for key in sorted(prices)),
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
