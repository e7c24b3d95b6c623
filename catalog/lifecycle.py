"""The life of a catalog item version: how far it is offered, and which parts of a manifest say so.

What the manifest says about the lifecycle is no content: it changes without a new version, so that 1.0.0 can be
deprecated long after it was published (docs/adr/0009-the-lifecycle-is-no-content.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import yaml

from catalog.yaml_file import CoreLoader

DRAFT: Final = "draft"
PUBLISHED: Final = "published"
DEPRECATED: Final = "deprecated"
RETIRED: Final = "retired"
# In the order of a version's life; it only ever moves to the right.
LIFECYCLES: Final = (DRAFT, PUBLISHED, DEPRECATED, RETIRED)

EXPERIMENTAL: Final = "experimental"
PRODUCTION: Final = "production"
MATURITIES: Final = (EXPERIMENTAL, PRODUCTION)

LIFECYCLE_KEYS: Final = frozenset({"lifecycle", "maturity", "deprecation", "earlier_versions"})


@dataclass(frozen=True)
class Deprecation:
    """Since when a version should not be ordered any more, until when it can be, and what to order instead.

    `until` is the last day (UTC) on which it can be ordered; None leaves it open. `successor` is an item's slug, or
    `slug@version`, or empty when nothing takes its place.
    """

    since: date
    until: date | None = None
    successor: str = ""
    reason: str = ""

    @property
    def successor_item(self) -> str:
        """Return the slug of what to order instead."""
        return self.successor.partition("@")[0]

    @property
    def successor_version(self) -> str:
        """Return the version to order instead; empty for the newest."""
        return self.successor.partition("@")[2]

    def ended(self, today: date) -> bool:
        """Tell whether the last day on which it could be ordered is over."""
        return self.until is not None and today > self.until

    def to_json(self) -> dict[str, Any]:
        """Return the deprecation in the shape of catalog.yaml."""
        data: dict[str, Any] = {"since": self.since.isoformat()}
        if self.until is not None:
            data["until"] = self.until.isoformat()
        if self.successor:
            data["successor"] = self.successor
        return data | {"reason": self.reason}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Deprecation:
        """Return the deprecation of a manifest. Raises ValueError for a date that is none."""
        until = data.get("until")
        return cls(
            since=date.fromisoformat(data["since"]),
            until=None if until is None else date.fromisoformat(until),
            successor=data.get("successor", ""),
            reason=data["reason"],
        )


@dataclass(frozen=True)
class Standing:
    """How far one version is offered."""

    lifecycle: str = PUBLISHED
    maturity: str = EXPERIMENTAL
    deprecation: Deprecation | None = None

    def may_become(self, wanted: str) -> bool:
        """Tell whether the lifecycle can move there: forward, or stay."""
        return LIFECYCLES.index(wanted) >= LIFECYCLES.index(self.lifecycle)


def without_lifecycle(text: str) -> str:
    """Return a manifest's text without the lines of its lifecycle keys: the part that is content.

    `text` must be a manifest that was read before: valid YAML with a mapping at its top.
    """
    root = yaml.compose(text, Loader=CoreLoader)
    if not isinstance(root, yaml.MappingNode):
        return text
    left_out: set[int] = set()
    for key, value in root.value:
        if key.value in LIFECYCLE_KEYS:
            left_out.update(range(key.start_mark.line, _last_line(value) + 1))
    lines = text.splitlines(keepends=True)
    return "".join(line for number, line in enumerate(lines) if number not in left_out)


def _last_line(node: yaml.Node) -> int:
    """Return the last line of a value; a block's own end mark lies behind the comments that follow it."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _last_line(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _last_line(node.value[-1])
    end = node.end_mark
    return int(end.line - 1 if end.column == 0 and end.line > node.start_mark.line else end.line)
