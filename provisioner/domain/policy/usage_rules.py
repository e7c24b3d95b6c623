"""The section `usage`: how much of what is paid by use to expect, by environment."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.domain.policy.section import Section


@dataclass(frozen=True)
class UsagePolicy:
    """The usage profiles of the environments."""


def read(section: Section) -> UsagePolicy:
    """Read the section."""
    section.keys()
    return UsagePolicy()
