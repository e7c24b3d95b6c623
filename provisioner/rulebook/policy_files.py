"""Files that a policy names, such as policies in Rego: read from beside it, then kept in its own text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

FILE_MAX_BYTES = 256 * 1024
SECTION = "files"


class _Literal(yaml.SafeDumper):
    """Writes texts of several lines as they are."""


def _as_block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Literal.add_representer(str, _as_block)


class PolicyFiles:
    """What a policy finds when it names a file: in its own section `files`, else in the folder `beside`.

    `taken` are the texts that came from the folder, by their paths from there.
    """

    def __init__(self, data: object, beside: Path | None) -> None:
        enclosed = data.get(SECTION) if isinstance(data, Mapping) else None
        self._enclosed = dict(enclosed) if isinstance(enclosed, Mapping) else {}
        self._beside = beside
        self.taken: dict[str, str] = {}

    def texts(self, name: str, suffix: str) -> tuple[tuple[str, str], ...]:
        """Return the file, or all files of the folder, each with its path from the policy. Raises ValueError."""
        inside = tuple(
            (path, str(text))
            for path, text in sorted(self._enclosed.items())
            if path == name or (path.startswith(f"{name.rstrip('/')}/") and path.endswith(suffix))
        )
        if inside:
            return inside
        if self._beside is None:
            raise ValueError(f"There is no {name} among the policy's files, and no folder to read it from.")
        found = _read(self._beside, name, suffix)
        self.taken |= dict(found)
        return found

    def enclosed_in(self, text: str) -> str:
        """Return the policy's text with what it took from the folder as its section `files`."""
        section = yaml.dump(
            {SECTION: self._enclosed | self.taken},
            Dumper=_Literal,
            allow_unicode=True,
            default_flow_style=False,
            width=10_000,
        )
        end = "" if text.endswith("\n") else "\n"
        return f"{text}{end}\n# The files that are named above, as they were read.\n{section}"


def _read(folder: Path, name: str, suffix: str) -> tuple[tuple[str, str], ...]:
    """Read a file, or the files of a folder. Tests of Rego are left out."""
    root = folder.resolve()
    found = (root / name).resolve()
    if not found.is_relative_to(root):
        raise ValueError(f"{name} does not lie beside the policy.")
    files = [found] if found.is_file() else sorted(found.rglob(f"*{suffix}"))
    files = [
        file for file in files if not file.stem.endswith("_test") and file.resolve().is_relative_to(root)
    ]
    if not files:
        raise ValueError(f"There is no {name} beside the policy, or nothing in it ends with {suffix}.")
    texts = []
    for file in files:
        if file.stat().st_size > FILE_MAX_BYTES:
            raise ValueError(f"{file.relative_to(root)} is larger than {FILE_MAX_BYTES // 1024} KiB.")
        try:
            texts.append((str(file.relative_to(root)), file.read_text("utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{file.relative_to(root)} cannot be read: {error}.") from None
    return tuple(texts)
