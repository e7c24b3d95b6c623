"""A Terraform plan (`terraform show -json`) as frozen types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SENSITIVE = "(sensitive)"
Path = tuple[str | int, ...]


class PlanFormatError(ValueError):
    """The document is not a plan that we can read; the text says what is wrong and where."""


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
    importing: bool = False
    action_reason: str = ""


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
    """One attribute that changes, as people read it. None is "not set"; `unknown` is known after the apply."""

    path: str
    before: str | None
    after: str | None
    unknown: bool
    forces_replace: bool


@dataclass(frozen=True)
class Plan:
    """A plan, managed resources only."""

    format_version: str
    terraform_version: str
    changes: tuple[ResourceChange, ...]
    drift: tuple[ResourceChange, ...]
    output_names: tuple[str, ...]

    def after_resources(self) -> tuple[ResourceChange, ...]:
        """Give the resources that exist after the apply."""
        return tuple(change for change in self.changes if change.after is not None)
