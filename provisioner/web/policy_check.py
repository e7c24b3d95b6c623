"""Checking a plan of another pipeline by hand: upload or paste it, see what the policy says."""

from __future__ import annotations

import io
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from catalog.models import Environment, Service
from provisioner.domain.errors import Refusal
from provisioner.services import check_plan
from provisioner.services.check_plan import Asked

SHOWN_GROUPS = 100


class CheckForm(forms.Form):
    """A plan, as a file or as text, and what it is for."""

    plan = forms.FileField(
        required=False,
        allow_empty_file=True,
        label="Plan",
        help_text="The output of terraform show -json PLANFILE. It is not stored.",
        widget=forms.ClearableFileInput(attrs={"accept": ".json,application/json"}),
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="Or paste it",
        help_text="Up to half a megabyte; take a file for more.",
        widget=forms.Textarea(attrs={"rows": "4", "spellcheck": "false"}),
    )
    service = forms.ModelChoiceField(
        Service.objects.filter(archived_at=None),
        required=False,
        to_field_name="slug",
        empty_label="What the tags of each resource say",
        label="Service",
    )
    environment = forms.ModelChoiceField(
        Environment.objects.all(),
        required=False,
        to_field_name="slug",
        empty_label="What the tags of each resource say",
        label="Environment",
    )

    def clean(self) -> dict[str, Any]:
        """Want one plan."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        given = [name for name in ("plan", "text") if cleaned.get(name)]
        if len(given) != 1 and not self.errors:
            message = (
                "Give the plan as a file or as text, not both."
                if given
                else "Choose a file, or paste the plan."
            )
            self.add_error("plan", forms.ValidationError(message, code="required"))
        return cleaned


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest) -> HttpResponse:
    """Show the form; show what the policy says of a plan. Nothing is stored."""
    if request.method == "GET":
        return render(request, "policy/check.html", {"form": CheckForm()})
    form = CheckForm(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, "policy/check.html", {"form": form}, status=422)
    wanted = form.cleaned_data
    stream = wanted["plan"] or io.BytesIO(wanted["text"].encode("utf-8", "replace"))
    asked = Asked(
        service="" if wanted["service"] is None else wanted["service"].slug,
        environment="" if wanted["environment"] is None else wanted["environment"].slug,
    )
    try:
        report = check_plan.check(check_plan.read(stream), asked)
    except Refusal as refusal:
        shown = {"form": form, "refusal": refusal}
        return render(request, "policy/check.html", shown, status=refusal.status)
    groups = report.groups()
    context = {
        "form": form,
        "report": report,
        "counts": [(level.value, count) for level, count in reversed(report.counts().items()) if count],
        "groups": groups[:SHOWN_GROUPS],
        "more": max(0, len(groups) - SHOWN_GROUPS),
    }
    return render(request, "policy/check.html", context)
