"""Read a YAML file into plain data and remember the line of everything in it, so that each problem has a place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import yaml

from catalog.problems import ManifestProblem

MAX_FILE_BYTES: Final = 256 * 1024
MAX_PROBLEMS: Final = 50
MAX_DEPTH: Final = 30

Path: TypeAlias = tuple[str | int, ...]


class CoreLoader(yaml.SafeLoader):
    """Safe YAML with the types of YAML 1.2's core schema: `no` is text, and so is 2026-01-01."""


CoreLoader.yaml_implicit_resolvers = {}
_RESOLVERS = (
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("tag:yaml.org,2002:int", r"[-+]?(?:0|[1-9][0-9]{0,17})", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)",
        list("-+.0123456789"),
    ),
)
for _tag, _regex, _first in _RESOLVERS:
    CoreLoader.add_implicit_resolver(_tag, re.compile(rf"^(?:{_regex})$"), _first)


@dataclass(frozen=True)
class LocatedDocument:
    """A document with the line of each of its parts."""

    file: str
    data: Any
    lines: Mapping[Path, int]

    def line_of(self, path: Iterable[str | int]) -> int:
        """Return the line of the part at `path`, or of the nearest part around it."""
        where = tuple(path)
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def problem(self, path: Iterable[str | int], reason: str) -> ManifestProblem:
        """Return the problem with the part at `path`, named by its path and line."""
        where = tuple(path)
        name = path_text(where)
        return ManifestProblem(self.file, self.line_of(where), f"{name}: {reason}" if name else reason)


class UnreadableFile(Exception):
    """The file is no YAML that the portal takes; carries the problems."""

    def __init__(self, *problems: ManifestProblem) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


def read_document(text: str, file: str) -> LocatedDocument:
    """Return the document that the YAML `text` holds.

    Raises UnreadableFile for broken YAML, repeated keys, aliases (a few bytes of them unfold to gigabytes), tags,
    several documents and files above 256 KiB.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_FILE_BYTES:
        raise UnreadableFile(ManifestProblem(file, 0, f"is larger than {MAX_FILE_BYTES // 1024} KiB"))
    try:
        _check_events(text, file)
        root = yaml.compose(text, Loader=CoreLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = f"is no valid YAML: {error.problem or error.context}"
        raise UnreadableFile(ManifestProblem(file, mark.line + 1 if mark else 0, reason)) from error
    except yaml.YAMLError as error:
        raise UnreadableFile(
            ManifestProblem(file, 0, f"is no valid YAML: {str(error).splitlines()[0]}")
        ) from error
    if root is None:
        raise UnreadableFile(ManifestProblem(file, 0, "is empty"))
    lines: dict[Path, int] = {}
    problems: list[ManifestProblem] = []
    constructor = CoreLoader("")
    try:
        data = _data(root, (), lines, problems, file, constructor)
    finally:
        constructor.dispose()
    if problems:
        raise UnreadableFile(*problems[:MAX_PROBLEMS])
    return LocatedDocument(file, data, lines)


def _check_events(text: str, file: str) -> None:
    """Refuse aliases and deep nesting before the document is composed: PyYAML's time grows steeply with the depth."""
    depth = 0
    for event in yaml.parse(text, Loader=CoreLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise UnreadableFile(
                ManifestProblem(file, line, "anchors and aliases are not supported; repeat the text")
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise UnreadableFile(ManifestProblem(file, line, f"is nested more than {MAX_DEPTH} levels deep"))


def path_text(path: Path) -> str:
    """Write a path as `guardrails[0].kind`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean x?` for the closest known name, or an empty text."""
    if len(name) > 100:
        return ""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def shorten(text: str) -> str:
    """Cut a text that would make a problem unreadable."""
    return text if len(text) <= 200 else text[:199] + "…"


def _storable(text: str) -> bool:
    return not any(char == "\0" or 0xD800 <= ord(char) <= 0xDFFF for char in text)


def _data(
    node: yaml.Node,
    path: Path,
    lines: dict[Path, int],
    problems: list[ManifestProblem],
    file: str,
    constructor: Any,
) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                problems.append(ManifestProblem(file, key_line, "a key must be plain text"))
                continue
            key = key_node.value
            if not _storable(key):
                problems.append(
                    ManifestProblem(file, key_line, "a key holds a character that cannot be stored")
                )
                continue
            if key in found:
                problems.append(ManifestProblem(file, key_line, f"the key {key} is repeated"))
                continue
            lines[(*path, key)] = key_line
            found[key] = _data(value_node, (*path, key), lines, problems, file, constructor)
        return found
    if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
        return [
            _data(item, (*path, index), lines, problems, file, constructor)
            for index, item in enumerate(node.value)
        ]
    if isinstance(node, yaml.ScalarNode) and node.tag.removeprefix("tag:yaml.org,2002:") in (
        "str",
        "int",
        "float",
        "bool",
        "null",
    ):
        if not _storable(node.value):
            problems.append(
                ManifestProblem(file, line, "holds a character that cannot be stored (NUL or half a pair)")
            )
            return None
        try:
            return constructor.construct_object(node)
        except (yaml.YAMLError, ValueError, KeyError) as error:
            problems.append(
                ManifestProblem(file, line, f"cannot be read: {shorten(str(error).splitlines()[0])}")
            )
            return None
    problems.append(ManifestProblem(file, line, f"the tag {node.tag} is not supported; use plain YAML"))
    return None
