"""What no schema holds about a resource type, read from types/*.json. The README lists the keys."""

import json
import os
from typing import Any

_DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "types")


class Reference:
    """An attribute that names another object of the cloud."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.attribute: str = facts["attribute"]
        self.type: str = facts["type"]
        self.keys: list[str] = facts["keys"]
        self.unless_prefix: str | None = facts.get("unless_prefix")
        self.missing: str | None = facts.get("missing")
        self.in_use: str | None = facts.get("in_use")


class TypeFacts:
    """The facts of one type. Raises ValueError on a key that nothing reads, so that a slip of the pen is seen."""

    def __init__(self, name: str, facts: dict[str, Any]) -> None:
        left = dict(facts)
        self.name = name
        self.documentation: list[str] = left.pop("documentation", [])
        self.label: str = left.pop("label", name)
        self.framework: bool = left.pop("framework", False)
        self.is_global: bool = left.pop("global", False)
        self.slow: bool = left.pop("slow", False)
        self.force_new: list[str] = left.pop("force_new", [])
        self.force_new_on_switch: list[list[str]] = left.pop("force_new_on_switch", [])
        self.defaults: dict[str, Any] = left.pop("defaults", {})
        self.computed: dict[str, Any] = left.pop("computed", {})
        self.unknown_on_change: dict[str, list[str]] = left.pop("unknown_on_change", {})
        self.json: list[str] = left.pop("json", [])
        self.kept_from_state: list[str] = left.pop("kept_from_state", [])
        self.unique: list[str] = left.pop("unique", [])
        self.import_by: str = left.pop("import_by", "{id}")
        self.import_as: dict[str, Any] = left.pop("import_as", {})
        self.checks: dict[str, dict[str, Any]] = left.pop("checks", {})
        self.conflicts: list[list[str]] = left.pop("conflicts", [])
        self.one_of: list[list[str]] = left.pop("one_of", [])
        self.references = [Reference(part) for part in left.pop("references", [])]
        self.refuse_delete: list[dict[str, Any]] = left.pop("refuse_delete", [])
        self.final_snapshot: dict[str, Any] | None = left.pop("final_snapshot", None)
        self.inherit: dict[str, Any] | None = left.pop("inherit", None)
        if left:
            raise ValueError(
                f"{name}: unknown facts {sorted(left)}; the README of the sandbox lists the keys"
            )


class Facts:
    """The facts of every type."""

    def __init__(self, directory: str = _DIRECTORY) -> None:
        self._types: dict[str, TypeFacts] = {}
        for name in sorted(os.listdir(directory)):
            if name.endswith(".json"):
                with open(os.path.join(directory, name), encoding="utf-8") as file:
                    for type_name, facts in json.load(file).items():
                        self._types[type_name] = TypeFacts(type_name, facts)

    def of(self, type_name: str) -> TypeFacts:
        """Return a type's facts; a type without any gets none."""
        return self._types.get(type_name) or TypeFacts(type_name, {})

    def names(self) -> list[str]:
        """List the types that have facts."""
        return sorted(self._types)

    def referring_to(self, type_name: str) -> list[tuple[TypeFacts, Reference]]:
        """List who refers to a type in a way that keeps its objects from being deleted."""
        return [
            (facts, reference)
            for facts in self._types.values()
            for reference in facts.references
            if reference.type == type_name and reference.in_use
        ]
