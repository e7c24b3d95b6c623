"""Who owns what, as far as rules look at it; None stands for an organisation that is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ServiceFacts:
    """Who answers for a service, who pays, and how much it matters."""

    team: str
    cost_center: str
    criticality: str


@dataclass(frozen=True)
class Organisation:
    """What exists, by slug."""

    services: Mapping[str, ServiceFacts] = field(default_factory=dict)
    teams: frozenset[str] = frozenset()
    cost_centers: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset()
