"""What each kind of guardrail is told under `with`, read strictly."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from provisioner.domain.policy.section import Section

T = TypeVar("T")
PORT_MAX = 65535
COUNT_MAX = 100_000
OWN_TEXT_MAX = 100_000


class Kind(StrEnum):
    """What a rule looks at."""

    ALLOWED_SIZES = "allowed-sizes"
    INSTANCE_FAMILY = "instance-family"
    ALLOWED_REGIONS = "allowed-regions"
    MULTI_AZ = "multi-az"
    BACKUP_RETENTION = "backup-retention"
    DELETION_PROTECTION = "deletion-protection"
    ENCRYPTION = "encryption"
    PUBLIC_EXPOSURE = "public-exposure"
    TIME_TO_LIVE = "time-to-live"
    NO_DATA_LOSS = "no-data-loss"
    MONTHLY_COST = "monthly-cost"
    BUDGET_LEFT = "budget-left"
    COUNT_LIMIT = "count-limit"
    CEL = "cel"
    REGO = "rego"


@dataclass(frozen=True)
class ByEnvironment(Generic[T]):
    """A value for all environments, or one for each that is named; `at` gives None where there is none."""

    everywhere: T | None = None
    named: Mapping[str, T] = field(default_factory=dict)

    def at(self, environment: str) -> T | None:
        """Return the value that holds in an environment."""
        return self.named.get(environment, self.everywhere)

    @property
    def needs_environment(self) -> bool:
        """Whether the value depends on the environment."""
        return bool(self.named)


@dataclass(frozen=True)
class Names:
    """`allowed`: patterns such as db.t4g.*; `types`: resource types that are looked at, none for all known ones."""

    allowed: ByEnvironment[tuple[str, ...]] = field(default_factory=ByEnvironment)
    types: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Families:
    """Families that are allowed, those that are not, and what to take instead of one."""

    allowed: ByEnvironment[tuple[str, ...]] = field(default_factory=ByEnvironment)
    forbidden: tuple[str, ...] = ()
    instead: Mapping[str, str] = field(default_factory=dict)
    types: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Types:
    """Resource types that are looked at (none: all known ones), without those that are left out."""

    types: frozenset[str] = frozenset()
    except_types: frozenset[str] = frozenset()

    def covers(self, type_: str) -> bool:
        """Tell whether a type is looked at."""
        return (not self.types or type_ in self.types) and type_ not in self.except_types


@dataclass(frozen=True)
class Retention:
    """How many days backups are kept at least and at most."""

    minimum_days: ByEnvironment[int] = field(default_factory=ByEnvironment)
    maximum_days: ByEnvironment[int] = field(default_factory=ByEnvironment)
    types: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Exposure:
    """What may be open to everybody: ports (first, last), and whether load balancers may face the internet."""

    ports: tuple[tuple[int, int], ...] = ()
    load_balancers: bool = False


@dataclass(frozen=True)
class TimeToLive:
    """Whether an order must say how long it lives, and the most days it may."""

    required: bool = False
    maximum_days: ByEnvironment[int] = field(default_factory=ByEnvironment)


@dataclass(frozen=True)
class DataLoss:
    """Types that hold data beside the known ones, and known ones that may go."""

    more_types: frozenset[str] = frozenset()
    except_types: frozenset[str] = frozenset()


@dataclass(frozen=True)
class MonthlyCost:
    """The most USD a month at list price, of one order, of what it adds, of a team, or of a team in an environment."""

    maximum_usd_month: ByEnvironment[Decimal] = field(default_factory=ByEnvironment)
    of: str = "order"


@dataclass(frozen=True)
class BudgetLeft:
    """How much of the budget must stay free after the order, in percent of the budget."""

    keep_percent: int = 0


@dataclass(frozen=True)
class CountLimit:
    """The most open workspaces of a team, or of its item in one environment."""

    maximum: ByEnvironment[int] = field(default_factory=ByEnvironment)
    per: str = "team"


@dataclass(frozen=True)
class Cel:
    """An expression that must hold, asked about each resource, each change, the plan or the parameters."""

    expression: str = ""
    each: str = "resource"
    types: frozenset[str] = frozenset()
    parameter: str = ""
    suggested: object | None = None


@dataclass(frozen=True)
class Rego:
    """Modules by name, and the queries whose answers are objections; `warn` alone is advisory."""

    modules: tuple[tuple[str, str], ...] = ()
    queries: tuple[str, ...] = ("data.main.deny", "data.main.violation", "data.main.warn")


Settings = (
    Names
    | Families
    | Types
    | Retention
    | Exposure
    | TimeToLive
    | DataLoss
    | MonthlyCost
    | BudgetLeft
    | CountLimit
    | Cel
    | Rego
)


def by_environment(section: Section, read: Callable[[Section], T | None]) -> ByEnvironment[T]:
    """Read a value, or a mapping of environments to values."""
    if isinstance(section.value, Mapping):
        named = {slug: value for slug, part in section.each() if (value := read(part)) is not None}
        return ByEnvironment(None, named)
    return ByEnvironment(read(section) if section.present else None)


def _names(section: Section) -> tuple[str, ...] | None:
    names = section.names()
    if section.present and not names:
        section.problem("The list is empty, so nothing would be allowed.", "Name what is allowed.")
    return names or None


def _types(section: Section) -> frozenset[str]:
    return frozenset(section.names())


def _allowed(section: Section) -> Names:
    section.keys("allowed", "types", required=["allowed"])
    return Names(by_environment(section.at("allowed"), _names), _types(section.at("types")))


def _regions(section: Section) -> Names:
    section.keys("allowed", required=["allowed"])
    return Names(by_environment(section.at("allowed"), _names))


def _families(section: Section) -> Families:
    section.keys("allowed", "forbidden", "instead", "types")
    if not section.at("allowed").present and not section.at("forbidden").present:
        section.problem("It names no family.", "Add allowed or forbidden.")
    families = Families(
        allowed=by_environment(section.at("allowed"), _names),
        forbidden=section.at("forbidden").names(),
        instead={old: new.text() for old, new in section.at("instead").each()},
        types=_types(section.at("types")),
    )
    lists = [families.allowed.everywhere or (), *families.allowed.named.values()]
    for family in families.forbidden:
        if any(family in names for names in lists):
            section.at("forbidden").problem(
                f"The family {family} is allowed and forbidden.", "Leave it in one of the lists."
            )
    for old, new in families.instead.items():
        if new in families.forbidden:
            section.at("instead").at(old).problem(
                f"The family {new} is forbidden itself.", "Name one that is allowed."
            )
    return families


def _typed(section: Section) -> Types:
    section.keys("types", "except_types")
    types = Types(_types(section.at("types")), _types(section.at("except_types")))
    for type_ in sorted(types.types & types.except_types):
        section.at("except_types").problem(
            f"The type {type_} is looked at and left out.", "Leave it in one of the lists."
        )
    return types


def _days(section: Section) -> int | None:
    return section.whole(0, minimum=0, maximum=3650) if section.present else None


def _retention(section: Section) -> Retention:
    section.keys("minimum_days", "maximum_days", "types")
    if not section.at("minimum_days").present and not section.at("maximum_days").present:
        section.problem("It sets no bound.", "Add minimum_days or maximum_days.")
    retention = Retention(
        by_environment(section.at("minimum_days"), _days),
        by_environment(section.at("maximum_days"), _days),
        _types(section.at("types")),
    )
    for slug in sorted({"", *retention.minimum_days.named, *retention.maximum_days.named}):
        low, high = retention.minimum_days.at(slug), retention.maximum_days.at(slug)
        if low is not None and high is not None and low > high:
            where = f" in {slug}" if slug else ""
            section.problem(
                f"The minimum of {low} days{where} is above the maximum of {high}.", "Correct one of them."
            )
    return retention


def _exposure(section: Section) -> Exposure:
    section.keys("ports", "load_balancers")
    ports = []
    for item in section.at("ports").items():
        found = _port_range(item.value)
        if found is None:
            item.problem(
                "It is no port.", f'Write a port from 0 to {PORT_MAX}, or a range such as "8000-8100".'
            )
        else:
            ports.append(found)
    return Exposure(tuple(ports), section.at("load_balancers").flag())


def _port_range(value: object) -> tuple[int, int] | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    first, dash, last = str(value).partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()) or len(first) > 5 or len(last) > 5:
        return None
    low, high = int(first), int(last or first)
    return (low, high) if low <= high <= PORT_MAX else None


def _time_to_live(section: Section) -> TimeToLive:
    section.keys("required", "maximum_days")
    settings = TimeToLive(
        section.at("required").flag(),
        by_environment(section.at("maximum_days"), lambda part: part.days(1) if part.present else None),
    )
    if settings == TimeToLive():
        section.problem("It asks for nothing.", "Write required: true or maximum_days.")
    return settings


def _data_loss(section: Section) -> DataLoss:
    section.keys("more_types", "except_types")
    loss = DataLoss(_types(section.at("more_types")), _types(section.at("except_types")))
    for type_ in sorted(loss.more_types & loss.except_types):
        section.at("except_types").problem(
            f"The type {type_} is added and left out.", "Leave it in one of the lists."
        )
    return loss


def _monthly_cost(section: Section) -> MonthlyCost:
    section.keys("maximum_usd_month", "of", required=["maximum_usd_month"])
    return MonthlyCost(
        by_environment(section.at("maximum_usd_month"), lambda part: part.usd()),
        section.at("of").choice("order", "increase", "team", "environment", default="order"),
    )


def _budget_left(section: Section) -> BudgetLeft:
    section.keys("keep_percent")
    return BudgetLeft(section.at("keep_percent").whole(0, minimum=0, maximum=99))


def _count_limit(section: Section) -> CountLimit:
    section.keys("maximum", "per", required=["maximum"])
    return CountLimit(
        by_environment(
            section.at("maximum"),
            lambda part: part.whole(0, minimum=0, maximum=COUNT_MAX) if part.present else None,
        ),
        section.at("per").choice("team", "item", default="team"),
    )


def _cel(section: Section) -> Cel:
    section.keys("expression", "each", "types", "parameter", "suggested", required=["expression"])
    expression = section.at("expression")
    settings = Cel(
        expression=expression.text(maximum=OWN_TEXT_MAX),
        each=section.at("each").choice("resource", "change", "plan", "parameters", default="resource"),
        types=_types(section.at("types")),
        parameter=section.at("parameter").text(),
        suggested=section.at("suggested").value,
    )
    if settings.types and settings.each not in ("resource", "change"):
        section.at("types").problem(
            f"An expression about the {settings.each} sees no single type.", "Leave types out."
        )
    if settings.parameter and settings.each != "parameters":
        section.at("parameter").problem(
            "Only an expression about the parameters is about one of them.", "Write each: parameters."
        )
    if settings.suggested is not None and not settings.parameter:
        section.at("suggested").problem("It is not said of which parameter.", "Add parameter.")
    expression.compiled("cel", settings.expression)
    return settings


def _rego(section: Section) -> Rego:
    section.keys("module", "file", "query")
    module, file = section.at("module"), section.at("file")
    if module.present == file.present:
        section.problem(
            "It has no policy, or two.", "Write either module (the text) or file (names of files)."
        )
        return Rego()
    inline = (("policy.rego", module.text(maximum=OWN_TEXT_MAX)),)
    modules = inline if module.present else file.texts(".rego")
    queries = section.at("query").names(Rego().queries)
    for query in queries:
        if not query.startswith("data."):
            section.at("query").problem(
                f"The query {query} does not begin with data.", "Name a rule: data.main.deny."
            )
    part = module if module.present else file
    lost = [query for query in queries if not _has_rule(modules, query)]
    if modules and (len(lost) == len(queries) or (lost and section.at("query").present)):
        part.problem(
            f"It has no rule for the query {lost[0]}, so it would never object.", "Name its rule in query."
        )
    part.compiled("rego", modules)
    return Rego(modules, queries)


def _has_rule(modules: tuple[tuple[str, str], ...], query: str) -> bool:
    """Tell whether a module of the query's package begins a line with the query's rule."""
    package, _, rule = query.removeprefix("data.").rpartition(".")
    for _, text in modules:
        found = re.search(r"^\s*package\s+([\w.]+)", text, re.M)
        if (
            found
            and found[1] == package
            and re.search(rf"^\s*(?:default\s+)?{re.escape(rule)}\b", text, re.M)
        ):
            return True
    return False


READERS: Mapping[Kind, Callable[[Section], Settings]] = {
    Kind.ALLOWED_SIZES: _allowed,
    Kind.INSTANCE_FAMILY: _families,
    Kind.ALLOWED_REGIONS: _regions,
    Kind.MULTI_AZ: _typed,
    Kind.BACKUP_RETENTION: _retention,
    Kind.DELETION_PROTECTION: _typed,
    Kind.ENCRYPTION: _typed,
    Kind.PUBLIC_EXPOSURE: _exposure,
    Kind.TIME_TO_LIVE: _time_to_live,
    Kind.NO_DATA_LOSS: _data_loss,
    Kind.MONTHLY_COST: _monthly_cost,
    Kind.BUDGET_LEFT: _budget_left,
    Kind.COUNT_LIMIT: _count_limit,
    Kind.CEL: _cel,
    Kind.REGO: _rego,
}
