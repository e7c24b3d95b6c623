"""Guardrails: rules over parameters before planning, and over the plan after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from provisioner.domain.finding import Finding, Level

__all__ = ["Finding", "Level", "ParameterRule", "RuleKind"]


class RuleKind(StrEnum):
    """How a parameter is compared with the value of its environment."""

    ALLOWED = "allowed"  # one of a list
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    REQUIRED_VALUE = "required_value"


@dataclass(frozen=True)
class ParameterRule:
    """A rule over one parameter. `environments` holds the list, bound or value for each environment it speaks about."""

    rule: str
    kind: RuleKind
    parameter: str
    level: Level
    environments: Mapping[str, object]
    why: str
    order: tuple[str, ...] = field(default=())  # small to large; gives "nearest" a meaning for names
    override_group: str | None = None
