"""Runs, plans and approvals."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich.text import Text

from portal.cli.documents import IN_FAVOUR, LogLine, Plan, ResourceChange, Run, RunDetail, Step, WaitingStep
from portal.cli.named import SHORT_ID
from portal.cli.terminal import Terminal, harmless, joined, styled
from portal.cli.views.findings import costs, findings, heading, short
from portal.cli.wording import (
    age,
    clock,
    counted,
    monthly,
    span,
    status_text,
    succeeded,
    usd,
    value_text,
    verb_sign,
    when,
    with_use,
    words,
)

# From here on a table of runs has room for whole ids.
_WIDE = 130
# From here on the approval queue has room for requesters.
_ROOMY = 105
_PAST = {
    "approve": "approved",
    "override": "overridden",
    "reject": "rejected",
    "request_changes": "changes requested",
}
_CHANGES_SHOWN = 40
_ATTRIBUTES_SHOWN = 8


def ident(terminal: Terminal, whole: str) -> str:
    """Return an id as a table shows it: its beginning, which commands take too, or all of it where there is room."""
    return whole if terminal.out.width >= _WIDE else whole[:SHORT_ID]


def runs(terminal: Terminal, rows: Iterable[Run], *, now: datetime) -> None:
    """Write a list of runs."""
    terminal.table(
        ["RUN", "STATUS", "KIND", "WORKSPACE", "ENVIRONMENT", "REQUESTER", "AGE"],
        [
            (
                ident(terminal, row.id),
                status_text(row.status),
                words(row.kind),
                styled(row.name, "head"),
                row.environment,
                row.requester,
                age((now - row.created_at).total_seconds()),
            )
            for row in rows
        ],
        empty="There is no such run that you can see.",
    )


def run(terminal: Terminal, found: RunDetail, *, now: datetime) -> None:
    """Write one run."""
    headline(terminal, found)
    terminal.facts(
        [
            ("Run", found.id),
            ("Workspace", f"{found.name}  {found.workspace_id}"),
            ("Item", f"{found.item} {found.version}"),
            ("Service", f"{found.service} of team {found.team}, {found.environment}"),
            ("Ordered", f"by {found.requester}, {clock(found.created_at)}"),
            ("Reason", found.justification),
            ("Status", f"{words(found.status)} since {clock(found.status_at)}"),
            ("Took", _took(found)),
            ("Plan", counted(found.plan.counts) if found.plan else ""),
            ("Cost", _cost(found)),
            ("Target", found.target),
        ]
    )
    waiting(terminal, found)
    if found.error_summary:
        heading(terminal, "What went wrong")
        terminal.prose(found.error_summary, indent=2)
        for line in found.error_detail.splitlines()[:20]:
            terminal.prose(styled(line, "label"), indent=2)
    if found.findings:
        heading(terminal, "Findings")
        findings(terminal, found.findings)
    if found.approvals:
        heading(terminal, "Approvals")
        steps(terminal, found.approvals, now=now)
    if found.parameters:
        heading(terminal, "Parameters")
        terminal.facts(((name, value_text(value)) for name, value in found.parameters.items()), indent=2)
    hints = _hints(found)
    if hints:
        heading(terminal, "Next")
        terminal.facts(hints, indent=2)


def headline(terminal: Terminal, found: Run, *, err: bool = False) -> None:
    """Write in one line what a run is and where."""
    sign, style = ("dot", "busy")
    if found.terminal:
        sign, style = ("ok", "good") if succeeded(found.status) else ("bad", "bad")
    elif found.status in ("needs_approval", "interrupted"):
        sign, style = "warn", "warn"
    terminal.say(
        styled(f"{terminal.sign(sign, err=err)} ", style),
        styled(f"{words(found.kind).capitalize()} of {found.name}", "head"),
        ": ",
        status_text(found.status),
        styled(f"  {found.id[:SHORT_ID]}", "label"),
        err=err,
    )


def waiting(terminal: Terminal, found: RunDetail, *, err: bool = False) -> None:
    """Write what a run in a queue waits for."""
    text = queue_text(found)
    if text:
        terminal.say(styled(text, "busy"), err=err)


def queue_text(found: RunDetail) -> str:
    """Return where a run stands in its queue, or nothing."""
    place = found.queue
    if place is None:
        return ""
    if place.waits_for == "hold":
        return f"on hold by {place.held_by}: {place.hold_reason}"
    what = {"account": "another run in its account to end", "worker": "a worker"}.get(
        place.waits_for, place.waits_for
    )
    text = f"waits for {what}"
    if place.position is not None:
        text += f", {place.position} of {place.waiting} in the queue"
    if place.expected_wait_s is not None:
        text += f", about {span(place.expected_wait_s)}"
    return text


def steps(terminal: Terminal, rows: Iterable[Step], *, now: datetime) -> None:
    """Write who decided and who is still asked."""
    for row in rows:
        count = f"  {len(row.said)} of {row.quorum}" if row.quorum > 1 else ""
        groups = " or ".join(row.who)
        if row.is_open:
            asked = f"is asked to {row.verdict_needed}{count}"
            terminal.say(styled(f"  {terminal.sign('warn')} ", "warn"), styled(groups, "head"), f"  {asked}")
        elif not row.said:
            terminal.say(
                styled(f"  {terminal.sign('dot')} ", "label"),
                styled(groups, "head"),
                f"  {words(row.settled_how)}",
            )
        for decision in row.said:
            good = decision.verdict in IN_FAVOUR
            sign, style = ("ok", "good") if good else ("bad", "bad")
            done = _PAST.get(decision.verdict, words(decision.verdict))
            terminal.say(
                styled(f"  {terminal.sign(sign)} ", style),
                styled(groups, "head"),
                f"  {done} by {decision.approver}, {when(decision.decided_at, now=now)}",
            )
            if decision.comment:
                terminal.prose(f"“{decision.comment}”", indent=4)
        terminal.prose(styled(row.reason, "label"), indent=4)


def queue(terminal: Terminal, rows: Iterable[WaitingStep], *, now: datetime) -> None:
    """Write the approval queue."""
    wide = terminal.out.width >= _ROOMY
    terminal.table(
        [
            "RUN",
            "FOR",
            "WORKSPACE",
            "ENVIRONMENT",
            "PLAN",
            "USD/MONTH",
            *(["REQUESTER"] if wide else []),
            "AGE",
        ],
        [
            (
                ident(terminal, row.run.id),
                styled(" or ".join(row.who), "mark" if row.can_decide else "label"),
                styled(f"{words(row.run.kind)} {row.run.name}", "head"),
                row.run.environment,
                counted(row.counts),
                _signed(row),
                *([row.run.requester] if wide else []),
                age((now - row.created_at).total_seconds()),
            )
            for row in rows
        ],
        right=["USD/MONTH"],
        empty="Nothing waits for a decision.",
    )


def plan(terminal: Terminal, found: Plan, *, changes_shown: int | None = None) -> None:
    """Write a plan as changes by resource."""
    terminal.say(
        counted(found.counts),
        styled(f"  {found.engine_name} {found.engine_version}  {found.digest[:12]}", "label"),
    )
    for label, rows in (("Changed outside Terraform", found.drift), ("", found.changes)):
        if not rows:
            continue
        if label:
            heading(terminal, label)
        for change in rows[:changes_shown]:
            _change(terminal, change)
        if changes_shown is not None and len(rows) > changes_shown:
            terminal.say(styled(f"  and {len(rows) - changes_shown} more", "label"))


def plan_counts(terminal: Terminal, found: Plan) -> None:
    """Write what a plan is in one line."""
    terminal.say(
        "  ",
        counted(found.counts),
        styled(f"  {found.engine_name} {found.engine_version}, plan {found.digest[:12]}", "label"),
    )


def difference(terminal: Terminal, found: Plan) -> None:
    """Write what an approver has to see of a plan: changes and deletions in full, creations by address."""
    rank = {"delete": 0, "replace": 1, "update": 2, "create": 3}
    ranked = sorted(found.changes, key=lambda change: rank.get(change.verb, 4))
    for change in ranked[:_CHANGES_SHOWN]:
        _change(terminal, change, attributes=change.verb in ("update", "replace"))
    if len(ranked) > _CHANGES_SHOWN:
        terminal.say(
            styled(f"  and {len(ranked) - _CHANGES_SHOWN} more: drawbridge runs plan {found.run_id}", "label")
        )


def _change(terminal: Terminal, change: ResourceChange, *, attributes: bool = True) -> None:
    sign, _, style = verb_sign(change.verb)
    terminal.say(styled(f"  {sign} ", style), short(change.address))
    if not attributes or change.verb in ("create", "delete"):
        return
    for row in change.attributes[:_ATTRIBUTES_SHOWN]:
        after = "known after the apply" if row.unknown else _shown(row.after)
        terminal.prose(
            joined(
                styled(f"{row.path}: ", "label"),
                f"{_shown(row.before)} {terminal.sign('to')} {after}",
                styled("  forces a replacement", "bad") if row.forces_replace else "",
            ),
            indent=6,
        )
    if len(change.attributes) > _ATTRIBUTES_SHOWN:
        terminal.say(
            styled(f"      and {len(change.attributes) - _ATTRIBUTES_SHOWN} more attributes", "label")
        )


def cost(terminal: Terminal, found: RunDetail) -> None:
    """Write what a run costs, line by line."""
    terminal.say(styled("Cost: ", "head"), styled(_cost(found) or "unknown", "money"))
    costs(terminal, found.line_items, found.unpriced)


def log_line(line: LogLine, *, with_time: bool) -> Text:
    """Return a line of a log."""
    style = {"error": "bad", "warn": "warn", "warning": "warn"}.get(line.level, "")
    stamp = Text(f"{line.at:%H:%M:%S} ", style="label") if with_time else Text("")
    return Text.assemble(stamp, Text(harmless(line.text), style=style))


def _shown(value: str | None) -> str:
    return "not set" if value is None else value


def _took(found: RunDetail) -> str:
    if found.finished_at is None:
        return ""
    return span((found.finished_at - found.created_at).total_seconds())


def _cost(found: RunDetail) -> str:
    if found.estimate_usd_month is None:
        return ""
    text = with_use(monthly(found.estimate_usd_month), found.usage_usd_month)
    if found.delta_usd_month is not None and found.delta_usd_month != found.estimate_usd_month:
        text += f" ({usd(found.delta_usd_month, sign=True)})"
    if found.unpriced:
        text += f", {len(found.unpriced)} not priced"
    return text


def _signed(row: WaitingStep) -> str:
    if row.run.delta_usd_month is None:
        return "unknown"
    text = usd(row.run.delta_usd_month, sign=True).removesuffix(" USD")
    return f"{text} +?" if row.unpriced_count else text


def _hints(found: RunDetail) -> list[tuple[str, str]]:
    this = found.id[:SHORT_ID]
    hints = []
    if found.status == "needs_approval":
        hints.append(("See the plan", f"drawbridge runs plan {this}"))
        hints.append(("Decide", f"drawbridge approve {this}"))
    if not found.terminal:
        hints.append(("Follow", f"drawbridge runs watch {this}"))
    elif found.status == "errored":
        hints.append(("Read the log", f"drawbridge runs log {this}"))
    if found.retryable:
        hints.append(("Try again", f"drawbridge runs retry {this}"))
    if found.status == "applied" and found.kind != "destroy":
        hints.append(("Outputs", f"drawbridge outputs {found.name}"))
    return hints
