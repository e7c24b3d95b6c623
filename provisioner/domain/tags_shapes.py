"""Resources whose tags do not reach all that they make: groups of machines, templates, volumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from provisioner.domain.finding import Finding, Level
from provisioner.domain.plan import ResourceChange
from provisioner.domain.tags_finding import SHAPES, TagFinding
from provisioner.domain.tags_found import FoundTags, tags_of

# Types without tags_all that carry tags in blocks of their own.
UNTAGGABLE = frozenset({"aws_autoscaling_group"})

_WHY = (
    "What it makes is billed by itself: instances and volumes without these tags are missing from showback, "
    "however well the resource above them is tagged."
)


def check(change: ResourceChange, wanted: tuple[str, ...]) -> Iterator[Finding]:
    """Yield, as advice, what a resource of a special shape makes without the wanted tags."""
    shape = _SHAPES.get(change.type)
    if shape is not None and wanted:
        yield from shape(change, wanted)


def _group(change: ResourceChange, wanted: tuple[str, ...]) -> Iterator[Finding]:
    """Check the `tag` blocks: the provider's default_tags do not reach an Auto Scaling group."""
    unknown = _unknown(change, "tag")
    if unknown is True:
        return
    blocks = [block for block in _blocks(change, "tag") if isinstance(block.get("key"), str)]
    if any(mark.get("key") for mark in _marks(unknown)):
        return  # a block whose key nobody knows yet may be any of them
    there = {str(block["key"]) for block in blocks}
    kept = {str(block["key"]) for block in blocks if block.get("propagate_at_launch") is False}
    missing = tuple(key for key in wanted if key not in there)
    if missing:
        yield _finding(
            change,
            missing,
            f"The Auto Scaling group has no tag block for {', '.join(missing)}.",
            "Add a tag block with propagate_at_launch = true for each; default_tags do not reach this type.",
        )
    held = tuple(key for key in wanted if key in kept)
    if held:
        yield _finding(
            change,
            held,
            f"Instances of the Auto Scaling group would not get {', '.join(held)}.",
            "Set propagate_at_launch = true in these tag blocks.",
        )


def _template(change: ResourceChange, wanted: tuple[str, ...]) -> Iterator[Finding]:
    """Check tag_specifications: the template's own tags stay with the template."""
    unknown = _unknown(change, "tag_specifications")
    if unknown is True:
        return
    marks = _marks(unknown)
    found: dict[str, FoundTags] = {}
    for index, block in enumerate(_blocks(change, "tag_specifications")):
        mark = marks[index].get("tags") if index < len(marks) else None
        found[str(block.get("resource_type"))] = tags_of(block.get("tags"), mark)
    for kind in ("instance", "volume"):
        missing = _missing(found.get(kind, FoundTags()), wanted)
        if missing:
            yield _finding(
                change,
                missing,
                f"What the launch template makes of kind {kind} would not get {', '.join(missing)}.",
                f'Name them in a tag_specifications block with resource_type = "{kind}".',
            )


def _instance(change: ResourceChange, wanted: tuple[str, ...]) -> Iterator[Finding]:
    """Check the root volume where the plan tells its tags; the provider passes default_tags on since 5.39."""
    unknown = change.after_unknown if isinstance(change.after_unknown, Mapping) else {}
    volume_tags = (change.after or {}).get("volume_tags")
    if isinstance(volume_tags, Mapping):
        missing = _missing(tags_of(volume_tags, unknown.get("volume_tags")), wanted)
        if missing:
            yield _finding(
                change,
                missing,
                f"The volumes of the instance would not get {', '.join(missing)}.",
                "Name them in volume_tags as well.",
            )
        return
    marks = _marks(unknown.get("root_block_device"))
    for index, block in enumerate(_blocks(change, "root_block_device")):
        mark = marks[index] if index < len(marks) else {}
        if "tags_all" not in block and "tags_all" not in mark:
            continue
        missing = _missing(tags_of(block.get("tags_all"), mark.get("tags_all")), wanted)
        if missing:
            yield _finding(
                change,
                missing,
                f"The root volume of the instance would not get {', '.join(missing)}.",
                "Add them to the tags of root_block_device, or to the provider's default_tags.",
            )


_SHAPES: Mapping[str, Callable[[ResourceChange, tuple[str, ...]], Iterator[Finding]]] = {
    "aws_autoscaling_group": _group,
    "aws_launch_template": _template,
    "aws_instance": _instance,
}


def _missing(found: FoundTags, wanted: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for key in wanted if not found.known.get(key) and not found.is_unknown(key))


def _unknown(change: ResourceChange, attribute: str) -> object:
    unknown = change.after_unknown
    return unknown.get(attribute) if isinstance(unknown, Mapping) else unknown


def _blocks(change: ResourceChange, attribute: str) -> list[Mapping[str, object]]:
    return _marks((change.after or {}).get(attribute))


def _marks(value: object) -> list[Mapping[str, object]]:
    """Return a list of objects; what is none counts as an empty one, so that places stay as they are."""
    items = value if isinstance(value, list) else []
    return [item if isinstance(item, Mapping) else {} for item in items]


def _finding(change: ResourceChange, tags: tuple[str, ...], what: str, fix: str) -> Finding:
    return TagFinding(
        rule=SHAPES, level=Level.ADVISORY, where=change.address, what=what, why=_WHY, fix=fix, tags=tags
    )
