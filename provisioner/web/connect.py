"""A workspace's outputs and how to connect to it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from provisioner.models import Workspace

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")


@dataclass(frozen=True)
class OutputRow:
    """One output as text. A sensitive one has no value here: it stays in the state."""

    name: str
    text: str
    sensitive: bool
    long: bool


def output_rows(workspace: Workspace) -> list[OutputRow]:
    """Return the outputs by name."""
    rows = []
    for name, output in sorted(workspace.outputs.items()):
        sensitive = bool(output.get("sensitive"))
        text = "" if sensitive else _text(output.get("value"))
        rows.append(OutputRow(name, text, sensitive, len(text) > 200))
    return rows


def connect_text(template: str, workspace: Workspace) -> str:
    """Fill the manifest's text with the outputs; a name that is no output stays as it is."""

    def value(match: re.Match[str]) -> str:
        output = workspace.outputs.get(match[1])
        if output is None:
            return match[0]
        return "(sensitive)" if output.get("sensitive") else _text(output.get("value"))

    return _PLACEHOLDER.sub(value, template).strip()


def _text(value: object) -> str:
    if value is None:
        return "not set"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
