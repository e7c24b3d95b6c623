"""A run that is being followed, as a person sees it: its log, its status, a line that moves."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from portal.cli.client import Client
from portal.cli.documents import LogLine, RunDetail
from portal.cli.failures import ExitCode, Failure, Unreachable
from portal.cli.follow import Wait, follow, outcome
from portal.cli.session import Session
from portal.cli.terminal import harmless, joined, styled
from portal.cli.views import runs as view
from portal.cli.wording import counted, monthly, status_text, words

_LAST_LINES = 15


class Screen:
    """Tells a run on the terminal; as JSON, one event a line on standard output."""

    def __init__(self, session: Session, *, log: bool, events: bool) -> None:
        self._terminal, self._as_json = session.terminal, session.as_json
        self._log, self._events = log, events
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._told_away = False
        self.last: deque[LogLine] = deque(maxlen=_LAST_LINES)

    @contextmanager
    def watching(self) -> Iterator[object]:
        console = self._live_console()
        if console is None:
            yield self
            return
        self._progress = Progress(
            SpinnerColumn(style="busy"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24, style="label", complete_style="busy", finished_style="good"),
            TextColumn("{task.fields[share]}", style="label"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        with self._progress:
            self._task = self._progress.add_task("", total=None, share="")
            yield self
        self._progress = self._task = None

    def status(self, run: RunDetail) -> None:
        self._told_away = False
        if self._as_json:
            if self._events:
                self._terminal.json_line(
                    {"event": "status", "status": run.status, "at": run.status_at.isoformat()}
                )
            return
        parts: list[str | Text] = [styled("==> ", "mark"), status_text(run.status)]
        if run.status in ("confirmed", "apply_queued") and run.plan is not None:
            parts += [": ", counted(run.plan.counts)]
            if run.estimate_usd_month is not None:
                parts.append(f", {monthly(run.estimate_usd_month)}")
        # Results go to standard output; that something moves goes there only where the log does.
        err = not self._events
        self._terminal.say(*parts, err=err)
        if run.status == "needs_approval":
            for step in run.approvals:
                if step.is_open:
                    self._terminal.prose(
                        joined(styled(" or ".join(step.who), "head"), f": {step.reason}"), indent=4, err=err
                    )
            self._terminal.say(styled(f"    drawbridge approve {run.id}", "label"), err=err)

    def moved(self, run: RunDetail) -> None:
        if self._progress is None or self._task is None:
            return
        share, done, total = "", 0, None
        if run.progress is not None and run.progress.total:
            done, total = run.progress.done, run.progress.total
            share = f"{done}/{total}"
        text = view.queue_text(run) or words(run.status)
        width = max(20, self._progress.console.width - 52)
        self._progress.update(
            self._task, description=harmless(text)[:width], completed=done, total=total, share=share
        )

    def line(self, line: LogLine) -> None:
        self.last.append(line)
        if not self._log:
            return
        if self._as_json:
            self._terminal.json_line(
                {
                    "event": "line",
                    "sequence": line.sequence,
                    "at": line.at.isoformat(),
                    "phase": line.phase,
                    "level": line.level,
                    "address": line.address,
                    "text": line.text,
                }
            )
        else:
            self._terminal.say(view.log_line(line, with_time=False), err=not self._events)

    def away(self, failure: Unreachable) -> None:
        if not self._told_away:
            self._terminal.say(styled(f"{failure.what}; waiting for it to come back", "warn"), err=True)
            self._told_away = True

    def _live_console(self) -> Console | None:
        if self._as_json:
            return None
        if self._events and self._terminal.out.is_terminal:
            return self._terminal.out
        return self._terminal.err if self._terminal.err.is_terminal else None


def watch(session: Session, client: Client, run_id: str, wait: Wait, *, events: bool = False) -> RunDetail:
    """Follow a run and return it when the wait is over.

    With `events`, what happens is the result and goes to standard output. Ctrl-C leaves the run alone. Raises
    TimedOut, Refused, Unreachable, Left.
    """
    screen = Screen(session, log=wait.log, events=events)
    try:
        return follow(client, run_id, wait, screen)
    except KeyboardInterrupt:
        raise Left(run_id) from None


class Left(Failure):
    """Somebody stopped watching; the run goes on."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, run_id: str) -> None:
        super().__init__(
            "You stopped watching; the run goes on",
            fix=f"Come back: drawbridge runs watch {run_id}. Stop it: drawbridge runs cancel {run_id}.",
        )


def finish(session: Session, client: Client, run: RunDetail, wait: Wait) -> None:
    """Show how a run that was waited for ended. Raises RunFailed."""

    def show() -> None:
        if run.status == "errored" and not wait.log:
            _last_lines(session, client, run)
        view.headline(session.terminal, run)

    session.show(run, show)
    outcome(run, until=wait.until)


def _last_lines(session: Session, client: Client, run: RunDetail) -> None:
    last: deque[LogLine] = deque(client.log(run.id), maxlen=_LAST_LINES)
    for line in last:
        session.terminal.say("    ", view.log_line(line, with_time=False), err=True)
