"""Order, update, upgrade and destroy."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import click

from portal.cli import named
from portal.cli.client import Ask, Client
from portal.cli.commands.catalog import ask_options, parameter_options, schema_for
from portal.cli.documents import RunDetail
from portal.cli.failures import Misuse
from portal.cli.follow import NEEDS_APPROVAL, TERMINAL, Wait
from portal.cli.parameters import gathered
from portal.cli.root import drawbridge
from portal.cli.session import Session, command
from portal.cli.terminal import harmless, joined, styled
from portal.cli.views import catalog as catalog_view
from portal.cli.views import runs as view
from portal.cli.watching import finish, watch
from portal.cli.wording import days, monthly, seconds

_UNTIL = {"done": TERMINAL, "approval": NEEDS_APPROVAL}


def order_options(function: Any) -> Any:
    """Add the options of everything that orders a run."""
    options = [
        click.option("--justification", "-j", default="", help="Why; approvers read it."),
        click.option("--wait", "-w", is_flag=True, help="Wait for the run's end; its outcome is the exit code."),
        click.option(
            "--until", type=click.Choice(list(_UNTIL)), default="done", show_default=True,
            help="What --wait waits for: the run's end, or that it needs approval.",
        ),
        click.option("--timeout", metavar="SPAN", help="Wait no longer than this, such as 30m; then end with 5."),
        click.option("--log", is_flag=True, help="Show the log while waiting."),
        click.option(
            "--idempotency-key", "key", metavar="KEY", default="",
            help="The same key within 24 hours is the same order (default: a new one each time).",
        ),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def wait_of(wait: bool, until: str, timeout: str | None, log: bool) -> Wait | None:
    """Return what to wait for, or None. Raises Misuse."""
    if not wait:
        if timeout or log or until != "done":
            raise Misuse("--until, --timeout and --log say how to wait", fix="Add --wait.")
        return None
    return Wait(until=_UNTIL[until], timeout_s=seconds(timeout) if timeout else None, log=log)


def ordered(session: Session, client: Client, place: Callable[[], RunDetail], wait: Wait | None) -> None:
    """Place an order, and show its run now or when it is where `wait` says. Raises RunFailed, TimedOut."""
    run = place()
    if wait is None:

        def show() -> None:
            view.headline(session.terminal, run)
            view.waiting(session.terminal, run)
            session.terminal.say(styled(f"  drawbridge runs watch {run.id}", "label"))

        session.show(run, show)
        return
    if not session.as_json:
        view.headline(session.terminal, run, err=True)
        session.note(f"  {run.id}")
    finish(session, client, watch(session, client, run.id, wait), wait)


@command(drawbridge, "order")
@click.argument("item")
@ask_options
@parameter_options
@click.option(
    "--ttl", metavar="DAYS", help="Let it live so many days (default: for ever, where that is allowed)."
)
@order_options
def order(
    session: Session,
    item: str,
    service: str,
    environment: str,
    name: str,
    version: str | None,
    pairs: tuple[str, ...],
    files: tuple[str, ...],
    ttl: str | None,
    justification: str,
    wait: bool,
    until: str,
    timeout: str | None,
    log: bool,
    key: str,
) -> None:
    """Order ITEM. `drawbridge evaluate` shows first what that would be.

    A connection that breaks is taken up again without ordering twice.
    """
    waiting = wait_of(wait, until, timeout, log)
    ttl_days = days(ttl) if ttl else None
    client = session.client()
    schema = schema_for(client, item, version, environment) if pairs else None
    ask = Ask(item, service, environment, name, gathered(files, pairs, (), schema), version)
    call_key = key or str(uuid.uuid4())
    ordered(
        session,
        client,
        lambda: client.order(ask, justification=justification, ttl_days=ttl_days, key=call_key),
        waiting,
    )


def workspace_options(function: Any) -> Any:
    """Add the options that tell workspaces of one name apart."""
    options = [
        click.option("--service", "-s", help="Where several have this name: the one of this service."),
        click.option(
            "--environment", "-e", help="Where several have this name: the one in this environment."
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@command(drawbridge, "update")
@click.argument("workspace")
@parameter_options
@click.option("--unset", multiple=True, metavar="KEY", help="Set a parameter back to what is filled in.")
@workspace_options
@order_options
def update(
    session: Session,
    workspace: str,
    pairs: tuple[str, ...],
    files: tuple[str, ...],
    unset: tuple[str, ...],
    service: str | None,
    environment: str | None,
    justification: str,
    wait: bool,
    until: str,
    timeout: str | None,
    log: bool,
    key: str,
) -> None:
    """Change parameters of WORKSPACE.

    Those that are not named stay as they are.
    """
    waiting = wait_of(wait, until, timeout, log)
    if not (pairs or files or unset):
        raise Misuse("It is not said what to change", fix="Give -p KEY=VALUE, -f FILE or --unset KEY.")
    client = session.client()
    ident = named.workspace_id(client, workspace, service=service, environment=environment)
    schema = None
    if pairs:
        there = client.workspace(ident)
        schema = schema_for(client, there.item, there.version, there.environment)
    parameters = gathered(files, pairs, unset, schema)
    ordered(
        session,
        client,
        lambda: client.change(ident, "update", parameters=parameters, justification=justification, key=key),
        waiting,
    )


@command(drawbridge, "upgrade")
@click.argument("workspace")
@click.option("--to", "version", metavar="VERSION", help="The version to upgrade to (default: the newest).")
@parameter_options
@click.option("--unset", multiple=True, metavar="KEY", help="Set a parameter back to what is filled in.")
@click.option("--dry-run", is_flag=True, help="Show what it would change, cost and need; order nothing.")
@workspace_options
@order_options
def upgrade(
    session: Session,
    workspace: str,
    version: str | None,
    pairs: tuple[str, ...],
    files: tuple[str, ...],
    unset: tuple[str, ...],
    dry_run: bool,
    service: str | None,
    environment: str | None,
    justification: str,
    wait: bool,
    until: str,
    timeout: str | None,
    log: bool,
    key: str,
) -> None:
    """Bring WORKSPACE to a newer version of its item."""
    waiting = wait_of(wait, until, timeout, log)
    client = session.client()
    ident = named.workspace_id(client, workspace, service=service, environment=environment)
    schema = None
    if pairs:
        there = client.workspace(ident)
        schema = schema_for(client, there.item, version or there.newest_version, there.environment)
    parameters = gathered(files, pairs, unset, schema)
    if dry_run:
        found = client.evaluate_upgrade(ident, version=version, parameters=parameters)
        session.show(found, lambda: catalog_view.evaluation(session.terminal, found, parameters))
        return
    more: dict[str, Any] = {"parameters": parameters} | ({"version": version} if version else {})
    ordered(
        session,
        client,
        lambda: client.change(ident, "upgrade", justification=justification, key=key, **more),
        waiting,
    )


@command(drawbridge, "destroy")
@click.argument("workspace")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@workspace_options
@order_options
def destroy(
    session: Session,
    workspace: str,
    yes: bool,
    service: str | None,
    environment: str | None,
    justification: str,
    wait: bool,
    until: str,
    timeout: str | None,
    log: bool,
    key: str,
) -> None:
    """Destroy WORKSPACE and everything in it. Asks for its name first."""
    waiting = wait_of(wait, until, timeout, log)
    client = session.client()
    ident = named.workspace_id(client, workspace, service=service, environment=environment)
    if not yes:
        there = client.workspace(ident)
        if not session.terminal.interactive:
            raise Misuse(
                f"Nobody is there to confirm that {harmless(there.name)} is to be destroyed",
                fix="Add --yes where that is certain.",
            )
        session.terminal.say(
            styled(f"{session.terminal.sign('warn', err=True)} ", "warn"),
            joined("This destroys ", styled(there.name, "head"), f" ({there.item}, {there.environment})"),
            f" of service {there.service}: {len(there.resources)} resources, {monthly(there.estimate_usd_month)}.",
            err=True,
        )
        session.note("  What they hold is gone then, unless copies are kept elsewhere.")
        if click.prompt("Its name, to go on", err=True, default="", show_default=False).strip() != there.name:
            raise Misuse("That is not its name", why="Nothing was ordered.")
    ordered(
        session,
        client,
        lambda: client.change(ident, "destroy", justification=justification, key=key),
        waiting,
    )
