"""What the benchmark prints: for each measure a table, what it was compared with, the aim, and how far it spread."""

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """A measured number beside its aim. `at_most` False: the aim is a least value."""

    name: str
    value: float
    aim: float
    unit: str = ""
    at_most: bool = True

    @property
    def met(self) -> bool:
        return self.value <= self.aim if self.at_most else self.value >= self.aim

    def __str__(self) -> str:
        bound = "at most" if self.at_most else "at least"
        said = f"{_number(self.value)}{self.unit} (aim: {bound} {_number(self.aim)}{self.unit})"
        return f"{self.name}: {said}{'' if self.met else '   MISSED'}"


def say(text: str = "") -> None:
    """Tell the person at the terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below their head: the first column to the left, the others to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        say(f"  {'   '.join(cells).rstrip()}")


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Say where the values lie: lowest, the middle half, highest."""
    if len(values) < 2:
        return f"{values[0]:{form}}"
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (
        f"{min(values):{form}} to {max(values):{form}}, the middle half {low:{form}} to {high:{form}}, "
        f"{len(values)} measured"
    )


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
