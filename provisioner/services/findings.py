"""Findings and estimates as JSON documents, the shape they are stored and shown in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from decimal import ROUND_HALF_UP, Decimal

from provisioner.domain.cost import Coverage, Unpriced
from provisioner.domain.cost_change import CostChange, LineChange
from provisioner.domain.finding import Finding


def documents(findings: Iterable[Finding]) -> list[dict[str, object]]:
    """Return findings as JSON values."""
    return [{**asdict(finding), "level": finding.level.value} for finding in findings]


def line_item_documents(lines: Iterable[LineChange]) -> list[dict[str, object]]:
    """Return line items as JSON values: money and quantities as decimal strings, the month's sum in cents."""
    return [_line_item(line) for line in lines]


def _line_item(line: LineChange) -> dict[str, object]:
    item = line.item
    return {
        "address": item.address,
        "type": item.type,
        "component": item.component,
        "service": item.service,
        "sku_key": item.sku_key,
        "quantity": format(item.quantity.normalize(), "f"),
        "unit": item.unit,
        "unit_price_usd": format(item.unit_price_usd, "f"),
        "usd_month": _cents(item.usd_month),
        "basis": item.basis,
        "effective_date": item.effective_date,
        "source": item.source,
        "usage_based": item.usage_based,
        "profile": item.profile,
        "status": line.status.value,
        "delta_usd_month": _cents(line.delta_usd_month),
        "explanation": item.explain(),
    }


def change_documents(change: CostChange) -> list[dict[str, object]]:
    """Return what each resource costs before and after as JSON values, money as decimal strings."""
    return [
        {
            "address": row.address,
            "type": row.type,
            "status": row.status.value,
            "before_usd_month": _cents(row.before_usd_month),
            "after_usd_month": _cents(row.after_usd_month),
            "delta_usd_month": _cents(row.delta_usd_month),
        }
        for row in change.resources
    ]


def coverage_document(coverage: Coverage) -> dict[str, object]:
    """Return how many resources have a price, and the share of those of which every price is known, in percent."""
    return {**asdict(coverage), "share_percent": int(coverage.share)}


def _cents(amount: Decimal) -> str:
    return format(amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP), "f")


def unpriced_documents(rows: Iterable[Unpriced]) -> list[dict[str, object]]:
    """Return unpriced components as JSON values."""
    return [asdict(row) for row in rows]
