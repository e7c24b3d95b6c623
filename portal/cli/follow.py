"""Follow a run to its end: its log and status as they come, through restarts of the portal."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from portal.cli.client import Client
from portal.cli.documents import IN_FAVOUR, LogLine, RunDetail
from portal.cli.failures import Refused, RunFailed, TimedOut, Unreachable
from portal.cli.wording import span, succeeded, words

TERMINAL, NEEDS_APPROVAL = "terminal", "needs_approval"
# A portal that is being restarted is back within this time; a watcher waits for it.
AWAY_MAX_S = 180.0
AWAY_PAUSE_S = 2.0
# How long the portal holds an answer back: long poll or log. Something else than what ends it may happen meanwhile.
HOLD_S, HOLD_FOR_PEOPLE_S = 2, 10
# An answer that came at once without lines: too many wait already.
EARLY_S, EARLY_PAUSE_S = 0.5, 1.0


class Witness(Protocol):
    """Who is told what happens."""

    def watching(self) -> AbstractContextManager[object]:
        """Return what is open as long as the run is watched."""

    def status(self, run: RunDetail) -> None:
        """Take a new status."""

    def moved(self, run: RunDetail) -> None:
        """Take the run as it is now, status changed or not."""

    def line(self, line: LogLine) -> None:
        """Take a line of the log."""

    def away(self, failure: Unreachable) -> None:
        """Take that the portal does not answer."""


@dataclass(frozen=True)
class Wait:
    """What to wait for: `until` terminal or needs_approval, at most `timeout_s`; `log` shows the log."""

    until: str = TERMINAL
    timeout_s: float | None = None
    log: bool = False


def follow(
    client: Client,
    run_id: str,
    wait: Wait,
    witness: Witness,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> RunDetail:
    """Return the run when it is where `wait` says. Raises TimedOut, Refused, Unreachable."""
    began, away_since = clock(), None
    after, status = 0, ""
    run: RunDetail | None = None
    look: Callable[[], RunDetail] = partial(client.run, run_id)
    with witness.watching():
        while True:
            try:
                asked = clock()
                run = look()
                reached = run.terminal or (wait.until == NEEDS_APPROVAL and run.status == NEEDS_APPROVAL)
                if run.status != status:
                    if wait.log:
                        after = _drain(client, run_id, after, witness)  # what was before the new status
                    status = run.status
                    witness.status(run)
                witness.moved(run)
                if reached:
                    return run
                left_s = None if wait.timeout_s is None else wait.timeout_s - (clock() - began)
                if left_s is not None and left_s <= 0:
                    raise _timed_out(run, clock() - began)
                held_s = _hold_s(status, left_s)
                came = 0
                if wait.log:
                    page = client.log_page(run_id, after=after, wait_s=held_s)
                    for line in page.lines:
                        witness.line(line)
                    after, came = page.next_after, len(page.lines)
                else:
                    look = partial(client.wait, run_id, wait.until, timeout_s=held_s)
                away_since = None
            except (Unreachable, Refused) as failure:
                if isinstance(failure, Refused) and failure.exit_code != Unreachable.exit_code:
                    raise
                away_since = clock() if away_since is None else away_since
                if run is None or clock() - away_since >= AWAY_MAX_S:
                    raise
                if wait.timeout_s is not None and clock() - began >= wait.timeout_s:
                    raise _timed_out(run, clock() - began) from None
                witness.away(failure if isinstance(failure, Unreachable) else Unreachable(failure.what))
                pause(AWAY_PAUSE_S)
                continue
            if wait.log and not came and clock() - asked < EARLY_S:
                pause(EARLY_PAUSE_S)


def _drain(client: Client, run_id: str, after: int, witness: Witness) -> int:
    """Take the lines that are there now; return the sequence of the last."""
    for line in client.log(run_id, after=after):
        witness.line(line)
        after = line.sequence
    return after


def _hold_s(status: str, left_s: float | None) -> int:
    wanted = HOLD_FOR_PEOPLE_S if status in (NEEDS_APPROVAL, "interrupted") else HOLD_S
    return wanted if left_s is None else max(1, min(wanted, int(left_s)))


def _timed_out(run: RunDetail, waited_s: float) -> TimedOut:
    return TimedOut(
        f"The {words(run.kind)} of {run.name} is still {words(run.status)} after {span(waited_s)}",
        why="It was left alone and goes on.",
        fix=f"Come back to it: drawbridge runs watch {run.id}",
    )


def outcome_is_good(run: RunDetail) -> bool:
    """Tell whether nothing is wrong with a run, be it over or waiting for approval."""
    return succeeded(run.status) or run.status == NEEDS_APPROVAL


def outcome(run: RunDetail, *, until: str = TERMINAL) -> None:
    """Return when the run did what was waited for. Raises RunFailed."""
    if outcome_is_good(run) and (run.terminal or until == NEEDS_APPROVAL):
        return
    why = run.error_summary
    if not why:
        said = [one for step in run.approvals for one in step.said if one.verdict not in IN_FAVOUR]
        why = f"{said[0].approver}: {said[0].comment}" if said else ""
    what_next = f"Read its log: drawbridge runs log {run.id}" if run.status == "errored" else ""
    raise RunFailed(
        f"The {words(run.kind)} of {run.name} ended {words(run.status)}",
        why=why,
        fix=what_next or f"See drawbridge runs show {run.id}",
    )
