"""Words, amounts and times as people read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from rich.text import Text

from portal.cli.failures import Misuse
from portal.cli.terminal import harmless

_GOOD = frozenset({"applied", "planned_and_finished"})
_WAITING = frozenset({"needs_approval", "interrupted"})
_BAD = frozenset({"errored", "policy_failed", "rejected", "expired"})
_DONE = {
    "create": ("+", "create", "good"),
    "update": ("~", "change", "warn"),
    "replace": ("±", "replace", "bad"),
    "delete": ("-", "destroy", "bad"),
    "read": (">", "read", "label"),
}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def words(status: str) -> str:
    """Return a status as words."""
    return status.replace("_", " ")


def status_text(status: str) -> Text:
    """Return a status in its colour."""
    style = "busy"
    if status in _GOOD:
        style = "good"
    elif status in _BAD:
        style = "bad"
    elif status in _WAITING:
        style = "warn"
    elif status in {"discarded", "canceled"}:
        style = "label"
    return Text(harmless(words(status)), style=style)


def succeeded(status: str) -> bool:
    """Tell whether a run that is over did what was asked."""
    return status in _GOOD


def usd(amount: Decimal | str | None, *, sign: bool = False) -> str:
    """Return USD with separators; None is said, never shown as 0."""
    if amount is None:
        return "unknown"
    try:
        value = Decimal(amount)
    except ArithmeticError:
        return harmless(amount)
    return f"{value:{'+' if sign else ''},.2f} USD"


def monthly(amount: Decimal | str | None, *, sign: bool = False) -> str:
    """Return USD a month."""
    return "unknown" if amount is None else f"{usd(amount, sign=sign)} a month"


def with_use(text: str, usage_usd_month: Decimal | None) -> str:
    """Return an amount with its share that depends on an assumed use, where there is one."""
    return f"{text}, of it {usd(usage_usd_month)} for assumed use" if usage_usd_month else text


def verb_sign(verb: str) -> tuple[str, str, str]:
    """Return sign, word and style of what a plan does to a resource."""
    return _DONE.get(verb, ("?", harmless(verb), "label"))


def counted(counts: Mapping[str, int]) -> Text:
    """Return a plan's counts: 3 to create, 1 to destroy."""
    parts = []
    for verb in ("create", "update", "replace", "delete"):
        if counts.get(verb):
            _, word, style = verb_sign(verb)
            parts.append(Text(f"{counts[verb]} to {word}", style=style))
    return Text(", ").join(parts) if parts else Text("no changes")


def when(instant: datetime | None, *, now: datetime) -> str:
    """Return how long ago or ahead an instant is."""
    if instant is None:
        return ""
    away_s = (instant - now).total_seconds()
    if abs(away_s) < 5:
        return "just now"
    return f"in {span(away_s)}" if away_s > 0 else f"{span(-away_s)} ago"


def span(seconds: float) -> str:
    """Return a time span in its largest unit, or the two largest below an hour."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{whole // 60} min"
    if whole < 48 * 3600:
        return f"{round(whole / 3600)} h"
    return f"{round(whole / 86400)} days"


def age(seconds: float) -> str:
    """Return a time span for a narrow column: 40s, 12m, 5h, 3d."""
    whole = max(0, round(seconds))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= length:
            return f"{whole // length}{unit}"
    return f"{whole}s"


def clock(instant: datetime) -> str:
    """Return an instant in UTC, to the minute."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def seconds(text: str) -> float:
    """Return the seconds of `90`, `90s`, `20m`, `1h30m`, `2d`. Raises Misuse."""
    compact = text.strip().lower()
    if re.fullmatch(r"\d{1,8}", compact):
        return float(compact)
    parts = re.findall(r"(\d{1,8})([smhd])", compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise Misuse(f"{harmless(text)[:40]!r} is no span of time", fix="Give it like 90s, 20m or 1h30m.")
    return float(sum(int(number) * _UNITS[unit] for number, unit in parts))


def days(text: str) -> int:
    """Return the days of `30` or `30d`. Raises Misuse."""
    compact = text.strip().lower().removesuffix("d")
    if not re.fullmatch(r"[1-9]\d{0,4}", compact):
        raise Misuse(f"{harmless(text)[:40]!r} is no number of days", fix="Give it like 30 or 30d.")
    return int(compact)


def value_text(value: object) -> str:
    """Return a parameter's or an output's value on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {value_text(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(value_text(inner) for inner in value) + "]"
    return str(value)
