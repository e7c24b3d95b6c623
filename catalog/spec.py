"""The typed parameters of one catalog item version: what the form, the schema and the checks are made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from catalog.constraints import Constraint, violation
from catalog.parameter_types import ParameterType, ValueProblem, check_value, type_from_json, type_to_json


def thawed(value: Any) -> Any:
    """Return frozen data as plain dictionaries and lists."""
    if isinstance(value, Mapping):
        return {key: thawed(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [thawed(inner) for inner in value]
    return value


class _Missing:
    """The type of MISSING: there is no default, so a value must be given."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


@dataclass(frozen=True)
class Condition:
    """A validation that is none of the usual idioms, as HCL text, with the module's own error message."""

    text: str
    message: str = ""


@dataclass(frozen=True)
class Parameter:
    """One variable of the module with what the manifest says about it.

    `conditions` holds the validations that are no constraint on this value alone. What ties several variables
    together is judged when all are known (catalog/conditions.py); Terraform judges the rest when it plans.
    """

    name: str
    type: ParameterType
    default: Any = MISSING
    nullable: bool = False
    sensitive: bool = False
    description: str = ""
    constraints: tuple[Constraint, ...] = ()
    conditions: tuple[Condition, ...] = ()
    label: str = ""
    group: str = ""
    help: str = ""
    unit: str = ""
    example: Any = MISSING
    consequence: str = ""
    advanced: bool = False
    multiline: bool = False

    @property
    def required(self) -> bool:
        """Tell whether the module gives no default."""
        return self.default is MISSING

    @property
    def enum(self) -> tuple[Any, ...] | None:
        """Return the allowed values in the module's order; None when any value of the type may do."""
        lists = [c.value for c in self.constraints if c.kind == "one_of"]
        if not lists:
            return None
        return tuple(value for value in lists[0] if all(value in other for other in lists[1:]))

    @property
    def minimum(self) -> int | float | None:
        """Return the least allowed number."""
        return max(self._limits("minimum"), default=None)

    @property
    def maximum(self) -> int | float | None:
        """Return the greatest allowed number."""
        return min(self._limits("maximum"), default=None)

    @property
    def min_length(self) -> int | None:
        """Return the least length of text (characters) or of a collection (elements)."""
        return max(self._limits("min_length"), default=None)

    @property
    def max_length(self) -> int | None:
        """Return the greatest length of text (characters) or of a collection (elements)."""
        return min(self._limits("max_length"), default=None)

    @property
    def pattern(self) -> str | None:
        """Return the first pattern that text must match."""
        return next((c.value for c in self.constraints if c.kind == "pattern"), None)

    @property
    def whole(self) -> bool:
        """Tell whether only whole numbers are allowed."""
        return any(c.kind == "whole" for c in self.constraints)

    def check(self, value: Any) -> tuple[Any, list[ValueProblem]]:
        """Return the value in its normal form and everything that is wrong with it; never raises."""
        if value is None:
            if self.nullable:
                return None, []
            return None, [
                ValueProblem("", "wrong_type", "must not be null; leave it out to take the default")
            ]
        normal, problems = check_value(self.type, value, multiline=self.multiline)
        if not problems:
            for constraint in self.constraints:
                found = violation(constraint, normal)
                if found is not None:
                    problems.append(ValueProblem("", *found))
        return normal, problems

    def to_json(self) -> dict[str, Any]:
        """Return the parameter as JSON data."""
        data: dict[str, Any] = {
            "name": self.name,
            "type": type_to_json(self.type),
            "nullable": self.nullable,
            "sensitive": self.sensitive,
            "description": self.description,
            "constraints": [constraint.to_json() for constraint in self.constraints],
            "conditions": [{"text": c.text, "message": c.message} for c in self.conditions],
            **{key: getattr(self, key) for key in HELP_TEXTS},
            **{key: getattr(self, key) for key in HELP_FLAGS},
        }
        if self.default is not MISSING:
            data["default"] = self.default
        if self.example is not MISSING:
            data["example"] = self.example
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Parameter:
        """Return the parameter that `to_json` wrote."""
        return cls(
            name=data["name"],
            type=type_from_json(data["type"]),
            default=data.get("default", MISSING),
            nullable=data["nullable"],
            sensitive=data["sensitive"],
            description=data["description"],
            constraints=tuple(Constraint.from_json(c) for c in data["constraints"]),
            conditions=tuple(Condition(c["text"], c["message"]) for c in data["conditions"]),
            example=data.get("example", MISSING),
            **{key: data[key] for key in (*HELP_TEXTS, *HELP_FLAGS)},
        )

    def with_help(self, help_data: Mapping[str, Any]) -> Parameter:
        """Return the parameter with what the manifest says about it."""
        known = {k: v for k, v in help_data.items() if k in (*HELP_TEXTS, *HELP_FLAGS)}
        if "example" in help_data:
            known["example"] = thawed(help_data["example"])
        return replace(self, **known)

    def _limits(self, kind: str) -> list[Any]:
        return [c.value for c in self.constraints if c.kind == kind]


HELP_TEXTS: Final = ("label", "group", "help", "unit", "consequence")
HELP_FLAGS: Final = ("advanced", "multiline")


@dataclass(frozen=True)
class ParameterSpec:
    """All parameters of a version in the order of the form."""

    parameters: tuple[Parameter, ...] = ()
    _by_name: Mapping[str, Parameter] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {p.name: p for p in self.parameters})

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._by_name

    def __getitem__(self, name: str) -> Parameter:
        return self._by_name[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the parameters' names in order."""
        return tuple(self._by_name)

    def with_help(self, help_by_name: Mapping[str, Mapping[str, Any]]) -> ParameterSpec:
        """Return the spec in the manifest's order and with its help; unmentioned parameters follow as declared."""
        first = [self[name].with_help(data) for name, data in help_by_name.items() if name in self]
        rest = [p for p in self.parameters if p.name not in help_by_name]
        return ParameterSpec((*first, *rest))

    def to_json(self) -> dict[str, Any]:
        """Return the spec as JSON data."""
        return {"parameters": [p.to_json() for p in self.parameters]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ParameterSpec:
        """Return the spec that `to_json` wrote."""
        return cls(tuple(Parameter.from_json(p) for p in data["parameters"]))
