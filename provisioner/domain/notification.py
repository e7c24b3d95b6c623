"""What people are told: the events there are, and the message of one of them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from provisioner.domain.finding import Finding

SUBJECT_MAX = 200
TEXT_MAX = 4000

_BREAKS = "\r\t\v\f\x85\u2028\u2029"
_KEPT = "\n\u200c\u200d"  # line feed; the joiners that scripts and emoji are written with
_UNSEEN = ("Cc", "Cf", "Cs", "Co")


class Mode(StrEnum):
    """How a recipient gets an event."""

    AT_ONCE = "at_once"
    HOURLY = "hourly"
    DAILY = "daily"
    NEVER = "never"


@dataclass(frozen=True)
class Event:
    """A kind of thing that happens. `modes` are those that a person may choose for their own mail."""

    key: str
    label: str
    told: str
    modes: tuple[Mode, ...] = (Mode.AT_ONCE, Mode.DAILY, Mode.NEVER)
    default: Mode = Mode.AT_ONCE
    # Concerns the groups that it names; other events concern everybody who sees every team's runs.
    directed: bool = False


EVENTS: dict[str, Event] = {
    event.key: event
    for event in (
        Event("run.needs_approval", "An approval is needed", "groups that must decide", directed=True),
        Event("run.approval_reminder", "An approval still waits", "groups that must decide", directed=True),
        Event("run.approval_escalated", "An approval is escalated", "whom it is escalated to", directed=True),
        Event("run.decided", "A decision was taken", "who ordered, and the owner team"),
        Event(
            "run.glass_broken",
            "A plan is applied by break-glass",
            "who ordered, the owner team, and the groups that were skipped",
            (Mode.AT_ONCE,),
        ),
        Event("run.review_overdue", "A review is overdue", "groups that were skipped", directed=True),
        Event("run.applied", "A run was applied", "who ordered, and the owner team"),
        Event("run.errored", "A run failed or was refused", "who ordered, and the owner team"),
        Event(
            "run.interrupted",
            "An apply was cut short",
            "who ordered, the owner team, and the group that decides",
            (Mode.AT_ONCE, Mode.DAILY),
        ),
        Event("run.expired", "A plan expired undecided", "who ordered, and the owner team"),
        Event(
            "workspace.expiring",
            "A workspace is about to expire",
            "its owners; the day before it, always at once",
            (Mode.AT_ONCE, Mode.DAILY),
        ),
        Event(
            "workspace.expired",
            "An expired workspace is being destroyed",
            "its owners; cannot be switched off",
            (Mode.AT_ONCE,),
        ),
        Event(
            "workspace.expiry_blocked",
            "An expired workspace could not be destroyed",
            "its owners",
            (Mode.AT_ONCE, Mode.DAILY),
        ),
        Event("transfer.offered", "A workspace is offered to your team", "the receiving team"),
        Event("transfer.decided", "A transfer was answered", "both teams"),
    )
}

# Not events that one could subscribe to: what a channel is tried with, and what collects others.
TEST = "test"
DIGEST = "digest"


@dataclass(frozen=True)
class About:
    """The object that an event happened to."""

    type: str
    id: str
    name: str


@dataclass(frozen=True)
class Link:
    """An address in the portal, absolute."""

    label: str
    address: str


@dataclass(frozen=True)
class Fact:
    """A line of what is to be known."""

    label: str
    value: str


@dataclass(frozen=True)
class Cost:
    """What it costs a month (USD, list price) afterwards and more than before; None where nobody knows."""

    usd_month: Decimal | None
    delta_usd_month: Decimal | None
    unpriced: int = 0


@dataclass(frozen=True)
class Entry:
    """One line of a digest."""

    text: str
    address: str
    at: str


@dataclass(frozen=True)
class Section:
    """The lines of one kind in a digest, and how many more there were."""

    title: str
    entries: tuple[Entry, ...]
    left_out: int = 0


@dataclass(frozen=True)
class Message:
    """One event, told once: what happened, what it costs, why somebody is asked, what the rules say, and where to look.

    `occasion` tells two events of one kind on one object apart (a plan digest, the days left); within a short time the
    same occasion is told once. `urgent` goes out at once to whoever gets digests.
    """

    event: str
    subject: str
    about: About
    link: Link
    paragraphs: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    cost: Cost | None = None
    reasons: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    changes: tuple[tuple[str, int], ...] = ()
    more_links: tuple[Link, ...] = ()
    sections: tuple[Section, ...] = field(default=())
    occasion: str = ""
    urgent: bool = False

    def all_facts(self) -> tuple[Fact, ...]:
        """Return the facts with cost and changes in front of them, as text."""
        first = []
        if self.cost is not None:
            first.append(Fact("Cost", cost_text(self.cost)))
        if self.changes:
            first.append(Fact("Changes", changes_text(self.changes)))
        return (*first, *self.facts)


def mode_for(event: Event, chosen: str | None, *, urgent: bool) -> Mode:
    """Return how a person gets an event: as chosen where that may be chosen, at once where it is urgent."""
    mode = next((one for one in event.modes if one.value == chosen), event.default)
    return Mode.AT_ONCE if urgent and mode is not Mode.NEVER else mode


def cost_text(cost: Cost) -> str:
    """Write a monthly cost with its change; unknown is said, never 0."""
    total = "not known yet" if cost.usd_month is None else f"${cost.usd_month:,.2f} a month"
    delta = cost.delta_usd_month
    if delta is not None:
        sign = "+" if delta > 0 else "-" if delta < 0 else "±"
        total += f" ({sign}${abs(delta):,.2f})"
    return f"{total}, {cost.unpriced} not priced" if cost.unpriced else total


def changes_text(changes: tuple[tuple[str, int], ...]) -> str:
    """Write the counts of a plan's changes: "2 to create, 1 to replace"."""
    said = [f"{count} to {verb}" for verb, count in changes if count and verb not in ("no-op", "read")]
    return ", ".join(said) or "none"


def plain(text: str, limit: int = TEXT_MAX) -> str:
    """Remove what no text needs and some readers obey: control characters and directional overrides; cut at `limit`."""
    kept = "".join(
        " " if char in _BREAKS else char
        for char in text.replace("\r\n", "\n")
        if char in _BREAKS or char in _KEPT or unicodedata.category(char) not in _UNSEEN
    )
    return kept if len(kept) <= limit else f"{kept[: limit - 1]}…"


def one_line(text: str, limit: int = SUBJECT_MAX) -> str:
    """Write text as one line of at most `limit` characters, fit for a header."""
    return plain(" ".join(plain(text, limit * 8).split()), limit)
