"""Runs: the list, the page with its live parts, and what may be done to one."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.domain.run import ACTIVE, RunStatus
from provisioner.models import Run
from provisioner.services import cancel as cancel_service
from provisioner.services import submit
from provisioner.web.paging import newest_first
from provisioner.web.queue import list_context
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in
from provisioner.web.run_page import log_context, run_context

# What the list can be narrowed to: name in the address -> label and statuses.
STATES: dict[str, tuple[str, frozenset[RunStatus]]] = {
    "active": ("Under way", ACTIVE),
    "waiting": ("Needs approval", frozenset({RunStatus.NEEDS_APPROVAL})),
    "applied": ("Applied", frozenset({RunStatus.APPLIED, RunStatus.PLANNED_AND_FINISHED})),
    "failed": (
        "Failed or refused",
        frozenset({RunStatus.ERRORED, RunStatus.INTERRUPTED, RunStatus.POLICY_FAILED, RunStatus.REJECTED}),
    ),
}


@require_GET
def runs(request: HttpRequest) -> HttpResponse:
    """List the runs the person may see, newest first."""
    state = request.GET.get("state", "")
    mine = request.GET.get("mine") == "1"
    checks = request.GET.get("checks") == "1"
    rows = selectors.runs_visible_to(request.user)
    if not checks:
        rows = selectors.without_checks(rows)
    if state in STATES:
        rows = rows.filter(status__in=sorted(STATES[state][1]))
    if mine:
        rows = rows.filter(requester=signed_in(request))
    page = newest_first(rows, request.GET.get("before", ""))
    context = {
        **list_context(page.rows),
        "page": page,
        "states": {name: label for name, (label, _) in STATES.items()},
        "state": state,
        "mine": mine,
        "checks": checks,
        "filtered": mine or state in STATES,
    }
    return render(request, "runs/list.html", context)


@require_GET
@answers_refusals
def run(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Show one run."""
    found = selectors.run_visible(request.user, run_id)
    return render(
        request, "runs/run.html", {**run_context(found, signed_in(request)), **log_context(found, 0)}
    )


@require_GET
@answers_refusals
def run_live(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Answer the page's poll: the parts that change, or 204 while nothing did."""
    context = run_context(selectors.run_visible(request.user, run_id), signed_in(request))
    if request.GET.get("seen") == context["seen"] and not context["terminal"]:
        return HttpResponse(status=204)
    return render(request, "runs/_live.html", {**context, "polled": True})


@require_POST
@answers_refusals
def cancel(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Stop a run."""
    return _act(
        request,
        run_id,
        lambda: cancel_service.cancel(run_id, actor=signed_in(request), now=timezone.now()),
        "Cancelled. A run that Terraform is working on ends as soon as Terraform has stopped.",
    )


@require_POST
@answers_refusals
def discard(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Drop a plan."""
    return _act(
        request,
        run_id,
        lambda: cancel_service.discard(run_id, actor=signed_in(request), now=timezone.now()),
        "The plan is discarded. Nothing was changed.",
    )


@require_POST
@answers_refusals
def retry(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Run a failed ask again."""
    return _act(
        request,
        run_id,
        lambda: submit.retry(run_id, requester=signed_in(request), now=timezone.now()),
        "This is a new run of the same order.",
    )


def _act(request: HttpRequest, run_id: uuid.UUID, act: Callable[[], Run], done: str) -> HttpResponse:
    """Do something to a run and go to the run it leaves; a refusal is shown on the run's own page."""
    found = selectors.run_visible(request.user, run_id)
    try:
        left = act()
    except Refusal as refusal:
        found.refresh_from_db(fields=["status", "status_at", "stop_requested_at"])
        context = {**run_context(found, signed_in(request)), **log_context(found, 0), "refusal": refusal}
        return render(request, "runs/run.html", context, status=refusal.status)
    messages.success(request, done)
    return redirect("run", left.pk)
