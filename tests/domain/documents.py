"""Documents for the domain tests: files made by real Terraform, and small ones built on the spot."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from provisioner.domain.cost import Estimate, LineItem, Price, PriceBook, PricedResource, Unpriced

DATA = Path(__file__).parent / "data"
PRICES = Path(__file__).parents[2] / "provisioner" / "prices" / "us-east-1.csv"


def load(name: str) -> dict[str, object]:
    return json.loads((DATA / name).read_text())


def change(
    actions: list[str],
    before: object = None,
    after: object = None,
    *,
    kind: str = "aws_db_instance",
    address: str | None = None,
    entry: dict[str, object] | None = None,
    **fields: object,
) -> dict[str, object]:
    return {
        "address": address or f"{kind}.this",
        "mode": "managed",
        "type": kind,
        "name": "this",
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": {"actions": actions, "before": before, "after": after, "after_unknown": {}, **fields},
        **(entry or {}),
    }


def plan_of(*changes: dict[str, object], **fields: object) -> dict[str, object]:
    return {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "resource_changes": list(changes),
        **fields,
    }


def book(**prices: str) -> PriceBook:
    """Make a book from service__sku="price"; dots in the SKU are written as _DOT_, hyphens as _DASH_."""
    rows = {}
    for name, price in prices.items():
        service, sku_key = name.replace("_DOT_", ".").replace("_DASH_", "-").split("__")
        rows[service, sku_key] = Price(service, sku_key, "unit", Decimal(price), "2026", "test")
    return PriceBook("us-east-1", rows, "digest")


def resource(kind: str, address: str | None = None, **attributes: object) -> PricedResource:
    return PricedResource(address or f"{kind}.this", kind, attributes)


def estimate_with(*unpriced: Unpriced, usd_month: str = "0.00") -> Estimate:
    items: tuple[LineItem, ...] = ()
    return Estimate(items, tuple(unpriced), Decimal(usd_month))
