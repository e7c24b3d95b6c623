"""The section `time_to_live`: how long a workspace may live without being renewed.

Its schema for editors: portal/policy/schema/time_to_live.schema.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioner.domain.policy.section import Section


@dataclass(frozen=True)
class LifetimePolicy:
    """Most days that a workspace may live, by environment slug; one that is not named has no limit of its own."""

    max_days: Mapping[str, int] = field(default_factory=dict)


def read(section: Section) -> LifetimePolicy:
    """Read the section."""
    section.keys("max_days")
    return LifetimePolicy(max_days={slug: days.days(1) for slug, days in section.at("max_days").each()})
