"""The section `guardrails`: rules over parameters and over the plan that hold for every item."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.domain.policy.section import Section


@dataclass(frozen=True)
class GuardrailPolicy:
    """The rules that every order is judged by, beside those of its item's manifest."""

    destructive_override_group: str = "sre"


def read(section: Section) -> GuardrailPolicy:
    """Read the section."""
    section.keys("destructive_override_group")
    return GuardrailPolicy(destructive_override_group=section.at("destructive_override_group").text("sre"))
