"""Who is asked to decide on a plan, and what came of it: each with cost, differences, findings and reasons."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import User

from provisioner.domain.notification import Fact, Message
from provisioner.models import ApprovalDecision, ApprovalStep, Run
from provisioner.notify.outbox import Recipients, tell
from provisioner.notify.words import (
    about_run,
    kind_of,
    link,
    listed,
    named,
    owners,
    plan_digest,
    run_changes,
    run_cost,
    run_facts,
    run_findings,
)

VERBS = {"approve": "approved", "reject": "rejected", "override": "approved with an override"}


def approval_needed(run: Run, steps: Iterable[ApprovalStep], *, now: datetime) -> None:
    """Ask the groups of these steps to decide; one message for all of them."""
    asked = list(steps)
    _ask(
        run,
        asked,
        event="run.needs_approval",
        subject=f"{listed(_groups(asked))} must decide: {kind_of(run)} of {run.workspace.name}",
        first=f"The {kind_of(run)} of {named(run.workspace)} waits for a decision by {listed(_groups(asked))}.",
        now=now,
    )


def approval_reminder(
    run: Run, steps: Iterable[ApprovalStep], *, now: datetime, expires_at: datetime | None = None
) -> None:
    """Remind the groups of the steps that still wait."""
    asked = list(steps)
    ends = () if expires_at is None else (Fact("Expires", expires_at.strftime("%d %b %Y %H:%M UTC")),)
    _ask(
        run,
        asked,
        event="run.approval_reminder",
        subject=f"Still waits for {listed(_groups(asked))}: {kind_of(run)} of {run.workspace.name}",
        first=f"The {kind_of(run)} of {named(run.workspace)} still waits for a decision by {listed(_groups(asked))}.",
        now=now,
        facts=ends,
    )


def approval_escalated(
    run: Run, steps: Iterable[ApprovalStep], *, to_groups: Iterable[str], now: datetime
) -> None:
    """Tell other groups that nobody has decided; goes out at once to whoever gets digests."""
    asked, others = list(steps), tuple(to_groups)
    _ask(
        run,
        asked,
        event="run.approval_escalated",
        subject=f"Escalated to {listed(others)}: {kind_of(run)} of {run.workspace.name}",
        first=f"Nobody of {listed(_groups(asked))} has decided on the {kind_of(run)} of {named(run.workspace)}.",
        now=now,
        groups=others,
        urgent=True,
    )


def approval_decided(decision: ApprovalDecision, *, now: datetime, waits_for: Iterable[str] = ()) -> None:
    """Tell who ordered and the owner team what one approver decided, and who is still to decide."""
    run, step = decision.run, decision.step
    waits, workspace = tuple(waits_for), decision.run.workspace
    verb = VERBS.get(decision.verdict, decision.verdict.replace("_", " "))
    tell(
        owners(workspace.service, run.requester),
        Message(
            event="run.decided",
            subject=f"{step.group} {verb}: {kind_of(run)} of {workspace.name}",
            about=about_run(run),
            link=link("The run", "run", run.pk),
            paragraphs=(
                f"{decision.approver.get_username()} of {step.group} {verb} the {kind_of(run)} of {named(workspace)}.",
                *([decision.comment] if decision.comment else []),
                *([f"It still waits for {listed(waits)}."] if waits else []),
            ),
            facts=(Fact("Rule", step.rule),),
            cost=run_cost(run),
            changes=run_changes(run),
            reasons=(step.reason,),
            findings=run_findings(run),
            occasion=str(decision.pk),
        ),
        now=now,
    )


def _ask(
    run: Run,
    steps: list[ApprovalStep],
    *,
    event: str,
    subject: str,
    first: str,
    now: datetime,
    groups: tuple[str, ...] | None = None,
    facts: tuple[Fact, ...] = (),
    urgent: bool = False,
) -> None:
    asked = groups if groups is not None else tuple(_groups(steps))
    # Who ordered decides nothing, and learns of it from the decision.
    not_people: tuple[User, ...] = (run.requester,)
    tell(
        Recipients(groups=asked, members_of=asked, not_people=not_people),
        Message(
            event=event,
            subject=subject,
            about=about_run(run),
            link=link("Decide", "run", run.pk),
            paragraphs=(first,),
            facts=(*run_facts(run), *facts),
            cost=run_cost(run),
            changes=run_changes(run),
            reasons=tuple(f"{step.group}: {step.reason}" for step in steps),
            findings=run_findings(run),
            more_links=(link("All that waits", "approvals"),),
            occasion=f"{plan_digest(run)}:{','.join(asked)}",
            urgent=urgent,
        ),
        now=now,
    )


def _groups(steps: Iterable[ApprovalStep]) -> list[str]:
    return list(dict.fromkeys(step.group for step in steps))
