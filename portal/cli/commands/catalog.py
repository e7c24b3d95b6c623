"""What may be ordered, and what an order would get, cost and need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from portal.cli.client import Ask, Client
from portal.cli.failures import Refused, Shown
from portal.cli.parameters import gathered
from portal.cli.root import drawbridge
from portal.cli.session import Session, command, common
from portal.cli.views import catalog as view


@common
@drawbridge.group("catalog", invoke_without_command=True)
@click.pass_context
def catalog(ctx: click.Context) -> None:
    """The golden paths that may be ordered."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(catalog_list, category=None)


@command(catalog, "list")
@click.option("--category", help="Only this category.")
def catalog_list(session: Session, category: str | None) -> None:
    """List what may be ordered."""
    rows = list(session.client().items(category=category))
    session.show(rows, lambda: view.items(session.terminal, rows))


@command(catalog, "show")
@click.argument("item")
@click.option("--environment", "-e", help="Show limits and presets of this environment (default: the first).")
@click.option("--version", help="Show the parameters of this version (default: the newest).")
def catalog_show(session: Session, item: str, environment: str | None, version: str | None) -> None:
    """Show ITEM with its environments, sizes, parameters and their limits."""
    client = session.client()
    found = client.item(item)
    shown = environment or (found.environments[0].slug if found.environments else None)
    schema = client.schema(item, version or found.latest_version, shown)
    if session.as_json:
        session.terminal.json({**found.document, "parameters_schema": schema})
    else:
        view.item(session.terminal, found, schema, shown or "any environment")


def ask_options(function: Any) -> Any:
    """Add the options that say what is asked for."""
    options = [
        click.option("--service", "-s", required=True, help="The service that will own it."),
        click.option("--environment", "-e", required=True, help="Such as development or production."),
        click.option("--name", "-n", required=True, help="Its name."),
        click.option("--version", help="Version of the item (default: the newest)."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def parameter_options(function: Any) -> Any:
    """Add the options that give parameters."""
    options = [
        click.option(
            "--parameter", "-p", "pairs", multiple=True, metavar="KEY=VALUE",
            help="A parameter that differs from what is filled in; may be given several times.",
        ),
        click.option(
            "--file", "-f", "files", multiple=True, metavar="FILE",
            help="Parameters as YAML or JSON; - reads standard input. -p wins over it.",
        ),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@command(drawbridge, "evaluate")
@click.argument("item")
@ask_options
@parameter_options
def evaluate(
    session: Session,
    item: str,
    service: str,
    environment: str,
    name: str,
    version: str | None,
    pairs: tuple[str, ...],
    files: tuple[str, ...],
) -> None:
    """Show what an order of ITEM would get, cost and need. Nothing is ordered.

    Ends with 1 when it could not be ordered as it is.
    """
    client = session.client()
    schema = schema_for(client, item, version, environment) if pairs else None
    ask = Ask(item, service, environment, name, gathered(files, pairs, (), schema), version)
    found = client.evaluate(ask)
    session.show(found, lambda: view.evaluation(session.terminal, found, ask.parameters))
    if not found.orderable:
        raise Shown("It cannot be ordered as it is")


def schema_for(
    client: Client, item: str, version: str | None, environment: str | None
) -> Mapping[str, Any] | None:
    """Return the schema that says how `-p` values are meant, or None where the token may not read it."""
    try:
        return client.schema(item, version or client.item(item).latest_version, environment)
    except Refused as refused:
        if refused.status in (400, 403, 404):
            return None  # the order itself is refused for the same reason, with a better text
        raise
