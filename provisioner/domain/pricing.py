"""Prices, the resources that they are looked up for, and the line items that come of it."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

HOURS_PER_MONTH = Decimal(730)  # AWS's own convention: 8,760 hours a year / 12

TIMES = "\N{MULTIPLICATION SIGN}"
MINUS = "\N{MINUS SIGN}"

# No attribute that counts for the bill comes near; what is beyond it is taken for a mistake.
NUMBER_MAX = Decimal(10) ** 15

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
    """A resource as far as pricing cares; from a plan or from a manifest's estimate skeleton.

    `unknown` names the attributes that a plan knows only after the apply.
    """

    address: str
    type: str
    attributes: Mapping[str, object]
    unknown: frozenset[str] = frozenset()

    def text(self, name: str) -> str:
        """Give a text attribute, or "" when it is not set, unknown, or something else."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> Decimal | None:
        """Give a number attribute or None; a text that spells one counts, one below 0 or above 10^15 does not."""
        value = self.attributes.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
            return None
        try:
            number = Decimal(value if isinstance(value, int) else str(value))
        except InvalidOperation:
            return None
        return number if number.is_finite() and 0 <= number <= NUMBER_MAX else None

    def flag(self, name: str) -> bool:
        """Whether a boolean attribute is set to true."""
        return self.attributes.get(name) is True

    def blocks(self, name: str) -> tuple[PricedResource, ...]:
        """Give the nested blocks of a name, to be read like resources of the same address."""
        value = self.attributes.get(name)
        if not isinstance(value, list | tuple):
            return ()
        return tuple(
            PricedResource(self.address, self.type, item) for item in value if isinstance(item, Mapping)
        )

    def block(self, name: str) -> PricedResource:
        """Give the first nested block of a name; an empty one when there is none."""
        blocks = self.blocks(name)
        return blocks[0] if blocks else PricedResource(self.address, self.type, {})

    def missing(self, name: str, spoken: str) -> str:
        """Say why an attribute cannot be counted with; `spoken` is how people call it."""
        if name in self.unknown:
            return f"The {spoken} is known only after the apply."
        return f"The {spoken} is not set, or not to be read."


@dataclass(frozen=True)
class LineItem:
    """One component with a price: quantity times unit price gives usd_month, unrounded.

    `basis` says in words how the quantity came about. `usage_based`: it is paid by use, and `profile` names the usage
    profile that expects this much.
    """

    address: str
    component: str
    sku_key: str
    quantity: Decimal  # in `unit`, a month
    unit: str
    unit_price_usd: Decimal
    usd_month: Decimal
    source: str
    type: str = ""
    service: str = ""
    region: str = ""
    effective_date: str = ""
    basis: str = ""
    usage_based: bool = False
    profile: str = ""

    def explain(self) -> str:
        """Tell how the amount came about: quantity, hours, price, the price's row, date and source."""
        quantity = f"{plain(self.quantity)} {self.unit}"
        counted = f"{self.basis} = {quantity}" if self.basis and self.basis != quantity else quantity
        amount = f"{self.usd_month:.2f}"
        exact = plain(self.usd_month)
        about = "" if Decimal(amount) == self.usd_month else f" ({exact} before rounding)"
        used = f" Expected use: {self.profile}." if self.usage_based else ""
        return (
            f"{counted}; {TIMES} {plain(self.unit_price_usd)} USD per {self.unit} = {amount} USD a month{about}.{used} "
            f"Price: {self.service} {self.sku_key} in {self.region}, in effect {self.effective_date}; "
            f"source: {self.source}."
        )


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


def counted(count: Decimal, noun: str) -> str:
    """Write a number of things: 1 node, 2 nodes."""
    return f"{plain(count)} {noun}" if count == 1 else f"{plain(count)} {noun}s"


def plain(number: Decimal) -> str:
    """Write a number without exponent and without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


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
