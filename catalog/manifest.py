"""The manifest of one catalog item version as frozen data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from catalog.lifecycle import EXPERIMENTAL, PUBLISHED, Deprecation, Standing
from catalog.spec import thawed

HARD_MANDATORY: Final = "hard-mandatory"
SOFT_MANDATORY: Final = "soft-mandatory"
ADVISORY: Final = "advisory"
_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True)
class Change:
    """What one version brought."""

    version: str
    notes: str


@dataclass(frozen=True)
class Sizes:
    """The portal-side choice of a size, resolved into variables before Terraform sees them.

    choices: environment -> size -> variable -> value. default: environment -> size. order: all sizes, small to large
    (kept as a list because PostgreSQL's jsonb does not keep the order of keys).
    """

    parameter: str
    default: Mapping[str, str]
    choices: Mapping[str, Mapping[str, Mapping[str, Any]]]
    order: tuple[str, ...]

    def in_environment(self, environment: str | None) -> tuple[str, ...]:
        """Return the sizes of an environment in the manifest's order; without one, those of all environments."""
        if environment is None:
            return self.order
        return tuple(size for size in self.order if size in self.choices.get(environment, _EMPTY))


@dataclass(frozen=True)
class Guardrail:
    """A rule over one parameter. kind: allowed, minimum, maximum or required_value; environments: slug -> its value."""

    rule: str
    kind: str
    parameter: str
    level: str
    why: str
    environments: Mapping[str, Any]
    order: tuple[Any, ...] = ()
    override_group: str | None = None


@dataclass(frozen=True)
class ApprovalHint:
    """What people are told about who will be asked; the rules themselves are the portal's."""

    text: str
    group: str | None = None


@dataclass(frozen=True)
class EstimateRow:
    """A priced resource of the module before planning; `"$x"` in the attributes stands for the parameter x."""

    address: str
    type: str
    attributes: Mapping[str, Any]
    when: Mapping[str, Any]
    count: int | str | None = None


@dataclass(frozen=True)
class EstimateResource:
    """A resource of the estimate's skeleton with its parameters filled in."""

    address: str
    type: str
    attributes: Mapping[str, Any]
    # path of an attribute -> parameter that it comes from
    sources: Mapping[tuple[str | int, ...], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What the portal shows, fills in and guards when one version of a module is ordered.

    `standing` and `earlier_versions` are what catalog.yaml says of the lifecycle. They are no content, so `to_json`
    leaves them out: what holds is on the versions themselves.
    """

    slug: str
    name: str
    summary: str
    category: str
    owner: str
    version: str
    name_variable: str
    region: str
    description: str = ""
    environment_variable: str | None = None
    changelog: tuple[Change, ...] = ()
    derived: tuple[str, ...] = ()
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sizes: Sizes | None = None
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    guardrails: tuple[Guardrail, ...] = ()
    protection: str | None = None
    approvals: tuple[ApprovalHint, ...] = ()
    estimate: tuple[EstimateRow, ...] = ()
    connect: str = ""
    standing: Standing = field(default=Standing(), compare=False)
    earlier_versions: Mapping[str, Standing] = field(default_factory=dict, compare=False)

    @property
    def hidden(self) -> frozenset[str]:
        """Return the variables that the portal fills in and people never give."""
        given_by_portal = {self.name_variable, *self.derived}
        if self.environment_variable is not None:
            given_by_portal.add(self.environment_variable)
        return frozenset(given_by_portal)

    @property
    def environments(self) -> tuple[str, ...]:
        """Return every environment that the manifest speaks of."""
        named: dict[str, None] = dict.fromkeys(self.presets)
        if self.sizes is not None:
            named |= dict.fromkeys([*self.sizes.choices, *self.sizes.default])
        for guardrail in self.guardrails:
            named |= dict.fromkeys(guardrail.environments)
        return tuple(named)

    def hard_guardrails(self, parameter: str, environment: str) -> tuple[Guardrail, ...]:
        """Return the rules that refuse outright some value of the parameter in the environment."""
        return tuple(
            g
            for g in self.guardrails
            if g.parameter == parameter and g.level == HARD_MANDATORY and environment in g.environments
        )

    def estimate_resources(self, variables: Mapping[str, Any]) -> tuple[EstimateResource, ...]:
        """Return the priced resources that the module would make with these variables."""
        found: list[EstimateResource] = []
        for row in self.estimate:
            if not all(_meets(variables.get(name), wanted) for name, wanted in row.when.items()):
                continue
            attributes, sources = _resolved(row.attributes, variables), dict(_sources(row.attributes, ()))
            if row.count is None:
                found.append(EstimateResource(row.address, row.type, attributes, sources))
                continue
            count = _resolved(row.count, variables)
            number = int(count) if isinstance(count, int | float) and not isinstance(count, bool) else 0
            found.extend(
                EstimateResource(f"{row.address}[{i}]", row.type, attributes, sources)
                for i in range(min(number, 100))
            )
        return tuple(found)


def from_json(data: Mapping[str, Any]) -> Manifest:
    """Return the manifest from its normalised data, as `to_json` and catalog.yaml (plus `slug`) write it."""
    sizes = data.get("sizes")
    return Manifest(
        **{key: data[key] for key in _REQUIRED_TEXTS},
        description=data.get("description", ""),
        environment_variable=data.get("environment_variable"),
        changelog=tuple(Change(c["version"], c["notes"]) for c in data.get("changelog", ())),
        derived=tuple(data.get("derived", ())),
        parameters=_frozen(data.get("parameters", {})),
        sizes=None if sizes is None else _sizes(sizes),
        presets=_frozen(data.get("presets", {})),
        guardrails=tuple(
            Guardrail(
                rule=g["rule"],
                kind=g["kind"],
                parameter=g["parameter"],
                level=g["level"],
                why=g["why"],
                environments=_frozen(g["environments"]),
                order=tuple(g.get("order", ())),
                override_group=g.get("override_group"),
            )
            for g in data.get("guardrails", ())
        ),
        protection=(data.get("protection") or {}).get("parameter"),
        approvals=tuple(ApprovalHint(a["text"], a.get("group")) for a in data.get("approvals", ())),
        estimate=tuple(
            EstimateRow(
                e["address"],
                e["type"],
                _frozen(e.get("attributes", {})),
                _frozen(e.get("when", {})),
                e.get("count"),
            )
            for e in data.get("estimate", ())
        ),
        connect=data.get("connect", ""),
        standing=_standing(data),
        earlier_versions={version: _standing(of) for version, of in data.get("earlier_versions", {}).items()},
    )


def to_json(manifest: Manifest) -> dict[str, Any]:
    """Return the manifest as plain JSON data in the shape of catalog.yaml, with `slug`; what is empty is left out."""
    data: dict[str, Any] = {
        "schema": "drawbridge/v1",
        **{key: getattr(manifest, key) for key in _REQUIRED_TEXTS},
    }
    optional: dict[str, Any] = {
        "description": manifest.description,
        "environment_variable": manifest.environment_variable,
        "changelog": [{"version": c.version, "notes": c.notes} for c in manifest.changelog],
        "derived": list(manifest.derived),
        "parameters": thawed(manifest.parameters),
        "presets": thawed(manifest.presets),
        "guardrails": [_guardrail_json(g) for g in manifest.guardrails],
        "protection": {"parameter": manifest.protection} if manifest.protection else None,
        "approvals": [
            {"text": a.text, "group": a.group} if a.group else {"text": a.text} for a in manifest.approvals
        ],
        "estimate": [_estimate_json(row) for row in manifest.estimate],
        "connect": manifest.connect,
    }
    if manifest.sizes is not None:
        optional["sizes"] = {
            "parameter": manifest.sizes.parameter,
            "default": thawed(manifest.sizes.default),
            "choices": thawed(manifest.sizes.choices),
            "order": list(manifest.sizes.order),
        }
    return data | {key: value for key, value in optional.items() if value not in (None, "", [], {})}


_REQUIRED_TEXTS: Final = (
    "slug",
    "name",
    "summary",
    "category",
    "owner",
    "version",
    "name_variable",
    "region",
)


def _standing(data: Mapping[str, Any]) -> Standing:
    deprecation = data.get("deprecation")
    return Standing(
        data.get("lifecycle", PUBLISHED),
        data.get("maturity", EXPERIMENTAL),
        None if deprecation is None else Deprecation.from_json(deprecation),
    )


def _frozen(value: Any) -> Any:
    if value is None or isinstance(
        value, str | int | float
    ):  # most of them, and quicker told than the others
        return value
    if isinstance(value, Mapping):
        return MappingProxyType({key: _frozen(inner) for key, inner in value.items()})
    if isinstance(value, Sequence):
        return tuple(_frozen(inner) for inner in value)
    return value


def _sizes(data: Mapping[str, Any]) -> Sizes:
    choices = data["choices"]
    order = data.get("order") or dict.fromkeys(size for sizes in choices.values() for size in sizes)
    return Sizes(
        data.get("parameter", "size"), _frozen(data.get("default", {})), _frozen(choices), tuple(order)
    )


def _guardrail_json(guardrail: Guardrail) -> dict[str, Any]:
    data: dict[str, Any] = {
        "rule": guardrail.rule,
        "kind": guardrail.kind,
        "parameter": guardrail.parameter,
        "level": guardrail.level,
        "why": guardrail.why,
        "environments": thawed(guardrail.environments),
    }
    if guardrail.order:
        data["order"] = list(guardrail.order)
    if guardrail.override_group:
        data["override_group"] = guardrail.override_group
    return data


def _estimate_json(row: EstimateRow) -> dict[str, Any]:
    data: dict[str, Any] = {"address": row.address, "type": row.type}
    if row.attributes:
        data["attributes"] = thawed(row.attributes)
    if row.when:
        data["when"] = thawed(row.when)
    if row.count is not None:
        data["count"] = row.count
    return data


def _meets(value: Any, wanted: Any) -> bool:
    """Tell whether a value is the wanted one, one of those listed, or a number above the one that is named."""
    if isinstance(wanted, Mapping) and set(wanted) == {"above"}:
        return (
            isinstance(value, int | float) and not isinstance(value, bool) and bool(value > wanted["above"])
        )
    if isinstance(wanted, tuple) and not isinstance(value, list | tuple):
        return any(_meets(value, one) for one in wanted)
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def _sources(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield which parameter stands at which path."""
    if isinstance(value, str) and value.startswith("$") and not value.startswith("$$"):
        yield path, value[1:]
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _sources(inner, (*path, key))
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from _sources(inner, (*path, index))


def _resolved(value: Any, variables: Mapping[str, Any]) -> Any:
    """Replace `"$x"` by the parameter x; `"$$"` at the beginning is a literal dollar sign."""
    if isinstance(value, str) and value.startswith("$"):
        return value[1:] if value.startswith("$$") else variables.get(value[1:])
    if isinstance(value, Mapping):
        return {key: _resolved(inner, variables) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_resolved(inner, variables) for inner in value]
    return value
