"""What is left of an apply that was cut short: may it go on by itself, and what may be lost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from provisioner.domain.plan import Plan, ResourceChange

# What may be left of a change that was approved: of a replacement, either half.
_LEFT_OF: Mapping[str, frozenset[str]] = {"replace": frozenset({"replace", "create", "delete"})}
_MAKES = frozenset({"create", "replace"})


@dataclass(frozen=True)
class CloudObject:
    """An object that exists in the cloud and carries the workspace's tag."""

    type: str
    id: str


@dataclass(frozen=True)
class Known:
    """An object that the newest state knows; `texts` are its identifying attributes."""

    address: str
    type: str
    texts: frozenset[str]


@dataclass(frozen=True)
class Suspect:
    """Something that may exist in the cloud while no state knows it."""

    address: str  # empty when only the cloud names it
    type: str
    reason: str
    ids: tuple[str, ...] = ()


def beyond(
    approved: Plan, left: Plan, *, approved_usd_month: Decimal, left_usd_month: Decimal
) -> tuple[str, ...]:
    """Say what of a plan goes beyond the approved one, a sentence each; nothing when it is a part of it.

    A part has no change that the approved plan lacks, none that ends otherwise where the approved plan knew the end,
    and does not cost more a month afterwards.
    """
    agreed = {change.address: change for change in approved.changes if change.changes_something}
    reasons = [
        reason
        for change in left.changes
        if change.changes_something
        for reason in _exceeds(change, agreed.get(change.address))
    ]
    if not left.complete:
        reasons.append("Terraform leaves a part of it to a later plan.")
    if left_usd_month > approved_usd_month:
        reasons.append(
            f"It costs {left_usd_month:.2f} USD a month afterwards; {approved_usd_month:.2f} USD was agreed to."
        )
    return tuple(reasons)


def _exceeds(change: ResourceChange, agreed: ResourceChange | None) -> Iterator[str]:
    if agreed is None:
        yield f"{change.address}: to {change.verb}; the plan that was being applied left it alone."
        return
    if change.verb != agreed.verb and change.verb not in _LEFT_OF.get(agreed.verb, frozenset()):
        yield f"{change.address}: to {change.verb} now; it was to {agreed.verb}."
        return
    if change.after is None or agreed.after is None:
        return
    differing = sorted(_differing(agreed.after, change.after, agreed.after_unknown, change.after_unknown))
    if differing:
        yield f"{change.address}: ends otherwise than agreed to in {', '.join(differing[:5])}."


def _differing(
    agreed: Mapping[str, object], left: Mapping[str, object], unknown: object, still_unknown: object
) -> Iterator[str]:
    """Name the attributes whose value was known when it was agreed to, and is another now."""
    for name in agreed.keys() | left.keys():
        if not _agrees(agreed.get(name), left.get(name), _part(unknown, name), _part(still_unknown, name)):
            yield name


def _agrees(agreed: object, left: object, unknown: object, still_unknown: object) -> bool:
    """Compare what was known; what was to be known after the apply may have become anything."""
    if unknown is True:
        return True
    if still_unknown is True:
        return False
    if isinstance(agreed, Mapping) and isinstance(left, Mapping):
        return not any(_differing(agreed, left, unknown, still_unknown))
    if isinstance(agreed, list) and isinstance(left, list):
        if len(agreed) != len(left):
            return _holds_unknown(unknown)
        return all(
            _agrees(old, new, _part(unknown, index), _part(still_unknown, index))
            for index, (old, new) in enumerate(zip(agreed, left, strict=True))
        )
    return (agreed is None and _holds_unknown(unknown)) or (
        agreed == left and isinstance(agreed, bool) == isinstance(left, bool)
    )


def _part(holder: object, key: str | int) -> object:
    if isinstance(holder, Mapping):
        return holder.get(key)
    if isinstance(holder, list) and isinstance(key, int) and key < len(holder):
        return holder[key]
    return holder if holder is True else None


def _holds_unknown(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(_holds_unknown(item) for item in value)
    return value is True


def digest_of_left(plan_digest: str, interrupted_at: str) -> str:
    """Return the digest of the plan of what one interruption left.

    The same plan may have been approved before the interruption: that is no answer to whether it may be applied again.
    """
    return hashlib.sha256(f"{plan_digest}\n{interrupted_at}".encode()).hexdigest()


def begun_and_done(lines: Sequence[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Read the addresses whose creation Terraform's lines tell to have begun, and to have ended.

    Terraform says `ADDRESS: Creating...` and `ADDRESS: Creation complete after 3s [id=…]`, or an error.
    """
    begun, done = set(), set()
    for line in lines:
        address, separator, rest = line.partition(": ")
        if not separator:
            continue
        if rest.startswith("Creating..."):
            begun.add(address)
        elif rest.startswith("Creation complete"):
            done.add(address)
    return frozenset(begun), frozenset(done)


def suspects(
    approved: Plan, known: Sequence[Known], lines: Sequence[str], found: Sequence[CloudObject] | None
) -> tuple[Suspect, ...]:
    """List what may have been made without any state knowing it.

    `known` is what the newest state holds, `lines` what Terraform said while it applied, `found` every object in the
    cloud with the workspace's tag, None when nobody can look.
    """
    at = {one.address for one in known}
    begun, done = begun_and_done(lines)
    missing = [
        change for change in approved.changes if change.verb in _MAKES and _may_be_lost(change, at, begun)
    ]
    unknown = [] if found is None else [one for one in found if not _is_known(one, known)]
    rows: list[Suspect] = []
    named: set[str] = set()
    for change in missing:
        candidates = [one for one in unknown if one.type == change.type]
        alone = len([other for other in missing if other.type == change.type]) == 1
        ids = tuple(one.id for one in candidates) if alone else ()
        named.update(ids)
        if ids:
            reason = "It exists in the cloud with the tag of this workspace, and no state knows it."
        elif change.address in done:
            reason = "Terraform said that it was made, but no saved state holds it."
        elif change.address in begun:
            reason = "Terraform had begun to make it and did not say that it was done."
        elif found is None:
            reason = "It may have been begun in the last moment."
        else:
            continue
        rows.append(Suspect(change.address, change.type, reason, ids))
    for one in unknown:
        if one.id not in named:
            reason = "It exists in the cloud with the tag of this workspace, and no state knows it."
            rows.append(Suspect("", one.type, reason, (one.id,)))
    return tuple(rows)


def is_still_lost(earlier: Suspect, known: Sequence[Known], listed: Sequence[Suspect]) -> bool:
    """Whether a suspect of an earlier look is in no state yet, and not listed anew."""
    if earlier.ids:
        seen = {(one.type, one_id) for one in listed for one_id in one.ids}
        return not all(
            (earlier.type, one_id) in seen or _is_known(CloudObject(earlier.type, one_id), known)
            for one_id in earlier.ids
        )
    # What came to be at its address later need not be the one that was begun.
    return earlier not in listed


def _may_be_lost(change: ResourceChange, at: set[str], begun: frozenset[str]) -> bool:
    """Whether the change may have made an object that no state knows: a replaced one is at its address either way."""
    return change.address not in at or (change.verb == "replace" and change.address in begun)


def _is_known(one: CloudObject, known: Sequence[Known]) -> bool:
    return any(other.type == one.type and one.id in other.texts for other in known)
