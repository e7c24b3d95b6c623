"""Workspaces: what is there, what it gives out, holds and renewals."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import islice

import click

from portal.cli import named
from portal.cli.commands.orders import workspace_options
from portal.cli.documents import Output, WorkspaceDetail
from portal.cli.failures import NotFound, NotYours
from portal.cli.root import drawbridge
from portal.cli.session import Session, command, common
from portal.cli.terminal import harmless
from portal.cli.views import workspaces as view
from portal.cli.wording import days


@common
@drawbridge.group("workspaces")
def workspaces() -> None:
    """What was ordered. WORKSPACE is a name, an id, or its first 8 characters."""


@command(workspaces, "list")
@click.option("--all", "closed_too", is_flag=True, help="Closed ones too.")
@click.option("--item", help="Of this catalog item.")
@click.option("--service", "-s", help="Of this service.")
@click.option("--team", help="Of this team.")
@click.option("--cost-center", help="Paid by this cost center.")
@click.option("--environment", "-e", help="In this environment.")
@click.option(
    "--drifted", is_flag=True, default=None, help="Only those that were changed without the portal."
)
@click.option("--outdated", is_flag=True, default=None, help="Only those that a newer version waits for.")
@click.option("--held", is_flag=True, default=None, help="Only those on hold.")
@click.option("--orphaned", is_flag=True, default=None, help="Only those that nobody answers for.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
def workspaces_list(session: Session, closed_too: bool, limit: int, **filters: str | bool | None) -> None:
    """List workspaces, newest first."""
    found = session.client().workspaces(
        open=None if closed_too else True, page_size=str(min(limit, 200)), **filters
    )
    rows = list(islice(found, limit))
    session.show(rows, lambda: view.workspaces(session.terminal, rows, now=datetime.now(UTC)))


@command(workspaces, "show")
@click.argument("workspace")
@workspace_options
def workspaces_show(session: Session, workspace: str, service: str | None, environment: str | None) -> None:
    """Show WORKSPACE: whose it is, what it costs, gives out and consists of."""
    client = session.client()
    found = client.workspace(named.workspace_id(client, workspace, service=service, environment=environment))
    _show(session, found)


@command(workspaces, "hold")
@click.argument("workspace")
@click.option("--reason", "-m", required=True, help="Why; whoever is stopped by it reads this.")
@workspace_options
def workspaces_hold(
    session: Session, workspace: str, reason: str, service: str | None, environment: str | None
) -> None:
    """Put WORKSPACE on hold: nothing is done to it until it is released."""
    client = session.client()
    ident = named.workspace_id(client, workspace, service=service, environment=environment)
    _done(session, client.hold(ident, reason), "is on hold")


@command(workspaces, "release")
@click.argument("workspace")
@workspace_options
def workspaces_release(
    session: Session, workspace: str, service: str | None, environment: str | None
) -> None:
    """Release WORKSPACE from its hold."""
    client = session.client()
    ident = named.workspace_id(client, workspace, service=service, environment=environment)
    _done(session, client.release(ident), "is released")


@command(workspaces, "renew")
@click.argument("workspace")
@click.option(
    "--ttl", required=True, metavar="DAYS|never", help="Days that it lives from now, or never to end."
)
@click.option("--justification", "-j", default="", help="Why.")
@workspace_options
def workspaces_renew(
    session: Session,
    workspace: str,
    ttl: str,
    justification: str,
    service: str | None,
    environment: str | None,
) -> None:
    """Let WORKSPACE live longer, or shorter, counted from now."""
    lives_days = None if ttl.strip().lower() == "never" else days(ttl)
    client = session.client()
    ident = named.workspace_id(client, workspace, service=service, environment=environment)
    found = client.renew(ident, lives_days, justification=justification)
    _done(session, found, "does not expire" if lives_days is None else f"lives {lives_days} days from now")


@command(drawbridge, "outputs")
@click.argument("workspace")
@click.argument("name", required=False)
@workspace_options
def outputs(
    session: Session, workspace: str, name: str | None, service: str | None, environment: str | None
) -> None:
    """Show what WORKSPACE gives out, or the value NAME alone.

    Text is written as it is, anything else as JSON. Sensitive values are never handed out here.
    """
    client = session.client()
    found = client.workspace(named.workspace_id(client, workspace, service=service, environment=environment))
    if name is not None:
        _raw(session, _output(found, name))
    elif session.as_json:
        session.terminal.json(
            {row.name: {"sensitive": row.sensitive, "value": row.value} for row in found.outputs}
        )
    elif found.outputs:
        view.outputs(session.terminal, found.outputs)
    else:
        session.note(f"{found.name} gives nothing out.")


def _output(found: WorkspaceDetail, name: str) -> Output:
    for row in found.outputs:
        if row.name == name:
            if row.sensitive:
                raise NotYours(
                    f"The output {harmless(name)} is sensitive",
                    why="The portal does not hand it out.",
                    fix="Read it where the module keeps it: its README says where, mostly in a secrets manager.",
                )
            return row
    known = ", ".join(row.name for row in found.outputs) or "none"
    raise NotFound(f"{harmless(found.name)} has no output {harmless(name)[:80]}", fix=f"There are: {known}.")


def _raw(session: Session, row: Output) -> None:
    if session.as_json:
        session.terminal.json(row.value)
        return
    text = row.value if isinstance(row.value, str) else json.dumps(row.value, ensure_ascii=False)
    if session.terminal.out.is_terminal:
        text = harmless(text, lines=True)
    session.terminal.raw(text if text.endswith("\n") else f"{text}\n")


def _show(session: Session, found: WorkspaceDetail) -> None:
    session.show(found, lambda: view.workspace(session.terminal, found, now=datetime.now(UTC)))


def _done(session: Session, found: WorkspaceDetail, what: str) -> None:
    session.show(found, lambda: session.terminal.say(f"{session.terminal.sign('ok')} {found.name} {what}."))
