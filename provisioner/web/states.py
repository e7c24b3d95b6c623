"""State versions of a workspace: the list, what differs, restoring one, and opening a lock that was left."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.domain.state import Difference
from provisioner.models import Workspace
from provisioner.services import states as service
from provisioner.web.paging import PAGE_SIZE
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in
from provisioner.web.words import Word

_WORDS: Final = {
    Difference.ADDED: Word("added", "ok", "plus-circle"),
    Difference.REMOVED: Word("removed", "bad", "dash-circle"),
    Difference.CHANGED: Word("changed", "busy", "pencil-square"),
}


class ReasonForm(forms.Form):
    """Why it is done."""

    reason = forms.CharField(
        strip=True,
        max_length=service.REASON_MAX,
        label="Reason",
        help_text="What went wrong, and how you know that this is right. It stays in the audit trail.",
        widget=forms.Textarea(attrs={"rows": "3"}),
    )


@dataclass(frozen=True)
class DifferenceRow:
    """A difference in words; each attribute with whether it is sensitive."""

    address: str
    type: str
    word: Word
    attributes: tuple[tuple[str, bool], ...]


@require_GET
@answers_refusals
def states(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """List the versions, newest first."""
    found = selectors.workspace_visible(request.user, workspace_id)
    versions = selectors.states_of(found)
    before = _serial(request.GET.get("before"))
    rows = list((versions if before is None else versions.filter(serial__lt=before))[: PAGE_SIZE + 1])
    page = rows[:PAGE_SIZE]
    context = {
        "workspace": found,
        "rows": page,
        "older": page[-1].serial if len(rows) > PAGE_SIZE else None,
        "newest": versions.first() if before is not None else next(iter(page), None),
        "owner": selectors.owns(request.user, found.service),
        "held": selectors.state_lock_of(found),
        "platform": selectors.is_platform(request.user),
    }
    return render(request, "workspaces/states.html", context)


@require_GET
@answers_refusals
def compare(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Show what differs between two versions, the earlier one first."""
    found = selectors.workspace_visible(request.user, workspace_id)
    given = [serial for name in ("from", "to") if (serial := _serial(request.GET.get(name))) is not None]
    if len(given) != 2 or given[0] == given[1]:
        messages.info(request, "Choose two different versions to compare.")
        return redirect("workspace-states", found.pk)
    before, after = sorted(given)
    context = {
        "workspace": found,
        "before": selectors.state_version(found, before),
        "after": selectors.state_version(found, after),
        "differences": _rows(request, found, before, after),
    }
    return render(request, "workspaces/states_compare.html", context)


@require_GET
@answers_refusals
def download(request: HttpRequest, workspace_id: uuid.UUID, serial: int) -> HttpResponse:
    """Send one version as a file; the audit trail says to whom."""
    found = service.download(workspace_id, serial, reader=signed_in(request), now=timezone.now())
    return HttpResponse(found.content, content_type="application/json", headers=found.headers)


@require_http_methods(["GET", "POST"])
@answers_refusals
def restore(request: HttpRequest, workspace_id: uuid.UUID, serial: int) -> HttpResponse:
    """Show what a restoration takes back; do it once a reason is given."""
    found = selectors.workspace_visible(request.user, workspace_id)
    version, newest = selectors.state_version(found, serial), selectors.states_of(found).first()
    assert newest is not None
    form = ReasonForm(request.POST if request.method == "POST" else None)
    context = {"workspace": found, "version": version, "newest": newest, "form": form}
    page = "workspaces/states_restore.html"
    if request.method == "POST" and form.is_valid():
        try:
            made = service.restore(
                found.pk,
                serial,
                reason=form.cleaned_data["reason"],
                actor=signed_in(request),
                now=timezone.now(),
            )
        except Refusal as refusal:
            return render(request, page, {**context, "refusal": refusal}, status=refusal.status)
        messages.success(
            request,
            f"Serial {serial} is restored as serial {made.serial}. Nothing in the cloud changed: "
            "plan an update to see what differs.",
        )
        return redirect("workspace-states", found.pk)
    context["differences"] = _rows(request, found, newest.serial, serial)
    return render(request, page, context, status=200 if request.method == "GET" else 422)


@require_http_methods(["GET", "POST"])
@answers_refusals
def force_unlock(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Say who holds the lock; open it once a reason is given."""
    found = selectors.workspace_visible(request.user, workspace_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {
        "workspace": found,
        "held": selectors.state_lock_of(found),
        "form": form,
        "platform": selectors.is_platform(request.user),
    }
    page = "workspaces/force_unlock.html"
    if request.method == "POST" and form.is_valid():
        try:
            service.force_unlock(
                found.pk, reason=form.cleaned_data["reason"], actor=signed_in(request), now=timezone.now()
            )
        except Refusal as refusal:
            return render(request, page, {**context, "refusal": refusal}, status=refusal.status)
        messages.success(request, f"The lock on the state of {found.name} is open.")
        return redirect("workspace", found.pk)
    return render(request, page, context, status=200 if request.method == "GET" else 422)


def panel(request: HttpRequest, workspace: Workspace) -> dict[str, Any]:
    """Return what the workspace page shows of the state: the newest version, and who holds the lock."""
    return {
        "newest_state": selectors.states_of(workspace).first(),
        "state_lock": selectors.state_lock_of(workspace),
        "opens_locks": selectors.is_platform(request.user),
    }


def _rows(request: HttpRequest, workspace: Workspace, since: int, serial: int) -> list[DifferenceRow]:
    found = service.differences(workspace.pk, since, serial, reader=signed_in(request))
    return [
        DifferenceRow(
            one.address,
            one.type,
            _WORDS[one.difference],
            tuple((name, name in one.sensitive) for name in one.attributes),
        )
        for one in found
    ]


def _serial(text: str | None) -> int | None:
    """Read a serial; None for anything else."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 18:
        return None
    return int(text)
