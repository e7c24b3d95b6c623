"""A policy in words: one sentence or two for each rule, from the file's own data, so that no rule is left out.

`PHRASES` has the words for what a section says with a single value. What it does not name, such as a list of rules
with names, is told by its keys: an owner of a section adds a phrase where that reads badly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from provisioner.domain.policy.section import Place, show, spell
from provisioner.rulebook.file import Loaded

Phrase = Callable[[str, str], str]

# What names an entry of a list, so that it is the same rule before and after an edit.
NAMES = ("rule", "name", "id", "key", "tag", "group")
SECTIONS = ("groups", "tags", "guardrails", "approvals", "usage", "time_to_live", "files")
_NOT_RULES = ("version",)
_APART = (*NAMES[:3], "level", "why", "fix")

# Path, with * for any key -> words from (the last key, the value).
PHRASES: Mapping[tuple[str, ...], tuple[str, Phrase]] = {
    ("groups",): ("Who may be asked", lambda key, value: f"Rules may ask these groups: {value}."),
    ("approvals", "allow_same_person"): (
        "One person, one step",
        lambda key, value: (
            "One person may decide several steps of a plan."
            if value == "true"
            else "Nobody decides two steps of one plan."
        ),
    ),
    ("approvals", "overrides", "max_days"): (
        "How long an override holds",
        lambda key, value: f"An override stays in force on its workspace for {value} days at most.",
    ),
    ("approvals", "overrides", "once_only"): (
        "How long an override holds",
        lambda key, value: f"An override of {value} holds for one run alone.",
    ),
    ("approvals", "remind_after_hours"): (
        "Reminders",
        lambda key, value: f"Those who must decide are reminded every {value} hours.",
    ),
    ("approvals", "escalate_after_hours"): (
        "Escalation",
        lambda key, value: f"After {value} hours without a decision another group is asked too.",
    ),
    ("approvals", "escalate_to"): (
        "Escalation",
        lambda key, value: f"{value} is asked when nobody decides, and may decide then.",
    ),
    ("approvals", "break_glass", "groups"): (
        "Emergencies",
        lambda key, value: (
            f"In an emergency, people of {value} may have a plan applied before it is approved."
        ),
    ),
    ("approvals", "break_glass", "people"): (
        "Emergencies",
        lambda key, value: f"It takes {value} different people, none of them the requester.",
    ),
    ("approvals", "break_glass", "review_within_hours"): (
        "Emergencies",
        lambda key, value: f"What was skipped is reviewed within {value} hours.",
    ),
    ("approvals", "break_glass", "environments"): (
        "Emergencies",
        lambda key, value: f"That holds in: {value}.",
    ),
    ("approvals", "override_group"): (
        "Who overrides",
        lambda key, value: f"{value} may override a soft-mandatory finding whose rule names no group.",
    ),
    ("approvals", "expire_after_days"): (
        "How long a plan waits",
        lambda key, value: f"A plan waits {value} days for its approval, then it expires.",
    ),
    ("approvals", "recovery_group"): (
        "What was cut short",
        lambda key, value: (
            f"{value} decides how an apply goes on that was cut short, when it cannot by itself."
        ),
    ),
    ("guardrails", "destructive_override_group"): (
        "Loss of data",
        lambda key, value: (
            f"A plan that deletes or replaces something that holds data needs an override by {value}; an order to "
            "destroy is no such plan."
        ),
    ),
    ("files", "*"): (
        "Files that rules name",
        lambda key, value: (
            f"{key}: {value.count(chr(10)) + 1} lines, SHA-256 {hashlib.sha256(value.encode()).hexdigest()[:12]}."
        ),
    ),
    ("tags", "level"): ("Tags", lambda key, value: f"A missing or wrong tag is {value}."),
    ("tags", "normalise"): (
        "Tags",
        lambda key, value: f"A value that is right but for this is accepted, with advice: {value}.",
    ),
    ("tags", "unchanged"): (
        "Tags",
        lambda key, value: f"Of resources that exist and that the plan leaves alone, findings are: {value}.",
    ),
    ("tags", "exempt_types"): ("Tags", lambda key, value: f"These types need no tags: {value}."),
    ("tags", "required", "*"): (
        "Required tags",
        lambda key, value: f"Every resource that takes tags carries {key}: {value}.",
    ),
    ("tags", "optional", "*"): ("Optional tags", lambda key, value: f"Where {key} is set: {value}."),
    ("tags", "environments", "*", "required", "*"): (
        "Required tags of an environment",
        lambda key, value: f"There, every resource that takes tags carries {key}: {value}.",
    ),
    ("usage", "profiles", "*", "*"): (
        "Expected use",
        lambda key, value: f"Of each {key}, this use is expected and priced: {value}.",
    ),
    ("time_to_live", "max_days", "*"): (
        "Time to live",
        lambda key, value: f"In {key}, a workspace lives {value} days at most until it is renewed.",
    ),
}


@dataclass(frozen=True)
class RuleWords:
    """One rule of a policy in words. `key` names it before and after an edit; `line` is 1-based."""

    key: str
    section: str
    title: str
    words: str
    level: str = ""
    name: str = ""  # of the rule as findings name it, where the file gives it one
    line: int = 0


def explain(loaded: Loaded) -> tuple[RuleWords, ...]:
    """Say what each rule of a policy does, in the order of the file."""
    return tuple(
        rule
        for section, value in loaded.data.items()
        if section not in _NOT_RULES
        for rule in _part(loaded, value, (section,))
    )


def _part(loaded: Loaded, value: object, place: Place) -> Iterator[RuleWords]:
    phrase = _phrase_of(place)
    if phrase is not None:
        title, words = phrase
        text = words(str(place[-1]), _plain(value))
        yield RuleWords(spell(place), str(place[0]), title, text, line=loaded.line_of(place))
    elif isinstance(value, Mapping) and _is_rule(value, place):
        yield _rule(loaded, value, place, spell(place), str(place[-1]))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _part(loaded, inner, (*place, str(key)))
    elif value == [] or value is None:
        return  # no rule
    elif isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
        for index, entry in enumerate(value):
            name = entry_name(entry) or str(index)
            yield _rule(loaded, entry, (*place, index), f"{spell(place)}[{name}]", name)
    else:
        text = f"{_label(place)}: {_plain(value)}."
        yield RuleWords(
            spell(place), str(place[0]), _label(place).capitalize(), text, line=loaded.line_of(place)
        )


def _is_rule(value: Mapping[object, object], place: Place) -> bool:
    """Tell whether a mapping is told as one rule: it has a level or a reason, or names itself."""
    return len(place) > 1 and any(key in value for key in ("level", "why", "rule"))


def _rule(loaded: Loaded, value: object, place: Place, key: str, name: str) -> RuleWords:
    fields = value if isinstance(value, Mapping) else {}
    level, why = str(fields.get("level", "")), str(fields.get("why", "")).strip()
    said = "; ".join(
        f"{str(field).replace('_', ' ')}: {_plain(inner)}"
        for field, inner in fields.items()
        if field not in _APART
    )
    words = " ".join(part for part in (f"{said}." if said else "", f"Why: {why}" if why else "") if part)
    return RuleWords(
        key=key,
        section=str(place[0]),
        title=name,
        words=words or _plain(value) or "nothing",
        level=level,
        name=name,
        line=loaded.line_of(place),
    )


def entry_name(entry: object) -> str:
    """Return what an entry of a list is called, or an empty text."""
    if isinstance(entry, Mapping):
        for key in NAMES:
            if isinstance(entry.get(key), str):
                return str(entry[key])
    return ""


def _phrase_of(place: Place) -> tuple[str, Phrase] | None:
    for pattern, phrase in PHRASES.items():
        if len(pattern) == len(place) and all(
            want in ("*", have) for want, have in zip(pattern, place, strict=True)
        ):
            return phrase
    return None


def _label(place: Place) -> str:
    return " ".join(str(part).replace("_", " ") for part in place[1:] or place)


def _plain(value: object) -> str:
    """Write a value as people read it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value) or "nothing"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{str(key).replace('_', ' ')} {_plain(item)}" for key, item in value.items())
        return f"({inner})" if inner else "nothing"
    return show(value)
