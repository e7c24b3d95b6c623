"""Turn Terraform's output into log lines for people, bounded whatever it writes."""

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from provisioner.engine import diagnostics
from provisioner.engine.lines import Line
from provisioner.engine.redact import Redactor, make_visible
from provisioner.engine.types import Diagnostic, LogLevel, LogLine, OnLine, Phase

HEAD_BYTES = 8 * 1024 * 1024
TAIL_BYTES = 1024 * 1024
LINE_HEAD_CHARS = 6_000
LINE_TAIL_CHARS = 1_000
# What a line costs besides its text: a flood of tiny lines must not fill the memory either.
LINE_BYTES = 64
MAX_DIAGNOSTICS = 50
MAX_PLAIN_ERROR_CHARS = 64 * 1024
# Messages that say nothing to the reader: the first line, the end of a refresh that has a line already, and
# at apply the plan once more.
_NOISE: Mapping[Phase, frozenset[str]] = {
    "plan": frozenset({"version", "refresh_complete"}),
    "apply": frozenset({"version", "refresh_complete", "planned_change", "resource_drift"}),
}
# Of `init`, what it does; the rest is advice for somebody at a terminal.
_INIT_STEPS = ("Initializing ", "Upgrading ", "- ")
_LEVELS: Mapping[str, LogLevel] = {"error": "error", "warn": "warn"}
# What `apply_complete` may tell of that changes something; reading a data source does not.
_CHANGES = frozenset({"create", "update", "delete"})


class LogBudget:
    """Passes on the first HEAD_BYTES, keeps the last TAIL_BYTES, and says how much is missing between.

    That a change was made is told at once, by a line without text where the line itself is kept back.
    """

    def __init__(self, on_line: OnLine, head_bytes: int = HEAD_BYTES, tail_bytes: int = TAIL_BYTES) -> None:
        self._on_line = on_line
        self._head_left = head_bytes
        self._tail_bytes = tail_bytes
        self._tail: deque[tuple[LogLine, int]] = deque()
        self._in_tail = 0
        self._dropped_lines = 0
        self._dropped_bytes = 0

    def __call__(self, line: LogLine) -> None:
        size = len(line.text.encode("utf-8", "replace"))
        if self._head_left >= size + LINE_BYTES and not self._tail:
            self._head_left -= size + LINE_BYTES
            self._on_line(line)
            return
        self._head_left = 0
        if line.change_done:
            self._on_line(LogLine(phase=line.phase, level=line.level, text="", change_done=True))
            line = replace(line, change_done=False)
        self._tail.append((line, size))
        self._in_tail += size + LINE_BYTES
        while self._in_tail > self._tail_bytes:
            dropped, size = self._tail.popleft()
            self._in_tail -= size + LINE_BYTES
            lines, of_bytes = dropped.left_out if dropped.left_out[0] else (1, size)
            self._dropped_lines += lines
            self._dropped_bytes += of_bytes

    def close(self) -> None:
        """Deliver the tail, after a line that says what was left out."""
        if self._dropped_lines and self._tail:
            text = f"… {self._dropped_lines} lines ({self._dropped_bytes} bytes) left out …"
            missing = (self._dropped_lines, self._dropped_bytes)
            self._on_line(LogLine(phase=self._tail[0][0].phase, level="warn", text=text, left_out=missing))
        while self._tail:
            self._on_line(self._tail.popleft()[0])
        self._in_tail = self._dropped_lines = self._dropped_bytes = 0


class Narrator:
    """Reads the lines of one phase; delivers log lines and keeps the diagnostics."""

    def __init__(self, phase: Phase, redactor: Redactor, deliver: Callable[[LogLine], None]) -> None:
        self._phase = phase
        self._redactor = redactor
        self._deliver = deliver
        self._plain_errors: list[str] = []
        self._plain_chars = 0
        self.diagnostics: list[Diagnostic] = []

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The errors said so far, as JSON or else as plain text."""
        found = tuple(item for item in self.diagnostics if item.level == "error")
        return found or diagnostics.from_text("\n".join(self._plain_errors))

    @property
    def plain_errors(self) -> str:
        """What was written on standard error, redacted."""
        return "\n".join(self._plain_errors).strip()

    def read_json(self, line: Line) -> None:
        """Read one line of `-json` output; anything else is told as it is."""
        message = None if line.is_cut else _parse(line.data)
        if message is None:
            self.read_text(line)
        elif message.get("type") == "diagnostic":
            self._read_diagnostic(message)
        elif str(message.get("type")) not in _NOISE.get(self._phase, ()):
            self._say(
                str(message.get("@message") or ""),
                level=_LEVELS.get(str(message.get("@level")), "info"),
                address=_address(message),
                at=_instant(message.get("@timestamp")),
                change_done=_is_change(message),
            )

    def read_text(self, line: Line) -> None:
        """Tell one line of plain output."""
        if self._phase == "init" and not line.data.decode("utf-8", "replace").startswith(_INIT_STEPS):
            return
        self._say(_decode(line), tail=_tail(line, self._redactor))

    def read_error(self, line: Line) -> None:
        """Read one line of standard error."""
        text = self._redactor(_decode(line))
        if self._plain_chars < MAX_PLAIN_ERROR_CHARS:
            kept = make_visible(text[:LINE_HEAD_CHARS])
            self._plain_errors.append(kept)
            self._plain_chars += len(kept)
        self._say(text, level="error", tail=_tail(line, self._redactor))

    def _read_diagnostic(self, message: Mapping[str, object]) -> None:
        found = diagnostics.from_json(message)
        if found is None:
            return
        found = replace(
            found,
            summary=make_visible(" ".join(self._redactor(found.summary).split())),
            detail="\n".join(make_visible(row) for row in self._redactor(found.detail).split("\n")),
            address=make_visible(found.address),
            file=make_visible(found.file),
        )
        if len(self.diagnostics) < MAX_DIAGNOSTICS:
            self.diagnostics.append(found)
        self._say(
            diagnostics.render(found),
            level=found.level,
            address=found.address,
            at=_instant(message.get("@timestamp")),
        )

    def _say(
        self,
        text: str,
        *,
        level: LogLevel = "info",
        address: str = "",
        at: datetime | None = None,
        tail: str = "",
        change_done: bool = False,
    ) -> None:
        """Redact the whole text, then deliver it row by row: a secret may span rows."""
        text = self._redactor(text)
        for row in [text[:LINE_HEAD_CHARS] + tail] if tail else map(_shorten, text.split("\n")):
            if row.strip():
                self._deliver(
                    LogLine(
                        phase=self._phase,
                        level=level,
                        text=make_visible(row),
                        address=make_visible(address),
                        at=at,
                        change_done=change_done,
                    )
                )
                change_done = False


def _parse(data: bytes) -> Mapping[str, object] | None:
    """Return a message of Terraform's JSON output, or None when the line is something else."""
    if not data.startswith(b"{"):
        return None
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, Mapping) and "@message" in message else None


def _decode(line: Line) -> str:
    return line.data.decode("utf-8", "replace")


def _tail(line: Line, redactor: Redactor) -> str:
    """Return the end of a cut line, with the size of the whole."""
    if not line.is_cut:
        return ""
    end = redactor(line.tail.decode("utf-8", "replace"))[-LINE_TAIL_CHARS:]
    return f" … line of {line.size} bytes, cut … {end}"


def _shorten(text: str) -> str:
    if len(text) <= LINE_HEAD_CHARS + LINE_TAIL_CHARS:
        return text
    missing = len(text) - LINE_HEAD_CHARS - LINE_TAIL_CHARS
    return f"{text[:LINE_HEAD_CHARS]} … {missing} characters left out … {text[-LINE_TAIL_CHARS:]}"


def _is_change(message: Mapping[str, object]) -> bool:
    """Tell whether a message says that a change was made; a replacement says so twice."""
    hook = message.get("hook")
    return (
        message.get("type") == "apply_complete"
        and isinstance(hook, Mapping)
        and hook.get("action") in _CHANGES
    )


def _address(message: Mapping[str, object]) -> str:
    for key in ("hook", "change"):
        part = message.get(key)
        resource = part.get("resource") if isinstance(part, Mapping) else None
        if isinstance(resource, Mapping):
            return str(resource.get("addr") or "")
    return ""


def _instant(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None
