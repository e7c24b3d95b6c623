"""When a delivery is tried again, when it is given up, and what a receiver's answer means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from provisioner.domain.notification import Mode

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=4)
GIVE_UP_AFTER = timedelta(hours=24)


class Status(StrEnum):
    """Where a delivery is."""

    HELD = "held"  # waits for its digest
    PENDING = "pending"  # was not tried yet
    FAILED = "failed"  # is tried again
    SENT = "sent"
    DIGESTED = "digested"  # went out in a digest
    GAVE_UP = "gave_up"


# What is still to be sent.
DUE = (Status.PENDING, Status.FAILED)


class Verdict(StrEnum):
    """What one attempt came to."""

    SENT = "sent"
    AGAIN = "again"
    NEVER = "never"
    GONE = "gone"  # the receiver wants nothing more


@dataclass(frozen=True)
class Outcome:
    """What one attempt came to, fit to be shown: `error` holds neither address nor secret.

    `wait_s` is what the receiver asked for (Retry-After). `all_wait`: the same would happen to whatever else goes
    there now.
    """

    verdict: Verdict
    error: str = ""
    status_code: int | None = None
    wait_s: float | None = None
    all_wait: bool = False


def http_outcome(status_code: int, *, wait_s: float | None = None) -> Outcome:
    """Judge an HTTP status: 2xx arrived, 410 wants nothing more, other 4xx would never be taken, the rest may be later.

    408 and 429 ask to come back. A redirect is not followed, because it could lead anywhere.
    """
    if 200 <= status_code < 300:
        return Outcome(Verdict.SENT, status_code=status_code)
    if status_code == 410:
        return Outcome(Verdict.GONE, "It answered 410: it is gone.", status_code)
    if 300 <= status_code < 400:
        return Outcome(Verdict.NEVER, f"It answered {status_code}: redirects are not followed.", status_code)
    if 400 <= status_code < 500 and status_code not in (408, 429):
        return Outcome(Verdict.NEVER, f"It answered {status_code}: it does not take this.", status_code)
    return Outcome(Verdict.AGAIN, f"It answered {status_code}.", status_code, wait_s, all_wait=True)


def next_attempt(
    attempts: int, *, now: datetime, give_up_at: datetime, fraction: float, wait_s: float | None = None
) -> datetime | None:
    """Return when to try again after so many attempts, or None when that would be too late.

    The wait doubles from 30 s to 4 h; `fraction` (0 to 1, random) takes up to half of it away, so that what failed
    together does not come back together. What the receiver asked for is waited for at least.
    """
    wait = min(FIRST_WAIT * 2 ** min(max(attempts, 1) - 1, 20), LONGEST_WAIT)
    wait *= 1 - fraction / 2
    if wait_s is not None:
        wait = max(wait, timedelta(seconds=min(max(wait_s, 0.0), GIVE_UP_AFTER.total_seconds() * 2)))
    at = now + wait
    return at if at <= give_up_at else None


def digest_at(mode: Mode, *, now: datetime, hour: int) -> datetime:
    """Return the next instant of a digest after `now`: the next full hour, or the next day's `hour` o'clock (UTC)."""
    full = now.replace(minute=0, second=0, microsecond=0)
    if mode is Mode.HOURLY:
        return full + timedelta(hours=1)
    today = full.replace(hour=hour)
    return today if today > now else today + timedelta(days=1)
