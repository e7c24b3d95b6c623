"""What guardrails look at: resources that a plan leaves behind or that an item promises, attribute by attribute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from provisioner.domain.plan import SENSITIVE, Path, Plan, spell
from provisioner.domain.pricing import PricedResource

# Where an item's estimate says nothing of an attribute, the parameter of a conventional name does.
CONVENTIONS: Mapping[str, tuple[str, ...]] = {
    "backup_retention_period": ("backup_retention_days",),
    "deletion_protection": ("deletion_protection",),
    "deletion_protection_enabled": ("deletion_protection",),
    "enable_deletion_protection": ("deletion_protection",),
    "multi_az": ("multi_az",),
    "multi_az_enabled": ("multi_az",),
    "publicly_accessible": ("publicly_accessible",),
    "snapshot_retention_limit": ("snapshot_retention_days", "backup_retention_days"),
}


_PLAIN = frozenset({bool, int, str})


@dataclass(frozen=True)
class Value:
    """One value of a resource. `parameter` is the one that it comes from; `unknown`: it is not known yet, or secret."""

    value: object
    path: str
    parameter: str = ""
    unknown: bool = False


@dataclass(frozen=True)
class Attribute:
    """Where something stands in a type: steps with dots, `*` for each of a list.

    `default` is what the provider takes when it is not set; `optional`: a missing block says nothing.
    """

    path: str
    default: object = None
    optional: bool = False


@dataclass(frozen=True)
class Subject:
    """A resource that is judged.

    `promised`: there is no plan yet, and `sources` says which parameter a value comes from.
    """

    address: str
    type: str
    attributes: Mapping[str, object]
    unknown: Mapping[str, object] | bool = False
    promised: bool = False
    sources: Mapping[Path, str] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)

    def read(self, attribute: Attribute) -> tuple[Value, ...]:
        """Return the values at an attribute; nothing where a promise does not speak of it."""
        plain = self._plain(attribute.path)
        if plain is not None:
            return (plain,)
        found = tuple(self._walk(tuple(attribute.path.split(".")), (), self.attributes, self.unknown))
        if found and any(value.unknown or value.value is not None for value in found):
            return tuple(
                value if value.unknown or value.value is not None else self._default(value, attribute)
                for value in found
            )
        if self.promised:
            return self._conventional(attribute)
        if not found and attribute.optional:
            return ()
        return tuple(self._default(value, attribute) for value in found) or (
            Value(attribute.default, attribute.path.replace(".*", "")),
        )

    def _plain(self, path: str) -> Value | None:
        """Return what stands at a path of one step and is known: nearly all that is ever read of a large plan."""
        value = self.attributes.get(path)
        if type(value) not in _PLAIN or value == SENSITIVE or self.unknown is True:
            return None
        if self.unknown and isinstance(self.unknown, Mapping) and self.unknown.get(path):
            return None
        return Value(value, path, self.sources.get((path,), "") if self.sources else "")

    def _default(self, value: Value, attribute: Attribute) -> Value:
        return Value(attribute.default, value.path)

    def _conventional(self, attribute: Attribute) -> tuple[Value, ...]:
        for name in CONVENTIONS.get(attribute.path, ()):
            if self.parameters.get(name) is not None:
                return (Value(self.parameters[name], attribute.path, name),)
        return ()

    def _walk(self, steps: tuple[str, ...], path: Path, value: object, unknown: object) -> Iterator[Value]:
        if unknown is True or value == SENSITIVE:
            yield Value(None, spell(path) or steps[0], unknown=True)
        elif not steps:
            yield Value(value, spell(path), self.sources.get(path, ""))
        elif steps[0] == "*":
            items = list(value) if isinstance(value, list | tuple) else []
            later = unknown if isinstance(unknown, list) else []
            for index in range(max(len(items), len(later))):
                item = items[index] if index < len(items) else None
                yield from self._walk(
                    steps[1:], (*path, index), item, later[index] if index < len(later) else None
                )
        elif isinstance(value, Mapping) or isinstance(unknown, Mapping):
            held = value.get(steps[0]) if isinstance(value, Mapping) else None
            later_ = unknown.get(steps[0]) if isinstance(unknown, Mapping) else None
            yield from self._walk(steps[1:], (*path, steps[0]), held, later_)


def planned(plan: Plan) -> tuple[Subject, ...]:
    """Return the resources that exist after the apply."""
    return tuple(
        Subject(change.address, change.type, change.after or {}, change.after_unknown)
        for change in plan.after_resources()
    )


def promised(
    resources: Iterable[PricedResource],
    sources: Mapping[str, Mapping[Path, str]],
    parameters: Mapping[str, object],
) -> tuple[Subject, ...]:
    """Return the resources that an item promises for parameters; `sources` by address."""
    return tuple(
        Subject(
            row.address,
            row.type,
            row.attributes,
            promised=True,
            sources=sources.get(row.address, {}),
            parameters=parameters,
        )
        for row in resources
    )
