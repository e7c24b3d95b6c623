"""Decide: the queue, and approve, reject or override with the plan in front of you."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import click

from portal.cli import named
from portal.cli.client import Client
from portal.cli.documents import IN_FAVOUR, RunDetail, Step
from portal.cli.failures import Misuse, NotYours, Refused
from portal.cli.root import drawbridge
from portal.cli.session import Session, command, common
from portal.cli.terminal import harmless, joined, styled
from portal.cli.views import runs as view
from portal.cli.views.findings import findings, heading
from portal.cli.wording import status_text, words

_STEPS_LOOKED_AT = 1000
_PAST = {
    "approve": "Approved",
    "reject": "Rejected",
    "override": "Overridden",
    "request_changes": "Changes requested",
}
_BARS = {
    "own_order": "You ordered it yourself.",
    "not_a_member": "You are in none of the groups that are asked.",
    "delegator_ordered": "You could only stand in for the person who ordered it.",
    "decided_this": "You have decided this already.",
    "decided_other": "You have decided another step of this plan.",
}


@common
@drawbridge.group("approvals", invoke_without_command=True)
@click.pass_context
def approvals(ctx: click.Context) -> None:
    """What waits for a decision."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(approvals_list, mine=False, group=None, team=None, environment=None, limit=50)


@command(approvals, "list")
@click.option("--mine", is_flag=True, help="Only what you may decide.")
@click.option("--group", help="Only what this group must decide.")
@click.option("--team", help="Only of this owner team.")
@click.option("--environment", "-e", help="Only in this environment.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
def approvals_list(
    session: Session, mine: bool, group: str | None, team: str | None, environment: str | None, limit: int
) -> None:
    """List what waits for a decision, oldest first, with plan and cost beside it."""
    found = session.client().approvals(
        decidable=True if mine else None, group=group, team=team, environment=environment
    )
    rows = list(islice(found, limit))
    session.show(rows, lambda: view.queue(session.terminal, rows, now=datetime.now(UTC)))


def decision_options(function: Any) -> Any:
    """Add the options of a decision."""
    options = [
        click.option("--group", "-g", help="Decide as a member of this group, where you are in several."),
        click.option("--comment", "-m", default="", help="Said with the decision; needed to reject or override."),
        click.option("--yes", "-y", is_flag=True, help="Do not ask."),
        click.option(
            "--plan-digest", "digest", metavar="SHA256", default="",
            help="Decide only on this plan (its beginning is enough); for scripts that looked at it before.",
        ),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@command(drawbridge, "approve")
@click.argument("run")
@decision_options
def approve(session: Session, run: str, group: str | None, comment: str, yes: bool, digest: str) -> None:
    """Approve the plan of RUN.

    Shows first why you are asked, what it costs and what it changes, and asks. The decision counts for the plan
    that was shown and for no other.
    """
    _decide(session, run, "approve", group=group, comment=comment, yes=yes, digest=digest)


@command(drawbridge, "reject")
@click.argument("run")
@decision_options
def reject(session: Session, run: str, group: str | None, comment: str, yes: bool, digest: str) -> None:
    """Reject the plan of RUN; the run ends. Needs --comment."""
    _decide(session, run, "reject", group=group, comment=comment, yes=yes, digest=digest)


@command(drawbridge, "request-changes")
@click.argument("run")
@decision_options
def request_changes(
    session: Session, run: str, group: str | None, comment: str, yes: bool, digest: str
) -> None:
    """Send RUN back: the run ends, and --comment says what to change."""
    _decide(session, run, "request_changes", group=group, comment=comment, yes=yes, digest=digest)


@command(drawbridge, "override")
@click.argument("run")
@click.option(
    "--keep-days",
    type=click.IntRange(1, 3650),
    help="Let it stay in force on the workspace so many days (default: for this run alone).",
)
@decision_options
def override(
    session: Session,
    run: str,
    keep_days: int | None,
    group: str | None,
    comment: str,
    yes: bool,
    digest: str,
) -> None:
    """Let RUN pass in spite of a soft-mandatory finding. Needs --comment."""
    _decide(
        session, run, "override", group=group, comment=comment, yes=yes, digest=digest, keep_days=keep_days
    )


def _decide(
    session: Session,
    given: str,
    verdict: str,
    *,
    group: str | None,
    comment: str,
    yes: bool,
    digest: str,
    keep_days: int | None = None,
) -> None:
    """Show, ask, and decide on exactly the plan that was shown."""
    terminal = session.terminal
    # Who is asked must have seen what is decided: it goes to standard output.
    if not yes and not (terminal.interactive and terminal.out.is_terminal and not session.as_json):
        raise Misuse(
            "Nobody is there to see the plan and to confirm the decision",
            fix="Add --yes, and --plan-digest to say on which plan.",
        )
    if not comment and verdict != "approve" and not terminal.interactive:
        raise Misuse(f"A reason is needed to {words(verdict)}", fix='Give it: --comment "…".')
    client = session.client()
    run = client.run(named.run_id(client, given))
    step = _step(client, run, verdict, group)
    if digest and not (len(digest) >= 8 and step.plan_digest.startswith(digest.lower())):
        raise Refused(
            409,
            {
                "title": "The plan is another one",
                "detail": f"Its digest is {step.plan_digest}. Look at it: drawbridge runs plan {run.id}",
                "code": "plan_changed",
            },
        )
    if not session.as_json:
        _present(session, client, run, step)
    if not comment and verdict != "approve":
        comment = click.prompt("Reason", err=True)
    if not yes:
        click.confirm(
            f"\n{words(verdict).capitalize()} as {harmless(_as(step, group))}?", abort=True, err=True
        )
    decided = client.decide(
        run.id,
        step=step.step,
        verdict=verdict,
        plan_digest=step.plan_digest,
        comment=comment,
        keep_days=keep_days,
    )

    def show() -> None:
        sign, style = ("ok", "good") if verdict in IN_FAVOUR else ("bad", "bad")
        session.terminal.say(
            styled(f"{session.terminal.sign(sign)} {_PAST[verdict]} as {_as(step, group)}", style),
            f"  {decided.run.name}: ",
            status_text(decided.run.status),
            styled(f"  plan {step.plan_digest[:12]}", "label"),
        )

    session.show(decided, show)


def _as(step: Step, group: str | None) -> str:
    return group or " or ".join(step.who)


def _step(client: Client, run: RunDetail, verdict: str, group: str | None) -> Step:
    """Return the step to decide. Raises NotYours, Misuse."""
    waiting = [step for step in run.approvals if step.is_open and (not group or group in step.who)]
    if not waiting:
        asked = (
            ", ".join(sorted({name for step in run.approvals if step.is_open for name in step.who}))
            or "nobody"
        )
        raise NotYours(
            f"There is nothing to decide{f' for {harmless(group)}' if group else ''}",
            why=f"The {words(run.kind)} of {run.name} is {words(run.status)}; asked is {asked}.",
            fix=f"See drawbridge runs show {run.id}",
        )
    if group:
        return _fitting(waiting, verdict)
    queue = islice(client.approvals(team=run.team, environment=run.environment), _STEPS_LOOKED_AT)
    known = {row.step: row for row in queue if row.run.id == run.id}
    mine = [step for step in waiting if step.step in known and known[step.step].can_decide]
    if not mine:
        bars = {known[step.step].barred or "" for step in waiting if step.step in known}
        why = " ".join(_BARS[bar] for bar in sorted(bars) if bar in _BARS)
        asked = "; ".join(f"{' or '.join(step.who)}: {step.reason}" for step in waiting)
        raise NotYours(
            "This is for others to decide",
            why=f"{why} Asked is {asked}".strip(),
            fix=f"Send them the run: {run.id}",
        )
    if len(mine) > 1:
        groups = sorted({" or ".join(step.who) for step in mine})
        if len(groups) > 1:
            raise Misuse(f"You are asked as {' and '.join(groups)}", fix="Say as which with --group.")
    return _fitting(mine, verdict)


def _fitting(steps: Sequence[Step], verdict: str) -> Step:
    """Return the first step that takes the verdict. Raises Misuse."""
    for step in steps:
        if verdict not in IN_FAVOUR or step.verdict_needed == verdict:
            return step
    needed = steps[0].verdict_needed
    raise Misuse(
        f"This step needs {'an override' if needed == 'override' else 'an approval'}",
        why=steps[0].reason,
        fix=f"Use drawbridge {needed}" + (' --comment "…".' if needed == "override" else "."),
    )


def _present(session: Session, client: Client, run: RunDetail, step: Step) -> None:
    """Show all that a decision is about. Raises Refused when the plan is not the one that the step is for."""
    terminal = session.terminal
    plan = client.plan(run.id)
    if plan.digest != step.plan_digest:
        raise Refused(
            409,
            {
                "title": "The plan has just changed",
                "detail": "Give the command again.",
                "code": "plan_changed",
            },
        )
    view.headline(terminal, run)
    terminal.facts(
        [
            ("Item", f"{run.item} {run.version}"),
            ("Service", f"{run.service} of team {run.team}, {run.environment}"),
            ("Ordered", f"by {run.requester}"),
            ("Reason", run.justification or styled("none given", "warn")),
            ("You decide", joined(styled(" or ".join(step.who), "mark"), f": {step.reason}")),
        ]
    )
    terminal.say("")
    view.cost(terminal, run)
    if run.findings:
        heading(terminal, "Findings")
        findings(terminal, run.findings)
    heading(terminal, "What it changes")
    view.plan_counts(terminal, plan)
    view.difference(terminal, plan)
    terminal.flush()
