"""Holding a workspace, and releasing it."""

from __future__ import annotations

import uuid

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.services import hold as service
from provisioner.services.ask import JUSTIFICATION_MAX
from provisioner.web.order_form import add_errors
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in


class HoldForm(forms.Form):
    """Why a workspace is to be left as it is."""

    reason = forms.CharField(
        strip=True,
        max_length=JUSTIFICATION_MAX,
        label="Reason",
        help_text="Whoever meets the hold reads it: what is going on, and when it can be released.",
        widget=forms.Textarea(attrs={"rows": "3"}),
    )


@require_http_methods(["GET", "POST"])
@answers_refusals
def hold(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Say what a hold does; put it once there is a reason."""
    found = selectors.workspace_visible(request.user, workspace_id)
    form = HoldForm(request.POST if request.method == "POST" else None, initial={"reason": found.hold_reason})
    context = {"workspace": found, "form": form, "active": selectors.active_run_of(found)}
    if request.method == "GET":
        return render(request, "workspaces/hold.html", context)
    if not form.is_valid():
        return render(request, "workspaces/hold.html", context, status=422)
    try:
        service.hold(
            found.pk, reason=form.cleaned_data["reason"], actor=signed_in(request), now=timezone.now()
        )
    except Refusal as refusal:
        if not add_errors(refusal, form):
            context["refusal"] = refusal
        status = 422 if refusal.status == 400 else refusal.status
        return render(request, "workspaces/hold.html", context, status=status)
    messages.success(request, f"{found.name} is on hold. Nothing new is started on it until it is released.")
    return redirect("workspace", found.pk)


@require_POST
@answers_refusals
def release(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Release a hold."""
    found = service.release(workspace_id, actor=signed_in(request), now=timezone.now())
    messages.success(request, f"The hold on {found.name} is released; what waited goes on.")
    return redirect("workspace", found.pk)
