"""Tell people by e-mail what happens to approvals: one function an event, called inside its transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Q
from django.db.models.functions import Now

from provisioner import notify
from provisioner.models import ApprovalDecision, ApprovalStep, Delegation, DueReview, GlassBreak, Run


def approval_needed(run: Run, steps: Sequence[ApprovalStep]) -> None:
    """Ask those who must decide; not who ordered the run."""
    for step in steps:
        notify._post(
            members(step.groups, without=run),
            f"{run.workspace.name} waits for {step.who}",
            f"{_asked(run)} waits for {_people(step)}.",
            step.reason,
            _cost(run),
            "The plan, its difference and the decision:",
            notify._address("run", run.pk),
        )


def approval_reminder(run: Run, step: ApprovalStep, *, expires_at: datetime | None) -> None:
    """Remind those who must decide."""
    notify._post(
        members(step.groups, without=run),
        f"Reminder: {run.workspace.name} still waits for {step.who}",
        f"{_asked(run)} waits for {_people(step)} since {notify._instant(step.created_at)}.",
        step.reason,
        _cost(run),
        f"It expires on {notify._instant(expires_at)}."
        if expires_at
        else "It does not expire while it is on hold.",
        notify._address("run", run.pk),
    )


def approval_escalated(run: Run, step: ApprovalStep) -> None:
    """Ask the group that may decide too, since nobody did."""
    notify._post(
        [*members((step.escalated_to,), without=run), *members(step.asked_groups, without=run)],
        f"{run.workspace.name} is escalated to {step.escalated_to}",
        f"{_asked(run)} waits for {' or '.join(step.asked_groups)} since {notify._instant(step.created_at)}, and "
        f"nobody decided. {step.escalated_to} may decide now too.",
        step.reason,
        _cost(run),
        notify._address("run", run.pk),
    )


def approval_decided(run: Run, decision: ApprovalDecision) -> None:
    """Tell who ordered a run what somebody decided on it."""
    word = {"approve": "approved", "override": "overridden", "reject": "rejected"}.get(
        decision.verdict, decision.verdict
    )
    notify._post(
        _requester(run),
        f"The plan for {run.workspace.name} was {word} for {decision.step.who}",
        f"{_by(decision)} decided on {_asked(run).lower()}: {word}.",
        *([f"Comment: {decision.comment}"] if decision.comment else []),
        notify._address("run", run.pk),
    )


def changes_requested(run: Run, decision: ApprovalDecision) -> None:
    """Tell who ordered a run what should be changed."""
    notify._post(
        _requester(run),
        f"Changes are requested on {run.workspace.name}",
        f"{_by(decision)} asks for changes on {_asked(run).lower()}:",
        decision.comment,
        "Nothing was changed. Change the parameters and order again:",
        notify._address("run", run.pk),
    )


def glass_broken(run: Run, breaks: Sequence[GlassBreak], reviews: Sequence[DueReview]) -> None:
    """Tell everybody concerned that a plan is applied before it was approved."""
    people = " and ".join(one.person.get_username() for one in breaks)
    groups = [group for review in reviews for group in review.step.groups]
    notify._post(
        [*members(groups), *notify._owners(run.workspace.service, run.requester)],
        f"Break-glass: {run.workspace.name} is applied before it is approved",
        f"{people} broke the glass for {_asked(run).lower()}.",
        *(f"{one.person.get_username()}: {one.reason}" for one in breaks),
        _cost(run),
        f"A review is due until {notify._instant(reviews[0].due_at)}." if reviews else "",
        notify._address("run", run.pk),
    )


def review_overdue(review: DueReview) -> None:
    """Remind of a skipped step that nobody has looked at in time; sent once a day."""
    notify._post(
        members(review.step.groups, without=review.run),
        f"Overdue: the review of {review.run.workspace.name}",
        f"{_asked(review.run)} was applied by break-glass. Its review by {review.step.who} was due on "
        f"{notify._instant(review.due_at)}.",
        review.step.reason,
        notify._address("run", review.run.pk),
    )


def members(groups: Iterable[str], *, without: Run | None = None) -> list[str]:
    """Return the addresses of the groups' members and their delegates who can sign in, without who ordered the run."""
    names = set(groups)
    condition = Q(groups__name__in=sorted(names))
    if "platform" in names:
        condition |= Q(is_superuser=True)
    held = Delegation.objects.filter(
        group__in=sorted(names), revoked_at__isnull=True, starts_at__lte=Now(), ends_at__gt=Now()
    )
    condition |= Q(pk__in=held.order_by().values("delegate"))
    people = User.objects.filter(condition, is_active=True).exclude(email="")
    if without is not None:
        people = people.exclude(pk=without.requester_id)
    return list(people.order_by("email").values_list("email", flat=True).distinct())


def _requester(run: Run) -> list[str]:
    return [run.requester.email] if run.requester.is_active and run.requester.email else []


def _asked(run: Run) -> str:
    return f"The {run.kind.replace('_', ' ')} of {notify._named(run.workspace)}"


def _people(step: ApprovalStep) -> str:
    return step.who if step.quorum == 1 else f"{step.quorum} people of {step.who}"


def _cost(run: Run) -> str:
    estimate = getattr(run, "estimate", None)
    if estimate is None:
        return "There is no estimate of its cost."
    unpriced = f"; {len(estimate.unpriced)} parts are not priced" if estimate.unpriced else ""
    return (
        f"Cost: {estimate.delta_usd_month:+.2f} USD a month, {estimate.usd_month:.2f} USD in all{unpriced}."
    )


def _by(decision: ApprovalDecision) -> str:
    name = decision.approver.get_username()
    if decision.on_behalf_of is None:
        return name
    return f"{name} (for {decision.on_behalf_of.get_username()})"
