"""The queue: what runs, what waits in which order, and where one run stands."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_GET

from provisioner import standing
from provisioner.domain.queueing import Phase
from provisioner.models import Run
from provisioner.web.requests import signed_in


@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """Show what runs and what waits, in dispatch order; runs that the person may not see are counted.

    The page's poll is answered with 204 while it would show the same.
    """
    overview = standing.overview(signed_in(request), now=timezone.now())
    context = {
        "overview": overview,
        "plan_places": overview.places[Phase.PLAN],
        "apply_places": overview.places[Phase.APPLY],
    }
    tables = render_to_string("queue/_tables.html", context)
    shown = {"tables": tables, "seen": sha256(tables.encode()).hexdigest()[:16]}
    if not request.headers.get("HX-Request"):
        return render(request, "queue/queue.html", shown)
    if request.GET.get("seen") == shown["seen"]:
        return HttpResponse(status=204)
    return render(request, "queue/_live.html", shown)


def run_context(run: Run) -> dict[str, Any]:
    """Return what the run page says of the queue."""
    return {"standing": standing.standing_of(run, now=timezone.now())}


def seen(found: standing.Standing | None) -> str:
    """Name what the run page says of the queue, as precisely as it says it."""
    if found is None:
        return ""
    minutes = "" if found.expected_wait_s is None else str(round(found.expected_wait_s / 60))
    return f".q{found.position}-{found.waiting}-{found.waits_for}-{minutes}"


def list_context(runs: Iterable[Run]) -> dict[str, Any]:
    """Return the positions that a list of runs shows."""
    return {"positions": standing.positions(runs)}
