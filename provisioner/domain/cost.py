"""The monthly estimate: line items, fixed and by use, and a list of what has no price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from provisioner.domain import (
    pricing_aws,
    pricing_aws_cache,
    pricing_aws_compute,
    pricing_aws_containers,
    pricing_aws_databases,
    pricing_aws_free,
    pricing_aws_messaging,
    pricing_aws_network,
    pricing_aws_serverless,
    pricing_aws_storage,
    pricing_aws_volumes,
)
from provisioner.domain.plan import Plan, ResourceChange
from provisioner.domain.pricing import (
    HOURS_PER_MONTH,
    LineItem,
    Price,
    PriceBook,
    PriceBookError,
    PricedResource,
    Unpriced,
    parse_price_book,
)
from provisioner.domain.pricing_sheet import PriceModel, Sheet
from provisioner.domain.pricing_usage import NO_USAGE, UsageProfile

__all__ = [
    "FREE_TYPES",
    "HOURS_PER_MONTH",
    "MODELS",
    "SOURCES",
    "USAGE_KEYS",
    "Coverage",
    "Estimate",
    "LineItem",
    "Price",
    "PriceBook",
    "PriceBookError",
    "PriceModel",
    "PricedResource",
    "Unpriced",
    "UsageProfile",
    "estimate",
    "parse_price_book",
    "resources_before_plan",
    "resources_from_plan",
]

# One row for each type that costs something; every module of price models adds its own.
_AWS = (
    pricing_aws,
    pricing_aws_cache,
    pricing_aws_compute,
    pricing_aws_containers,
    pricing_aws_databases,
    pricing_aws_messaging,
    pricing_aws_network,
    pricing_aws_serverless,
    pricing_aws_storage,
    pricing_aws_volumes,
)
MODELS: dict[str, PriceModel] = {type_: model for part in _AWS for type_, model in part.MODELS.items()}
# AWS's page on the prices of each type.
SOURCES: dict[str, str] = {type_: page for part in _AWS for type_, page in part.SOURCES.items()}
# What a usage profile may say of each type: Infracost's names, nested ones joined by dots.
# https://github.com/infracost/infracost/blob/master/infracost-usage-example.yml
USAGE_KEYS: dict[str, tuple[str, ...]] = {
    type_: keys for part in _AWS for type_, keys in part.USAGE_KEYS.items()
}
_FREE_ANYWHERE = frozenset(
    {
        "local_file",
        "null_resource",
        "random_id",
        "random_integer",
        "random_password",
        "random_pet",
        "random_shuffle",
        "random_string",
        "random_uuid",
        "terraform_data",
        "time_offset",
        "time_rotating",
        "time_sleep",
        "time_static",
        "tls_cert_request",
        "tls_private_key",
        "tls_self_signed_cert",
    }
)
FREE_TYPES: frozenset[str] = _FREE_ANYWHERE.union(
    pricing_aws_free.FREE_TYPES, *(getattr(part, "FREE_TYPES", frozenset()) for part in _AWS)
)

_CENT = Decimal("0.01")

# More than any company pays for one workspace; what is beyond it is taken for a mistake in the plan.
USD_MONTH_MAX = Decimal(10) ** 11


@dataclass(frozen=True)
class Coverage:
    """How many resources are in which class: of each, the first that fits.

    `unpriced`: a part of it has no price; `priced`: it has a price that is due whatever is done with it; `usage`: it
    costs by use alone, expected or not known; `free`: it costs nothing.
    """

    priced: int = 0
    usage: int = 0
    unpriced: int = 0
    free: int = 0

    @property
    def resources(self) -> int:
        """Count all resources."""
        return self.priced + self.usage + self.unpriced + self.free

    @property
    def share(self) -> Decimal:
        """Give the part of the resources of which every price is known, in percent, rounded down; 100 for none."""
        if not self.resources:
            return Decimal(100)
        return Decimal(100 * (self.resources - self.unpriced) // self.resources)


@dataclass(frozen=True)
class Estimate:
    """What resources cost a month at list price. `usd_month` is rounded half up to cents, at the very end.

    The total is all line items: what is due whatever happens (`fixed_usd_month`) and what a usage profile expects
    (`usage_usd_month`). Limits of approval rules are held against the total, so an organisation that writes no usage
    profiles sees the limits mean what they did before there were any. A component whose use nobody expects is in
    `unpriced` and marked `usage_based`, which `when_unpriced` does not count; so is one whose use is expected but whose
    rate is missing. Only what has no price at all asks for a decision.
    """

    line_items: tuple[LineItem, ...]
    unpriced: tuple[Unpriced, ...]
    usd_month: Decimal
    coverage: Coverage = field(default_factory=Coverage, compare=False)

    @property
    def usage_based(self) -> tuple[Unpriced, ...]:
        """The components whose usage nobody knows yet."""
        return tuple(row for row in self.unpriced if row.usage_based)

    @property
    def without_price(self) -> tuple[Unpriced, ...]:
        """The components that have no price: what the total is blind to."""
        return tuple(row for row in self.unpriced if not row.usage_based)

    @property
    def usage_usd_month(self) -> Decimal:
        """What usage profiles expect to be paid by use, rounded half up to cents."""
        return _cents(item.usd_month for item in self.line_items if item.usage_based)

    @property
    def fixed_usd_month(self) -> Decimal:
        """What is due whatever is used: the total without what is paid by use."""
        return self.usd_month - self.usage_usd_month


def estimate(
    resources: Sequence[PricedResource], book: PriceBook, usage: UsageProfile = NO_USAGE
) -> Estimate:
    """Estimate what the resources cost a month; `usage` says how much use to expect of them.

    A type in FREE_TYPES gives no row; a type without a price model is listed as unpriced.
    """
    sheet = Sheet(book=book, resources=resources, expected=usage)
    items: list[LineItem] = []
    unpriced: list[Unpriced] = []
    counts = {"priced": 0, "usage": 0, "unpriced": 0, "free": 0}
    total = Decimal(0)
    for resource in resources:
        items_before, unpriced_before = len(items), len(unpriced)
        for row in _rows(resource, sheet):
            if isinstance(row, Unpriced):
                unpriced.append(row)
            elif total + row.usd_month > USD_MONTH_MAX:
                reason = "The amount is beyond what can be right; look at the numbers of the plan."
                unpriced.append(Unpriced(row.address, row.type, row.component, reason))
            else:
                items.append(row)
                total += row.usd_month
        counts[_class_of(items[items_before:], unpriced[unpriced_before:])] += 1
    return Estimate(
        tuple(items),
        tuple(unpriced),
        total.quantize(_CENT, rounding=ROUND_HALF_UP),
        Coverage(**counts),
    )


def _rows(resource: PricedResource, sheet: Sheet) -> Iterable[LineItem | Unpriced]:
    if resource.type in FREE_TYPES:
        return ()
    model = MODELS.get(resource.type)
    if model is None:
        reason = f"There is no price model for {resource.type}."
        return (Unpriced(resource.address, resource.type, "", reason),)
    return model(resource, sheet)


def _class_of(items: Sequence[LineItem], unpriced: Sequence[Unpriced]) -> str:
    if any(not row.usage_based for row in unpriced):
        return "unpriced"
    if any(not item.usage_based for item in items):
        return "priced"
    return "usage" if items or unpriced else "free"


def _cents(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0)).quantize(_CENT, rounding=ROUND_HALF_UP)


def resources_from_plan(plan: Plan) -> tuple[PricedResource, ...]:
    """Give what exists after the apply."""
    return tuple(_after(change) for change in plan.after_resources())


def _after(change: ResourceChange) -> PricedResource:
    unknown = change.after_unknown
    names = (name for name, value in unknown.items() if value is True) if isinstance(unknown, Mapping) else ()
    return PricedResource(change.address, change.type, change.after or {}, frozenset(names))


def resources_before_plan(plan: Plan) -> tuple[PricedResource, ...]:
    """Give what exists before the apply, under the addresses that it has after it.

    The difference of the two estimates is what the apply adds to the bill.
    """
    return tuple(
        PricedResource(change.address, change.type, change.before or {}) for change in plan.before_resources()
    )
