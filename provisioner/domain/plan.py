"""A Terraform plan (`terraform show -json`) as frozen types, and what people want to know of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from provisioner.domain.plan_json import (
    SENSITIVE,
    Path,
    PlanFormatError,
    plan_digest,
    read_document,
    variables_digest,
)
from provisioner.domain.redaction import CHANGED_KEY, redact_plan

__all__ = [
    "SENSITIVE",
    "AttributeDiff",
    "Path",
    "Plan",
    "PlanCounts",
    "PlanFormatError",
    "ResourceChange",
    "attribute_diff",
    "parse_plan",
    "plan_digest",
    "read_document",
    "redact_plan",
    "spell",
    "variables_digest",
]

# https://developer.hashicorp.com/terraform/internals/json-format#change-representation
_VERBS: Mapping[tuple[str, ...], str] = {
    ("no-op",): "no-op",
    ("create",): "create",
    ("read",): "read",
    ("update",): "update",
    ("delete",): "delete",
    ("forget",): "forget",  # leaves the state, stays in the cloud
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("create", "forget"): "replace",
}


@dataclass(frozen=True)
class ResourceChange:
    """What would happen to one instance of a managed resource. Sensitive values are already replaced."""

    address: str
    module_address: str
    type: str
    name: str
    provider: str
    actions: tuple[str, ...]
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    after_unknown: Mapping[str, object] | bool
    replace_paths: tuple[Path, ...] = ()
    sensitive_changed: tuple[Path, ...] = ()  # masked on both sides, yet different
    previous_address: str = ""  # moved from there
    deposed: str = ""  # key of an object that a replacement left over
    importing: bool = False
    action_reason: str = ""

    @property
    def verb(self) -> str:
        """One of create, update, delete, replace, forget, no-op, read."""
        return _VERBS[self.actions]

    @property
    def changes_something(self) -> bool:
        """Whether applying it does anything, be it only to the state (import, move, forget)."""
        return self.verb not in ("no-op", "read") or self.importing or bool(self.previous_address)


@dataclass(frozen=True)
class PlanCounts:
    """How many resources get which verb."""

    create: int = 0
    update: int = 0
    replace: int = 0
    delete: int = 0
    no_op: int = 0


@dataclass(frozen=True)
class AttributeDiff:
    """One attribute that changes, as people read it.

    None is "not set"; `unknown` means known only after the apply. `steps` is the path for programs.
    """

    path: str
    before: str | None
    after: str | None
    unknown: bool
    forces_replace: bool
    steps: Path = field(default=(), compare=False)


@dataclass(frozen=True)
class Plan:
    """A plan; managed resources only, no-op included."""

    format_version: str
    terraform_version: str
    changes: tuple[ResourceChange, ...]
    drift: tuple[ResourceChange, ...]
    output_names: tuple[str, ...]
    changed_outputs: tuple[str, ...] = ()
    complete: bool = True  # False: Terraform deferred something to a later plan

    def counts(self) -> PlanCounts:
        """Count resources by verb. Reads are not counted; a forgotten resource counts as unchanged."""
        count = dict.fromkeys(("create", "update", "replace", "delete"), 0)
        no_op = 0
        for change in self.changes:
            if change.verb in count:
                count[change.verb] += 1
            else:
                no_op += change.verb != "read"
        return PlanCounts(no_op=no_op, **count)

    @property
    def has_changes(self) -> bool:
        """Whether applying the plan does anything: to resources, to outputs, or to the state alone."""
        return bool(self.changed_outputs) or any(change.changes_something for change in self.changes)

    def after_resources(self) -> tuple[ResourceChange, ...]:
        """Give the resources that exist after the apply."""
        return tuple(change for change in self.changes if change.after is not None)

    def before_resources(self) -> tuple[ResourceChange, ...]:
        """Give the resources that exist before the apply."""
        return tuple(change for change in self.changes if change.before is not None)


def parse_plan(document: Mapping[str, object]) -> Plan:
    """Read a `terraform show -json` plan document; sensitive values are replaced on the way.

    Takes documents of Terraform 1.x and OpenTofu (format version 1.x), raw or redacted. Raises
    PlanFormatError.
    """
    check_format(document)
    redacted = redact_plan(document)
    return assemble(
        redacted,
        tuple(_managed(redacted.get("resource_changes"), "resource_changes")),
        tuple(_managed(redacted.get("resource_drift"), "resource_drift")),
    )


def check_format(document: Mapping[str, object]) -> None:
    """Raise PlanFormatError unless the document is a plan of Terraform 1.x that was made to its end."""
    if not isinstance(document, Mapping):
        raise PlanFormatError(
            "The plan is not a JSON object. Send the output of terraform show -json PLANFILE."
        )
    version = document.get("format_version")
    if not isinstance(version, str) or not re.fullmatch(r"1\.\d{1,6}", version):
        raise PlanFormatError(
            f"The plan's format_version is {_short(version)}, but only 1.x can be read. "
            "Send the output of terraform show -json PLANFILE of Terraform 1.x."
        )
    if "resource_changes" not in document and "planned_values" not in document:
        raise PlanFormatError(
            "The document has neither resource_changes nor planned_values, so it is no plan "
            "(perhaps a state). Send the output of terraform show -json PLANFILE."
        )
    if document.get("errored") is True:
        raise PlanFormatError(
            "The plan is incomplete: Terraform ended it with errors. Mend what it reported and plan again."
        )


def assemble(
    redacted: Mapping[str, object],
    changes: tuple[ResourceChange, ...],
    drift: tuple[ResourceChange, ...] = (),
) -> Plan:
    """Make a plan of a redacted document that `check_format` lets pass, and of its changes."""
    outputs = _mapping(redacted.get("output_changes"), "output_changes")
    terraform_version = redacted.get("terraform_version")
    return Plan(
        format_version=str(redacted.get("format_version")),
        terraform_version=terraform_version if isinstance(terraform_version, str) else "",
        changes=changes,
        drift=drift,
        output_names=tuple(sorted(outputs)),
        changed_outputs=tuple(
            sorted(name for name, change in outputs.items() if _output_changes(name, change))
        ),
        complete=redacted.get("complete") is not False,
    )


def attribute_diff(change: ResourceChange) -> tuple[AttributeDiff, ...]:
    """List the attributes that change, innermost first to differ, in the order of their names.

    A create lists what is set, a delete what was. Values are text: strings as they are (control characters
    made visible), all else as JSON.
    """
    if change.verb in ("no-op", "read", "forget"):
        return ()
    prefixes = {path[:end] for path in change.replace_paths for end in range(1, len(path) + 1)}
    replace = frozenset(change.replace_paths)
    hidden = frozenset(change.sensitive_changed)
    unknown = change.after_unknown if isinstance(change.after_unknown, Mapping) else {}
    return tuple(
        AttributeDiff(
            path=spell(path),
            before=before,
            after=after,
            unknown=is_unknown,
            forces_replace=path in prefixes or any(path[:end] in replace for end in range(1, len(path))),
            steps=path,
        )
        for path, before, after, is_unknown in _walk(
            (), change.before or None, change.after or None, unknown, hidden
        )
    )


_Row = tuple[Path, str | None, str | None, bool]


def _walk(
    path: Path, before: object, after: object, unknown: object, hidden: frozenset[Path]
) -> Iterator[_Row]:
    if unknown is True:
        yield path, _text(before), None, True
    elif path in hidden:
        yield path, SENSITIVE, SENSITIVE, False
    elif _fits(dict, before, after):
        old, new = cast("dict[str, object]", before or {}), cast("dict[str, object]", after or {})
        later = unknown if isinstance(unknown, Mapping) else {}
        for key in sorted(old.keys() | new.keys() | later.keys()):
            yield from _walk((*path, key), old.get(key), new.get(key), later.get(key), hidden)
    elif _fits(list, before, after):
        olds, news = cast("list[object]", before or []), cast("list[object]", after or [])
        laters = unknown if isinstance(unknown, list) else []
        for index in range(max(len(olds), len(news), len(laters))):
            old_item, new_item, later_item = (
                items[index] if index < len(items) else None for items in (olds, news, laters)
            )
            yield from _walk((*path, index), old_item, new_item, later_item, hidden)
    elif not _same(before, after):
        yield path, _text(before), _text(after), False
    elif before is None and _holds_unknown(unknown):
        yield path, None, None, True  # an object of which only unknown parts are set


def _fits(kind: type, before: object, after: object) -> bool:
    """Whether both sides are of the kind, or one is and the other is not set."""
    return (isinstance(before, kind) and (after is None or isinstance(after, kind))) or (
        before is None and isinstance(after, kind)
    )


def _same(before: object, after: object) -> bool:
    return before == after and isinstance(before, bool) == isinstance(after, bool)


def _holds_unknown(unknown: object) -> bool:
    if isinstance(unknown, Mapping):
        return any(_holds_unknown(item) for item in unknown.values())
    if isinstance(unknown, list):
        return any(_holds_unknown(item) for item in unknown)
    return unknown is True


def _text(value: object) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else _visible(char) for char in text)


def _visible(char: str) -> str:
    return f"\\u{ord(char):04x}"


def spell(path: Path) -> str:
    """Spell a path the way Terraform does: tags.Name, ingress[0].cidr_blocks[1], tags["a.b"]."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", step):
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"[{json.dumps(step)}]")
    return "".join(parts)


def _managed(entries: object, where: str) -> Iterator[ResourceChange]:
    if entries is None:
        return
    if not isinstance(entries, list):
        raise PlanFormatError(f"The plan's {where} is {_short(entries)}, not a list. {_UNCHANGED}")
    for index, entry in enumerate(entries):
        change = read_change(entry, f"{where}[{index}]")
        if change is not None:
            yield change


def read_change(entry: object, place: str) -> ResourceChange | None:
    """Read one entry of resource_changes, already redacted; None for a data source. Raises PlanFormatError."""
    fields = _mapping(entry, place, required=True)
    return _change(fields, place) if fields.get("mode", "managed") == "managed" else None


def _change(entry: Mapping[str, object], place: str) -> ResourceChange:
    change = _mapping(entry.get("change"), f"{place}.change", required=True)
    actions = change.get("actions")
    actions = tuple(str(action) for action in actions) if isinstance(actions, list) else ()
    if actions not in _VERBS:
        raise PlanFormatError(
            f"{place}.change.actions is {_short(change.get('actions'))}, which is unknown. {_UNCHANGED}"
        )
    unknown = change.get("after_unknown")
    return ResourceChange(
        address=_string(entry, "address", place),
        module_address=_string(entry, "module_address", place, required=False),
        type=_string(entry, "type", place),
        name=_string(entry, "name", place),
        provider=_string(entry, "provider_name", place, required=False),
        actions=actions,
        before=_side(change, "before", place),
        after=_side(change, "after", place),
        after_unknown=unknown if isinstance(unknown, Mapping) else bool(unknown),
        replace_paths=_paths(change.get("replace_paths"), f"{place}.change.replace_paths"),
        sensitive_changed=_paths(change.get(CHANGED_KEY), f"{place}.change.{CHANGED_KEY}"),
        previous_address=_string(entry, "previous_address", place, required=False),
        deposed=_string(entry, "deposed", place, required=False),
        importing=change.get("importing") is not None,
        action_reason=_string(entry, "action_reason", place, required=False),
    )


_UNCHANGED = "Send the unchanged output of terraform show -json PLANFILE."


def _side(change: Mapping[str, object], key: str, place: str) -> Mapping[str, object] | None:
    if change.get(key) is None:
        return None
    return _mapping(change[key], f"{place}.change.{key}")


def _paths(value: object, place: str) -> tuple[Path, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(
        isinstance(path, list) and all(isinstance(step, str | int) for step in path) for path in value
    ):
        raise PlanFormatError(f"{place} is not a list of paths. {_UNCHANGED}")
    return tuple(tuple(path) for path in value)


def _output_changes(name: str, change: object) -> bool:
    fields = _mapping(change, f"output_changes.{name}", required=True)
    return fields.get("actions") != ["no-op"]


def _mapping(value: object, place: str, *, required: bool = False) -> Mapping[str, object]:
    if value is None and not required:
        return {}
    if not isinstance(value, Mapping):
        raise PlanFormatError(f"{place} is {_short(value)}, not an object. {_UNCHANGED}")
    return value


def _string(entry: Mapping[str, object], key: str, place: str, *, required: bool = True) -> str:
    value = entry.get(key)
    if isinstance(value, str) and (value or not required):
        return value
    if value is None and not required:
        return ""
    raise PlanFormatError(f"{place}.{key} is {_short(value)}, not a text. {_UNCHANGED}")


def _short(value: object) -> str:
    """Name a value in an error without echoing it at length."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    text = "missing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
