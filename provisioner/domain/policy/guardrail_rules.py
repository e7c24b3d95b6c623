"""The section `guardrails`: rules over parameters and over the plan that hold for every item."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from provisioner.domain.finding import Level
from provisioner.domain.policy import guardrail_settings
from provisioner.domain.policy.guardrail_settings import ByEnvironment, Cel, DataLoss, Kind, Settings
from provisioner.domain.policy.section import Place, Section
from provisioner.domain.run import RunKind

NO_DATA_LOSS = "no-data-loss"
RULES_MAX = 200
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Point(StrEnum):
    """When a rule is judged: while parameters are typed, or when there is a plan."""

    PARAMETERS = "parameters"
    PLAN = "plan"


_BOTH = frozenset(Point)
_PLAN = frozenset({Point.PLAN})
_PARAMETERS = frozenset({Point.PARAMETERS})

# Where each kind can be judged; a time to live and a count are known before there is a plan, and no plan changes them.
POINTS: Mapping[Kind, frozenset[Point]] = {
    Kind.ALLOWED_SIZES: _BOTH,
    Kind.INSTANCE_FAMILY: _BOTH,
    Kind.ALLOWED_REGIONS: _BOTH,
    Kind.MULTI_AZ: _BOTH,
    Kind.BACKUP_RETENTION: _BOTH,
    Kind.DELETION_PROTECTION: _BOTH,
    Kind.ENCRYPTION: _BOTH,
    Kind.PUBLIC_EXPOSURE: _BOTH,
    Kind.TIME_TO_LIVE: _PARAMETERS,
    Kind.NO_DATA_LOSS: _PLAN,
    Kind.MONTHLY_COST: _BOTH,
    Kind.BUDGET_LEFT: _BOTH,
    Kind.COUNT_LIMIT: _PARAMETERS,
    Kind.CEL: _BOTH,
    Kind.REGO: _PLAN,
}

# Runs that a rule is about unless it names others: a destroy takes away, and a drift check changes nothing.
MAKING = frozenset({RunKind.PROVISION, RunKind.UPDATE, RunKind.UPGRADE})
_FIRST = frozenset({RunKind.PROVISION})
_DEFAULT_KINDS: Mapping[Kind, frozenset[RunKind]] = {Kind.TIME_TO_LIVE: _FIRST, Kind.COUNT_LIMIT: _FIRST}

_KEYS = (
    "rule",
    "kind",
    "level",
    "override_group",
    "at",
    "environments",
    "items",
    "teams",
    "criticalities",
    "kinds",
    "why",
    "with",
    "message",
    "fix",
    "when_unknown",
)


@dataclass(frozen=True)
class Scope:
    """What a rule is about; an empty set means all. `kinds` is never empty."""

    environments: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    criticalities: frozenset[str] = frozenset()
    kinds: frozenset[RunKind] = MAKING


@dataclass(frozen=True)
class GuardrailRule:
    """One rule of the policy. `unknown_breaks`: what is known only after the apply counts as broken."""

    rule: str
    kind: Kind
    level: Level
    why: str
    settings: Settings
    points: frozenset[Point] = _PLAN
    scope: Scope = field(default_factory=Scope)
    override_group: str | None = None
    message: str = ""
    fix: str = ""
    unknown_breaks: bool = False
    place: Place = field(default=(), compare=False)


def no_data_loss(override_group: str = "sre") -> GuardrailRule:
    """Return the rule that holds where the file has none of its kind."""
    return GuardrailRule(
        rule=NO_DATA_LOSS,
        kind=Kind.NO_DATA_LOSS,
        level=Level.SOFT_MANDATORY,
        why="What the resource holds is lost with it.",
        settings=DataLoss(),
        override_group=override_group,
    )


@dataclass(frozen=True)
class GuardrailPolicy:
    """The rules that every order is judged by, beside those of its item's manifest."""

    rules: tuple[GuardrailRule, ...] = (no_data_loss(),)

    def groups(self) -> Iterable[tuple[Place, str]]:
        """Yield every group that a rule names, with its place."""
        for rule in self.rules:
            if rule.override_group is not None:
                yield (*rule.place, "override_group"), rule.override_group


def read(section: Section) -> GuardrailPolicy:
    """Read the section."""
    section.keys("destructive_override_group", "rules")
    rules: list[GuardrailRule] = []
    seen: dict[str, str] = {}
    for item in section.at("rules").items():
        rule = _rule(item)
        if rule is None:
            continue
        if rule.rule in seen:
            item.at("rule").problem(
                f"The rule {rule.rule} is there twice; the first is {seen[rule.rule]}.", "Rename one."
            )
        seen.setdefault(rule.rule, f"number {item.place[-1]}")
        rules.append(rule)
    if len(rules) > RULES_MAX:
        section.at("rules").problem(f"There are more than {RULES_MAX} rules.", "Join some.")
    _contradictions(section, rules)
    group = section.at("destructive_override_group")
    if any(rule.kind is Kind.NO_DATA_LOSS for rule in rules):
        if group.present:
            group.problem(
                "A rule of the kind no-data-loss has a group of its own.",
                "Leave destructive_override_group out.",
            )
    else:
        rules.insert(0, no_data_loss(group.text("sre")))
    return GuardrailPolicy(tuple(rules))


def _rule(item: Section) -> GuardrailRule | None:
    item.keys(*_KEYS, required=["rule", "kind", "level", "why"])
    name = item.at("rule").text()
    if name and not _SLUG.fullmatch(name):
        item.at("rule").problem(
            f"The name {name[:80]} cannot stand in addresses.", "Use a-z, 0-9 and -, at most 63 characters."
        )
    kind_name = item.at("kind").choice(*(kind.value for kind in Kind))
    if not kind_name:
        return None
    kind = Kind(kind_name)
    with_ = item.at("with")
    settings = guardrail_settings.READERS[kind](with_ if with_.present else _empty(with_))
    level = item.at("level").level(Level.HARD_MANDATORY)
    group = item.at("override_group").text() or None
    if level is Level.SOFT_MANDATORY and group is None:
        item.problem(
            "A soft-mandatory rule names no group that may override it.",
            "Add override_group, or another level.",
        )
    if level is not Level.SOFT_MANDATORY and group is not None:
        item.at("override_group").problem(
            f"Nobody overrides what is {level.value}.",
            "Leave override_group out, or write level: soft-mandatory.",
        )
    message, fix = item.at("message").text(), item.at("fix").text()
    if kind not in (Kind.CEL, Kind.REGO):
        for key in ("message", "fix"):
            if item.at(key).present:
                item.at(key).problem(
                    f"The kind {kind.value} says itself what is wrong.", f"Leave {key} out; say why in why."
                )
    scope = _scope(item, kind)
    for key, value in vars(settings).items():
        outside = sorted(set(value.named) - scope.environments) if isinstance(value, ByEnvironment) else []
        if outside and scope.environments:
            with_.at(key).at(outside[0]).problem(
                f"The rule is not about {outside[0]}, so this value would never count.",
                "Add it to environments, or leave it out here.",
            )
    unknown = item.at("when_unknown").choice("advise", "break", default="advise")
    return GuardrailRule(
        rule=name,
        kind=kind,
        level=level,
        why=item.at("why").text(),
        settings=settings,
        points=_points(item, kind, settings),
        scope=scope,
        override_group=group,
        message=message,
        fix=fix,
        unknown_breaks=unknown == "break",
        place=item.place,
    )


def _empty(section: Section) -> Section:
    return Section({}, section.place, section.reading)


def _points(item: Section, kind: Kind, settings: Settings) -> frozenset[Point]:
    possible = POINTS[kind]
    if isinstance(settings, Cel):
        possible = {"parameters": _PARAMETERS, "change": _PLAN}.get(settings.each, _BOTH)
    at = item.at("at")
    if not at.present:
        return possible
    if at.value == "both":
        asked = _BOTH
    else:
        asked = frozenset(Point(value) for value in (at.choice("parameters", "plan", "both"),) if value)
    if not asked <= possible:
        names = " or ".join(point.value for point in Point if point in possible)
        at.problem(
            f"The kind {kind.value} cannot be judged there.",
            f"It is judged at: {names}. Leave at out for that.",
        )
        return possible
    return asked or possible


def _scope(item: Section, kind: Kind) -> Scope:
    def names(key: str) -> frozenset[str]:
        part = item.at(key)
        found = part.names()
        if part.present and not found:
            part.problem(
                "The list is empty, so the rule would be about nothing.", f"Leave {key} out for all."
            )
        return frozenset(found)

    runs = names("kinds")
    for name in sorted(runs - {run.value for run in RunKind}):
        item.at("kinds").problem(
            f"{name} is no kind of run.", f"Choose of: {', '.join(run.value for run in RunKind)}."
        )
    known = frozenset(run for run in RunKind if run.value in runs)
    return Scope(
        environments=names("environments"),
        items=names("items"),
        teams=names("teams"),
        criticalities=names("criticalities"),
        kinds=known or _DEFAULT_KINDS.get(kind, MAKING),
    )


def _low(settings: Settings, environment: str) -> int | None:
    return (
        settings.minimum_days.at(environment) if isinstance(settings, guardrail_settings.Retention) else None
    )


def _high(settings: Settings, environment: str) -> int | None:
    return (
        settings.maximum_days.at(environment) if isinstance(settings, guardrail_settings.Retention) else None
    )


def _contradictions(section: Section, rules: list[GuardrailRule]) -> None:
    """Note rules that nothing can keep together: a minimum above another's maximum for the same thing."""
    for one in rules:
        for other in rules:
            slug = None if one is other else _impossible_in(one, other)
            if slug is not None:
                where = f" in {slug}" if slug else ""
                Section(None, one.place, section.reading).problem(
                    f"Nothing can keep {one.rule} and {other.rule} at once{where}: "
                    f"one asks for at least {_low(one.settings, slug)} days, the other for at most "
                    f"{_high(other.settings, slug)}.",
                    "Correct one of them, or let them be about different environments.",
                )


def _impossible_in(one: GuardrailRule, other: GuardrailRule) -> str | None:
    if one.kind is not other.kind or one.kind is not Kind.BACKUP_RETENTION:
        return None
    if not _meet(one.scope, other.scope) or not _same_types(one.settings, other.settings):
        return None
    slugs = {"", *one.scope.environments, *other.scope.environments}
    for rule in (one, other):
        if isinstance(rule.settings, guardrail_settings.Retention):
            slugs |= {*rule.settings.minimum_days.named, *rule.settings.maximum_days.named}
    for slug in sorted(slugs):
        if not all(not rule.scope.environments or slug in rule.scope.environments for rule in (one, other)):
            continue
        low, high = _low(one.settings, slug), _high(other.settings, slug)
        if low is not None and high is not None and low > high:
            return slug
    return None


def _meet(one: Scope, other: Scope) -> bool:
    pairs = (
        (one.environments, other.environments),
        (one.items, other.items),
        (one.teams, other.teams),
        (one.criticalities, other.criticalities),
    )
    return all(not a or not b or a & b for a, b in pairs) and bool(one.kinds & other.kinds)


def _same_types(one: Settings, other: Settings) -> bool:
    mine: frozenset[str] = getattr(one, "types", frozenset())
    others: frozenset[str] = getattr(other, "types", frozenset())
    return not mine or not others or bool(mine & others)
