"""The section `tags`: which tags every taggable resource carries, and what may stand in them."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.domain.policy.section import Section


@dataclass(frozen=True)
class TagPolicy:
    """What is asked of tags."""


def read(section: Section) -> TagPolicy:
    """Read the section."""
    section.keys()
    return TagPolicy()
