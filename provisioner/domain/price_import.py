"""From AWS's price lists to rows of a price book: which product is which SKU key, and what is refused.

The files are read elsewhere (provisioner/price_lists); here one product and one rate come at a time, and only what a
rule maps is kept, so that a list of gigabytes needs no more memory than the rows that it ends as.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from provisioner.domain.price_import_mapping import Rule, without_region

FORMAT_VERSION = "v1.0"
CURRENCY = "USD"
_PRICE_MAX = Decimal(10) ** 9
_KEY_MAX = 200


class PriceListRefused(ValueError):
    """A price list that must not become a price book. The text says where, what and what to do."""


@dataclass(frozen=True)
class Tier:
    """The price of what is used from `begin` on, to `end` (None: without end), in the price list's own unit."""

    begin: Decimal
    end: Decimal | None
    price_usd: Decimal


@dataclass(frozen=True)
class BookRow:
    """One price of a book, who says so, since when it holds, and the list's SKU and tiers where it has them."""

    service: str
    sku_key: str
    unit: str
    price_usd: Decimal
    effective_date: str
    source: str
    offer_sku: str = ""
    tiers: tuple[Tier, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What a price model asks for."""
        return (self.service, self.sku_key)


@dataclass(frozen=True)
class PriceList:
    """What a price list says of itself at its beginning."""

    offer: str
    version: str
    published: str
    format_version: str

    def check(self, name: str) -> None:
        """Raise PriceListRefused unless it is of the format that is read here and says what it is."""
        if self.format_version != FORMAT_VERSION:
            raise PriceListRefused(
                f"{name}: its format version is {self.format_version or 'not given'!s:.40}; {FORMAT_VERSION} is read "
                "here. Fetch it from offers/v1.0/ of the price list, or wait for an importer that knows the new format."
            )
        if not self.offer or not self.version:
            raise PriceListRefused(
                f"{name}: it names no offer code or no version before its products, so it is no price list of AWS. "
                "Give the file as it was downloaded."
            )


@dataclass(frozen=True)
class Rate:
    """One price dimension of an on-demand term, as the file spells it."""

    sku: str
    unit: str
    price: str
    currency: str
    begin: str
    end: str
    effective: str


@dataclass
class Tally:
    """What became of a price list: products and rates read, rows made, products left out by reason."""

    products: int = 0
    rates: int = 0
    rows: int = 0
    same_price: int = 0
    unmapped: Counter[str] = field(default_factory=Counter)


@dataclass
class _Wanted:
    """A product that a rule maps, its rates so far, and where it stands."""

    rule: Rule
    key: str
    place: str
    rates: list[tuple[Decimal, Decimal | None, Decimal]] = field(default_factory=list)
    effective: str = ""


class Collector:
    """Takes the products and rates of one price list in any order of lines, and makes rows of what its rules map."""

    def __init__(
        self,
        price_list: PriceList,
        rules: Iterable[Rule],
        *,
        region: str,
        name: str,
        leave_out: frozenset[str] = frozenset(),
    ) -> None:
        """Collect for one region. `name` is the file's, for messages; `leave_out` are keys `service/sku_key`."""
        self.price_list = price_list
        self.region = region
        self.name = name
        self.tally = Tally()
        self._rules = tuple(rule for rule in rules if rule.offer == price_list.offer)
        self._leave_out = leave_out
        self._wanted: dict[str, _Wanted] = {}
        self._given_up: set[str] = set()

    @property
    def attributes(self) -> frozenset[str]:
        """The names (in lower case) of the attributes that are looked at."""
        return frozenset().union({"regioncode", "usagetype"}, *(rule.attributes for rule in self._rules))

    def knows(self, sku: str) -> bool:
        """Tell whether a product is mapped and was taken already."""
        return sku in self._wanted or sku in self._given_up

    def product(self, sku: str, family: str, attributes: Mapping[str, str], place: str) -> bool:
        """Take a product; tell whether its rates are wanted. Attribute names are in lower case."""
        self.tally.products += 1
        code = attributes.get("regioncode", "")
        if code and code != self.region:
            return self._not("lies elsewhere: another region, a local zone or an outpost")
        usage = without_region(attributes.get("usagetype", ""))
        for rule in self._rules:
            if not rule.matches(family, usage, attributes):
                continue
            key, missing = rule.key_for(usage, attributes)
            if key is None:
                return self._not(f"has a {missing} that the mapping has no name for")
            if len(key) > _KEY_MAX:
                return self._not(f"has a key of more than {_KEY_MAX} characters")
            if f"{rule.service}/{key}" in self._leave_out:
                return self._not("was to be left out")
            self._wanted[sku] = _Wanted(rule, key, place)
            return True
        return self._not(f"no rule for {family or 'products without a family'!s:.60}")

    def _not(self, reason: str) -> bool:
        self.tally.unmapped[reason] += 1
        return False

    def rate(self, rate: Rate, place: str) -> None:
        """Take a rate of an on-demand term. Raises PriceListRefused for another currency or what is no price."""
        self.tally.rates += 1
        if rate.currency != CURRENCY:
            raise PriceListRefused(
                f"{self.name}, {place}: the price is in {rate.currency or 'no currency'!s:.12}, and a price book is in "
                f"{CURRENCY}. The lists of the regions in China are in CNY and have no estimate here."
            )
        wanted = self._wanted.get(rate.sku)
        if wanted is None:
            return
        price = _number(rate.price)
        if price is None or price < 0 or price > _PRICE_MAX:
            raise PriceListRefused(
                f"{self.name}, {place}: {rate.price!r:.40} is not a price of {rate.sku:.40}. The file is damaged; "
                "fetch it again."
            )
        if not wanted.rule.takes_unit(rate.unit):
            del self._wanted[rate.sku]
            self._given_up.add(rate.sku)
            self._not(f"is priced by {rate.unit or 'no unit'!s:.40} where {wanted.rule.per[0]} is expected")
            return
        begin = _number(rate.begin or "0")
        end = None if rate.end in ("", "Inf") else _number(rate.end)
        if begin is None or begin < 0 or (end is None and rate.end not in ("", "Inf")):
            raise PriceListRefused(
                f"{self.name}, {place}: {rate.begin!r:.40} to {rate.end!r:.40} is not a range of use. The file is "
                "damaged; fetch it again."
            )
        wanted.rates.append((begin, end, price))
        wanted.effective = max(wanted.effective, rate.effective[:10])

    def rows(self) -> list[BookRow]:
        """Make the rows, in order. Raises PriceListRefused where one key has several prices."""
        made: dict[tuple[str, str], tuple[BookRow, str]] = {}
        for sku, wanted in self._wanted.items():
            if not wanted.rates:
                self._not("has no on-demand price")
                continue
            for row in self._rows_of(sku, wanted):
                other = made.get(row.key)
                if other is None:
                    made[row.key] = (row, wanted.place)
                elif _worth(other[0]) == _worth(row):
                    self.tally.same_price += 1
                else:
                    raise PriceListRefused(_several(self.name, other, (row, wanted.place)))
        self.tally.rows = len(made)
        return [made[key][0] for key in sorted(made)]

    def _rows_of(self, sku: str, wanted: _Wanted) -> Iterable[BookRow]:
        rule = wanted.rule
        tiers = [
            Tier(begin, end, rule.converted(price)) for begin, end, price in sorted(wanted.rates, key=_begin)
        ]
        for lower, upper in itertools.pairwise(tiers):
            if lower.end is None or lower.end != upper.begin:
                raise PriceListRefused(
                    f"{self.name}, {wanted.place}: the tiers of {sku:.40} do not follow one another: one ends at "
                    f"{'no end' if lower.end is None else format(lower.end, 'f')}, the next begins at "
                    f"{upper.begin:f}. Fetch the file again, or leave the key out: --leave-out "
                    f"{rule.service}/{wanted.key:.100}."
                )
        source = f"AWS price list {self.price_list.offer} {self.price_list.version}, SKU {sku}"
        shared = {
            "service": rule.service, "unit": rule.unit, "effective_date": wanted.effective or "undated",
            "source": source, "offer_sku": sku,
        }  # fmt: skip
        if rule.tiers:
            for name, tier in zip(rule.tiers, tiers, strict=False):
                yield BookRow(
                    sku_key=f"{wanted.key}.{name}", price_usd=tier.price_usd, tiers=(tier,), **shared
                )
            return
        # What is free at first is for the account as a whole: an estimate leaves it out.
        paid = next((tier for tier in tiers if tier.price_usd > 0), tiers[0])
        yield BookRow(
            sku_key=wanted.key,
            price_usd=paid.price_usd,
            tiers=tuple(tiers) if len(tiers) > 1 else (),
            **shared,
        )


def digest_of(region: str, rows: Iterable[BookRow]) -> str:
    """Name the content of a book (SHA-256 hex): every column of every row, in any order."""
    lines = sorted(
        "\t".join(
            (
                row.service, row.sku_key, row.unit, plain(row.price_usd), row.effective_date, row.source,
                *(f"{plain(tier.begin)}-{tier.end and plain(tier.end)}:{plain(tier.price_usd)}" for tier in row.tiers),
            )
        )
        for row in rows
    )  # fmt: skip
    return hashlib.sha256("\n".join([region, CURRENCY, *lines]).encode()).hexdigest()


def plain(number: Decimal) -> str:
    """Write a number without exponent and without zeros at its end."""
    return format(number.normalize(), "f")


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _begin(rate: tuple[Decimal, Decimal | None, Decimal]) -> Decimal:
    return rate[0]


def _worth(row: BookRow) -> tuple[object, ...]:
    return (row.unit, row.price_usd, row.tiers)


def _several(name: str, one: tuple[BookRow, str], other: tuple[BookRow, str]) -> str:
    (row, place), (second, second_place) = one, other
    return (
        f"{name}: {row.service} {row.sku_key} has several prices: {plain(row.price_usd)} ({place}, SKU "
        f"{row.offer_sku:.40}) and {plain(second.price_usd)} ({second_place}, SKU {second.offer_sku:.40}). The mapping "
        f"takes two products for one: make its rule narrower, or leave the key out: --leave-out "
        f"{row.service}/{row.sku_key}."
    )
