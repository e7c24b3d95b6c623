"""The tags that a resource will carry, as far as the plan knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioner.domain.plan import SENSITIVE, ResourceChange


@dataclass(frozen=True)
class FoundTags:
    """Tags after the apply. `rest_unknown`: there may be others, which Terraform knows only then."""

    known: Mapping[str, str] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()  # there, with a value that nobody knows yet
    rest_unknown: bool = False

    def is_unknown(self, key: str) -> bool:
        """Whether the plan cannot tell what stands in the tag, nor that it is missing."""
        return key in self.unknown or (self.rest_unknown and key not in self.known)


def found_tags(change: ResourceChange, default_tags: Mapping[str, str] | None = None) -> FoundTags:
    """Return the tags of a resource that exists after the apply.

    `tags_all` is what the provider will set: the resource's own tags over the provider's default_tags. Where one value
    of the resource's own is unknown, the provider leaves all of tags_all unknown; what `tags` says is certain even
    then, because a resource's own tags win. `default_tags` are those of the resource's provider, as far as the
    configuration spells them out: they are certain too, unless the resource may have the same key itself.
    """
    unknown = change.after_unknown
    if not isinstance(unknown, Mapping):
        return FoundTags(rest_unknown=True) if unknown else _side(change, "tags_all", {})
    if unknown.get("tags_all") is True:
        own = _side(change, "tags", unknown)
        defaults = {} if own.rest_unknown else dict(default_tags or {})
        known = {key: value for key, value in defaults.items() if key not in own.unknown}
        return FoundTags({**known, **own.known}, own.unknown, rest_unknown=True)
    after = change.after or {}
    # Providers from before default_tags have no tags_all.
    attribute = "tags_all" if "tags_all" in after or "tags_all" in unknown else "tags"
    return _side(change, attribute, unknown)


def tags_of(value: object, unknown: object) -> FoundTags:
    """Return the tags of a map of tags beside its marks of what is unknown."""
    if unknown is True:
        return FoundTags(rest_unknown=True)
    later = {str(key) for key, mark in unknown.items() if mark} if isinstance(unknown, Mapping) else set()
    known: dict[str, str] = {}
    for key, text in value.items() if isinstance(value, Mapping) else ():
        if text == SENSITIVE:
            later.add(str(key))
        elif text is not None and key not in later:
            known[str(key)] = str(text)
    return FoundTags(known, frozenset(later), rest_unknown=value == SENSITIVE)


def _side(change: ResourceChange, attribute: str, unknown: Mapping[str, object]) -> FoundTags:
    return tags_of((change.after or {}).get(attribute), unknown.get(attribute))
