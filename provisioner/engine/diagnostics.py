"""Terraform's errors: read them, write them for people, decide whether trying again can help."""

import re
from collections.abc import Mapping, Sequence

from provisioner.engine.types import Diagnostic

MODULE_FOLDER = "module/"
MAX_DETAIL_CHARS = 8_000
# What goes away by itself: the state's lock, the portal's or a registry's address, the network between.
_TRANSIENT = re.compile(
    r"acquiring the state lock|error locking state|remote state endpoint|failed to (load|save|persist) state"
    r"|error (loading|saving|refreshing) state|connection (refused|reset)|i/o timeout|no such host"
    r"|context deadline exceeded|TLS handshake timeout|RequestLimitExceeded|Throttling"
    r"|no space left on device|giving up after",
    re.IGNORECASE,
)
_LOCKED = re.compile(r"acquiring the state lock|error locking state", re.IGNORECASE)
_NOT_INITIALISED = re.compile(
    r"inconsistent dependency lock file|required plugins are not installed|module not installed"
    r"|backend initialization required|missing required provider|failed to load plugin schemas",
    re.IGNORECASE,
)
# Frames that Terraform draws around a diagnostic, also without colour.
_FRAME = re.compile(r"^[╷│╵]\s?", re.MULTILINE)


def from_json(message: Mapping[str, object]) -> Diagnostic | None:
    """Read the `diagnostic` of one `-json` message, or None when there is none."""
    body = message.get("diagnostic")
    if not isinstance(body, Mapping):
        return None
    place = body.get("range")
    file = str(place.get("filename") or "") if isinstance(place, Mapping) else ""
    start = place.get("start") if isinstance(place, Mapping) else None
    line = start.get("line") if isinstance(start, Mapping) else None
    return Diagnostic(
        level="error" if body.get("severity") == "error" else "warn",
        summary=str(body.get("summary") or ""),
        detail=str(body.get("detail") or ""),
        address=str(body.get("address") or ""),
        file=file.removeprefix(MODULE_FOLDER),
        line=line if isinstance(line, int) else 0,
    )


def from_text(text: str) -> tuple[Diagnostic, ...]:
    """Read the errors in what a command without `-json` wrote: "Error: summary", a blank line, the detail."""
    plain = _FRAME.sub("", text)
    parts = re.split(r"^Error: ", plain, flags=re.MULTILINE)[1:]
    found = []
    for part in parts:
        summary, _, detail = part.partition("\n")
        detail = re.split(r"^Warning: ", detail, flags=re.MULTILINE)[0]
        found.append(Diagnostic("error", summary.strip(), detail.strip()))
    return tuple(found)


def where(diagnostic: Diagnostic) -> str:
    """Return the place: "aws_db_instance.this, main.tf:12", or "" when Terraform names none."""
    file = f"{diagnostic.file}:{diagnostic.line}" if diagnostic.file else ""
    return ", ".join(part for part in (diagnostic.address, file) if part)


def render(diagnostic: Diagnostic) -> str:
    """Return a diagnostic as text: what, where, then Terraform's explanation."""
    word = "Error" if diagnostic.level == "error" else "Warning"
    place = where(diagnostic)
    head = f"{word}: {diagnostic.summary}" + (f" ({place})" if place else "")
    return f"{head}\n{diagnostic.detail}" if diagnostic.detail else head


def summarise(errors: Sequence[Diagnostic]) -> tuple[str, str]:
    """Return one line and the whole text for a list of errors."""
    if not errors:
        return "", ""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    detail = "\n\n".join(render(error) for error in errors)
    if len(detail) > MAX_DETAIL_CHARS:
        detail = f"{detail[:MAX_DETAIL_CHARS]}\n… {len(detail) - MAX_DETAIL_CHARS} characters left out …"
    return errors[0].summary + more, detail


def can_be_retried(errors: Sequence[Diagnostic]) -> bool:
    """Return whether every error is of a kind that may go away by itself."""
    return bool(errors) and all(_TRANSIENT.search(f"{error.summary}\n{error.detail}") for error in errors)


def is_state_locked(errors: Sequence[Diagnostic]) -> bool:
    """Return whether nothing was done because another run holds the state's lock."""
    return any(_LOCKED.search(error.summary) for error in errors)


def needs_init(errors: Sequence[Diagnostic]) -> bool:
    """Return whether the directory is not initialised for what it is to run."""
    return any(_NOT_INITIALISED.search(error.summary) for error in errors)
