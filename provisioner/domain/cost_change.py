"""What an apply changes on the bill, resource by resource: the estimate of what exists against that of what will."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from provisioner.domain.cost import Estimate
from provisioner.domain.pricing import LineItem, plain

_CENT = Decimal("0.01")
_NOTHING = Decimal(0)


class CostStatus(StrEnum):
    """What becomes of a cost."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class ResourceCost:
    """What one resource costs a month before and after the apply, each rounded half up to cents."""

    address: str
    type: str
    status: CostStatus
    before_usd_month: Decimal
    after_usd_month: Decimal

    @property
    def delta_usd_month(self) -> Decimal:
        """What the apply adds to the bill for it."""
        return self.after_usd_month - self.before_usd_month


@dataclass(frozen=True)
class LineChange:
    """A line item with what becomes of it; of a removed one the quantity and the amount are 0.

    `delta_usd_month` is unrounded.
    """

    item: LineItem
    status: CostStatus
    delta_usd_month: Decimal


@dataclass(frozen=True)
class CostChange:
    """The bill before and after the apply. `resources`: those with a price on either side, what changes most first."""

    before_usd_month: Decimal
    delta_usd_month: Decimal
    resources: tuple[ResourceCost, ...]
    lines: tuple[LineChange, ...]

    def count(self, status: CostStatus) -> int:
        """Count the resources of a status."""
        return sum(row.status is status for row in self.resources)


def compare(before: Estimate, after: Estimate) -> CostChange:
    """Compare two estimates that were made with the same book and the same usage profile."""
    return CostChange(
        before_usd_month=before.usd_month,
        delta_usd_month=after.usd_month - before.usd_month,
        resources=_resources(before.line_items, after.line_items),
        lines=tuple(_lines(before.line_items, after.line_items)),
    )


def _resources(before: Iterable[LineItem], after: Iterable[LineItem]) -> tuple[ResourceCost, ...]:
    types: dict[str, str] = {}
    sums: tuple[dict[str, Decimal], dict[str, Decimal]] = ({}, {})
    for side, items in zip(sums, (before, after), strict=True):
        for item in items:
            types[item.address] = item.type
            side[item.address] = side.get(item.address, _NOTHING) + item.usd_month
    rows = [
        _resource(address, kind, sums[0].get(address), sums[1].get(address))
        for address, kind in types.items()
    ]
    rows.sort(key=lambda row: (row.status is CostStatus.UNCHANGED, -abs(row.delta_usd_month), row.address))
    return tuple(rows)


def _resource(address: str, kind: str, before: Decimal | None, after: Decimal | None) -> ResourceCost:
    cents = [(amount or _NOTHING).quantize(_CENT, rounding=ROUND_HALF_UP) for amount in (before, after)]
    return ResourceCost(address, kind, _status(before, after), *cents)


def _status(before: Decimal | None, after: Decimal | None) -> CostStatus:
    if before is None:
        return CostStatus.ADDED
    if after is None:
        return CostStatus.REMOVED
    return CostStatus.UNCHANGED if before == after else CostStatus.CHANGED


def _lines(before: Iterable[LineItem], after: Iterable[LineItem]) -> Iterable[LineChange]:
    """Pair the lines of each component of each resource; several of one name are compared as one."""
    left: dict[tuple[str, str], list[LineItem]] = {}
    for item in before:
        left.setdefault((item.address, item.component), []).append(item)
    yielded: set[tuple[str, str]] = set()
    for item in after:
        key = (item.address, item.component)
        matched = left.pop(key, None)
        if matched is None:
            # A second line of the same name has been compared with the first one.
            yield LineChange(item, CostStatus.CHANGED if key in yielded else CostStatus.ADDED, item.usd_month)
            continue
        yielded.add(key)
        was = sum((old.usd_month for old in matched), _NOTHING)
        yield LineChange(item, _status(was, item.usd_month), item.usd_month - was)
    for items in left.values():
        for item in items:
            yield LineChange(_gone(item), CostStatus.REMOVED, -item.usd_month)


def _gone(item: LineItem) -> LineItem:
    return replace(
        item, quantity=_NOTHING, usd_month=_NOTHING, basis=f"removed: {plain(item.quantity)} before"
    )
