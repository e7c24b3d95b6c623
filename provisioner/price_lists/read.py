"""Read a price list into a collector, in constant memory: JSON by ijson, CSV row by row.

https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
"""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Protocol

import ijson

from provisioner.domain.price_import import Collector, PriceList, PriceListRefused, Rate
from provisioner.price_lists.files import ListFile, opened

_ON_DEMAND = "OnDemand"
# What stands before the products of a JSON list; the fields of PriceList.
_HEAD = {"formatVersion": "", "offerCode": "", "version": "", "publicationDate": ""}
# The five rows before the columns of a CSV list.
_CSV_HEAD = {
    "FormatVersion": "formatVersion",
    "OfferCode": "offerCode",
    "Version": "version",
    "Publication Date": "publicationDate",
}
_CSV_HEAD_ROWS = 5
_CSV_NEEDED = (
    "sku",
    "termtype",
    "startingrange",
    "endingrange",
    "unit",
    "priceperunit",
    "currency",
    "effectivedate",
)
_CSV_FAMILY = "productfamily"
_NOT_A_LETTER = re.compile(r"[^a-z0-9]")

MakeCollector = Callable[[PriceList], Collector]


def read(file: ListFile, make: MakeCollector) -> Collector:
    """Read one price list. `make` gets what the list says of itself and returns who takes its content.

    Raises PriceListRefused for a file that is cut short, damaged, of another format or in another currency.
    """
    try:
        return _read_json(file, make) if file.is_json else _read_csv(file, make)
    except ijson.IncompleteJSONError as error:
        raise PriceListRefused(
            f"{file.name}: the file ends too early or is damaged ({_brief(error)}). Fetch it again."
        ) from None
    except ijson.JSONError as error:
        raise PriceListRefused(f"{file.name}: it is not JSON ({_brief(error)}). Fetch it again.") from None
    except UnicodeDecodeError:
        raise PriceListRefused(f"{file.name}: it is not UTF-8 text. Fetch it again.") from None
    except zlib.error as error:
        raise PriceListRefused(f"{file.name}: it cannot be unpacked ({error}). Fetch it again.") from None


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


def _read_json(file: ListFile, make: MakeCollector) -> Collector:
    """Read products, then terms, each in a pass of its own: the file does not promise an order of the two."""
    with opened(file) as stream:
        price_list = _head(stream)
    price_list.check(file.name)
    collector = make(price_list)
    wanted = False
    with opened(file) as stream:
        for sku, product in ijson.kvitems(stream, "products"):
            if not isinstance(product, dict):
                raise PriceListRefused(
                    f"{file.name}, products.{sku!s:.40}: there is no product. Fetch it again."
                )
            attributes = product.get("attributes")
            lowered = {
                name.lower(): str(value)
                for name, value in (attributes if isinstance(attributes, dict) else {}).items()
            }
            wanted |= collector.product(
                sku, str(product.get("productFamily", "")), lowered, f"products.{sku:.40}"
            )
    with opened(file) as stream:
        for sku, terms in ijson.kvitems(stream, f"terms.{_ON_DEMAND}"):
            for rate, place in _rates(sku, terms):
                collector.rate(rate, place)
    if wanted and not collector.tally.rates:
        raise PriceListRefused(f"{file.name}: it has products, but no {_ON_DEMAND} terms. Fetch it again.")
    return collector


def _head(stream: BinaryIO) -> PriceList:
    head = dict(_HEAD)
    for prefix, event, value in ijson.parse(stream):
        if prefix in head and event == "string":
            head[prefix] = value
        elif (prefix, event) in (("products", "start_map"), ("terms", "start_map")):
            break
    return PriceList(head["offerCode"], head["version"], head["publicationDate"], head["formatVersion"])


def _rates(sku: str, terms: object) -> Iterator[tuple[Rate, str]]:
    for term_code, term in (terms if isinstance(terms, dict) else {}).items():
        if not isinstance(term, dict):
            continue
        dimensions = term.get("priceDimensions")
        for code, dimension in (dimensions if isinstance(dimensions, dict) else {}).items():
            if not isinstance(dimension, dict):
                continue
            prices = dimension.get("pricePerUnit")
            prices = prices if isinstance(prices, Mapping) else {}
            currency = "USD" if "USD" in prices else next(iter(prices), "")
            yield (
                Rate(
                    sku=sku,
                    unit=str(dimension.get("unit", "")),
                    price=str(prices.get(currency, "")),
                    currency=str(currency),
                    begin=str(dimension.get("beginRange", "")),
                    end=str(dimension.get("endRange", "")),
                    effective=str(term.get("effectiveDate", "")),
                ),
                f"terms.{_ON_DEMAND}.{sku:.40}.{term_code!s:.60}.{code!s:.80}",
            )


def _read_csv(file: ListFile, make: MakeCollector) -> Collector:
    with opened(file) as stream:
        rows = csv.reader(io.TextIOWrapper(stream, encoding="utf-8-sig", newline=""), strict=True)
        try:
            return _read_rows(file, rows, make)
        except csv.Error as error:
            raise PriceListRefused(
                f"{file.name}, line {rows.line_num}: not CSV, or cut short ({error}). Fetch it again."
            ) from None


class _Reader(Protocol):
    """What csv.reader returns."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


def _read_rows(file: ListFile, rows: _Reader, make: MakeCollector) -> Collector:
    head = dict(_HEAD)
    for _ in range(_CSV_HEAD_ROWS):
        row = next(rows, [])
        if len(row) == 2 and row[0] in _CSV_HEAD:
            head[_CSV_HEAD[row[0]]] = row[1]
    price_list = PriceList(head["offerCode"], head["version"], head["publicationDate"], head["formatVersion"])
    price_list.check(file.name)
    collector = make(price_list)
    columns = [_NOT_A_LETTER.sub("", name.lower()) for name in next(rows, [])]
    at = {name: index for index, name in enumerate(columns)}
    missing = [name for name in (*_CSV_NEEDED, _CSV_FAMILY) if name not in at]
    if missing:
        raise PriceListRefused(
            f"{file.name}, line {rows.line_num}: there is no column for {missing[0]}. It is no price list of a "
            "service, or it was changed since it was downloaded."
        )
    looked_at = [(name, at[name]) for name in sorted(collector.attributes) if name in at]
    sku, kind, family = at["sku"], at["termtype"], at[_CSV_FAMILY]
    fields = [
        at[name]
        for name in ("unit", "priceperunit", "currency", "startingrange", "endingrange", "effectivedate")
    ]
    before = ""
    width = len(columns)
    for row in rows:
        if len(row) != width:
            raise PriceListRefused(
                f"{file.name}, line {rows.line_num}: it has {len(row)} cells where the columns are {width}. The file "
                "is cut short or damaged; fetch it again."
            )
        if row[kind] != _ON_DEMAND:
            continue
        place = f"line {rows.line_num}"
        # Rows of one product follow one another; only those that are wanted are remembered.
        if row[sku] != before and not collector.knows(row[sku]):
            collector.product(row[sku], row[family], {name: row[index] for name, index in looked_at}, place)
        before = row[sku]
        collector.rate(Rate(row[sku], *(row[index] for index in fields)), place)
    return collector
