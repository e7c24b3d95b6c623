"""The start page: what waits for the reader, their workspaces, what ran lately."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from provisioner import deciding, selectors
from provisioner.web.queue import list_context
from provisioner.web.requests import signed_in

SHOWN = 5


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Show the start page."""
    user = signed_in(request)
    steps = list(selectors.approval_steps_visible_to(user)[:50])
    desk = deciding.Desk(user, timezone.now())
    rows = list(selectors.without_checks(selectors.runs_visible_to(user))[:SHOWN])
    context: dict[str, Any] = {
        **list_context(rows),
        "decidable": [one.step for one in deciding.waiting(steps, desk) if one.decidable][:SHOWN],
        "workspaces": selectors.workspaces_visible_to(user).filter(closed_at__isnull=True)[:SHOWN],
        "rows": rows,
        "offers": list(selectors.transfers_to_answer(user)[:SHOWN]),
    }
    if selectors.is_platform(user):
        context["orphaned"] = selectors.orphaned_count(user)
    return render(request, "home.html", context)
