"""Who is asked to decide on a plan, and what came of it: each with cost, differences, findings and reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from django.contrib.auth.models import User

from provisioner.domain.notification import Fact, Message
from provisioner.models import ApprovalDecision, ApprovalStep, Delegation, DueReview, GlassBreak, Run
from provisioner.notify.outbox import Recipients, tell
from provisioner.notify.words import (
    about_run,
    instant,
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

VERBS = {
    "approve": "approved",
    "reject": "rejected",
    "override": "approved with an override",
    "request_changes": "asks for changes to",
}


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
            subject=f"{step.who} {verb.removesuffix(' to')}: {kind_of(run)} of {workspace.name}",
            about=about_run(run),
            link=link("The run", "run", run.pk),
            paragraphs=(
                f"{decision.approver.get_username()}{_part(decision)} {verb} the {kind_of(run)} of {named(workspace)}.",
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


def changes_requested(decision: ApprovalDecision, *, now: datetime) -> None:
    """Tell who ordered and the owner team what an approver wants changed before it is ordered again."""
    approval_decided(decision, now=now)


def glass_broken(
    run: Run, breaks: Sequence[GlassBreak], reviews: Sequence[DueReview], *, now: datetime
) -> None:
    """Tell everybody concerned that a plan is applied before it was approved, and whose review is due."""
    people = [one.person.get_username() for one in breaks]
    groups = tuple(dict.fromkeys(group for review in reviews for group in review.step.groups))
    workspace = run.workspace
    tell(
        replace(owners(workspace.service, run.requester, groups=groups), members_of=groups),
        Message(
            event="run.glass_broken",
            subject=f"Break-glass: {kind_of(run)} of {workspace.name} is applied before it is approved",
            about=about_run(run),
            link=link("The run", "run", run.pk),
            paragraphs=(
                f"{listed(people)} broke the glass for the {kind_of(run)} of {named(workspace)}.",
                *(f"{one.person.get_username()}: {one.reason}" for one in breaks),
            ),
            facts=(*run_facts(run), *(Fact("Review due", instant(review.due_at)) for review in reviews[:1])),
            cost=run_cost(run),
            changes=run_changes(run),
            reasons=tuple(f"{review.step.who}: {review.step.reason}" for review in reviews),
            findings=run_findings(run),
            more_links=(link("Due reviews", "reviews"),),
            occasion=plan_digest(run),
            urgent=True,
        ),
        now=now,
    )


def review_overdue(review: DueReview, *, now: datetime) -> None:
    """Tell those who should have looked at a skipped step by now; sent once a day."""
    run, step = review.run, review.step
    tell(
        Recipients(
            people=tuple(delegates(step.groups, now)),
            groups=step.groups,
            members_of=step.groups,
            not_people=(run.requester,),
        ),
        Message(
            event="run.review_overdue",
            subject=f"Overdue: the review of {run.workspace.name} by {step.who}",
            about=about_run(run),
            link=link("Due reviews", "reviews"),
            paragraphs=(
                f"The {kind_of(run)} of {named(run.workspace)} was applied by break-glass. Its review was due on "
                f"{instant(review.due_at)}.",
            ),
            facts=run_facts(run),
            cost=run_cost(run),
            changes=run_changes(run),
            reasons=(f"{step.who}: {step.reason}",),
            occasion=str(review.pk),
            urgent=True,
        ),
        now=now,
    )


def _part(decision: ApprovalDecision) -> str:
    if decision.on_behalf_of is not None:
        return f", for {decision.on_behalf_of.get_username()},"
    return f" of {decision.step.who}"


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
        Recipients(
            people=tuple(delegates(asked, now)), groups=asked, members_of=asked, not_people=not_people
        ),
        Message(
            event=event,
            subject=subject,
            about=about_run(run),
            link=link("Decide", "run", run.pk),
            paragraphs=(first,),
            facts=(*run_facts(run), *facts),
            cost=run_cost(run),
            changes=run_changes(run),
            reasons=tuple(f"{step.who}: {step.reason}" for step in steps),
            findings=run_findings(run),
            more_links=(link("All that waits", "approvals"),),
            occasion=f"{plan_digest(run)}:{','.join(asked)}",
            urgent=urgent,
        ),
        now=now,
    )


def _groups(steps: Iterable[ApprovalStep]) -> list[str]:
    return list(dict.fromkeys(group for step in steps for group in step.groups))


def delegates(groups: Iterable[str], now: datetime) -> list[User]:
    """Return who decides for a member of these groups now."""
    held = Delegation.objects.filter(
        group__in=sorted(groups), revoked_at__isnull=True, starts_at__lte=now, ends_at__gt=now
    )
    return list(User.objects.filter(pk__in=held.order_by().values("delegate")).order_by("pk"))
