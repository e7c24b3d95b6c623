"""What can go wrong between a person and a portal, each with its exit code and what, why and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from portal.cli.documents import FieldProblem, Finding


class ExitCode(IntEnum):
    """Exit codes of `drawbridge`; they never change their meaning."""

    DONE = 0
    REFUSED = 1  # the portal refused, or a run ended otherwise than it should
    USAGE = 2  # the command cannot be understood; nothing was sent
    UNREACHABLE = 3  # no answer, or none of a portal
    NOT_ALLOWED = 4  # no token, a bad one, or one that may not do this
    TIMED_OUT = 5  # waiting took longer than --timeout; the run goes on
    BUG = 70
    INTERRUPTED = 130  # Ctrl-C
    BROKEN_PIPE = 141  # the reader of the output went away


class Failure(Exception):
    """An expected failure. `str()` is one sentence; `fix` says what to do."""

    exit_code = ExitCode.REFUSED

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.fix = what, why, fix

    def document(self) -> dict[str, Any]:
        """Return the failure as JSON values."""
        return {"title": self.what, "detail": self.why, "fix": self.fix, "code": self.code()}

    def code(self) -> str:
        """Return a word for scripts."""
        return self.exit_code.name.lower()


class Misuse(Failure):
    """What was typed cannot be done; nothing was sent."""

    exit_code = ExitCode.USAGE


class Unreachable(Failure):
    """No answer came, or none that a portal gives."""

    exit_code = ExitCode.UNREACHABLE


class NotSignedIn(Failure):
    """There is no token to call with."""

    exit_code = ExitCode.NOT_ALLOWED


class NotYours(Failure):
    """The caller may look at it, but it is for others to do."""

    exit_code = ExitCode.NOT_ALLOWED


class NotOffered(Failure):
    """This portal has no such address: it is older than this client."""


class NotFound(Failure):
    """Nothing that the caller may see has this name."""


class RunFailed(Failure):
    """The run ended otherwise than it should."""


class Shown(Failure):
    """What was asked about is not in order, and the answer that was shown says so: nothing more is to be said."""


class ReaderGone(Failure):
    """Whoever read the output went away."""

    exit_code = ExitCode.BROKEN_PIPE


class TimedOut(Failure):
    """The time that --timeout allows was up first; the run goes on."""

    exit_code = ExitCode.TIMED_OUT


class Refused(Failure):
    """The portal's own "no": its problem document."""

    def __init__(self, status: int, problem: Mapping[str, Any], *, request_id: str = "") -> None:
        super().__init__(
            _text(problem, "title") or f"The portal answered {status}", why=_text(problem, "detail")
        )
        self.status, self.problem, self.request_id = status, dict(problem), request_id
        self.problem_code = _text(problem, "code")
        self.errors = tuple(
            FieldProblem(_text(row, "field"), _text(row, "code"), _text(row, "message"))
            for row in _rows(problem, "errors")
        )
        self.findings = tuple(
            Finding(
                rule=_text(row, "rule"), level=_text(row, "level"), where=_text(row, "where"), what=_text(row, "what"),
                why=_text(row, "why"), fix=_text(row, "fix"), suggested=row.get("suggested"),
                override_group=row.get("override_group"),
            )
            for row in _rows(problem, "findings")
        )  # fmt: skip
        if status in (401, 403):
            self.exit_code = ExitCode.NOT_ALLOWED
        elif status == 429 or status >= 500:
            self.exit_code = ExitCode.UNREACHABLE

    def code(self) -> str:
        return self.problem_code or super().code()

    def document(self) -> dict[str, Any]:
        return self.problem | ({"request_id": self.request_id} if self.request_id else {})


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""


def _rows(problem: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    rows = problem.get(key)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
