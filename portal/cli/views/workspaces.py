"""Workspaces, outputs and the costs of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from rich.text import Text

from portal.cli.documents import Output, Workspace, WorkspaceDetail
from portal.cli.terminal import Terminal, harmless, styled
from portal.cli.views.findings import heading
from portal.cli.views.runs import ident
from portal.cli.wording import clock, monthly, usd, value_text, when, words

# From here on a table of workspaces has room for ids.
_WIDE = 110
# Of a long output, so many characters; drawbridge outputs WORKSPACE NAME writes all of it.
_OUTPUT_SHOWN = 160
_OUTPUT = {True: "label", False: ""}


def workspaces(terminal: Terminal, rows: Iterable[Workspace], *, now: datetime) -> None:
    """Write a list of workspaces."""
    wide = terminal.out.width >= _WIDE
    terminal.table(
        ["WORKSPACE", *(["ID"] if wide else []), "ITEM", "SERVICE", "ENVIRONMENT", "USD/MONTH", "STATE"],
        [
            (
                styled(row.name, "head"),
                *([ident(terminal, row.id)] if wide else []),
                f"{row.item} {row.version}",
                row.service,
                row.environment,
                usd(row.estimate_usd_month).removesuffix(" USD"),
                standing(row, now=now),
            )
            for row in rows
        ],
        right=["USD/MONTH"],
        empty="There is no such workspace that you can see.",
    )


def standing(row: Workspace, *, now: datetime) -> Text:
    """Return what is to be known of a workspace, the most urgent first."""
    said: list[Text] = []
    if row.closed_at is not None:
        return styled("closed", "label")
    if row.active_run is not None:
        said.append(styled(f"{words(row.active_run.kind)}: {words(row.active_run.status)}", "busy"))
    if row.hold is not None:
        said.append(styled("on hold", "warn"))
    if row.drifted_at is not None:
        said.append(styled("drifted", "warn"))
    if row.orphaned:
        said.append(styled("orphaned", "warn"))
    if row.expires_at is not None:
        said.append(
            styled(f"expires {when(row.expires_at, now=now)}", "warn" if row.expires_at < now else "label")
        )
    if row.newest_version is not None:
        said.append(styled(f"{row.newest_version} is out", "label"))
    if not said:
        said.append(styled("ready", "good") if row.applied_at else styled("not there yet", "label"))
    return Text(", ").join(said)


def workspace(terminal: Terminal, found: WorkspaceDetail, *, now: datetime) -> None:
    """Write one workspace."""
    terminal.say(styled(found.name, "head"), "  ", standing(found, now=now))
    hold = found.hold
    terminal.facts(
        [
            ("Workspace", found.id),
            ("Item", f"{found.item} {found.version}"),
            (
                "Newer",
                f"{found.newest_version}: drawbridge upgrade {found.name}" if found.newest_version else "",
            ),
            ("Service", f"{found.service} ({found.criticality}) of team {found.team}, {found.environment}"),
            ("Paid by", found.cost_center),
            ("Cost", monthly(found.estimate_usd_month) + _unpriced(found.unpriced_count)),
            ("Ordered", f"by {found.created_by}, {clock(found.created_at)}"),
            ("Expires", clock(found.expires_at) if found.expires_at else ""),
            ("Obstacle", found.expiry_obstacle),
            (
                "On hold",
                f"by {hold.by or 'somebody'} since {clock(hold.since)}: {hold.reason}" if hold else "",
            ),
            ("Drifted", f"since {clock(found.drifted_at)}" if found.drifted_at else ""),
            ("Closed", clock(found.closed_at) if found.closed_at else ""),
            ("Target", found.target),
        ]
    )
    if found.outputs:
        heading(terminal, "Outputs")
        outputs(terminal, found.outputs)
    if found.resources:
        heading(terminal, f"Resources ({len(found.resources)})")
        kinds = Counter(resource.type for resource in found.resources)
        terminal.facts(((str(count), kind) for kind, count in sorted(kinds.items())), indent=2)
    if found.parameters:
        heading(terminal, "Parameters")
        terminal.facts(((name, value_text(value)) for name, value in found.parameters.items()), indent=2)
    if found.tags:
        heading(terminal, "Tags")
        terminal.facts(found.tags.items(), indent=2)


def outputs(terminal: Terminal, rows: Iterable[Output]) -> None:
    """Write outputs; a sensitive one is named without its value."""
    terminal.facts(
        (
            (
                harmless(row.name),
                styled("(sensitive)" if row.sensitive else _one_line(row.value), _OUTPUT[row.sensitive]),
            )
            for row in rows
        ),
        indent=2,
    )


def _one_line(value: object) -> str:
    text = " ".join(value_text(value).split())
    return text if len(text) <= _OUTPUT_SHOWN else f"{text[:_OUTPUT_SHOWN]}..."


def cost_table(terminal: Terminal, by: str, sums: Mapping[str, Decimal], unpriced: Mapping[str, int]) -> None:
    """Write sums by group, dearest first, and their total."""
    ranked: Sequence[tuple[str, Decimal]] = sorted(sums.items(), key=lambda row: (-row[1], row[0]))
    rows = [
        (styled(name, "head"), usd(amount).removesuffix(" USD"), _count(unpriced.get(name, 0)))
        for name, amount in ranked
    ]
    rows.append((Text("total"), usd(sum(sums.values(), Decimal(0))).removesuffix(" USD"), ""))
    terminal.table(
        [by.replace("_", " ").upper(), "USD/MONTH", "NOT PRICED"], rows, right=["USD/MONTH", "NOT PRICED"]
    )


def _count(number: int) -> str:
    return str(number) if number else ""


def _unpriced(count: int) -> str:
    return f", {count} not priced" if count else ""
