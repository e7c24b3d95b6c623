"""A manifest's guardrails in words, one line for each environment they speak about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog.manifest import Guardrail, Manifest
from provisioner.domain.guardrails import RuleKind
from provisioner.web.words import RULE_LEVELS, UNKNOWN, Word, readable


@dataclass(frozen=True)
class Rule:
    """One guardrail: what it is about, the words for each environment, and why it is there."""

    guardrail: Guardrail
    label: str
    level: Word
    lines: tuple[tuple[str, str], ...]  # environment name, words


def in_words(manifest: Manifest, environment_names: Mapping[str, str]) -> list[Rule]:
    """Return the guardrails of a manifest; environments in the order of `environment_names` (slug to name)."""
    return [
        Rule(
            guardrail,
            str(manifest.parameters.get(guardrail.parameter, {}).get("label") or guardrail.parameter),
            RULE_LEVELS.get(guardrail.level, UNKNOWN),
            tuple(
                (name, _words(guardrail.kind, guardrail.environments[slug], manifest, guardrail.parameter))
                for slug, name in environment_names.items()
                if slug in guardrail.environments
            ),
        )
        for guardrail in manifest.guardrails
    ]


def _words(kind: str, value: object, manifest: Manifest, parameter: str) -> str:
    if kind == RuleKind.REQUIRED_VALUE and isinstance(value, bool):
        return "must be on" if value else "must be off"
    unit = manifest.parameters.get(parameter, {}).get("unit", "")
    text = f"{readable(value)} {unit}".strip()
    match kind:
        case RuleKind.ALLOWED:
            values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
            return "one of " + ", ".join(readable(one) for one in values)
        case RuleKind.MINIMUM:
            return f"at least {text}"
        case RuleKind.MAXIMUM:
            return f"at most {text}"
    return f"must be {text}"
