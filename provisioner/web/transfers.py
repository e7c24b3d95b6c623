"""Handing a workspace over: the offer, its page, and the answers to it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from catalog.models import Service
from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.models import Workspace, WorkspaceTransfer
from provisioner.services import transfer as service
from provisioner.services.ask import JUSTIFICATION_MAX
from provisioner.services.transfer import Outcome
from provisioner.web.order_form import OpenChoiceField, add_errors
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in

ACTS: Final[Mapping[str, Callable[..., Outcome]]] = {
    "accept": service.accept,
    "decline": service.decline,
    "withdraw": service.withdraw,
}


class TransferForm(forms.Form):
    """To whom a workspace is to go, and why."""

    service = OpenChoiceField(
        label="New service", help_text="Its team owns the workspace then, and its cost center pays."
    )
    reason = forms.CharField(
        strip=True,
        max_length=JUSTIFICATION_MAX,
        label="Reason",
        help_text="The receiving team reads it.",
        widget=forms.Textarea(attrs={"rows": "3"}),
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        services = (
            Service.objects.filter(archived_at__isnull=True)
            .exclude(pk=workspace.service_id)
            .select_related("owner_team")
            .order_by("name", "slug")
        )
        field = self.fields["service"]
        assert isinstance(field, OpenChoiceField)
        field.choices = [
            ("", "Choose a service"),
            *((one.slug, f"{one.name} ({one.owner_team.name})") for one in services),
        ]


@dataclass(frozen=True)
class TagRow:
    """A tag that a transfer changes."""

    name: str
    before: str
    after: str


@require_http_methods(["GET", "POST"])
@answers_refusals
def offer(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Say what a transfer does; offer it, or do it where the person may."""
    found = selectors.workspace_visible(request.user, workspace_id)
    form = TransferForm(request.POST if request.method == "POST" else None, workspace=found)
    context = {"workspace": found, "form": form, "active": selectors.active_run_of(found)}
    if request.method == "GET":
        return render(request, "workspaces/transfer.html", context)
    if not form.is_valid():
        return render(request, "workspaces/transfer.html", context, status=422)
    try:
        outcome = service.offer(
            found.pk,
            service=form.cleaned_data["service"],
            reason=form.cleaned_data["reason"],
            actor=signed_in(request),
            now=timezone.now(),
        )
    except Refusal as refusal:
        if not add_errors(refusal, form):
            context["refusal"] = refusal
        status = 422 if refusal.status == 400 else refusal.status
        return render(request, "workspaces/transfer.html", context, status=status)
    return _after(request, outcome)


@require_GET
@answers_refusals
def transfer(request: HttpRequest, transfer_id: int) -> HttpResponse:
    """Show one transfer to its two teams."""
    found = selectors.transfer_visible(request.user, transfer_id)
    return render(request, "transfers/transfer.html", _context(request, found))


@require_POST
@answers_refusals
def answer(request: HttpRequest, transfer_id: int, act: str) -> HttpResponse:
    """Accept, decline or withdraw; a refusal is shown on the transfer's own page."""
    if act not in ACTS:
        raise Http404
    try:
        outcome = ACTS[act](transfer_id, actor=signed_in(request), now=timezone.now())
    except selectors.NotVisible:
        raise
    except Refusal as refusal:
        found = selectors.transfer_visible(request.user, transfer_id)
        context = {**_context(request, found), "refusal": refusal}
        return render(request, "transfers/transfer.html", context, status=refusal.status)
    return _after(request, outcome)


def _after(request: HttpRequest, outcome: Outcome) -> HttpResponse:
    """Say what became of it and go where it is to be seen."""
    found, run = outcome.transfer, outcome.run
    name = found.workspace.name
    if found.verdict == service.ACCEPTED:
        if run is not None:
            messages.success(
                request, f"{name} belongs to {found.to_service.name}. This run brings the new tags."
            )
            return redirect("run", run.pk)
        messages.success(request, f"{name} belongs to {found.to_service.name}.")
        return redirect("workspace", found.workspace_id)
    if found.verdict:
        messages.success(request, f"The transfer of {name} is {found.verdict}; nothing has changed.")
    else:
        team = found.to_service.owner_team.name
        messages.success(request, f"{name} is offered to {found.to_service.name}; {team} is told.")
    return redirect("transfer", found.pk)


def _context(request: HttpRequest, found: WorkspaceTransfer) -> dict[str, Any]:
    user, workspace, waits = signed_in(request), found.workspace, found.decided_at is None
    gives = selectors.owns(user, found.from_service)
    receives = selectors.owns(user, found.to_service)
    after = service.tags_for(workspace, found.to_service) if waits else {}
    return {
        "transfer": found,
        "workspace": workspace,
        "sees_workspace": selectors.workspaces_visible_to(user).filter(pk=workspace.pk).exists(),
        "waits": waits,
        "can_answer": waits and receives,
        "can_withdraw": waits and gives,
        "tags": [
            TagRow(name, workspace.tags.get(name, ""), value)
            for name, value in after.items()
            if workspace.tags.get(name, "") != value
        ],
    }
