"""The section `tags`: which tags every taggable resource carries, and what may stand in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from provisioner.domain import tags_values
from provisioner.domain.finding import Level
from provisioner.domain.policy.section import Section, show
from provisioner.domain.tags_values import NORMALISATIONS


class Reference(StrEnum):
    """What of the organisation a tag names."""

    SERVICE = "service"
    TEAM = "team"
    COST_CENTER = "cost_center"
    ENVIRONMENT = "environment"
    CRITICALITY = "criticality"


class Unchanged(StrEnum):
    """What becomes of findings about resources that exist and that the plan leaves alone."""

    SAME = "same"  # as binding as any other
    ADVISORY = "advisory"
    IGNORE = "ignore"


@dataclass(frozen=True)
class TagKey:
    """One tag, and what may stand in it. Empty: anything may."""

    key: str
    required: bool = True
    allowed: tuple[str, ...] = ()
    pattern: str = ""  # matches the whole value
    reference: Reference | None = None
    aliases: tuple[str, ...] = ()  # other keys that people write instead
    level: Level = Level.HARD_MANDATORY
    why: str = ""


CRITICALITIES = ("tier-1", "tier-2", "tier-3")

# The tags that the portal derives for what is ordered (domain/tags.py).
DEFAULT_KEYS: Final = (
    TagKey("service", reference=Reference.SERVICE, aliases=("app", "application", "service-name")),
    TagKey("team-owner", reference=Reference.TEAM, aliases=("owner", "team")),
    TagKey("cost-center", reference=Reference.COST_CENTER, aliases=("cost-centre",)),
    TagKey("environment", reference=Reference.ENVIRONMENT, aliases=("env", "stage")),
    TagKey("criticality", allowed=CRITICALITIES, reference=Reference.CRITICALITY, aliases=("tier",)),
)


@dataclass(frozen=True)
class TagPolicy:
    """What is asked of tags. `environments` gives the complete keys of those that ask for something else."""

    keys: tuple[TagKey, ...] = DEFAULT_KEYS
    environments: Mapping[str, tuple[TagKey, ...]] = field(default_factory=dict)
    normalise: frozenset[str] = frozenset(NORMALISATIONS)
    unchanged: Unchanged = Unchanged.ADVISORY
    exempt_types: tuple[str, ...] = ()
    level: Level = Level.HARD_MANDATORY

    def keys_of(self, environment: str) -> tuple[TagKey, ...]:
        """Return the keys that hold in an environment; an empty or unknown one has those of all."""
        return self.environments.get(environment, self.keys)


def read(section: Section) -> TagPolicy:
    """Read the section. Every contradiction in it is a problem of the policy."""
    section.keys("level", "normalise", "unchanged", "exempt_types", "required", "optional", "environments")
    default = TagPolicy()
    policy = TagPolicy(
        level=section.at("level").level(default.level),
        normalise=_normalise(section.at("normalise")),
        unchanged=Unchanged(
            section.at("unchanged").choice(*(each.value for each in Unchanged), default=default.unchanged)
        ),
        exempt_types=_exempt(section.at("exempt_types")),
    )
    # A list of its own replaces the shipped one: what the file says is what is asked.
    says_itself = section.at("required").present or section.at("optional").present
    start = () if says_itself else tuple(replace(key, level=policy.level) for key in DEFAULT_KEYS)
    keys = _keys(section, start, policy)
    environments = {}
    for slug, part in section.at("environments").each():
        part.keys("required", "optional")
        environments[slug] = _keys(part, keys, policy)
        _fits_environment(part, slug, environments[slug])
    return replace(policy, keys=keys, environments=environments)


def _normalise(section: Section) -> frozenset[str]:
    if isinstance(section.value, bool):
        return frozenset(NORMALISATIONS) if section.value else frozenset()
    names = section.names(NORMALISATIONS)
    for name in names:
        if name not in NORMALISATIONS:
            section.problem(
                f"{show(name)} is no way to normalise a value.",
                f"Choose of: {', '.join(NORMALISATIONS)}; or write false.",
            )
    return frozenset(names) & frozenset(NORMALISATIONS)


def _exempt(section: Section) -> tuple[str, ...]:
    names = section.names()
    for name in names:
        if not re.fullmatch(r"[a-z0-9_]+\*?", name):
            section.problem(
                f"{show(name)} is no resource type.",
                "Write a type such as aws_s3_object, or a beginning with a star such as aws_iam_*.",
            )
    return names


def _keys(section: Section, before: tuple[TagKey, ...], policy: TagPolicy) -> tuple[TagKey, ...]:
    """Read `required` and `optional` over the keys that hold already: what is said of a key again is changed in it."""
    found = {key.key: key for key in before}
    named: set[str] = set()
    for part, required in ((section.at("required"), True), (section.at("optional"), False)):
        for name, entry in part.each():
            if name in named:
                entry.problem(f"{name} is both required and optional.", "Name it in one of the two lists.")
                continue
            named.add(name)
            old = found.get(name, TagKey(name, level=policy.level))
            found[name] = _key(entry, replace(old, required=required), policy)
    keys = tuple(found.values())
    _check_together(section, keys)
    return keys


def _key(entry: Section, old: TagKey, policy: TagPolicy) -> TagKey:
    entry.keys("allowed", "pattern", "reference", "aliases", "level", "why")
    reference = entry.at("reference").choice(*(each.value for each in Reference))
    key = TagKey(
        key=old.key,
        required=old.required,
        allowed=entry.at("allowed").names(old.allowed),
        pattern=entry.at("pattern").pattern(old.pattern),
        reference=Reference(reference) if reference else old.reference,
        aliases=entry.at("aliases").names(old.aliases),
        level=entry.at("level").level(old.level),
        why=entry.at("why").text(old.why),
    )
    _check_alone(entry, key, policy.normalise)
    return key


def _check_alone(entry: Section, key: TagKey, normalise: frozenset[str]) -> None:
    if (reason := tags_values.key_limit(key.key)) is not None:
        entry.problem(f"AWS does not take the key {show(key.key)}: {reason}.", "Give it another key.")
    if entry.at("allowed").value == []:
        entry.at("allowed").problem("No value at all would be allowed.", "List values, or leave allowed out.")
    forms: dict[str, str] = {}
    for value in key.allowed:
        place = entry.at("allowed") if entry.at("allowed").present else entry
        if (reason := tags_values.value_limit(value)) is not None:
            place.problem(f"AWS does not take the value {show(value)}: {reason}.", "Allow another value.")
        elif key.pattern and not re.fullmatch(key.pattern, value):
            place.problem(
                f"The allowed value {show(value)} does not match the pattern {show(key.pattern)}.",
                "Change one of the two: as they stand, the value can never be right.",
            )
        form = tags_values.normalised(value, normalise)
        if form in forms:
            place.problem(
                f"{show(forms[form])} and {show(value)} are the same value once normalised.",
                "Keep one of them, or normalise less.",
            )
        forms[form] = value


def _check_together(section: Section, keys: tuple[TagKey, ...]) -> None:
    if len(keys) > tags_values.TAGS_MAX:
        section.problem(
            f"{len(keys)} tags are more than AWS takes on one resource ({tags_values.TAGS_MAX}).",
            "Ask for fewer.",
        )
    names: dict[str, str] = {}
    for key in keys:
        _one_meaning(section, names, key.key, (key.key,))
    for key in keys:
        _one_meaning(section, names, key.key, key.aliases)
    for reference in Reference:
        several = [key.key for key in keys if key.reference is reference]
        if len(several) > 1:
            section.problem(
                f"{' and '.join(several)} both name the {reference.value.replace('_', ' ')} of a resource.",
                "Keep one of them, or let one be an alias of the other.",
            )


def _one_meaning(section: Section, names: dict[str, str], key: str, written: Iterable[str]) -> None:
    for name in written:
        other = names.setdefault(tags_values.squashed(name), key)
        if other != key:
            what = f"{show(name)} would stand for both {other} and {key}"
            section.problem(
                f"{what}, for keys are compared without case and separators.", "Let it stand for one of them."
            )


def _fits_environment(section: Section, slug: str, keys: tuple[TagKey, ...]) -> None:
    for key in keys:
        if key.reference is Reference.ENVIRONMENT and key.allowed and slug not in key.allowed:
            section.problem(
                f"The tag {key.key} may not be {show(slug)}, so nothing in {slug} could ever carry the right tags.",
                f"Add {slug} to what {key.key} allows.",
            )
