"""Read what `infracost breakdown --format json` says as an estimate of ours.

The fields are those of https://github.com/infracost/infracost/blob/master/internal/output/output.go, format version
0.2: money and quantities are decimal strings; a quantity of null is one that depends on use.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from provisioner.domain.cost import Estimate
from provisioner.domain.pricing import LineItem, PricedResource, Unpriced

FORMAT_VERSION = "0.2"
CURRENCY = "USD"
_CENT = Decimal("0.01")
_DEPTH_MAX = 8  # of resources within resources


class OutputError(ValueError):
    """The output cannot be taken for an estimate; the text says why."""


@dataclass(frozen=True)
class Breakdown:
    """What infracost says of a plan: after the apply, and before it (None where it says nothing of that)."""

    estimate: Estimate
    before: Estimate | None


def read(output: bytes, resources: Sequence[PricedResource], *, source: str) -> Breakdown:
    """Read the output. `resources` are the plan's, to name what is not supported; `source` names infracost.

    Raises OutputError for what is no output of the known version, in another currency, or adds up to something else
    than it says itself.
    """
    try:
        document = json.loads(output, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise OutputError(f"it wrote no JSON ({error!s:.80})") from None
    if not isinstance(document, dict):
        raise OutputError("it wrote no JSON object")
    version, currency = document.get("version"), document.get("currency")
    if version != FORMAT_VERSION:
        raise OutputError(
            f"its output has the format version {version!r:.20}, and {FORMAT_VERSION} is read here"
        )
    if currency != CURRENCY:
        raise OutputError(f"its prices are in {currency!r:.12} and not in {CURRENCY}")
    projects = [project for project in _list(document, "projects") if isinstance(project, dict)]
    if not projects:
        raise OutputError("its output has no project")
    for project in projects:
        for problem in _list(_map(project, "metadata"), "errors"):
            message = problem.get("message") if isinstance(problem, dict) else problem
            raise OutputError(f"it reports an error: {message!s:.200}")
    after = _estimate(projects, "breakdown", source, tuple(_unsupported(document, projects, resources)))
    knows_before = any(_map(project, "pastBreakdown") for project in projects)
    return Breakdown(after, _estimate(projects, "pastBreakdown", source, ()) if knows_before else None)


def _estimate(
    projects: Sequence[Mapping[str, Any]], which: str, source: str, unsupported: tuple[Unpriced, ...]
) -> Estimate:
    """Add one of the breakdowns up, and compare it with the total that infracost states."""
    items: list[LineItem] = []
    unpriced: list[Unpriced] = []
    stated: list[Decimal | None] = []
    for project in projects:
        breakdown = _map(project, which)
        for resource in _list(breakdown, "resources"):
            for row in _rows(resource, source):
                (items if isinstance(row, LineItem) else unpriced).append(row)  # type: ignore[arg-type]
        stated.append(_number(breakdown.get("totalMonthlyCost")))
    total = sum((item.usd_month for item in items), Decimal(0))
    known = [number for number in stated if number is not None]
    if len(known) == len(stated) and abs(sum(known) - total) > _CENT:
        raise OutputError(
            f"its parts add up to {total:.2f} and not to its total of {sum(known):.2f} USD a month"
        )
    return Estimate(tuple(items), (*unpriced, *unsupported), total.quantize(_CENT, rounding=ROUND_HALF_UP))


def _rows(
    resource: object, source: str, *, address: str = "", within: str = "", depth: int = 0
) -> Iterator[LineItem | Unpriced]:
    """Yield the components of a resource and of the parts within it, which have a name but no address."""
    if not isinstance(resource, dict) or depth > _DEPTH_MAX:
        raise OutputError("a resource in its output has not the expected shape")
    name = str(resource.get("name", ""))
    address = address or name
    for component in _list(resource, "costComponents"):
        if not isinstance(component, dict):
            raise OutputError(f"a component of {address:.80} has not the expected shape")
        yield _component(component, address, within, source)
    for part in _list(resource, "subresources"):
        part_name = str(part.get("name", "")) if isinstance(part, dict) else ""
        yield from _rows(
            part,
            source,
            address=address,
            within=f"{within}{part_name}: " if part_name else within,
            depth=depth + 1,
        )


def _component(component: Mapping[str, Any], address: str, within: str, source: str) -> LineItem | Unpriced:
    name = f"{within}{component.get('name', '')}"
    unit = str(component.get("unit", ""))
    price = _number(component.get("price"))
    quantity, usd_month = _number(component.get("monthlyQuantity")), _number(component.get("monthlyCost"))
    if component.get("priceNotFound") is True or price is None:
        return Unpriced(address, _type(address), name, "infracost has no price for it.")
    if not quantity or usd_month is None:
        use = "its use is not known" if quantity is None else "no use is expected"
        reason = f"Usage based: {use}, at {price:f} USD per {unit}."
        return Unpriced(address, _type(address), name, reason, usage_based=True)
    return LineItem(
        address=address,
        component=name,
        sku_key=str(component.get("name", ""))[:200],
        quantity=quantity,
        unit=unit,
        unit_price_usd=price,
        usd_month=usd_month,
        source=source,
        type=_type(address),
        service="infracost",
        region="its own prices",
        effective_date="when it was asked",
    )


def _unsupported(
    document: Mapping[str, Any], projects: Sequence[Mapping[str, Any]], resources: Sequence[PricedResource]
) -> Iterator[Unpriced]:
    """Yield a row for each resource of a type that infracost does not know, by its address where the plan has it."""
    counts = _map(_map(document, "summary"), "unsupportedResourceCounts")
    if not counts:
        counts = {
            kind: count
            for project in projects
            for kind, count in _map(_map(project, "summary"), "unsupportedResourceCounts").items()
        }
    for kind in sorted(counts):
        reason = f"infracost does not support {kind}."
        named = [resource for resource in resources if resource.type == kind]
        if not named:
            yield Unpriced(kind, kind, "", reason)
        for resource in named:
            yield Unpriced(resource.address, kind, "", reason)


def _type(address: str) -> str:
    parts = address.split(".")
    return parts[-2] if len(parts) > 1 else ""


def _number(value: object) -> Decimal | None:
    """Return a number that is given as text or as JSON number; None for null. Raises OutputError for anything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise OutputError(f"{value!r:.40} is no number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise OutputError(f"{value!r:.40} is no number") from None
    if not number.is_finite() or number < 0:
        raise OutputError(f"{value!r:.40} is no price or quantity")
    return number


def _map(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _list(document: Mapping[str, Any], name: str) -> list[Any]:
    found = document.get(name)
    return found if isinstance(found, list) else []
