"""What a rule has to say about parameters or a plan."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How binding a finding is."""

    ADVISORY = "advisory"  # shown, stops nothing
    SOFT_MANDATORY = "soft-mandatory"  # stops until `override_group` overrides it
    HARD_MANDATORY = "hard-mandatory"  # refuses


@dataclass(frozen=True)
class Finding:
    """One rule's objection, fit to be read by the person who ordered."""

    rule: str
    level: Level
    where: str  # parameter name or resource address
    what: str
    why: str
    fix: str
    suggested: object | None = None  # the nearest allowed value, where there is one
    override_group: str | None = None
