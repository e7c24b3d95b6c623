"""What the tag policy has to say, and by which rule."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from provisioner.domain.finding import Finding

MISSING: Final = "required-tags"
KEYS: Final = "tag-keys"
VALUES: Final = "tag-values"
REFERENCES: Final = "tag-references"
NORMAL_FORM: Final = "tag-normal-form"
LIMITS: Final = "tag-limits"
UNKNOWN: Final = "tags-unknown"
NOT_JUDGED: Final = "tags-not-judged"
SHAPES: Final = "tag-shapes"

WHY: Final = (
    "Cost showback, ownership and incident routing read these tags; "
    "a resource without them belongs to nobody."
)


@dataclass(frozen=True)
class TagFinding(Finding):
    """A finding of the tag policy; `tags` are the keys that it is about."""

    tags: tuple[str, ...] = ()


def listed(keys: tuple[str, ...]) -> str:
    """Write keys as people list things."""
    return keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])} and {keys[-1]}"


def quoted(value: object) -> str:
    """Show a value as it is written in a configuration, short and on one line."""
    text = json.dumps(str(value), ensure_ascii=False)
    return text if len(text) <= 80 else f'{text[:76]}..."'
