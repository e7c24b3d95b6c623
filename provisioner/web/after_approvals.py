"""Delegations, overrides in force, and reviews of what was applied by break-glass."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from provisioner import deciding, policy, selectors
from provisioner.domain.errors import Refusal
from provisioner.domain.separation import Power
from provisioner.models import DueReview
from provisioner.services import break_glass, delegate
from provisioner.services import overrides as service
from provisioner.services.approve import COMMENT_MAX
from provisioner.web.order_form import add_errors
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in

SHOWN = 100


class DelegationForm(forms.Form):
    """To whom, what and how long."""

    group = forms.ChoiceField(label="Decisions of", help_text="A group that you are in.")
    to = forms.CharField(
        label="To",
        strip=True,
        max_length=150,
        help_text="The user name of who decides instead of you.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    starts_on = forms.DateField(
        label="From", help_text="Its whole day, UTC.", widget=forms.DateInput(attrs={"type": "date"})
    )
    ends_on = forms.DateField(
        label="Until", help_text="This day included, UTC.", widget=forms.DateInput(attrs={"type": "date"})
    )
    reason = forms.CharField(
        label="Reason",
        strip=True,
        max_length=COMMENT_MAX,
        help_text="Such as holidays. It is kept with the delegation.",
        widget=forms.Textarea(attrs={"rows": "2"}),
    )

    def __init__(self, *args: Any, groups: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.fields["group"]
        assert isinstance(chosen, forms.ChoiceField)
        chosen.choices = [(name, name) for name in groups]

    def window(self) -> tuple[datetime, datetime]:
        """Return the instants between which it holds: the days are whole."""
        start = datetime.combine(self.cleaned_data["starts_on"], time.min, tzinfo=UTC)
        end = datetime.combine(self.cleaned_data["ends_on"], time.min, tzinfo=UTC) + timedelta(days=1)
        return start, end


@require_http_methods(["GET", "POST"])
def delegations(request: HttpRequest) -> HttpResponse:
    """Show the delegations that the person gave or holds; take a new one."""
    user, now = signed_in(request), timezone.now()
    groups = sorted(selectors.groups_of(user) & set(policy.current().groups))
    data = request.POST if request.method == "POST" else None
    form = DelegationForm(data, groups=groups, initial={"starts_on": now.astimezone(UTC).date()})
    context: dict[str, Any] = {"form": form, "groups": groups}
    status = 200
    if data is not None:
        status = 422
        try:
            if form.is_valid() or not groups:
                starts_at, ends_at = form.window() if form.is_valid() else (now, now)
                delegate.delegate(
                    group=form.cleaned_data.get("group", data.get("group", "")),
                    to=form.cleaned_data.get("to", ""),
                    starts_at=starts_at,
                    ends_at=ends_at,
                    reason=form.cleaned_data.get("reason", ""),
                    delegator=user,
                    now=now,
                )
                messages.success(request, "Delegated. What they decide for you says so.")
                return redirect("delegations")
        except Refusal as refusal:
            if not add_errors(refusal, form):
                context["refusal"] = refusal
            status = 422 if refusal.status == 400 else refusal.status
    rows = list(deciding.delegations_of(user)[:SHOWN])
    context["rows"] = [
        {
            "delegation": row,
            "state": _state(row, now),
            "over": row.revoked_at is not None or row.ends_at <= now,
        }
        for row in rows
    ]
    return render(request, "approvals/delegations.html", context, status=status)


def _state(row: Any, now: datetime) -> str:
    if row.revoked_at is not None:
        return "revoked"
    if row.ends_at <= now:
        return "over"
    return "in force" if row.starts_at <= now else "to come"


@require_POST
@answers_refusals
def revoke_delegation(request: HttpRequest, delegation_id: int) -> HttpResponse:
    """End a delegation."""
    delegate.revoke(delegation_id, actor=signed_in(request), now=timezone.now())
    messages.success(request, "The delegation is ended. What was decided by it stays.")
    return redirect("delegations")


@require_GET
def overrides(request: HttpRequest) -> HttpResponse:
    """Show the overrides in force."""
    user = signed_in(request)
    mine = selectors.groups_of(user)
    rows = [
        {
            "override": row,
            "granters": deciding.granters(row),
            "can_revoke": bool(mine & {row.group, selectors.PLATFORM}),
        }
        for row in deciding.overrides_visible_to(user, timezone.now())[:SHOWN]
    ]
    return render(request, "approvals/overrides.html", {"rows": rows})


@require_POST
@answers_refusals
def revoke_override(request: HttpRequest, override_id: int) -> HttpResponse:
    """End an override."""
    ended = service.revoke(override_id, actor=signed_in(request), now=timezone.now())
    messages.success(
        request, f"The override of {ended.rule} is ended; plans that rely on it are judged again."
    )
    return redirect("overrides")


@dataclass
class ReviewRow:
    """A review, and whether the reader may answer it."""

    review: DueReview
    decidable: bool
    overdue: bool
    parts: list[Any]
    comment: str = ""
    refusals: list[str] = field(default_factory=list)


@require_GET
def reviews(request: HttpRequest) -> HttpResponse:
    """Show the reviews of what was applied by break-glass, those that are due first."""
    return render(request, "approvals/reviews.html", {"rows": _review_rows(request)})


def _review_rows(request: HttpRequest) -> list[ReviewRow]:
    user, now = signed_in(request), timezone.now()
    desk = deciding.Desk(user, now)
    rows = deciding.reviews_visible_to(user).prefetch_related("run__glass_breaks__person")[:SHOWN]
    return [
        ReviewRow(
            review=row,
            decidable=not row.verdict and isinstance(break_glass.review_power(row, desk), Power),
            overdue=not row.verdict and row.due_at <= now,
            parts=[part for part in row.run.glass_breaks.all() if part.plan_digest == row.step.plan_digest],
        )
        for row in rows
    ]


@require_POST
@answers_refusals
def answer_review(request: HttpRequest, review_id: int) -> HttpResponse:
    """Answer a due review."""
    comment = request.POST.get("comment", "").replace("\r\n", "\n")
    try:
        answered = break_glass.review(
            review_id,
            verdict=request.POST.get("verdict", ""),
            comment=comment,
            reviewer=signed_in(request),
            now=timezone.now(),
        )
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        rows = _review_rows(request)
        context: dict[str, Any] = {"rows": rows}
        shown = False
        for row in rows:
            if row.review.pk == review_id and row.decidable:
                row.comment, shown = comment, True
                row.refusals = [error.message for error in refusal.errors] or [refusal.detail]
        if not shown:
            context["refusal"] = refusal
        status = 422 if refusal.status == 400 else refusal.status
        return render(request, "approvals/reviews.html", context, status=status)
    messages.success(request, f"{answered.run.workspace.name}: {answered.verdict}.")
    return redirect("reviews")
