"""The terminal: text that can do no harm to it, styles that read on light and on dark, JSON for scripts."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

PROSE_WIDTH = 100
# Of a pipe: as wide as rows may be, so that nothing is cut or wrapped.
_PIPE_WIDTH = 10_000
# The sixteen colours that every terminal's own scheme makes readable; no white, no black, no bright ones.
STYLES = {
    "good": "green",
    "bad": "bold red",
    "warn": "yellow",
    "busy": "cyan",
    "head": "bold",
    "label": "dim",
    "mark": "bold magenta",
    "money": "bold",
}
# A column of texts up to this long keeps its width, whatever the terminal's.
_FIXED = 20
_SIGNS = {"ok": ("✓", "ok"), "bad": ("✗", "x"), "warn": ("!", "!"), "dot": ("•", "*"), "to": ("→", "->")}


def harmless(text: object, *, lines: bool = False) -> str:
    """Return text that a terminal shows and does not obey.

    Control characters (escape sequences begin with one), marks that turn the direction of reading and other invisible
    format characters are written as `\\x1b`, `\\u202e`. `lines` keeps line ends; tabs are spaces.
    """
    whole = str(text)
    if whole.isascii() and whole.isprintable():
        return whole
    kept = []
    for char in whole.replace("\t", "    "):
        if (char == "\n" and lines) or (char != "\n" and not _obeyed(char)):
            kept.append(char)
        elif char == "\n":
            kept.append(" ")
        else:
            kept.append(f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}")
    return "".join(kept)


def _obeyed(char: str) -> bool:
    if " " <= char <= "~":
        return False
    # Cc: controls; Cf: format marks (direction, joiners); Zl, Zp: other line ends; Cs: half of a pair.
    return unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp", "Cs"}


class Terminal:
    """Standard output for results, standard error for what happens meanwhile."""

    def __init__(self, *, stdout: TextIO, stderr: TextIO, environ: Mapping[str, str]) -> None:
        for stream in (stdout, stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # what the encoding lacks is still readable
        self.stdout, self.stderr = stdout, stderr
        self.out = _console(stdout, environ)
        self.err = _console(stderr, environ)

    @property
    def interactive(self) -> bool:
        """Whether a person is there to answer questions."""
        return sys.stdin is not None and sys.stdin.isatty() and self.err.is_terminal

    def sign(self, name: str, *, err: bool = False) -> str:
        """Return a sign, in ASCII where the terminal has no more."""
        nice, plain = _SIGNS[name]
        encoding = str(getattr(self.stderr if err else self.stdout, "encoding", "") or "ascii")
        try:
            nice.encode(encoding)
        except (UnicodeEncodeError, LookupError):
            return plain
        return nice

    def say(self, *parts: str | Text, err: bool = False) -> None:
        """Write one line."""
        console = self.err if err else self.out
        if console.is_terminal:
            console.print(joined(*parts), soft_wrap=True, highlight=False, markup=False)
        else:  # many lines of a log go this way: nothing is to be styled or measured
            plain = (part.plain if isinstance(part, Text) else harmless(part, lines=True) for part in parts)
            console.file.write("".join(plain) + "\n")

    def prose(self, text: str | Text, *, indent: int = 0, err: bool = False) -> None:
        """Write a paragraph, wrapped at a width that reads well."""
        console = self.err if err else self.out
        width = max(30, min(console.width, PROSE_WIDTH) - indent)
        body = joined(text)
        for line in body.wrap(console, width):
            line.rstrip()
            console.print(Text(" " * indent) + line, soft_wrap=True, highlight=False, markup=False)

    def raw(self, text: str) -> None:
        """Write text as it is: to a file or a pipe."""
        self.stdout.write(text)

    def json(self, document: object) -> None:
        """Write a JSON document; in ASCII, so that every terminal and encoding takes it."""
        self.stdout.write(json.dumps(document, indent=2) + "\n")

    def json_line(self, document: object) -> None:
        """Write one line of JSON, at once."""
        self.stdout.write(json.dumps(document, separators=(",", ":")) + "\n")
        self.stdout.flush()

    def table(
        self,
        columns: Iterable[str],
        rows: Iterable[Iterable[str | Text]],
        *,
        right: Iterable[str] = (),
        cut: Iterable[str] = (),
        empty: str = "",
    ) -> None:
        """Write rows under headings; where there is none, say `empty` on standard error.

        Numbers in the columns `right` are aligned at their ends; columns `cut` lose their ends, where the terminal is
        too narrow, rather than taking several lines.
        """
        written = [[cell if isinstance(cell, Text) else Text(harmless(cell)) for cell in row] for row in rows]
        if empty and not written:
            self.say(styled(empty, "label"), err=True)
            return
        names, ending, shortened = list(columns), set(right), set(cut)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="label", show_edge=False)
        for index, name in enumerate(names):
            longest = max((row[index].cell_len for row in written), default=0)
            fixed = longest <= _FIXED or self.out.width == _PIPE_WIDTH
            table.add_column(
                name,
                justify="right" if name in ending else "left",
                no_wrap=fixed or name in shortened,
                min_width=max(longest, len(name)) if fixed else None,
                overflow="ellipsis" if name in shortened else "fold",
            )
        for row in written:
            table.add_row(*row)
        _print_lines(self.out, table)

    def facts(self, rows: Iterable[tuple[str, str | Text]], *, indent: int = 0, err: bool = False) -> None:
        """Write labels and values that line up; rows without a value are left out.

        A value that has no place to be broken is left to the terminal, from which it can then be copied whole.
        """
        console = self.err if err else self.out
        written = [
            (harmless(label), value if isinstance(value, Text) else Text(harmless(value)))
            for label, value in rows
        ]
        written = [(label, value) for label, value in written if value.plain]
        column = max((cell_len(label) for label, _ in written), default=0) + 2
        room = console.width - indent - column
        for label, value in written:
            head = Text(f"{' ' * indent}{set_cell_size(label, column)}", style="label")
            breakable = room >= 20 and all(cell_len(word) <= room for word in value.plain.split(" "))
            lines = list(value.wrap(console, room)) if breakable else [value]
            for line in lines:
                line.rstrip()
                console.print(head + line, soft_wrap=True, highlight=False, markup=False)
                head = Text(" " * (indent + column))

    def flush(self) -> None:
        """Write out what is held back."""
        self.stdout.flush()
        self.stderr.flush()


def joined(*parts: str | Text) -> Text:
    """Return parts as one text; plain ones are made harmless."""
    return Text.assemble(
        *(part if isinstance(part, Text) else Text(harmless(part, lines=True)) for part in parts)
    )


def styled(text: object, style: str) -> Text:
    """Return harmless text in a style of STYLES."""
    return Text(harmless(text), style=style)


def _print_lines(console: Console, table: Table) -> None:
    """Print a table without the spaces that fill its last column."""
    for segments in console.render_lines(table, pad=False):
        line = Text.assemble(*((segment.text, segment.style or "") for segment in segments))
        line.rstrip()
        console.print(line, soft_wrap=True, highlight=False, markup=False)


class _Console(Console):
    """A console that leaves to the caller what to do when its reader went away."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def _console(stream: TextIO, environ: Mapping[str, str]) -> Console:
    is_terminal = stream.isatty()
    columns = environ.get("COLUMNS", "")
    if re.fullmatch(r"[1-9]\d{1,3}", columns):
        width = int(columns)
    elif is_terminal:
        try:
            width = os.get_terminal_size(stream.fileno()).columns or 80
        except (OSError, ValueError, AttributeError):
            width = shutil.get_terminal_size().columns
    else:
        width = _PIPE_WIDTH
    no_color = bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
    return _Console(
        file=stream,
        force_terminal=is_terminal,
        width=max(20, width),
        no_color=no_color,
        theme=Theme(STYLES, inherit=True),
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
        _environ=dict(environ),
    )
