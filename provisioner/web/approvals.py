"""The approval queue, decisions, comments and the emergency path."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from provisioner import deciding, selectors
from provisioner.domain.approval import APPROVE, OVERRIDE
from provisioner.domain.errors import Refusal
from provisioner.services import approve
from provisioner.services import break_glass as emergency
from provisioner.services import comment as comments
from provisioner.web import words
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in
from provisioner.web.run_page import StepRow, log_context, queue_rows, run_context

QUEUE_SIZE = 100
SEVERAL_MAX = 50


@require_GET
def approvals(request: HttpRequest) -> HttpResponse:
    """Show what waits for a decision, oldest first."""
    return render(request, "approvals/list.html", queue_context(request))


def queue_context(request: HttpRequest) -> dict[str, Any]:
    """Return the queue: the steps the person may decide, then the others they may see; and reviews that are due."""
    user = signed_in(request)
    now = timezone.now()
    steps = list(selectors.approval_steps_visible_to(user)[: QUEUE_SIZE + 1])
    rows = queue_rows(steps[:QUEUE_SIZE], deciding.Desk(user, now))
    mine = [row for row in rows if row.decidable]
    due = list(deciding.reviews_visible_to(user).filter(verdict="").values_list("due_at", flat=True))
    return {
        "mine": mine,
        "several": sum(row.step.verdict_needed == APPROVE for row in mine) > 1,
        "others": [row for row in rows if not row.decidable],
        "truncated": len(steps) > QUEUE_SIZE,
        "queue_size": QUEUE_SIZE,
        "reviews_due": len(due),
        "reviews_overdue": sum(at <= now for at in due),
    }


@require_POST
@answers_refusals
def decide(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Take a decision; refused, show the page it came from with the reason and what was typed."""
    found = selectors.run_visible(request.user, run_id)
    step_id = request.POST.get("step", "")
    comment = _text(request, "comment")
    verdict = request.POST.get("verdict", "")
    # The field stands beside every button of an override.
    keep_days = request.POST.get("keep_days", "").strip() if verdict == OVERRIDE else ""
    from_queue = request.POST.get("back") == "approvals"
    try:
        decision = approve.decide(
            found.pk,
            step_id=_number(step_id),
            verdict=verdict,
            comment=comment,
            plan_digest=request.POST.get("plan_digest", ""),
            keep_days=_number(keep_days) if keep_days else None,
            approver=signed_in(request),
            now=timezone.now(),
        )
    except Refusal as refusal:
        found = selectors.run_visible(request.user, run_id)
        context = (
            queue_context(request)
            if from_queue
            else {**run_context(found, signed_in(request)), **log_context(found, 0)}
        )
        rows: list[StepRow] = [*context["mine"], *context["others"]] if from_queue else context["steps"]
        shown = False
        for row in rows:
            if str(row.step.pk) == step_id and row.decidable:
                row.comment, row.keep_days = comment, keep_days
                row.refusals = [error.message for error in refusal.errors] or [refusal.detail]
                shown = True
        template = "approvals/list.html" if from_queue else "runs/run.html"
        if not shown:
            context["refusal"] = refusal
        return render(request, template, context, status=_status(refusal))
    label = words.VERDICTS[decision.verdict].label
    messages.success(request, f"{found.workspace.name}: {label} for {decision.step.who}.")
    return _back(from_queue, found.pk)


@require_POST
def decide_several(request: HttpRequest) -> HttpResponse:
    """Take the same decision on every chosen step; each is answered for itself."""
    chosen = request.POST.getlist("decision")[:SEVERAL_MAX]
    comment, verdict = _text(request, "comment"), request.POST.get("verdict", "")
    done = 0
    for one in chosen:
        run_id, _, rest = one.partition(":")
        step_id, _, digest = rest.partition(":")
        try:
            decision = approve.decide(
                run_id,
                step_id=_number(step_id),
                verdict=verdict,
                comment=comment,
                plan_digest=digest,
                approver=signed_in(request),
                now=timezone.now(),
            )
        except Refusal as refusal:
            run = selectors.runs_visible_to(request.user).filter(pk=selectors.uuid_of(run_id)).first()
            name = "A step" if run is None else run.workspace.name
            messages.error(request, f"{name}: {refusal.detail}")
            continue
        done += 1
        label = words.VERDICTS[decision.verdict].label
        messages.success(request, f"{decision.run.workspace.name}: {label} for {decision.step.who}.")
    if not chosen:
        messages.error(request, "Nothing was chosen. Tick what the decision is for.")
    if done == len(chosen) and chosen:
        return redirect("approvals")
    return render(
        request, "approvals/list.html", {**queue_context(request), "several_comment": comment}, status=422
    )


@require_POST
@answers_refusals
def comment(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Say something about a run."""
    return _on_run(
        request,
        run_id,
        lambda: comments.comment(
            run_id, text=_text(request, "text"), author=signed_in(request), now=timezone.now()
        ),
        "Your comment is on the run.",
        typed=("comment_text", "text"),
    )


@require_POST
@answers_refusals
def break_glass(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Take one's part in breaking the glass."""
    return _on_run(
        request,
        run_id,
        lambda: emergency.break_glass(
            run_id,
            plan_digest=request.POST.get("plan_digest", ""),
            reason=_text(request, "reason"),
            person=signed_in(request),
            now=timezone.now(),
        ),
        "You broke the glass. Once enough people have, the plan is applied, and its review is due.",
        typed=("glass_reason", "reason"),
    )


def _on_run(
    request: HttpRequest,
    run_id: uuid.UUID,
    act: Callable[[], object],
    done: str,
    *,
    typed: tuple[str, str],
) -> HttpResponse:
    """Do something on a run's page; refused, show the page with the reason and what was typed."""
    found = selectors.run_visible(request.user, run_id)
    try:
        act()
    except Refusal as refusal:
        found = selectors.run_visible(request.user, run_id)
        name, field = typed
        context = {
            **run_context(found, signed_in(request)),
            **log_context(found, 0),
            "refusal": refusal,
            name: _text(request, field),
        }
        return render(request, "runs/run.html", context, status=_status(refusal))
    messages.success(request, done)
    return redirect("run", found.pk)


def _text(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\r\n", "\n")


def _number(text: str) -> int:
    """Read a whole number; 0, which nothing has, for what is none."""
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 16 else 0


def _status(refusal: Refusal) -> int:
    """Return the page's status: a missing comment is a form error, whichever status the API gives it."""
    return 422 if refusal.status == 400 else refusal.status


def _back(from_queue: bool, run_id: uuid.UUID) -> HttpResponseRedirect:
    return redirect("approvals") if from_queue else redirect("run", run_id)
