"""Price models as data: what a type costs at all times, and what it costs by use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from provisioner.domain.pricing import LineItem, PricedResource, Unpriced
from provisioner.domain.pricing_sheet import ByUse, PriceModel, Rows, Sheet

_FIELD = re.compile(r"\{([a-z0-9_]+)\}")


@dataclass(frozen=True)
class Fixed:
    """A component that costs the same whatever is done with it.

    `sku` may name text attributes in braces; they are written in lower case. `count` names the attribute that says how
    many there are; one when it is empty, `default` where the attribute is not set, and unpriced where that is None.
    `hours`: each costs by the hour. `when` names the attribute that must be set for the component to exist.
    """

    component: str
    service: str
    sku: str
    count: str = ""
    default: Decimal | None = Decimal(1)
    hours: bool = False
    when: str = ""

    def rows(self, resource: PricedResource, sheet: Sheet) -> Rows:
        """Price the component."""
        if self.when and not (resource.attributes.get(self.when) or self.when in resource.unknown):
            return
        yield self._row(resource, sheet)

    def _row(self, resource: PricedResource, sheet: Sheet) -> LineItem | Unpriced:
        sku = self.sku
        for name in _FIELD.findall(self.sku):
            value = resource.text(name)
            if not value:
                reason = resource.missing(name, name.replace("_", " "))
                return sheet.unpriced(resource, self.component, reason)
            sku = sku.replace(f"{{{name}}}", value.lower())
        count = resource.number(self.count) if self.count else Decimal(1)
        if count is None and self.count not in resource.unknown:
            count = self.default
        if count is None:
            reason = resource.missing(self.count, self.count.replace("_", " "))
            return sheet.unpriced(resource, self.component, reason)
        if self.hours:
            return sheet.hours(resource, self.component, self.service, sku, count)
        return sheet.line(resource, self.component, self.service, sku, count)


@dataclass(frozen=True)
class PriceTable:
    """All that a type costs. `source` is AWS's page that says how it is charged."""

    source: str
    parts: tuple[Fixed | ByUse, ...]

    def rows(self, resource: PricedResource, sheet: Sheet) -> Rows:
        """Price a resource of the type; this is its price model."""
        for part in self.parts:
            if isinstance(part, Fixed):
                yield from part.rows(resource, sheet)
            else:
                yield from sheet.by_use(resource, part)

    @property
    def keys(self) -> tuple[str, ...]:
        """Give the usage keys of the type."""
        return tuple(part.key for part in self.parts if isinstance(part, ByUse))


def models(tables: Mapping[str, PriceTable]) -> dict[str, PriceModel]:
    """Give the price models of the types of a table."""
    return {kind: table.rows for kind, table in tables.items()}


def usage_keys(tables: Mapping[str, PriceTable]) -> dict[str, tuple[str, ...]]:
    """Give the usage keys of the types of a table, of those that have any."""
    return {kind: table.keys for kind, table in tables.items() if table.keys}


def sources(tables: Mapping[str, PriceTable]) -> dict[str, str]:
    """Give AWS's page for each type of a table."""
    return {kind: table.source for kind, table in tables.items()}
