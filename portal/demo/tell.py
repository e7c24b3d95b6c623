"""The demo's text: numbered steps with the time that each took, and tables that line up and fit a terminal."""

import sys
import textwrap
import time
from collections.abc import Iterable, Sequence

_INDENT = "      "
_WIDTH = 118


class Teller:
    """Tells a story step by step."""

    def __init__(self) -> None:
        self._began = self._step_began = time.monotonic()
        self._steps = 0

    def step(self, title: str) -> None:
        """Close the step before and open the next."""
        self.close()
        self._steps += 1
        self._write(f"\n{self._steps:>3}.  {title}")

    def close(self) -> None:
        """Say how long the open step took."""
        now = time.monotonic()
        if self._steps:
            self._write(f"{_INDENT}[{now - self._step_began:.1f} s]")
        self._step_began = now

    def line(self, text: str) -> None:
        """Say one thing, over several lines where it is long."""
        hanging = _INDENT + "  " + " " * (len(text) - len(text.lstrip()))
        self._write(
            textwrap.fill(
                text,
                _WIDTH,
                initial_indent=_INDENT,
                subsequent_indent=hanging,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )

    def table(self, rows: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset()) -> None:
        """Say several things that belong together; the columns named in `right` are numbers."""
        written = [list(row) for row in rows]
        if not written:
            return
        widths = [max(len(row[column]) for row in written) for column in range(len(written[0]))]
        for row in written:
            cells = [
                cell.rjust(widths[column]) if column in right else cell.ljust(widths[column])
                for column, cell in enumerate(row)
            ]
            row_text = f"{_INDENT}  {'  '.join(cells).rstrip()}"
            self._write(row_text if len(row_text) <= _WIDTH else f"{row_text[: _WIDTH - 1]}…")

    def total_s(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self._began

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
