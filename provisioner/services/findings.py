"""Findings and estimates as JSON documents, the shape they are stored and shown in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from decimal import Decimal

from provisioner.domain.cost import LineItem, Unpriced
from provisioner.domain.finding import Finding


def documents(findings: Iterable[Finding]) -> list[dict[str, object]]:
    """Return findings as JSON values."""
    return [{**asdict(finding), "level": finding.level.value} for finding in findings]


def line_item_documents(items: Iterable[LineItem]) -> list[dict[str, object]]:
    """Return line items as JSON values: money and quantities as decimal strings, the month's sum in cents."""
    return [
        {
            "address": item.address,
            "component": item.component,
            "sku_key": item.sku_key,
            "quantity": format(item.quantity.normalize(), "f"),
            "unit": item.unit,
            "unit_price_usd": format(item.unit_price_usd, "f"),
            "usd_month": format(item.usd_month.quantize(Decimal("0.01")), "f"),
            "source": item.source,
        }
        for item in items
    ]


def unpriced_documents(rows: Iterable[Unpriced]) -> list[dict[str, object]]:
    """Return unpriced components as JSON values."""
    return [asdict(row) for row in rows]
