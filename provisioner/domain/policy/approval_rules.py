"""The section `approvals`: who must decide before a plan is applied, why, and what else goes for decisions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from provisioner.domain.approval import (
    PLACEHOLDERS,
    ApprovalRule,
    ApprovalRules,
    AutoApproval,
    unknown_placeholders,
)
from provisioner.domain.approval_when import (
    Above,
    AnyOf,
    BudgetShare,
    Condition,
    Expressed,
    Limits,
    Measure,
    OneOf,
    Shows,
    Sign,
)
from provisioner.domain.policy import groups
from provisioner.domain.policy.section import Section, show
from provisioner.domain.run import RunKind

# Where the file says nothing of it.
EXPIRE_AFTER_DAYS = 14
OVERRIDE_MAX_DAYS = 30
REVIEW_WITHIN_HOURS = 48

HOURS_MAX = 24 * 3650
QUORUM_MAX = 50
PEOPLE_MIN = 2  # one person alone breaks no glass
RULES_MAX = 200
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DEFAULT = "default"

_LISTS: Mapping[str, tuple[str, str]] = {  # key -> attribute of Context and what it is called
    "environments": ("environment", "environment"),
    "criticalities": ("criticality", "criticality"),
    "teams": ("team", "team"),
    "items": ("item", "item"),
    "run_kinds": ("kind", "kind of run"),
}
_AMOUNTS: Mapping[str, tuple[Measure, bool]] = {
    "delta_above_usd_month": (Measure.DELTA, False),
    "delta_at_most_usd_month": (Measure.DELTA, True),
    "total_above_usd_month": (Measure.TOTAL, False),
    "total_at_most_usd_month": (Measure.TOTAL, True),
}
_SHARE = "budget_share_above_percent"
_CEL = "cel"
_ANY = "any"
_CONDITIONS = (*_AMOUNTS, _SHARE, *_LISTS, *(sign.value for sign in Sign), _CEL, _ANY)


@dataclass(frozen=True)
class OverridePolicy:
    """How long an override may stay in force; `max_days` 0: for one run alone, as always for the rules `once_only`."""

    max_days: int = OVERRIDE_MAX_DAYS
    once_only: frozenset[str] = frozenset()


@dataclass(frozen=True)
class BreakGlass:
    """Who may have a plan applied before it is approved: `people` different ones of `groups`, in `environments`.

    No environment named: in all.
    """

    groups: tuple[str, ...]
    people: int = PEOPLE_MIN
    review_within_hours: int = REVIEW_WITHIN_HOURS
    environments: tuple[str, ...] = ()

    def reaches(self, environment: str) -> bool:
        """Tell whether the glass may be broken there."""
        return not self.environments or environment in self.environments


@dataclass(frozen=True)
class ApprovalPolicy:
    """When which groups are asked, how long a plan waits for them, and what they may do."""

    rules: ApprovalRules = field(default_factory=ApprovalRules)
    allow_same_person: bool = False  # one person may decide several steps of a plan
    overrides: OverridePolicy = field(default_factory=OverridePolicy)
    expire_after_days: int = EXPIRE_AFTER_DAYS
    remind_after_hours: int = 0  # 0: never
    escalate_after_hours: int = 0  # 0: never
    escalate_to: str = ""
    recovery_group: str = "sre"
    break_glass: BreakGlass | None = None  # None: nobody may


def read(section: Section, known: tuple[str, ...] = groups.GROUPS) -> ApprovalPolicy:
    """Read the section; `known` are the groups that it may name."""
    section.keys(
        "rules",
        "auto_approve",
        "allow_same_person",
        "override_group",
        "overrides",
        "expire_after_days",
        "remind_after_hours",
        "escalate_after_hours",
        "escalate_to",
        "recovery_group",
        "break_glass",
        required=["rules"],
    )
    expire_after_days = section.at("expire_after_days").days(EXPIRE_AFTER_DAYS)
    escalate, to = section.at("escalate_after_hours"), section.at("escalate_to")
    if escalate.present != to.present:
        missing, other = (to, "escalate_after_hours") if escalate.present else (escalate, "escalate_to")
        missing.problem(f"It is missing, while {other} is set.", "Set both, or neither.")
    return ApprovalPolicy(
        rules=ApprovalRules(
            rules=tuple(_rules(section.at("rules"), known)),
            auto_approve=tuple(_auto(section.at("auto_approve"))),
            override_group=groups.one(section.at("override_group"), known, "sre"),
        ),
        allow_same_person=section.at("allow_same_person").flag(False),
        overrides=_overrides(section.at("overrides")),
        expire_after_days=expire_after_days,
        remind_after_hours=_hours(section.at("remind_after_hours"), expire_after_days),
        escalate_after_hours=_hours(escalate, expire_after_days),
        escalate_to=groups.one(to, known),
        recovery_group=groups.one(section.at("recovery_group"), known, "sre"),
        break_glass=_break_glass(section.at("break_glass"), known),
    )


def _hours(section: Section, expire_after_days: int) -> int:
    """Read a number of hours that a plan can live to see; 0 where there is none."""
    hours = section.whole(0, minimum=1, maximum=HOURS_MAX)
    if hours >= expire_after_days * 24:
        section.problem(
            f"A plan expires after {expire_after_days} days, so this never comes.",
            "Make it shorter than expire_after_days.",
        )
    return hours


def _rules(section: Section, known: tuple[str, ...]) -> list[ApprovalRule]:
    found: list[ApprovalRule] = []
    for part in list(section.items())[:RULES_MAX]:
        part.keys("rule", "groups", "quorum", "when", "when_unknown", "why", required=["rule", "groups"])
        names = groups.several(part.at("groups"), known)
        if part.at("groups").present and not names:
            part.at("groups").problem("No group is named.", "Name one group, or several.")
        why = part.at("why").text()
        for placeholder in unknown_placeholders(why):
            part.at("why").problem(
                f"Nobody fills in {{{placeholder}}}.", f"It may name: {', '.join(PLACEHOLDERS)}."
            )
        found.append(
            ApprovalRule(
                rule=_slug(part.at("rule"), [rule.rule for rule in found]),
                groups=names or ("",),
                quorum=_quorum(part.at("quorum")),
                when=_when(part.at("when")),
                asks_unknown=part.at("when_unknown").choice("ask", "skip", default="ask") == "ask",
                why=why,
            )
        )
    if isinstance(section.value, list) and len(section.value) > RULES_MAX:
        section.problem(
            f"There are more than {RULES_MAX} rules.", "Join some: a rule may name several things."
        )
    return found


def _auto(section: Section) -> list[AutoApproval]:
    found: list[AutoApproval] = []
    for part in section.items():
        part.keys("rule", "when", required=["rule", "when"])
        when = _when(part.at("when"))
        if part.at("when").present and not when:
            part.at("when").problem(
                "Without a condition nobody would ever be asked.", "Say what must hold, such as environments."
            )
        found.append(AutoApproval(_slug(part.at("rule"), [auto.rule for auto in found]), when))
    return found


def _slug(section: Section, taken: list[str]) -> str:
    name = section.text(maximum=60)
    if name and not _SLUG.fullmatch(name):
        section.problem(f"{show(name)} is no name of a rule.", "Use a-z, 0-9 and single hyphens.")
    if name in taken:
        section.problem(f"There is a rule {show(name)} already.", "Give each rule a name of its own.")
    return name


def _quorum(section: Section) -> int | None:
    """Read `any` (one person), `all` (one of each group) or a number of people."""
    if section.value == "all":
        return None
    if section.value is None or section.value == "any":
        return 1
    if not isinstance(section.value, int) or isinstance(section.value, bool):
        section.problem(
            f"{show(section.value)} is no quorum.",
            "Write any, all (one of each group) or a number of people.",
        )
        return 1
    return section.whole(1, minimum=1, maximum=QUORUM_MAX)


def _when(section: Section) -> tuple[Condition, ...]:
    """Read conditions that must all hold."""
    section.keys(*_CONDITIONS)
    found: list[Condition] = []
    for key, part in section.each():
        if key in _AMOUNTS:
            measure, within = _AMOUNTS[key]
            found.append(Above(measure, _limits(part), within))
        elif key == _SHARE:
            found.append(BudgetShare(Decimal(part.whole(0, maximum=10_000))))
        elif key in _LISTS:
            found.append(_one_of(key, part))
        elif key in set(Sign):
            found.append(Shows(Sign(key), part.flag(True)))
        elif key == _CEL:
            part.compiled("cel", part.value)
            found.append(Expressed(part.text()))
        elif key == _ANY:
            found.append(_any(part))
    return tuple(found)


def _one_of(key: str, part: Section) -> OneOf:
    attribute, label = _LISTS[key]
    names = part.names()
    if not names:
        part.problem("Nothing is named, so this never holds.", "Name at least one.")
    if key == "run_kinds":
        for name in names:
            if name not in set(RunKind):
                part.problem(f"There is no kind of run {show(name)}.", f"Choose: {', '.join(RunKind)}.")
    return OneOf(attribute, label, names)


def _any(part: Section) -> AnyOf:
    inner = tuple(_when(group) for group in part.items())
    if isinstance(part.value, list) and (not inner or not all(inner)):
        part.problem("A group without a condition says nothing.", "Give each group at least one condition.")
    return AnyOf(inner)


def _limits(section: Section) -> Limits:
    """Read one amount for every environment, or a mapping from environments (and `default`) to amounts."""
    if not isinstance(section.value, Mapping):
        return Limits(default=section.usd())
    amounts = {slug: limit.usd() or Decimal(0) for slug, limit in section.each()}
    if not amounts:
        section.problem("No amount is given, so this never holds.", "Give an amount, or one by environment.")
    default = amounts.pop(_DEFAULT, None)
    return Limits(amounts, default)


def _overrides(section: Section) -> OverridePolicy:
    section.keys("max_days", "once_only")
    return OverridePolicy(
        max_days=section.at("max_days").whole(OVERRIDE_MAX_DAYS, maximum=3650),
        once_only=frozenset(section.at("once_only").names()),
    )


def _break_glass(section: Section, known: tuple[str, ...]) -> BreakGlass | None:
    if not section.present:
        return None
    section.keys("groups", "people", "review_within_hours", "environments", required=["groups"])
    return BreakGlass(
        groups=groups.several(section.at("groups"), known),
        people=section.at("people").whole(PEOPLE_MIN, minimum=PEOPLE_MIN, maximum=QUORUM_MAX),
        review_within_hours=section.at("review_within_hours").whole(
            REVIEW_WITHIN_HOURS, minimum=1, maximum=HOURS_MAX
        ),
        environments=section.at("environments").names(),
    )
