"""What differs between two policies, rule by rule and in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from provisioner.rulebook.explain import RuleWords, entry_name, explain
from provisioner.rulebook.file import Loaded


class ChangeKind(StrEnum):
    """What became of a rule."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"  # the same rules in another order, where the first that fits may decide


@dataclass(frozen=True)
class RuleChange:
    """One rule that differs. `before` and `after` are its words, empty where there is none.

    `line` is that of the newer policy, of the older one for a rule that is removed.
    """

    kind: ChangeKind
    key: str
    section: str
    title: str
    before: str
    after: str
    line: int

    def __str__(self) -> str:
        if self.kind is ChangeKind.CHANGED:
            return f"{self.key} changed\n  before: {self.before}\n  after:  {self.after}"
        return f"{self.key} {self.kind.value}\n  {self.after or self.before}"


def diff(old: Loaded, new: Loaded) -> tuple[RuleChange, ...]:
    """Return what differs, in the order of the newer policy, what is removed last. Texts and comments do not count."""
    before = {rule.key: rule for rule in explain(old)}
    after = {rule.key: rule for rule in explain(new)}
    found = [
        _changed(before.get(key), rule)
        for key, rule in after.items()
        if key not in before or _say(before[key]) != _say(rule)
    ]
    found.extend(_changed(rule, None) for key, rule in before.items() if key not in after)
    found.extend(_moved(old.data, new.data, ()))
    return tuple(found)


def _say(rule: RuleWords) -> str:
    return f"{rule.level}: {rule.words}" if rule.level else rule.words


def _changed(before: RuleWords | None, after: RuleWords | None) -> RuleChange:
    rule = after or before
    assert rule is not None, "one side has the rule"
    kind = ChangeKind.ADDED if before is None else ChangeKind.REMOVED if after is None else ChangeKind.CHANGED
    return RuleChange(
        kind=kind,
        key=rule.key,
        section=rule.section,
        title=rule.title,
        before="" if before is None else _say(before),
        after="" if after is None else _say(after),
        line=rule.line,
    )


def _moved(old: object, new: object, place: tuple[str, ...]) -> Iterator[RuleChange]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in new:
            if key in old:
                yield from _moved(old[key], new[key], (*place, str(key)))
    elif isinstance(old, list) and isinstance(new, list):
        was, is_now = [entry_name(entry) for entry in old], [entry_name(entry) for entry in new]
        common = set(was) & set(is_now) - {""}
        if [name for name in was if name in common] != [name for name in is_now if name in common]:
            yield RuleChange(
                ChangeKind.MOVED,
                ".".join(place),
                place[0],
                "Order of the rules",
                ", ".join(was),
                ", ".join(is_now),
                0,
            )
