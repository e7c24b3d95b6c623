"""Runs: look at them, follow them, stop them, try them again."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import click

from portal.cli import named
from portal.cli.commands.orders import order_options, ordered, wait_of
from portal.cli.documents import LogLine
from portal.cli.follow import Wait, outcome
from portal.cli.root import drawbridge
from portal.cli.session import Session, command, common
from portal.cli.views import runs as view
from portal.cli.watching import finish, watch
from portal.cli.wording import seconds, words

LIMIT = 25


@common
@drawbridge.group("runs")
def runs() -> None:
    """Runs: what is or was done to workspaces. RUN is an id, its first 8 characters, or a workspace's name."""


@command(runs, "list")
@click.option("--status", help="Such as needs_approval, applying, applied, errored.")
@click.option(
    "--kind",
    type=click.Choice(["provision", "update", "upgrade", "destroy", "drift_check"]),
    help="Drift checks are shown only when asked for.",
)
@click.option("--active/--over", default=None, help="Only runs that are not over, or only those that are.")
@click.option("--workspace", "-w", help="Of this workspace.")
@click.option("--item", help="Of this catalog item.")
@click.option("--service", "-s", help="Of this service.")
@click.option("--team", help="Of this team.")
@click.option("--environment", "-e", help="In this environment.")
@click.option("--requester", help="Ordered by this user.")
@click.option("--limit", type=click.IntRange(1), default=LIMIT, show_default=True, help="At most so many.")
def runs_list(session: Session, limit: int, workspace: str | None, **filters: str | bool | None) -> None:
    """List runs, newest first."""
    client = session.client()
    inside = named.workspace_id(client, workspace) if workspace else None
    size = str(min(limit, 200))
    rows = list(islice(client.runs(workspace=inside, page_size=size, **filters), limit))
    session.show(rows, lambda: view.runs(session.terminal, rows, now=datetime.now(UTC)))


@command(runs, "show")
@click.argument("run")
def runs_show(session: Session, run: str) -> None:
    """Show RUN: status, cost, findings, approvals."""
    client = session.client()
    found = client.run(named.run_id(client, run))
    session.show(found, lambda: view.run(session.terminal, found, now=datetime.now(UTC)))


@command(runs, "plan")
@click.argument("run")
def runs_plan(session: Session, run: str) -> None:
    """Show what RUN's plan changes, resource by resource."""
    client = session.client()
    found = client.plan(named.run_id(client, run))
    session.show(found, lambda: view.plan(session.terminal, found))


@command(runs, "watch")
@click.argument("run")
@click.option("--timeout", metavar="SPAN", help="Watch no longer than this, such as 30m; then end with 5.")
@click.option("--no-log", is_flag=True, help="Show status and progress only.")
def runs_watch(session: Session, run: str, timeout: str | None, no_log: bool) -> None:
    """Follow RUN until it is over: log, status, progress. Its outcome is the exit code.

    Ctrl-C leaves the run alone. With --json, each event is one line of JSON.
    """
    wait = Wait(timeout_s=seconds(timeout) if timeout else None, log=not no_log)
    client = session.client()
    found = watch(session, client, named.run_id(client, run), wait, events=True)
    if session.as_json:
        session.terminal.json_line({"event": "end", "status": found.status, "run": found.document})
        outcome(found)
    else:
        finish(session, client, found, wait)


@command(runs, "log")
@click.argument("run")
@click.option("--follow", "-f", is_flag=True, help="Go on until the run is over.")
@click.option("--timestamps", "-t", is_flag=True, help="Begin each line with its time (UTC).")
def runs_log(session: Session, run: str, follow: bool, timestamps: bool) -> None:
    """Write the log of RUN, a page in memory at a time. With --json, one line of JSON for each."""
    client = session.client()
    ident = named.run_id(client, run)
    after = 0
    while True:
        page = client.log_page(ident, after=after, wait_s=20 if follow and after else 0)
        for line in page.lines:
            _write(session, line, timestamps=timestamps)
        session.terminal.flush()
        if page.complete or not (follow or page.lines):
            return
        after = max(page.next_after, 1) if follow else page.next_after


def _write(session: Session, line: LogLine, *, timestamps: bool) -> None:
    if session.as_json:
        session.terminal.json_line(
            {
                "sequence": line.sequence, "at": line.at.isoformat(), "phase": line.phase, "level": line.level,
                "address": line.address, "text": line.text,
            }
        )  # fmt: skip
    else:
        session.terminal.say(view.log_line(line, with_time=timestamps))


@command(runs, "cancel")
@click.argument("run")
def runs_cancel(session: Session, run: str) -> None:
    """Stop RUN. While Terraform works it is stopped gracefully, and the run ends a little later."""
    client = session.client()
    found = client.cancel(named.run_id(client, run))

    def show() -> None:
        view.headline(session.terminal, found)
        if not found.terminal:
            session.note(f"It was asked to stop and is still {words(found.status)}.")

    session.show(found, show)


@command(runs, "discard")
@click.argument("run")
def runs_discard(session: Session, run: str) -> None:
    """Drop the plan of RUN, which waits for a decision."""
    client = session.client()
    found = client.discard(named.run_id(client, run))
    session.show(found, lambda: view.headline(session.terminal, found))


@command(runs, "retry")
@click.argument("run")
@order_options
def runs_retry(
    session: Session,
    run: str,
    justification: str,
    wait: bool,
    until: str,
    timeout: str | None,
    log: bool,
    key: str,
) -> None:
    """Run the ask of RUN, which failed, again as a new run."""
    waiting = wait_of(wait, until, timeout, log)
    client = session.client()
    ident = named.run_id(client, run)
    ordered(session, client, lambda: client.retry(ident, key=key), waiting)
