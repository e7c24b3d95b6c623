"""The sheet that price models write on: the book, the other resources, the expected use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from provisioner.domain.pricing import (
    HOURS_PER_MONTH,
    TIMES,
    LineItem,
    PriceBook,
    PricedResource,
    Unpriced,
    counted,
    plain,
)
from provisioner.domain.pricing_usage import NO_USAGE, Amount, UsageProfile

Rows = Iterator[LineItem | Unpriced]


@dataclass(frozen=True)
class ByUse:
    """A component that is paid by use: what a usage profile says under `key`, in units of `unit_size`.

    `sku` is one SKU, or tiers: pairs of a SKU and the quantity (in price units, cumulative) up to which it counts; the
    last one's None counts for the rest. An account's free tiers are not deducted: others use them up, too.
    """

    component: str
    what: str
    service: str
    sku: str | tuple[tuple[str, Decimal | None], ...]
    key: str
    unit_size: Decimal = Decimal(1)

    @property
    def tiers(self) -> tuple[tuple[str, Decimal | None], ...]:
        """Give the SKUs with the quantities up to which they count."""
        return ((self.sku, None),) if isinstance(self.sku, str) else self.sku


@dataclass(frozen=True)
class Sheet:
    """What a price model may look at: the book, the other resources of the same estimate, the expected use."""

    book: PriceBook
    resources: Sequence[PricedResource]
    expected: UsageProfile = NO_USAGE

    @cached_property
    def _by_type(self) -> Mapping[str, Sequence[PricedResource]]:
        found: dict[str, list[PricedResource]] = {}
        for resource in self.resources:
            found.setdefault(resource.type, []).append(resource)
        return found

    @cached_property
    def _by_name(self) -> dict[tuple[str, tuple[str, ...]], dict[str, PricedResource]]:
        return {}

    @cached_property
    def _by_test(self) -> dict[tuple[str, str], Sequence[PricedResource]]:
        return {}

    def of_type(self, kind: str) -> Sequence[PricedResource]:
        """Give the resources of one type, in their order."""
        return self._by_type.get(kind, ())

    def named(self, kind: str, name: str, *attributes: str) -> PricedResource | None:
        """Find the first resource of a type of which one of the attributes is this text; "" finds none."""
        index = self._by_name.get((kind, attributes))
        if index is None:
            index = {}
            for resource in self.of_type(kind):
                for attribute in attributes:
                    index.setdefault(resource.text(attribute), resource)
            self._by_name[kind, attributes] = index
        return index.get(name) if name else None

    def matching(
        self, kind: str, name: str, wanted: Callable[[PricedResource], bool]
    ) -> Sequence[PricedResource]:
        """Give the resources of a type that a test lets through; each test has its name and is made once."""
        key = (kind, name)
        if key not in self._by_test:
            self._by_test[key] = [resource for resource in self.of_type(kind) if wanted(resource)]
        return self._by_test[key]

    def only(self, kind: str) -> PricedResource | None:
        """Give the resource of a type when there is exactly one."""
        found = self.of_type(kind)
        return found[0] if len(found) == 1 else None

    def line(
        self,
        resource: PricedResource,
        component: str,
        service: str,
        sku_key: str,
        quantity: Decimal,
        *,
        basis: str = "",
        profile: str | None = None,
    ) -> LineItem | Unpriced:
        """Price a quantity, or say that the book has no price for it. `profile`: the use that it follows from."""
        price = self.book.get(service, sku_key)
        if price is None:
            reason = f"The price book of {self.book.region} has no price for {service} {sku_key:.100}."
            return Unpriced(resource.address, resource.type, component, reason, profile is not None)
        return LineItem(
            address=resource.address,
            component=component,
            sku_key=sku_key,
            quantity=quantity,
            unit=price.unit,
            unit_price_usd=price.price_usd,
            usd_month=quantity * price.price_usd,
            source=price.source,
            type=resource.type,
            service=service,
            region=self.book.region,
            effective_date=price.effective_date,
            basis=basis,
            usage_based=profile is not None,
            profile=profile or "",
        )

    def hours(
        self,
        resource: PricedResource,
        component: str,
        service: str,
        sku_key: str,
        count: Decimal = Decimal(1),
        noun: str = "",
    ) -> LineItem | Unpriced:
        """Price something that costs at all hours of the month, `count` times; `noun` names one of it."""
        number = counted(count, noun) if noun else plain(count)
        basis = f"{number} {TIMES} {HOURS_PER_MONTH} hours a month"
        return self.line(resource, component, service, sku_key, count * HOURS_PER_MONTH, basis=basis)

    def unpriced(self, resource: PricedResource, component: str, reason: str) -> Unpriced:
        """Say that a component has no price."""
        return Unpriced(resource.address, resource.type, component, reason)

    def usage(
        self, resource: PricedResource, component: str, what: str, service: str = "", sku_key: str = ""
    ) -> Unpriced:
        """Say that a component costs by usage, with its rate where the book has it."""
        price = self.book.get(service, sku_key)
        rate = f", at {price.price_usd:f} USD per {price.unit}" if price else ""
        return Unpriced(
            resource.address, resource.type, component, f"Usage based: {what}{rate}.", usage_based=True
        )

    def amount(self, resource: PricedResource, key: str) -> Amount | None:
        """Give how much of something the usage profile expects of a resource."""
        return self.expected.of(resource.type, resource.address).get(key)

    def by_use(self, resource: PricedResource, part: ByUse) -> Rows:
        """Price what the usage profile expects, tier by tier; without a profile say that it costs by usage."""
        amount = self.amount(resource, part.key)
        if amount is None:
            yield self.usage(resource, part.component, part.what, part.service, part.tiers[0][0])
            return
        basis = f"{plain(amount.value)} ({part.key})"
        if part.unit_size != 1:
            basis += f" ÷ {plain(part.unit_size)}"
        yield from self.used(resource, part, amount.value / part.unit_size, basis, amount.profile)

    def used(
        self, resource: PricedResource, part: ByUse, quantity: Decimal, basis: str, profile: str
    ) -> Rows:
        """Price a quantity in price units that follows from a usage profile, tier by tier."""
        below = Decimal(0)
        for sku_key, limit in part.tiers:
            inside = max(Decimal(0), (quantity if limit is None else min(quantity, limit)) - below)
            if inside > 0 or below == 0:
                component = part.component if below == 0 else f"{part.component} above {plain(below)}"
                counted = basis if below == 0 else f"{basis}, above {plain(below)}"
                if limit is not None and quantity > limit:
                    counted += f", up to {plain(limit)}"
                yield self.line(
                    resource, component, part.service, sku_key, inside, basis=counted, profile=profile
                )
            if limit is None:
                return
            below = limit


PriceModel = Callable[[PricedResource, Sheet], Rows]
