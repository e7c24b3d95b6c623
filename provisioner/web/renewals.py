"""Giving a workspace a new time to live."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.services import lifetime
from provisioner.services import renew as service
from provisioner.services.ask import TTL_DAYS_MAX
from provisioner.web.order_form import ReasonForm, add_errors
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in

USUAL_DAYS = 30


class RenewForm(ReasonForm):
    """How long it is to live from now."""

    ttl = forms.IntegerField(
        required=False, min_value=1, label="Days from now", widget=forms.NumberInput(attrs={"min": "1"})
    )
    forever = forms.BooleanField(
        required=False, label="No end: it lives until somebody destroys it, whatever stands above"
    )

    def __init__(self, *args: Any, longest: int | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["ttl"].help_text = f"1 to {longest or TTL_DAYS_MAX}."
        self.fields["ttl"].initial = min(USUAL_DAYS, longest or USUAL_DAYS)
        self.fields["justification"].help_text = "What it is still needed for. It stays in the audit trail."
        if longest is not None:
            del self.fields["forever"]  # the policy wants an end
        self.order_fields(["ttl", "forever", "justification"])

    def clean(self) -> dict[str, Any]:
        """Take either a number of days or no end."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("forever"):
            cleaned["ttl"] = None
        elif cleaned.get("ttl") is None and "ttl" not in self.errors:
            self.add_error("ttl", forms.ValidationError("Say how many days.", code="required"))
        return cleaned


@require_http_methods(["GET", "POST"])
@answers_refusals
def renew(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Show when it ends; let it live on."""
    found = selectors.workspace_visible(request.user, workspace_id)
    longest = lifetime.longest_days(found.environment)
    form = RenewForm(request.POST if request.method == "POST" else None, longest=longest)
    context = {"workspace": found, "form": form, "longest": longest}
    if request.method == "GET":
        return render(request, "workspaces/renew.html", context)
    if not form.is_valid():
        return render(request, "workspaces/renew.html", context, status=422)
    try:
        renewed = service.renew(
            found.pk,
            ttl_days=form.cleaned_data["ttl"],
            justification=form.cleaned_data["justification"],
            actor=signed_in(request),
            now=timezone.now(),
        )
    except Refusal as refusal:
        if not add_errors(refusal, form):
            context["refusal"] = refusal
        status = 422 if refusal.status == 400 else refusal.status
        return render(request, "workspaces/renew.html", context, status=status)
    until = (
        f"expires on {renewed.expires_at:%d %b %Y}" if renewed.expires_at else "lives until it is destroyed"
    )
    messages.success(request, f"Renewed: {found.name} {until}.")
    return redirect("workspace", found.pk)
