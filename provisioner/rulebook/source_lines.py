"""Where in a configuration a resource stands: plans do not say it, so its blocks are looked for by their first line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.domain.tags_modules import Layout

FILE_MAX_BYTES = 1024 * 1024

_INDEX = re.compile(r'\[(?:\d+|"(?:[^"\\]|\\.)*")\]')
_BLOCK = re.compile(r'^\s*(resource\s+"([\w-]+)"\s+"([\w-]+)"|module\s+"([\w-]+)")\s*\{?', re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """A line of a file, which is named relative to where the command runs."""

    file: str
    number: int


@dataclass
class SourceLines:
    """The lines of one configuration. What stands in somebody else's module is found at the call of that module."""

    directory: Path
    layout: Layout
    _read: dict[Path, dict[str, Line]] = field(default_factory=dict)

    def line_of(self, address: str) -> Line | None:
        """Return where the block of a resource begins, or None."""
        steps = _INDEX.sub("", address).split(".")
        directory, path = self.directory, ""
        while len(steps) > 2 and steps[0] == "module":
            path = f"{path}.module.{steps[1]}".lstrip(".")
            call = self.layout.calls.get(path)
            if call is None or call.outside:
                return self._blocks(directory).get(f"module.{steps[1]}")
            directory = directory / call.source
            steps = steps[2:]
        return self._blocks(directory).get(".".join(steps))

    def _blocks(self, directory: Path) -> dict[str, Line]:
        if directory not in self._read:
            self._read[directory] = dict(_blocks_of(directory))
        return self._read[directory]


def _blocks_of(directory: Path) -> Iterator[tuple[str, Line]]:
    for path in sorted(directory.glob("*.tf")):
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                text = file.read(FILE_MAX_BYTES)
        except OSError:
            continue
        for found in _BLOCK.finditer(text):
            name = f"module.{found[4]}" if found[4] else f"{found[2]}.{found[3]}"
            number = text.count("\n", 0, found.start(1)) + 1
            yield name, Line(_relative(path), number)


def _relative(path: Path) -> str:
    """Name a file as code scanning does: from where the command runs, with forward slashes."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()
