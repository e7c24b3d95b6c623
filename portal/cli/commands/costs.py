"""What things cost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal

import click

from portal.cli.client import Client
from portal.cli.failures import NotOffered
from portal.cli.root import drawbridge
from portal.cli.session import Session, command
from portal.cli.terminal import styled
from portal.cli.views import workspaces as view
from portal.cli.wording import value_text

_GROUPS = ("service", "team", "cost_center", "environment", "item")


@command(drawbridge, "costs")
@click.option(
    "--by", type=click.Choice(_GROUPS), default="service", show_default=True, help="Add up by this."
)
@click.option("--from", "since", metavar="DATE", help="Of actual costs: from this day.")
@click.option("--to", "before", metavar="DATE", help="Of actual costs: up to this day.")
def costs(session: Session, by: str, since: str | None, before: str | None) -> None:
    """Add up what workspaces cost a month.

    Where the portal keeps no summary of costs, the estimates of the open workspaces that you can see are added up here;
    --from and --to need the summary.
    """
    client = session.client()
    try:
        summary = client.cost_summary(group_by=by, **{"from": since, "to": before})
    except NotOffered:
        if since or before:
            raise
        _estimates(session, client, by)
        return
    rows = summary.get("results") if isinstance(summary, Mapping) else None
    if session.as_json or not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        session.terminal.json(summary)
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    session.terminal.table(
        [name.replace("_", " ").upper() for name in names],
        [[value_text(row.get(name, "")) for name in names] for row in rows],
    )


def _estimates(session: Session, client: Client, by: str) -> None:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    unpriced: Counter[str] = Counter()
    count = unknown = 0
    for row in client.workspaces(open=True, page_size="200"):
        group = str(getattr(row, by))
        count += 1
        unpriced[group] += row.unpriced_count
        if row.estimate_usd_month is None:
            unknown += 1
        else:
            sums[group] += row.estimate_usd_month
    if session.as_json:
        session.terminal.json(
            {
                "source": "estimates of open workspaces",
                "group_by": by,
                "workspaces": count,
                "without_estimate": unknown,
                "results": [
                    {by: name, "estimate_usd_month": f"{amount:f}", "unpriced_count": unpriced[name]}
                    for name, amount in sorted(sums.items())
                ],
            }
        )
        return
    view.cost_table(session.terminal, by, sums, unpriced)
    missing = f"; without an estimate yet: {unknown}" if unknown else ""
    session.terminal.prose(
        styled(
            f"List prices of the {count} open workspaces that you can see{missing}. This portal has no summary of "
            "actual costs yet.",
            "label",
        ),
        err=True,
    )
