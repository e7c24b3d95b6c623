"""A message for a program: JSON with `type`, `timestamp` and `data`, as Standard Webhooks recommends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def render(document: Mapping[str, Any], *, target: str, at: datetime) -> bytes:
    """Return the JSON body: the same bytes in every attempt. `target` is the cloud behind the portal."""
    body = {
        "type": document["event"],
        "timestamp": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {"target": target, **{name: value for name, value in document.items() if name != "event"}},
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
