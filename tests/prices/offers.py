"""Price lists of our own making, small, in the shape that AWS documents. No real one was read for them.

https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DISCLAIMER = "This pricing list is for informational purposes only."
PUBLISHED = "2026-11-20T18:00:00Z"
VERSION = "20261120180000"
EFFECTIVE = "2026-11-01T00:00:00Z"
ON_DEMAND, RATE = "JRTCKXETXF", "6YS6EN2CT7"

# How the columns of the CSV files are called where a space is not all that differs.
COLUMNS = {
    "regionCode": "Region Code",
    "usagetype": "usageType",
    "operation": "operation",
    "capacitystatus": "CapacityStatus",
    "preInstalledSw": "Pre Installed S/W",
    "volumeApiName": "Volume API Name",
    "servicecode": "serviceCode",
}


@dataclass
class Product:
    """A product with its on-demand tiers: (begin, end, price)."""

    sku: str
    family: str
    attributes: Mapping[str, str]
    unit: str = "Hrs"
    tiers: tuple[tuple[str, str, str], ...] = (("0", "Inf", "0.1000000000"),)
    currency: str = "USD"
    reserved: bool = False


def product(sku: str, family: str, usage: str, price: str, unit: str = "Hrs", **attributes: str) -> Product:
    """Return a product of us-east-1 with one price."""
    tiers = (("0", "Inf", price),)
    return Product(
        sku, family, {"regionCode": "us-east-1", "locationType": "AWS Region", "usagetype": usage, **attributes},
        unit, tiers,
    )  # fmt: skip


def machine(sku: str, kind: str, price: str, **changes: str) -> Product:
    """Return an EC2 machine with Linux."""
    attributes = {
        "instanceType": kind,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "licenseModel": "No License required",
        "capacitystatus": "Used",
        **changes,
    }
    usage = attributes.pop("usagetype", f"BoxUsage:{kind}")
    return product(sku, "Compute Instance", usage, price, **attributes)


def database(
    sku: str, kind: str, price: str, *, deployment: str = "Single-AZ", engine: str = "PostgreSQL"
) -> Product:
    """Return an RDS instance."""
    usage = "InstanceUsage" if deployment == "Single-AZ" else "Multi-AZUsage"
    return product(
        sku, "Database Instance", f"{usage}:{kind}", price, instanceType=kind, databaseEngine=engine,
        deploymentOption=deployment, licenseModel="No license required",
    )  # fmt: skip


@dataclass
class PriceList:
    """A price list, to be written as JSON or CSV."""

    offer: str
    products: Iterable[Product]
    version: str = VERSION
    format_version: str = "v1.0"
    extra: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the JSON document, in the order of the real ones."""
        products = list(self.products)
        terms: dict[str, Any] = {"OnDemand": {one.sku: _term(one) for one in products if one.tiers}}
        terms["Reserved"] = {one.sku: _term(one, code="38NPMPTW36") for one in products if one.reserved}
        return {
            "formatVersion": self.format_version,
            "disclaimer": DISCLAIMER,
            "offerCode": self.offer,
            "version": self.version,
            "publicationDate": PUBLISHED,
            "products": {
                one.sku: {
                    "sku": one.sku,
                    "productFamily": one.family,
                    "attributes": {"servicecode": self.offer, **one.attributes},
                }
                for one in products
            },
            "terms": terms,
            "attributesList": {},
            **self.extra,
        }

    def json(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(self.document(), indent=2).encode()

    def csv(self) -> bytes:
        """Return it as CSV."""
        products = list(self.products)
        names = sorted({name for one in products for name in one.attributes})
        out = io.StringIO()
        write = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow
        for row in (
            ("FormatVersion", self.format_version), ("Disclaimer", DISCLAIMER), ("Publication Date", PUBLISHED),
            ("Version", self.version), ("OfferCode", self.offer),
        ):  # fmt: skip
            write(row)
        write([
            "SKU", "OfferTermCode", "RateCode", "TermType", "PriceDescription", "EffectiveDate", "StartingRange",
            "EndingRange", "Unit", "PricePerUnit", "Currency", "Product Family", "serviceCode", *map(_column, names),
            "serviceName",
        ])  # fmt: skip
        for one in products:
            for kind in ["OnDemand", "Reserved"] if one.reserved else ["OnDemand"]:
                for begin, end, price in one.tiers:
                    write([
                        one.sku, ON_DEMAND, f"{one.sku}.{ON_DEMAND}.{RATE}", kind, "what it is", EFFECTIVE[:10], begin,
                        end, one.unit, price, one.currency, one.family, self.offer,
                        *(one.attributes.get(name, "") for name in names), "Amazon Something",
                    ])  # fmt: skip
        return out.getvalue().encode()

    def write(self, folder: Path, *, region: str = "us-east-1", kind: str = "json") -> Path:
        """Write it below a folder in the layout of the price list."""
        path = folder / "offers/v1.0/aws" / self.offer / "current" / region / f"index.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.json() if kind == "json" else self.csv())
        return path


def _column(name: str) -> str:
    if name in COLUMNS:
        return COLUMNS[name]
    spaced = "".join(f" {letter}" if letter.isupper() else letter for letter in name)
    return spaced[0].upper() + spaced[1:]


def _term(one: Product, code: str = ON_DEMAND) -> dict[str, Any]:
    name = f"{one.sku}.{code}"
    return {
        name: {
            "offerTermCode": code,
            "sku": one.sku,
            "effectiveDate": EFFECTIVE,
            "priceDimensions": {
                f"{name}.{RATE}{index}": {
                    "rateCode": f"{name}.{RATE}{index}",
                    "description": "what it is",
                    "beginRange": begin,
                    "endRange": end,
                    "unit": one.unit,
                    "pricePerUnit": {one.currency: price},
                    "appliesTo": [],
                }
                for index, (begin, end, price) in enumerate(one.tiers)
            },
            "termAttributes": {},
        }
    }
