"""Drift on pages: what differs, a check on demand, and the two ways to settle it."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.domain.run import RunStatus
from provisioner.models import Run, Workspace
from provisioner.services import drift as checks
from provisioner.services import settle
from provisioner.web.order_form import ReasonForm
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in


def drift_context(workspace: Workspace, user: User, active: Run | None, *, owner: bool) -> dict[str, Any]:
    """Return the context of workspaces/_drift.html."""
    newest = selectors.newest_check_of(workspace)
    open_ = workspace.closed_at is None and workspace.applied_at is not None
    checked_at = workspace.drift_checked_at
    free = active is None and workspace.held_at is None
    return {
        "drift_shown": open_,
        "drift": workspace.drift,
        # An apply compares everything too.
        "in_sync_since_apply": checked_at is None
        or (workspace.applied_at is not None and workspace.applied_at > checked_at),
        "newest_check": newest,
        "check_failed": newest is not None and newest.status == RunStatus.ERRORED,
        "can_check": open_ and free and (owner or checks.may_check(user, workspace)),
        "can_settle": free and owner,
    }


@require_POST
@answers_refusals
def check(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Have a workspace checked."""
    run = checks.submit_check(workspace_id, requester=signed_in(request), now=timezone.now())
    messages.success(
        request, f"{run.workspace.name} is being compared with what is there. Nothing is changed."
    )
    return redirect("run", run.pk)


@require_http_methods(["GET", "POST"])
@answers_refusals
def drift(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Show every difference and what accepting would do; order the one or the other."""
    user = signed_in(request)
    found = selectors.workspace_visible(user, workspace_id)
    reason = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "GET":
        return render(request, "workspaces/drift.html", _context(found, user, reason))
    if not reason.is_valid():
        return render(request, "workspaces/drift.html", _context(found, user, reason), status=422)
    accepting = request.POST.get("action") == "accept"
    try:
        run = (settle.accept if accepting else settle.correct)(
            found.pk,
            justification=reason.cleaned_data["justification"],
            requester=user,
            now=timezone.now(),
        )
    except Refusal as refusal:
        context = {**_context(found, user, reason), "refusal": refusal}
        return render(request, "workspaces/drift.html", context, status=refusal.status)
    done = "What was found becomes the order" if accepting else "The correction is ordered"
    messages.success(request, f"{done}, and is being planned.")
    return redirect("run", run.pk)


def _context(workspace: Workspace, user: User, reason: ReasonForm) -> dict[str, Any]:
    active = selectors.active_run_of(workspace)
    return {
        "workspace": workspace,
        "active": active,
        "reason": reason,
        "acceptance": settle.acceptance(workspace),
        **drift_context(workspace, user, active, owner=selectors.owns(user, workspace.service)),
    }
