"""docs/reliability.md names tests that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
DOCUMENT = ROOT / "docs" / "reliability.md"


def rows() -> Iterator[list[str]]:
    """Yield the cells of each row of the tables."""
    promises, _, _ = DOCUMENT.read_text().partition("## A run of the full suite")
    for line in promises.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and cells[0] != "failure":
            yield cells


def named(cell: str) -> Iterator[tuple[str, str]]:
    """Yield file and name of each test in a cell."""
    file = ""
    for path, name in re.findall(r"(tests/[\w/]+\.py)|`(\w+)`", cell):
        file = path or file
        if name:
            yield file, name


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef))


class TestEveryRow:
    @pytest.mark.parametrize("cells", list(rows()), ids=lambda cells: cells[0][:60])
    def test_names_tests_that_exist(self, cells: list[str]) -> None:
        assert len(cells) == 3, cells
        tests = list(named(cells[2]))
        assert tests, "a row names its test"
        for file, name in tests:
            assert name in names_in(file), f"{file} has no {name}"
