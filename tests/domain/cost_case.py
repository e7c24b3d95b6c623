"""Cases of what resources cost, from YAML: the resources, the expected use, and every line that comes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import yaml

from provisioner.domain.cost import LineItem, PricedResource, Unpriced, estimate, parse_price_book
from provisioner.domain.pricing import plain
from provisioner.domain.pricing_usage import UsageProfile, UsageRule
from tests.domain.documents import DATA, PRICES

BOOK = parse_price_book(PRICES.read_text(), "us-east-1")

Usage = Mapping[str, Mapping[str, int | float]]


def cases() -> list[dict[str, Any]]:
    """Return the cases of all files under data/costs."""
    return [
        case
        for path in sorted((DATA / "costs").glob("*.yaml"))
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def resources_of(case: Mapping[str, Any]) -> list[PricedResource]:
    """Return the resources of a case."""
    return [
        PricedResource(
            given.get("address") or f"{given['type']}.this",
            given["type"],
            given.get("attributes", {}),
            frozenset(given.get("unknown", ())),
        )
        for given in case["resources"]
    ]


def profile(usage: Usage, name: str = "test") -> UsageProfile:
    """Make a usage profile."""
    return UsageProfile(
        tuple(
            UsageRule(name, kind, {key: Decimal(str(value)) for key, value in keys.items()})
            for kind, keys in usage.items()
        )
    )


def told(resources: Sequence[PricedResource], usage: Usage) -> list[str]:
    """Write every line of an estimate: component, SKU, how it was counted, quantity, price, amount; or why not."""
    result = estimate(resources, BOOK, profile(usage))
    total = sum((item.usd_month for item in result.line_items), Decimal(0))
    assert total.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP) == result.usd_month
    return [*map(_item, result.line_items), *map(_unpriced, result.unpriced)]


def _item(item: LineItem) -> str:
    assert item.usage_based == (item.profile == "test")
    use = " by use" if item.usage_based else ""
    basis = f"{item.basis}: " if item.basis else ""
    return (
        f"{item.component}, {item.service} {item.sku_key}{use}: {basis}{plain(item.quantity)} {item.unit} "
        f"x {plain(item.unit_price_usd)} = {plain(item.usd_month)}"
    )


def _unpriced(row: Unpriced) -> str:
    return f"{row.component}: {row.reason}" if row.usage_based else f"{row.component}, UNPRICED: {row.reason}"
