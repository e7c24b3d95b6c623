"""Terraform state v4, as the http backend receives it, read into frozen types."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

from provisioner.domain.plan_json import Path, PlanFormatError, check_depth
from provisioner.domain.redaction import collect, mask_paths, scrub


class StateFormatError(ValueError):
    """The document is not a Terraform state that we can read; the text says why."""


_UNCHANGED = "Send the state as Terraform writes it."


@dataclass(frozen=True)
class Output:
    """A root module output. `type` is Terraform's type as JSON: "string" or ["list", "string"]."""

    value: object  # the real value also when sensitive: showing it is the caller's decision
    sensitive: bool
    type: object


@dataclass(frozen=True)
class StateResource:
    """One instance of a managed resource; sensitive attributes are already replaced by "(sensitive)"."""

    address: str
    module_address: str
    type: str
    name: str
    id: str
    arn: str
    tags: Mapping[str, str]  # all of them, the provider's default tags included
    attributes: Mapping[str, object]


@dataclass(frozen=True)
class StateView:
    """What a state version holds."""

    serial: int
    lineage: str
    outputs: Mapping[str, Output]
    resources: tuple[StateResource, ...]
    terraform_version: str = ""


def parse_state(document: Mapping[str, object]) -> StateView:
    """Read a state document of version 4. Raises StateFormatError."""
    if not isinstance(document, Mapping):
        raise StateFormatError(f"The state is not a JSON object. {_UNCHANGED}")
    try:
        check_depth(document)
    except PlanFormatError as error:
        raise StateFormatError(str(error).replace("terraform show -json", "terraform state pull")) from None
    if document.get("version") != 4:
        raise StateFormatError(
            f"The state has version {document.get('version')!r:.40}, but only version 4 can be read. "
            "Use Terraform 0.12 or newer."
        )
    serial, lineage = document.get("serial"), document.get("lineage")
    if not isinstance(serial, int) or isinstance(serial, bool) or serial < 0:
        raise StateFormatError(f"The state's serial is not a whole number. {_UNCHANGED}")
    if not isinstance(lineage, str) or not lineage:
        raise StateFormatError(f"The state has no lineage. {_UNCHANGED}")
    version = document.get("terraform_version")
    outputs = {name: _output(name, entry) for name, entry in _mapping(document, "outputs").items()}
    found: set[str] = set()  # sensitive texts, to be masked also where the provider repeats them unmarked
    for output in outputs.values():
        if output.sensitive:
            collect(output.value, found)
    instances = [_masked(instance, found) for instance in _instances(document)]
    return StateView(
        serial=serial,
        lineage=lineage,
        outputs=outputs,
        resources=tuple(_resource(instance, found) for instance in instances),
        terraform_version=version if isinstance(version, str) else "",
    )


def _output(name: str, entry: object) -> Output:
    if not isinstance(entry, Mapping):
        raise StateFormatError(f"The output {name!r:.80} is not an object. {_UNCHANGED}")
    return Output(
        value=entry.get("value"), sensitive=bool(entry.get("sensitive", False)), type=entry.get("type")
    )


@dataclass(frozen=True)
class _Instance:
    address: str
    module: str
    type: str
    name: str
    attributes: Mapping[str, object]
    sensitive: tuple[Path, ...]


def _instances(document: Mapping[str, object]) -> Iterator[_Instance]:
    for index, resource in enumerate(_list(document, "resources")):
        place = f"resources[{index}]"
        if not isinstance(resource, Mapping):
            raise StateFormatError(f"{place} is not an object. {_UNCHANGED}")
        if resource.get("mode") != "managed":
            continue
        module, kind, name = (resource.get(key, "") for key in ("module", "type", "name"))
        if not (
            isinstance(module, str) and isinstance(kind, str) and isinstance(name, str) and kind and name
        ):
            raise StateFormatError(f"{place} has no type or name. {_UNCHANGED}")
        for instance in _list(resource, "instances", place):
            if not isinstance(instance, Mapping):
                raise StateFormatError(f"{place} has an instance that is not an object. {_UNCHANGED}")
            yield _Instance(
                address=(f"{module}." if module else "") + f"{kind}.{name}{_suffix(instance)}",
                module=module,
                type=kind,
                name=name,
                attributes=_mapping(instance, "attributes", place),
                sensitive=tuple(_sensitive_paths(instance.get("sensitive_attributes"))),
            )


def _masked(instance: _Instance, found: set[str]) -> _Instance:
    return replace(instance, attributes=mask_paths(instance.attributes, instance.sensitive, found))


def _resource(instance: _Instance, found: set[str]) -> StateResource:
    attributes = scrub(instance.attributes, found)
    tags = attributes.get("tags_all") or attributes.get("tags")
    return StateResource(
        address=instance.address,
        module_address=instance.module,
        type=instance.type,
        name=instance.name,
        id=_text(attributes.get("id")),
        arn=_text(attributes.get("arn")),
        tags={k: v for k, v in tags.items() if isinstance(v, str)} if isinstance(tags, Mapping) else {},
        attributes=attributes,
    )


class Difference(StrEnum):
    """What became of a resource or output from one state to another."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class StateDifference:
    """A resource or output that differs between two states: the names of what differs, never a value.

    `sensitive` are those of `attributes` that hold something sensitive. An output's address begins with "output.".
    """

    address: str
    type: str
    difference: Difference
    attributes: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()


def compare(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[StateDifference, ...]:
    """Compare two state documents resource by resource, in order of address. Raises StateFormatError."""
    for document in (before, after):
        parse_state(document)  # it can be read, and is not nested too deep
    old = {instance.address: instance for instance in _instances(before)}
    new = {instance.address: instance for instance in _instances(after)}
    found = [
        difference
        for address in sorted({**old, **new})
        if (difference := _between(address, old.get(address), new.get(address))) is not None
    ]
    return (*found, *_outputs_between(before, after))


def _between(address: str, old: _Instance | None, new: _Instance | None) -> StateDifference | None:
    either = new or old
    assert either is not None
    if old is None or new is None:
        return StateDifference(address, either.type, Difference.ADDED if new else Difference.REMOVED)
    names = sorted(
        name
        for name in {**old.attributes, **new.attributes}
        if old.attributes.get(name) != new.attributes.get(name)
    )
    if not names:
        return None
    marked = {path[0] if path else None for instance in (old, new) for path in instance.sensitive}
    sensitive = tuple(name for name in names if None in marked or name in marked)
    return StateDifference(address, new.type, Difference.CHANGED, tuple(names), sensitive)


def _outputs_between(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[StateDifference]:
    old, new = _mapping(before, "outputs"), _mapping(after, "outputs")
    for name in sorted({**old, **new}):
        if old.get(name) == new.get(name):
            continue
        entries = [entry for entry in (old.get(name), new.get(name)) if isinstance(entry, Mapping)]
        sensitive = ("value",) if any(entry.get("sensitive") for entry in entries) else ()
        if name not in old or name not in new:
            difference = Difference.ADDED if name in new else Difference.REMOVED
            yield StateDifference(f"output.{name}", "output", difference)
        else:
            yield StateDifference(f"output.{name}", "output", Difference.CHANGED, ("value",), sensitive)


_SERIAL = re.compile(r'"serial"\s*:\s*(\d+)')
_SERIALS_TRIED = 10  # Terraform writes the state's own before anything of a resource


def with_serial(content: bytes, serial: int) -> bytes:
    """Return a state with another serial and every other byte as it is. Raises StateFormatError."""
    text = content.decode(errors="replace")
    wanted = {**json.loads(content), "serial": serial}
    for match in islice(_SERIAL.finditer(text), _SERIALS_TRIED):
        changed = text[: match.start(1)] + str(serial) + text[match.end(1) :]
        if json.loads(changed) == wanted:
            return changed.encode()
    raise StateFormatError(f"The state's serial is not where Terraform writes it. {_UNCHANGED}")


def _suffix(instance: Mapping[str, object]) -> str:
    """Give what tells instances of one resource apart: [0], ["a"], and a deposed object's key."""
    key, deposed = instance.get("index_key"), instance.get("deposed")
    suffix = ""
    if isinstance(key, int):
        suffix = f"[{key}]"
    elif isinstance(key, str):
        suffix = f"[{json.dumps(key, ensure_ascii=False)}]"
    return f"{suffix} (deposed object {deposed})" if deposed else suffix


def _sensitive_paths(value: object) -> Iterator[Path]:
    """Read cty paths: [[{"type": "get_attr", "value": "password"}], …]; an index holds {"value", "type"}."""
    for path in value if isinstance(value, list) else ():
        steps: list[str | int] = []
        for step in path if isinstance(path, list) else ():
            key = step.get("value") if isinstance(step, Mapping) else None
            if isinstance(key, Mapping):
                key = key.get("value")
            if not isinstance(key, str | int):
                break  # mask from here on
            steps.append(key)
        yield tuple(steps)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _mapping(holder: Mapping[str, object], key: str, place: str = "state") -> Mapping[str, object]:
    value = holder.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise StateFormatError(f"The {key} of {place} is not an object. {_UNCHANGED}")
    return value


def _list(holder: Mapping[str, object], key: str, place: str = "state") -> list[object]:
    value = holder.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise StateFormatError(f"The {key} of {place} is not a list. {_UNCHANGED}")
    return value
