"""The rules that say which product of a price list is which SKU key: data, read into frozen types.

`provisioner/prices/aws.toml` holds them and explains its own words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any

# What usage types begin with outside us-east-1 (and sometimes there): EUW2-, EU-, APN1-; KMS spells the region out.
# https://docs.aws.amazon.com/cur/latest/userguide/product-columns.html
_REGION = re.compile(r"(?:[A-Z]{3}\d-|EU-|[a-z]{2}(?:-[a-z]+)+-\d-)")
_FIELD = re.compile(r"\{(\w+)\}")
# Parts of keys that are no attributes: what stands behind the colon of the usage type; all of it in small letters.
_USAGE_SUFFIX, _USAGE_LOWER = "usage_suffix", "usage_lower"
_WORDS = frozenset(
    {"offer", "family", "service", "sku_key", "unit", "per", "usage", "where", "times", "divide", "tiers"}
)
# A price book keeps twelve decimals; AWS writes ten.
_PLACES = 12
_SMALLEST = Decimal(1).scaleb(-_PLACES)
_NEEDED = ("offer", "service", "sku_key", "unit", "per")


class MappingError(ValueError):
    """The mapping cannot be used; the text names the rule and what is wrong with it."""


@dataclass(frozen=True)
class Rule:
    """One rule. `where` has attribute names in lower case; `names` translates values into parts of keys."""

    offer: str
    service: str
    sku_key: str
    unit: str
    per: tuple[str, ...]
    family: tuple[str, ...] = ()
    usage: tuple[str, ...] = ()
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    times: Decimal = Decimal(1)
    divide: Decimal = Decimal(1)
    tiers: tuple[str, ...] = ()
    names: Mapping[str, Mapping[str, str]] | None = None

    @property
    def attributes(self) -> frozenset[str]:
        """The attributes that it looks at, in lower case."""
        fields = {name.lower() for name in _FIELD.findall(self.sku_key)} - {_USAGE_SUFFIX, _USAGE_LOWER}
        return frozenset(fields | {name for name, _ in self.where})

    def matches(self, family: str, usage: str, attributes: Mapping[str, str]) -> bool:
        """Tell whether a product is meant. `usage` is its usage type without the region."""
        if self.family and family not in self.family:
            return False
        if self.usage and not any(fnmatchcase(usage, pattern) for pattern in self.usage):
            return False
        return all(attributes.get(name, "") in values for name, values in self.where)

    def key_for(self, usage: str, attributes: Mapping[str, str]) -> tuple[str | None, str]:
        """Return the SKU key of a product, or None and the attribute that stands in the way."""
        key = self.sku_key
        for name in _FIELD.findall(self.sku_key):
            if name == _USAGE_SUFFIX:
                value = usage.partition(":")[2]
            elif name == _USAGE_LOWER:
                value = usage.lower()
            else:
                value = attributes.get(name.lower(), "")
            names = (self.names or {}).get(name)
            if names is not None:
                value = names.get(value, "")
            if not value:
                return None, name
            key = key.replace(f"{{{name}}}", value)
        return key, ""

    def takes_unit(self, unit: str) -> bool:
        """Tell whether a rate's unit is the expected one, in any spelling of its letters."""
        return unit.lower() in {known.lower() for known in self.per}

    def converted(self, price: Decimal) -> Decimal:
        """Return the price of one of our units, with the decimals that a price book keeps."""
        ours = price * self.times / self.divide
        return round(ours, _PLACES) if ours % _SMALLEST else ours


def without_region(usage: str) -> str:
    """Return a usage type without the region in front of it."""
    found = _REGION.match(usage)
    return usage[found.end() :] if found else usage


def read_mapping(document: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Read the rules of a mapping document (TOML, already parsed). Raises MappingError."""
    unknown = set(document) - {"names", "rule"}
    if unknown:
        raise MappingError(f"There is no section {min(unknown)!r}. Sections are names and rule.")
    names = document.get("names", {})
    if not all(isinstance(table, dict) for table in names.values()):
        raise MappingError("names: each attribute has a table of its values.")
    rules = document.get("rule", [])
    if not isinstance(rules, list) or not rules:
        raise MappingError("There is no [[rule]].")
    return tuple(_rule(row, number, names) for number, row in enumerate(rules, start=1))


def _rule(row: Mapping[str, Any], number: int, names: Mapping[str, Mapping[str, str]]) -> Rule:
    where = f"rule {number} ({row.get('service', '?')} {row.get('sku_key', '?')})"
    unknown = set(row) - _WORDS
    if unknown:
        raise MappingError(
            f"{where}: there is no word {min(unknown)!r}. Words are {', '.join(sorted(_WORDS))}."
        )
    missing = [word for word in _NEEDED if not row.get(word)]
    if missing:
        raise MappingError(f"{where}: {missing[0]} is missing.")
    conditions = row.get("where", {})
    if not row.get("usage") and not conditions and not row.get("family"):
        raise MappingError(f"{where}: it would match every product. Give family, usage or where.")
    used = set(_FIELD.findall(row["sku_key"]))
    return Rule(
        offer=row["offer"],
        service=row["service"],
        sku_key=row["sku_key"],
        unit=row["unit"],
        per=_texts(row["per"]),
        family=_texts(row.get("family", ())),
        usage=_texts(row.get("usage", ())),
        where=tuple((name.lower(), _texts(values)) for name, values in sorted(conditions.items())),
        times=_factor(row.get("times", "1"), where),
        divide=_factor(row.get("divide", "1"), where),
        tiers=_texts(row.get("tiers", ())),
        names={name: table for name, table in names.items() if name in used},
    )


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(str(one) for one in value)


def _factor(value: Any, where: str) -> Decimal:
    try:
        factor = Decimal(str(value))
    except InvalidOperation:
        factor = Decimal(0)
    if not factor.is_finite() or factor <= 0:
        raise MappingError(f"{where}: {value!r} is not a factor above 0.")
    return factor
