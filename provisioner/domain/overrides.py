"""Overrides that stay in force for a while: which finding of a later run they cover."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from provisioner.domain.finding import Finding, Level


@dataclass(frozen=True)
class KeptOverride:
    """A soft-mandatory finding on a workspace that a group set aside until a day.

    `value` is what the parameter was then, where the finding was about one. `granted_by`: everybody who had a part in
    it, by user name; it covers none of their own orders, or they would approve themselves.
    """

    key: int
    rule: str
    where: str
    what: str
    group: str
    until: datetime
    granted_by: frozenset[str]
    value: object | None = None
    suggested: object | None = None


@dataclass(frozen=True)
class Covered:
    """A finding that nobody is asked about, and the override that says so."""

    finding: Finding
    by: KeptOverride


def covering(
    finding: Finding,
    kept: Iterable[KeptOverride],
    *,
    group: str,
    parameters: Mapping[str, object],
    requester: str,
) -> KeptOverride | None:
    """Return the first override that covers a finding of a run, or None.

    `kept` are those in force on the run's workspace; `group` is whom the finding asks. The violation must be the same
    (the same words) or a smaller one: a number on the same side of the same limit, no farther from it.
    """
    if finding.level is not Level.SOFT_MANDATORY:
        return None
    for one in kept:
        if (one.rule, one.where, one.group) != (finding.rule, finding.where, group):
            continue
        if requester in one.granted_by:
            continue
        if one.what == finding.what or _no_larger(finding, parameters.get(finding.where), one):
            return one
    return None


def _no_larger(finding: Finding, value: object, one: KeptOverride) -> bool:
    limit, limit_then = _number(finding.suggested), _number(one.suggested)
    now, then = _number(value), _number(one.value)
    if limit is None or limit != limit_then or now is None or then is None:
        return False
    if then > limit:
        return limit <= now <= then
    return then <= now <= limit


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return Decimal(str(value))
