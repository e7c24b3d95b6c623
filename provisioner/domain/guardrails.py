"""Guardrails: rules over parameters before planning, and over the plan after it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from provisioner.domain.finding import Finding, Level
from provisioner.domain.plan import Plan, ResourceChange, attribute_diff

__all__ = [
    "STATEFUL_TYPES",
    "Finding",
    "Level",
    "ParameterRule",
    "RuleKind",
    "check_parameters",
    "check_plan",
]


class RuleKind(StrEnum):
    """How a parameter is compared with the value of its environment."""

    ALLOWED = "allowed"  # one of a list
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    REQUIRED_VALUE = "required_value"


@dataclass(frozen=True)
class ParameterRule:
    """A rule over one parameter. `environments` gives the list, bound or value where the rule applies."""

    rule: str
    kind: RuleKind
    parameter: str
    level: Level
    environments: Mapping[str, object]
    why: str
    order: tuple[str, ...] = ()  # small to large; gives "nearest" a meaning for names
    override_group: str | None = None


# Types whose destruction loses data, or the key to it.
STATEFUL_TYPES = frozenset(
    {
        "aws_db_instance",
        "aws_docdb_cluster",
        "aws_dynamodb_table",
        "aws_ebs_volume",
        "aws_efs_file_system",
        "aws_elasticache_replication_group",
        "aws_kinesis_stream",
        "aws_kms_key",
        "aws_msk_cluster",
        "aws_neptune_cluster",
        "aws_opensearch_domain",
        "aws_rds_cluster",
        "aws_redshift_cluster",
        "aws_s3_bucket",
        "aws_secretsmanager_secret",
        "aws_sqs_queue",
    }
)


def check_parameters(
    rules: Iterable[ParameterRule], environment: str, parameters: Mapping[str, object]
) -> tuple[Finding, ...]:
    """Find the parameters that break a rule of the environment, each with the nearest allowed value.

    A parameter that is not set breaks only a required_value rule. A value of the wrong type breaks the rule.
    A rule that is itself broken counts as broken by the parameter: the closed side of its level.
    """
    findings: list[Finding] = []
    for rule in rules:
        if environment not in rule.environments:
            continue
        finding = _CHECKS[rule.kind](rule, environment, parameters.get(rule.parameter))
        if finding is not None:
            findings.append(finding)
    return tuple(findings)


NO_DATA_LOSS = "no-data-loss"


def check_plan(
    plan: Plan,
    *,
    destroying: bool,
    stateful_types: frozenset[str] = STATEFUL_TYPES,
    rule: str = NO_DATA_LOSS,
    level: Level = Level.SOFT_MANDATORY,
    override_group: str | None = "sre",
) -> tuple[Finding, ...]:
    """Find stateful resources that a plan would delete or replace. `destroying`: that is what the run is for.

    A read replica holds nothing of its own and may go. `override_group` None: nobody can override it.
    """
    if destroying:
        return ()
    return tuple(
        Finding(
            rule=rule,
            level=level,
            where=change.address,
            what=f"The plan would {change.verb} {change.address}{_because(change)}.",
            why=f"A {change.type} holds data or the key to data; what it holds is lost with it.",
            fix=(
                f"Undo the change that causes it, or ask {override_group} to override "
                "after making sure that a backup exists."
                if override_group
                else "Undo the change that causes it."
            ),
            override_group=override_group,
        )
        for change in plan.changes
        if change.verb in ("delete", "replace") and change.type in stateful_types and not _is_replica(change)
    )


def _because(change: ResourceChange) -> str:
    forcing = [diff.path for diff in attribute_diff(change) if diff.forces_replace]
    return f" because {', '.join(forcing)} cannot be changed in place" if forcing else ""


def _is_replica(change: ResourceChange) -> bool:
    return bool((change.before or {}).get("replicate_source_db"))


def _allowed(rule: ParameterRule, environment: str, value: object) -> Finding | None:
    allowed = rule.environments[environment]
    if not isinstance(allowed, list | tuple) or not allowed:
        return _broken_rule(rule, environment, "its value is not a list")
    if value is None or any(_equal(value, item) for item in allowed):
        return None
    nearest = _nearest(value, allowed, rule.order)
    names = ", ".join(_show(item) for item in allowed)
    fix = f"Choose {_show(nearest)}." if nearest is not None else f"Choose one of: {names}."
    return _finding(
        rule, f"{rule.parameter} is {_show(value)}, but {environment} allows only: {names}.", fix, nearest
    )


def _minimum(rule: ParameterRule, environment: str, value: object) -> Finding | None:
    return _bound(rule, environment, value, "at least", lambda number, limit: number >= limit)


def _maximum(rule: ParameterRule, environment: str, value: object) -> Finding | None:
    return _bound(rule, environment, value, "at most", lambda number, limit: number <= limit)


def _bound(
    rule: ParameterRule,
    environment: str,
    value: object,
    words: str,
    holds: Callable[[Decimal, Decimal], bool],
) -> Finding | None:
    bound = rule.environments[environment]
    limit = _number(bound)
    if limit is None:
        return _broken_rule(rule, environment, "its value is not a number")
    if value is None:
        return None
    number = _number(value)
    if number is not None and holds(number, limit):
        return None
    what = f"{rule.parameter} is {_show(value)}, but {environment} asks for {words} {_show(bound)}."
    return _finding(rule, what, f"Set it to {_show(bound)}.", bound)


def _required_value(rule: ParameterRule, environment: str, value: object) -> Finding | None:
    wanted = rule.environments[environment]
    if _equal(value, wanted):
        return None
    found = "not set" if value is None else _show(value)
    what = f"{rule.parameter} is {found}, but {environment} asks for {_show(wanted)}."
    return _finding(rule, what, f"Set it to {_show(wanted)}.", wanted)


_CHECKS: Mapping[RuleKind, Callable[[ParameterRule, str, object], Finding | None]] = {
    RuleKind.ALLOWED: _allowed,
    RuleKind.MINIMUM: _minimum,
    RuleKind.MAXIMUM: _maximum,
    RuleKind.REQUIRED_VALUE: _required_value,
}


def _finding(rule: ParameterRule, what: str, fix: str, suggested: object) -> Finding:
    if rule.level == Level.SOFT_MANDATORY and rule.override_group:
        fix += f" Or ask {rule.override_group} to override."
    return Finding(
        rule=rule.rule,
        level=rule.level,
        where=rule.parameter,
        what=what,
        why=rule.why,
        fix=fix,
        suggested=suggested,
        override_group=rule.override_group,
    )


def _broken_rule(rule: ParameterRule, environment: str, reason: str) -> Finding:
    return Finding(
        rule=rule.rule,
        level=rule.level,
        where=rule.parameter,
        what=f"The rule {rule.rule} cannot be judged: {reason} for {environment}.",
        why=f"A rule that cannot be judged counts as broken. {rule.why}",
        fix="Ask the owners of the catalog item to mend the rule in its catalog.yaml.",
        override_group=rule.override_group,
    )


def _nearest(value: object, allowed: Iterable[object], order: tuple[str, ...]) -> object | None:
    """Give the allowed value nearest to `value`: by place in `order`, or by distance for numbers.

    Ties go to the smaller. A name that `order` does not have is taken as the smallest.
    None when there is no way to tell.
    """
    choices = list(allowed)
    if len(choices) == 1:
        return choices[0]
    number = _number(value)
    numbers = [(choice, found) for choice in choices if (found := _number(choice)) is not None]
    if number is not None and numbers:
        return min(numbers, key=lambda pair: (abs(pair[1] - number), pair[1]))[0]
    placed = [
        (order.index(choice), choice) for choice in choices if isinstance(choice, str) and choice in order
    ]
    if placed:
        place = order.index(value) if isinstance(value, str) and value in order else -1
        return min(placed, key=lambda pair: (abs(pair[0] - place), pair[0]))[1]
    return None


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        return None
    return Decimal(str(value))


def _equal(value: object, other: object) -> bool:
    """Compare as JSON does: true is not 1."""
    return isinstance(value, bool) == isinstance(other, bool) and value == other


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
