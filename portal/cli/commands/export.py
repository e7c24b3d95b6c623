"""The inventory for other systems."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from portal.cli.client import Client
from portal.cli.root import drawbridge
from portal.cli.session import Session, command
from portal.cli.terminal import harmless

COLUMNS = (
    "id", "name", "item", "version", "service", "team", "cost_center", "environment", "criticality",
    "estimate_usd_month", "unpriced_count", "created_by", "created_at", "applied_at", "expires_at", "drifted_at",
    "orphaned", "closed_at", "target",
)  # fmt: skip
# A spreadsheet takes text that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@command(drawbridge, "export")
@click.option(
    "--format", "form", type=click.Choice(["json", "csv", "backstage"]), default="json", show_default=True,
    help="Backstage: entities as YAML.",
)  # fmt: skip
@click.option("--all", "closed_too", is_flag=True, help="Closed workspaces too.")
@click.option(
    "--details", is_flag=True, help="JSON only: with outputs, resources and tags; one more call for each."
)
def export(session: Session, form: str, closed_too: bool, details: bool) -> None:
    """Write the inventory as JSON, CSV or Backstage entities.

    It has the workspaces that you can see, and is written as it comes.
    """
    client = session.client()
    if form == "backstage":
        text = client.backstage()
        session.terminal.raw(harmless(text, lines=True) if session.terminal.out.is_terminal else text)
    elif form == "csv":
        writer = csv.writer(session.terminal.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in _rows(client, closed_too=closed_too, details=False):
            writer.writerow([cell(row.get(column)) for column in COLUMNS])
    else:
        separator = "[\n"
        for row in _rows(client, closed_too=closed_too, details=details):
            session.terminal.raw(separator + json.dumps(row))
            separator = ",\n"
        session.terminal.raw("[]\n" if separator == "[\n" else "\n]\n")


def cell(value: object) -> str:
    """Return a value as a cell of CSV that no spreadsheet takes for a formula, and no terminal for a command."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = harmless(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _rows(client: Client, *, closed_too: bool, details: bool) -> Iterator[Mapping[str, Any]]:
    for row in client.workspaces(open=None if closed_too else True, page_size="200"):
        yield client.workspace(row.id).document if details else row.document
