"""Read a policy from the bytes of its YAML file, or of the files of a folder that each hold some of its sections."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog.yaml_file import MAX_FILE_BYTES, LocatedDocument, UnreadableFile, read_document
from provisioner.domain.policy import document
from provisioner.domain.policy.document import Policy
from provisioner.domain.policy.section import Outside, Place, PolicyError, Problem
from provisioner.rulebook import own_rules
from provisioner.rulebook.policy_files import PolicyFiles

ENDINGS = (".yaml", ".yml")
MAX_BYTES = MAX_FILE_BYTES
FILE_MAX_BYTES = 256 * 1024  # of a file that a policy names


@dataclass(frozen=True)
class Loaded:
    """A policy with the text that it was read from and the line of each of its parts."""

    policy: Policy
    text: str
    data: Mapping[str, object]
    lines: Mapping[Place, int]

    def line_of(self, place: Place) -> int:
        """Return the line of a part, or of the nearest part around it; 0 when there is none."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 0) if place else 0


def read(raw: bytes, name: str = "policy.yaml", *, beside: Path | None = None) -> Policy:
    """Return the policy. Raises PolicyError with the line, the reason and the fix of everything that is wrong.

    `beside` is the folder that files named in it are read from.
    """
    return load(raw, name, beside=beside).policy


def load(raw: bytes, name: str = "policy.yaml", *, beside: Path | None = None) -> Loaded:
    """Return the policy with its text and lines. Raises PolicyError.

    What is read from files in the folder `beside` becomes a part of the text (its section `files`), so that the text
    alone says all that the policy does, and its digest names it.
    """
    text, located = _document(raw, name)
    files = PolicyFiles(located.data, beside)
    policy = document.read(
        located.data,
        digest=hashlib.sha256(raw).hexdigest(),
        lines=located.lines,
        outside=Outside(own_rules.evaluate.problem, files.texts),
    )
    if files.taken:
        return load(files.enclosed_in(text).encode(), name)
    return Loaded(policy, text, located.data, located.lines)


def load_folder(files: Mapping[str, bytes], *, beside: Path | None = None) -> Loaded:
    """Join the files of a folder into one policy: each key of the top level stands in one of them alone.

    The text that is kept is that of the files in the order of their names, each under a comment with its name; the
    digest is that text's. Raises PolicyError; its problems name the file.
    """
    if not files:
        raise PolicyError(Problem("", 0, "The folder holds no policy file.", "Put a .yaml file there."))
    problems: list[Problem] = []
    merged: dict[str, object] = {}
    home: dict[str, str] = {}
    texts: list[str] = []
    starts: list[tuple[int, str]] = []
    line = 1
    for name in sorted(files):
        try:
            text, located = _document(files[name], name)
        except PolicyError as error:
            problems.extend(Problem(name, found.line, found.what, found.fix) for found in error.problems)
            continue
        if not isinstance(located.data, Mapping):
            problems.append(Problem(name, 1, "The file is no mapping.", "Write sections as key: value."))
            continue
        for key, value in located.data.items():
            if key in home:
                problems.append(
                    Problem(
                        f"{name}: {key}",
                        located.line_of((key,)),
                        f"{key} stands in {home[key]} already.",
                        "Keep each section in one file.",
                    )
                )
            home[key], merged[key] = name, value
        body = _without_marker(text)
        texts.append(f"# {name}\n{body}" + ("" if body.endswith("\n") else "\n"))
        starts.append((line + 1, name))
        line += texts[-1].count("\n")
    if problems:
        raise PolicyError(*problems)
    raw = "".join(texts).encode()
    if not _reads_as(raw, merged):
        raise PolicyError(
            Problem(
                "",
                0,
                "The files do not read the same one after the other.",
                "Write the sections of each file at its left margin, as key: value.",
            )
        )
    try:
        return load(raw, beside=beside)
    except PolicyError as error:
        raise PolicyError(*(_placed(problem, starts) for problem in error.problems)) from None


def _reads_as(raw: bytes, data: Mapping[str, object]) -> bool:
    try:
        return bool(_document(raw, "the folder")[1].data == data)
    except PolicyError:
        return len(raw) > MAX_BYTES  # which is said by its own words


def _placed(problem: Problem, starts: list[tuple[int, str]]) -> Problem:
    """Name the file of a problem and its line there."""
    index = bisect_right(starts, problem.line, key=lambda start: start[0]) - 1
    if index < 0:
        return problem
    first, name = starts[index]
    place = f"{name}: {problem.place}" if problem.place else name
    return Problem(place, problem.line - first + 1, problem.what, problem.fix)


def _without_marker(text: str) -> str:
    """Make the `---` that a document may begin with a comment, so that every line stays where it is."""
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if line.rstrip() == "---":
            lines[index] = "#"
            return "\n".join(lines)
        if line.strip() and not line.lstrip().startswith("#"):
            return text
    return text


def _document(raw: bytes, name: str) -> tuple[str, LocatedDocument]:
    if len(raw) > MAX_BYTES:
        raise PolicyError(
            Problem(
                "",
                0,
                f"The policy has {len(raw):,} bytes; at most {MAX_BYTES:,} are read.",
                "Shorten it: a policy is rules, not data.",
            )
        )
    try:
        text = raw.decode("utf-8")
        return text, read_document(text, name)
    except UnicodeDecodeError as error:
        where = raw[: error.start].count(b"\n") + 1
        raise PolicyError(Problem("", where, "The file is not UTF-8.", "Save it as UTF-8.")) from None
    except UnreadableFile as error:
        raise PolicyError(
            *(Problem("", found.line, f"The file {found.reason}.", "Mend it.") for found in error.problems)
        ) from None
