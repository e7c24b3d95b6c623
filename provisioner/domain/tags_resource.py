"""The tags of one resource under the policy: what is missing, what is wrong, and how to mend it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from provisioner.domain import tags_values
from provisioner.domain.finding import Finding, Level
from provisioner.domain.organisation import Organisation
from provisioner.domain.plan import ResourceChange
from provisioner.domain.policy.tag_rules import Reference, TagKey, TagPolicy
from provisioner.domain.tags_finding import (
    KEYS,
    LIMITS,
    MISSING,
    NORMAL_FORM,
    REFERENCES,
    UNKNOWN,
    VALUES,
    WHY,
    TagFinding,
    listed,
    quoted,
)
from provisioner.domain.tags_found import FoundTags, found_tags
from provisioner.domain.tags_modules import Layout

_WHY_LIMITS = "AWS refuses such a tag when the plan is applied, after other resources have been made."
_WHY_NORMAL = "Reports group by the exact text, so two spellings of one value are two lines."


@dataclass(frozen=True)
class Asked:
    """What a pipeline says of itself; empty: nothing."""

    service: str = ""
    environment: str = ""


@dataclass(frozen=True)
class ResourceTags:
    """The tags of one resource under the policy."""

    change: ResourceChange
    policy: TagPolicy
    asked: Asked
    organisation: Organisation | None
    layout: Layout
    found: FoundTags = field(init=False)

    def __post_init__(self) -> None:
        defaults = self.layout.default_tags_of(self.change)
        object.__setattr__(self, "found", found_tags(self.change, defaults))

    def keys(self) -> tuple[TagKey, ...]:
        """Return the keys of the environment that is asked for, else of the one that the resource names."""
        environment = self.asked.environment
        if not environment:
            for key in self.policy.keys:
                if key.reference is Reference.ENVIRONMENT:
                    environment = self.normal(self._value_of(key) or "")
        return self.policy.keys_of(environment)

    def wanted_keys(self) -> tuple[str, ...]:
        """Return the keys that must be there."""
        return tuple(key.key for key in self.keys() if key.required)

    def normal(self, value: str) -> str:
        """Return a value in the normal form of this policy."""
        return tags_values.normalised(value, self.policy.normalise)

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong with the tags of this resource."""
        yield from self._limits()
        missing: list[TagKey] = []
        unknown: list[str] = []
        for key in self.keys():
            written = self._written(key)
            if written is not None:
                if written != key.key:
                    yield self._alias(key, written)
                yield from self._value(key, self.found.known[written])
            elif self.found.is_unknown(key.key):
                unknown.extend([key.key] if key.required or key.key in self.found.unknown else [])
            elif key.required:
                missing.append(key)
        for level in Level:
            of_level = [key for key in missing if key.level is level]
            if of_level:
                yield self._missing(of_level, level)
        if unknown:
            yield self._unknown(unknown)

    def _written(self, key: TagKey) -> str | None:
        """Return the key under which the tag has a known value: its own, or one that means it."""
        known = self.found.known
        if known.get(key.key, "").strip():
            return key.key
        if key.key in self.found.unknown:
            return None
        names = {tags_values.squashed(name) for name in (key.key, *key.aliases)}
        own = {tags_values.squashed(each.key) for each in self.policy.keys if each.key != key.key}
        return next(
            (
                name
                for name, value in known.items()
                if name != key.key
                and value.strip()
                and tags_values.squashed(name) in names
                and tags_values.squashed(name) not in own
            ),
            None,
        )

    def _value_of(self, key: TagKey) -> str | None:
        written = self._written(key)
        return None if written is None else self.found.known[written]

    def _limits(self) -> Iterator[Finding]:
        most = tags_values.tags_max(self.change.type)
        # Those that AWS sets itself do not count.
        count = len([key for key in self.found.known if not key.lower().startswith("aws:")])
        count += len(self.found.unknown)
        if count > most:
            yield self._finding(
                LIMITS,
                self.policy.level,
                (),
                f"It would carry {count} tags; AWS takes {most} on this type.",
                "Take away tags that nobody reads.",
                why=_WHY_LIMITS,
            )
        for key, value in self.found.known.items():
            reason = tags_values.key_limit(key)
            if reason is not None:
                what = f"AWS does not take the key {quoted(key)}: {reason}."
                yield self._finding(
                    LIMITS, self.policy.level, (key,), what, "Give the tag another key.", why=_WHY_LIMITS
                )
            reason = tags_values.value_limit(value)
            if reason is not None:
                what = f"AWS does not take the value of the tag {quoted(key)}: {reason}."
                yield self._finding(
                    LIMITS, self.policy.level, (key,), what, "Give the tag another value.", why=_WHY_LIMITS
                )
            strange = tags_values.foreign_characters(key + value)
            if strange:
                yield self._finding(
                    LIMITS,
                    Level.ADVISORY,
                    (key,),
                    f"The tag {quoted(key)} holds {', '.join(quoted(char) for char in strange[:10])}.",
                    "Keep to letters, digits, spaces and . : / = + - @ _ in keys and values.",
                    why="EC2 takes any character in tags, but other services of AWS refuse these.",
                )

    def _alias(self, key: TagKey, written: str) -> Finding:
        value = self.found.known[written]
        return self._finding(
            KEYS,
            key.level,
            (key.key,),
            f"The tag {quoted(written)} stands for {key.key}, which is missing.",
            f"Rename it: {key.key} = {quoted(value)}.",
            why=f"Keys count as they are written, so nothing that reads {key.key} finds it. {key.why or WHY}",
            suggested={key.key: value},
        )

    def _missing(self, keys: list[TagKey], level: Level) -> Finding:
        names = tuple(key.key for key in keys)
        wanted = {key.key: value for key in keys if (value := self._wanted(key)) is not None}
        values = "".join(f" Here: {name} = {quoted(value)}." for name, value in wanted.items())
        return self._finding(
            MISSING,
            level,
            names,
            f"{_are(names)} missing.",
            f"{self._where_to_write(names)}{values}",
            why=next((key.why for key in keys if key.why), WHY),
            suggested=wanted or None,
        )

    def _unknown(self, keys: list[str]) -> Finding:
        which = f"the tag {keys[0]}" if len(keys) == 1 else f"the tags {listed(tuple(keys))}"
        return self._finding(
            UNKNOWN,
            Level.ADVISORY,
            tuple(keys),
            f"Terraform knows {which} only after the apply, so what stands there could not be checked.",
            "Make the tags of this resource from values that are known at plan time.",
        )

    def _value(self, key: TagKey, value: str) -> Iterator[Finding]:
        reason = self._refused(key, value)
        if reason is None:
            return
        normal = self._normal_form(key, value)
        if normal != value and self._refused(key, normal) is None:
            yield self._finding(
                NORMAL_FORM,
                Level.ADVISORY,
                (key.key,),
                f"The tag {key.key} is {quoted(value)}; its normal form is {quoted(normal)}.",
                f"Write {key.key} = {quoted(normal)}.",
                why=_WHY_NORMAL,
                suggested=normal,
            )
            return
        rule, what, suggested = reason
        yield self._finding(
            rule,
            key.level,
            (key.key,),
            what,
            self._better(key, rule, suggested),
            why=key.why or WHY,
            suggested=suggested,
        )

    def _better(self, key: TagKey, rule: str, suggested: str | None) -> str:
        if suggested is not None:
            write = f"Write {key.key} = {quoted(suggested)}"
            return f"{write}, or another of: {', '.join(key.allowed)}." if rule == VALUES else f"{write}."
        if rule == REFERENCES:
            return "Name one that exists, or have this one registered with the portal first."
        if key.allowed:
            return f"Write one of: {', '.join(key.allowed)}."
        return f"Write a value that matches {quoted(key.pattern)} as a whole."

    def _normal_form(self, key: TagKey, value: str) -> str:
        normal = self.normal(value)
        return next((each for each in key.allowed if self.normal(each) == normal), normal)

    def _refused(self, key: TagKey, value: str) -> tuple[str, str, str | None] | None:
        """Say by which rule, why and with which better value a value is refused; None when it is right."""
        if key.allowed and value not in key.allowed:
            nearest = _nearest(self.normal(value), key.allowed)
            return VALUES, f"The tag {key.key} is {quoted(value)}, which is not allowed.", nearest
        if key.pattern and len(value) <= tags_values.VALUE_MAX and re.fullmatch(key.pattern, value) is None:
            what = f"The tag {key.key} is {quoted(value)}, which does not match {quoted(key.pattern)}."
            return VALUES, what, None
        wanted = self._wanted(key)
        if wanted is not None and value != wanted:
            return (
                REFERENCES,
                f"The tag {key.key} is {quoted(value)}, but {self._because(key, wanted)}.",
                wanted,
            )
        known = self._known(key.reference)
        if known is not None and value not in known:
            noun = str(key.reference).replace("_", " ")
            what = f"The tag {key.key} is {quoted(value)}, and there is no such {noun} in the organisation."
            return REFERENCES, what, _nearest(self.normal(value), known)
        return None

    def _service(self) -> str:
        """Return the service that is asked for, else the one that the resource names."""
        if self.asked.service:
            return self.asked.service
        for key in self.keys():
            if key.reference is Reference.SERVICE and (value := self._value_of(key)) is not None:
                return value if self._known_service(value) else self.normal(value)
        return ""

    def _known_service(self, value: str) -> bool:
        return self.organisation is not None and value in self.organisation.services

    def _wanted(self, key: TagKey) -> str | None:
        """Return the one value that fits what was asked for and what the organisation knows of the service."""
        if key.reference is Reference.ENVIRONMENT:
            return self.asked.environment or None
        if key.reference is Reference.SERVICE:
            return self.asked.service or None
        facts = None if self.organisation is None else self.organisation.services.get(self._service())
        if facts is None:
            return None
        of_service: dict[Reference | None, str] = {
            Reference.TEAM: facts.team,
            Reference.COST_CENTER: facts.cost_center,
            Reference.CRITICALITY: facts.criticality,
        }
        return of_service.get(key.reference)

    def _because(self, key: TagKey, wanted: str) -> str:
        if key.reference in (Reference.ENVIRONMENT, Reference.SERVICE):
            return f"the check was asked for {quoted(wanted)}"
        noun = str(key.reference).replace("_", " ")
        return f"the {noun} of the service {quoted(self._service())} is {quoted(wanted)}"

    def _known(self, reference: Reference | None) -> Iterable[str] | None:
        if self.organisation is None:
            return None
        if reference is Reference.SERVICE:
            return self.organisation.services.keys()
        if reference is Reference.TEAM:
            return self.organisation.teams
        if reference is Reference.COST_CENTER:
            return self.organisation.cost_centers
        if reference is Reference.ENVIRONMENT:
            return self.organisation.environments
        return None

    def _where_to_write(self, names: tuple[str, ...]) -> str:
        keys, change = listed(names), self.change
        provider = f"the default_tags of the provider {self.layout.provider_of(change)}"
        call = self.layout.outside_call(change)
        if call is None:
            return f"Add {keys} to {provider}, or to the tags of {change.type}.{change.name}."
        passing = f", or pass {call.tags_variable} to {call.path}" if call.tags_variable else ""
        return (
            f"{call.path} comes from {call.source} and is not edited here: add {keys} to {provider}{passing}."
        )

    def _finding(
        self,
        rule: str,
        level: Level,
        tags: tuple[str, ...],
        what: str,
        fix: str,
        *,
        why: str = WHY,
        suggested: object | None = None,
    ) -> TagFinding:
        return TagFinding(
            rule=rule,
            level=level,
            where=self.change.address,
            what=what,
            why=why,
            fix=fix,
            suggested=suggested,
            tags=tags,
        )


def _nearest(value: str, choices: Iterable[str]) -> str | None:
    """Return the choice that is meant; None where two are as near, for then nobody knows which."""
    near = difflib.get_close_matches(value[:100], list(choices), n=2, cutoff=0.7)
    if len(near) == 2:
        first, second = (difflib.SequenceMatcher(None, each, value[:100]).ratio() for each in near)
        if first == second:
            return None
    return near[0] if near else None


def _are(keys: tuple[str, ...]) -> str:
    return f"The tag {keys[0]} is" if len(keys) == 1 else f"The tags {listed(keys)} are"
