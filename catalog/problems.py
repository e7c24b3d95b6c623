"""What is wrong with an item of the catalog, said so that its author finds the place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ManifestProblem:
    """One reason why an item is refused; `line` is 1-based, 0 where the whole file is meant."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}" if self.line else f"{self.file}: {self.reason}"
