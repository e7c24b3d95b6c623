"""The rules of the architecture that an import graph cannot see."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("portal", "catalog", "provisioner")
CLOCKS = {"now", "utcnow", "today"}


def modules(*folders: str) -> list[Path]:
    """Return the Python files below the folders, without migrations."""
    return sorted(
        path for folder in folders for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts
    )


def names_imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


class TestTheDomain:
    @pytest.mark.parametrize("path", modules("provisioner/domain"), ids=relative)
    def test_imports_the_standard_library_and_itself_only(self, path: Path) -> None:
        foreign = {
            name
            for name in names_imported(ast.parse(path.read_text()))
            if name.partition(".")[0] not in sys.stdlib_module_names
            and not name.startswith("provisioner.domain")
        }
        assert not foreign
        assert "logging" not in names_imported(ast.parse(path.read_text()))


class TestTimeIsPassedIn:
    @pytest.mark.parametrize("path", modules("provisioner/domain", "provisioner/services"), ids=relative)
    def test_so_no_clock_is_read_here(self, path: Path) -> None:
        reads = [
            node.lineno
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and (
                (
                    node.func.attr in CLOCKS
                    and ast.unparse(node.func.value) in {"datetime", "timezone", "date"}
                )
                or ast.unparse(node.func) == "time.time"
            )
        ]
        assert not reads


class TestTheStatusOfARun:
    @pytest.mark.parametrize("path", modules(*APPS), ids=relative)
    def test_is_written_by_one_module(self, path: Path) -> None:
        if relative(path) == "provisioner/services/transition.py":
            return
        writes = [
            node.lineno
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"update", "create", "update_or_create"}
            and ast.unparse(node.func).startswith("Run.")
            and any(keyword.arg == "status" for keyword in node.keywords)
        ]
        assert not writes


class TestImports:
    @pytest.mark.parametrize("path", modules(*APPS), ids=relative)
    def test_stand_at_the_top_of_their_module(self, path: Path) -> None:
        if "sandbox" in path.parts or path.name == "__main__.py":
            return  # the sandbox's start-up time is part of every plan; an entry point sets Django up first
        inside = [
            inner.lineno
            for function in ast.walk(ast.parse(path.read_text()))
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            for inner in ast.walk(function)
            if isinstance(inner, ast.Import | ast.ImportFrom)
        ]
        assert not inside
