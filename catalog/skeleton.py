"""Write the folder of a new golden path: a small module that passes every check and applies as it is."""

from __future__ import annotations

import re
import shutil
import tempfile
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from catalog.models.organisation import SLUG_MAX_LENGTH, SLUG_PATTERN, validate_slug

UID_MAX_LENGTH: Final = 40  # of a Grafana dashboard
_TEMPLATE: Final = "new_module"
# Text that is the same in YAML, JSON and Markdown without quotes.
_WORDS: Final = re.compile(r"(?!(?i:true|false|null)\Z)[A-Za-z][A-Za-z0-9 ._/-]{0,57}[A-Za-z0-9]")


class CannotWrite(Exception):
    """The module is not written; the text says why and what to do."""


def write_module(root: Path, slug: str, *, category: str, owner: str) -> Path:
    """Write the module `slug` below `root` and return its folder; all of it, or nothing.

    Raises CannotWrite for a slug that is none, texts that would need quoting, and a folder that exists.
    """
    if not re.search(SLUG_PATTERN, slug) or len(slug) > SLUG_MAX_LENGTH or not slug[0].isalpha():
        raise CannotWrite(f"{slug!r} is no name for a module: {validate_slug.message} Begin with a letter.")
    for name, text in (("category", category), ("owner", owner)):
        if not _WORDS.fullmatch(text):
            raise CannotWrite(
                f"{text!r} is no {name}: use letters, digits, spaces and . _ / - in 2 to 59 characters"
            )
    folder = root / slug
    if folder.exists() or folder.is_symlink():
        raise CannotWrite(f"{folder} exists already; choose another name, or remove it first")
    values = {
        "@@SLUG@@": slug,
        "@@TITLE@@": slug.replace("-", " ").capitalize(),
        "@@UID@@": f"drawbridge-{slug}"[:UID_MAX_LENGTH].rstrip("-"),
        "@@CATEGORY@@": category,
        "@@OWNER@@": owner,
    }
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-module-", dir=root) as half:
        written = Path(half) / slug
        _copy(files("catalog") / _TEMPLATE, written, values)
        shutil.move(written, folder)
    return folder


def _copy(source: Traversable, target: Path, values: dict[str, str]) -> None:
    target.mkdir()
    for entry in source.iterdir():
        if entry.is_dir():
            _copy(entry, target / entry.name, values)
            continue
        text = entry.read_text(encoding="utf-8")
        for mark, value in values.items():
            text = text.replace(mark, value)
        (target / entry.name).write_text(text, encoding="utf-8")
