"""The approval queue and decisions."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.services import approve
from provisioner.web import words
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in
from provisioner.web.run_page import StepRow, log_context, run_context

QUEUE_SIZE = 100


@require_GET
def approvals(request: HttpRequest) -> HttpResponse:
    """Show what waits for a decision, oldest first."""
    return render(request, "approvals/list.html", queue_context(request))


def queue_context(request: HttpRequest) -> dict[str, Any]:
    """Return the queue: the steps the person may decide, then the others they may see."""
    user = signed_in(request)
    steps = list(selectors.approval_steps_visible_to(user)[: QUEUE_SIZE + 1])
    rows = [StepRow(step, None, selectors.can_decide(user, step)) for step in steps[:QUEUE_SIZE]]
    return {
        "mine": [row for row in rows if row.decidable],
        "others": [row for row in rows if not row.decidable],
        "truncated": len(steps) > QUEUE_SIZE,
        "queue_size": QUEUE_SIZE,
    }


@require_POST
@answers_refusals
def decide(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Take a decision; refused, show the page it came from with the reason and what was typed."""
    found = selectors.run_visible(request.user, run_id)
    step_id = request.POST.get("step", "")
    comment = request.POST.get("comment", "").replace("\r\n", "\n")
    from_queue = request.POST.get("back") == "approvals"
    try:
        decision = approve.decide(
            found.pk,
            step_id=int(step_id) if step_id.isdecimal() and step_id.isascii() and len(step_id) < 16 else 0,
            verdict=request.POST.get("verdict", ""),
            comment=comment,
            plan_digest=request.POST.get("plan_digest", ""),
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
                row.comment = comment
                row.refusals = [error.message for error in refusal.errors] or [refusal.detail]
                shown = True
        template = "approvals/list.html" if from_queue else "runs/run.html"
        if not shown:
            context["refusal"] = refusal
        # A missing comment is a form error, whichever status the API gives it.
        status = 422 if refusal.status == 400 else refusal.status
        return render(request, template, context, status=status)
    verdict = words.VERDICTS[decision.verdict].label
    messages.success(request, f"{found.workspace.name}: {verdict} for {decision.step.group}.")
    return _back(from_queue, found.pk)


def _back(from_queue: bool, run_id: uuid.UUID) -> HttpResponseRedirect:
    return redirect("approvals") if from_queue else redirect("run", run_id)
