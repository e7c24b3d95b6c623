"""What each built-in rule asks for, for reports that explain rules apart from findings."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.domain import guardrails, tags_finding
from provisioner.domain.finding import Finding


@dataclass(frozen=True)
class RuleText:
    """A rule in a line, and at length."""

    title: str
    text: str


_TAGS = {
    tags_finding.MISSING: RuleText(
        "Required tags are there",
        "Every resource that takes tags carries the tags that the policy requires, either of its own or by the "
        "provider's default_tags.",
    ),
    tags_finding.KEYS: RuleText(
        "Tags have the keys of the policy",
        "A tag whose key differs in case or separators, or is a known other name, is not found by what reads the "
        "policy's key.",
    ),
    tags_finding.VALUES: RuleText(
        "Tags have allowed values", "A tag's value is one of those allowed, or matches the policy's pattern."
    ),
    tags_finding.REFERENCES: RuleText(
        "Tags name what exists and fits together",
        "Services, teams, cost centers and environments named in tags exist in the organisation, and team, cost "
        "center and criticality are those of the service.",
    ),
    tags_finding.NORMAL_FORM: RuleText(
        "Tags are written in their normal form",
        "Values that mean the same are written the same: reports group by the exact text.",
    ),
    tags_finding.LIMITS: RuleText(
        "Tags stay within what AWS takes",
        "Keys have at most 128 characters and values 256, neither begins with aws:, and a resource has at most 50 "
        "tags (S3 objects 10).",
    ),
    tags_finding.UNKNOWN: RuleText(
        "Tags are known when planning",
        "What stands in a tag that is known only after the apply cannot be checked before it.",
    ),
    tags_finding.NOT_JUDGED: RuleText(
        "What was not judged is said",
        "Part of the rules needs facts that are not known here; they are named rather than passed over.",
    ),
    tags_finding.SHAPES: RuleText(
        "Tags reach what a resource makes",
        "Auto Scaling groups, launch templates and instances make machines and volumes, which get the tags only where "
        "the configuration says so.",
    ),
}
_GUARDRAILS = {
    guardrails.NO_DATA_LOSS: RuleText(
        "Data is not lost",
        "A plan does not delete or replace what holds data, unless somebody answers for it.",
    )
}
TEXTS = _TAGS | _GUARDRAILS


def text_of(finding: Finding) -> RuleText:
    """Return the text of the rule behind a finding; a rule of the policy's own is told by what it said."""
    return TEXTS.get(finding.rule) or RuleText(f"The rule {finding.rule} of the policy", finding.why)
