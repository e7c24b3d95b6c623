"""Workspaces: the list, the page, updates and destruction."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from catalog import manifest as manifests
from catalog import selectors as catalog_selectors
from catalog.forms import ParameterForm, build_form
from catalog.models import Environment
from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.domain.run import RunKind
from provisioner.models import Workspace
from provisioner.services import evaluate as evaluation
from provisioner.services import settle, submit
from provisioner.services import upgrade as upgrade_service
from provisioner.services.ask import Ask
from provisioner.web import states
from provisioner.web.connect import connect_text, output_rows
from provisioner.web.drift import drift_context
from provisioner.web.order_form import ReasonForm, add_errors, corrected, elsewhere, lay_out
from provisioner.web.ownership import ownership_context
from provisioner.web.paging import newest_first
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in

RUNS_SHOWN = 20


class DestroyForm(ReasonForm):
    """Type the name to destroy."""

    confirmation = forms.CharField(
        label="Name of the workspace",
        strip=True,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace_name = workspace.name
        self.order_fields(["confirmation", "justification"])

    def clean_confirmation(self) -> str:
        """Take the exact name only."""
        typed: str = self.cleaned_data["confirmation"]
        if typed != self.workspace_name:
            raise forms.ValidationError(
                f"This is not the name. Type {self.workspace_name} exactly, or go back to leave everything as it is.",
                code="not_confirmed",
            )
        return typed


@require_GET
def workspaces(request: HttpRequest) -> HttpResponse:
    """List the workspaces the person may see, newest first."""
    environment, closed = request.GET.get("environment", ""), request.GET.get("closed") == "1"
    outdated = request.GET.get("outdated") == "1"
    orphaned = request.GET.get("orphaned") == "1"
    newer = catalog_selectors.outdated_versions()
    rows = selectors.workspaces_visible_to(request.user)
    environments = list(Environment.objects.order_by("position", "slug"))
    known = environment in {one.slug for one in environments}
    if known:
        rows = rows.filter(environment__slug=environment)
    if not closed:
        rows = rows.filter(closed_at__isnull=True)
    drifted = request.GET.get("drifted") == "1"
    if drifted:
        rows = rows.filter(drifted_at__isnull=False)
    if outdated:
        rows = rows.filter(item_version_id__in=list(newer))
    if orphaned:
        rows = rows.filter(selectors.without_owner())
    context = {
        "page": newest_first(rows, request.GET.get("before", "")),
        "newer": newer,
        "outdated": outdated,
        "drifted": drifted,
        "environments": environments,
        "environment": environment if known else "",
        "closed": closed,
        "orphaned": orphaned,
        "filtered": known or outdated or drifted or orphaned,
    }
    return render(request, "workspaces/list.html", context)


@require_GET
@answers_refusals
def workspace(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Show one workspace."""
    found = selectors.workspace_visible(request.user, workspace_id)
    manifest = manifests.from_json(found.item_version.manifest)
    active = selectors.active_run_of(found)
    owner = selectors.owns(request.user, found.service)
    changeable = owner and found.closed_at is None and active is None and found.held_at is None
    newest = upgrade_service.newest_for(found) if found.closed_at is None else None
    runs = selectors.without_checks(selectors.runs_visible_to(request.user).filter(workspace=found))
    context = {
        "workspace": found,
        "outputs": output_rows(found),
        "connect": connect_text(manifest.connect, found) if found.outputs else "",
        "resources": list(found.resources.all()),
        "runs": runs[:RUNS_SHOWN],
        "active": active,
        "can_update": changeable and found.applied_at is not None and found.service.archived_at is None,
        "can_destroy": changeable,
        "newest": newest,
        "deprecation": found.item_version.standing.deprecation if found.closed_at is None else None,
        "protection": protection_of(found, manifest),
        "labels": {name: about.get("label", name) for name, about in manifest.parameters.items()},
        **drift_context(found, signed_in(request), active, owner=owner),
        **ownership_context(found, signed_in(request), active, owner=owner),
        **states.panel(request, found),
    }
    return render(request, "workspaces/workspace.html", context)


@require_http_methods(["GET", "POST"])
@answers_refusals
def update(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Show the parameters as they are; order the change."""
    found = selectors.workspace_visible(request.user, workspace_id)
    data = corrected(request.POST) if request.method == "POST" else None
    initial = dict(found.parameters)
    if data is None and (named := request.GET.get("from")):
        # What an approver wants changed begins as it was ordered.
        earlier = selectors.runs_visible_to(request.user).filter(pk=selectors.uuid_of(named), workspace=found)
        initial = dict(next((run.parameters for run in earlier), initial))
    if data is None and request.GET.get("unprotect") == "1":
        protection = protection_of(found, manifests.from_json(found.item_version.manifest))
        if protection is not None:
            initial[protection] = False
    if data is None and request.GET.get("found") == "1":
        initial |= settle.acceptance(found).parameters
    form = build_form(found.item_version, found.environment.slug, data=data, initial=initial)
    reason = ReasonForm(data)
    if data is None:
        # The form compares with what is filled in, so what was decided before stays decided.
        return render(
            request, "workspaces/update.html", _update_context(request, found, form, reason, initial)
        )
    if data.get("action") == "refresh" and form.is_valid():
        reason.is_valid()
        given = form.given()
        fresh = build_form(found.item_version, found.environment.slug, initial=given)
        return render(
            request, "workspaces/update.html", _update_context(request, found, fresh, reason, given)
        )
    if not form.is_valid() or not reason.is_valid():
        return render(
            request, "workspaces/update.html", _update_context(request, found, form, reason, None), status=422
        )
    given = form.given()
    # What was decided before and now is not goes back to what is filled in.
    changes = {**dict.fromkeys(found.parameters, None), **given}
    try:
        run = submit.submit_update(
            found.pk,
            parameters=changes,
            justification=reason.cleaned_data["justification"],
            requester=signed_in(request),
            now=timezone.now(),
        )
    except Refusal as refusal:
        placed = add_errors(refusal, form, reason)
        context = _update_context(request, found, form, reason, given)
        if not placed:
            context["refusal"] = refusal
        status = 422 if refusal.status == 400 else refusal.status
        return render(request, "workspaces/update.html", context, status=status)
    messages.success(request, f"The update of {found.name} is ordered and being planned.")
    return redirect("run", run.pk)


@require_POST
@answers_refusals
def update_live(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Answer what is being typed in an update: the whole form after a size, else findings, cost and approvals."""
    found = selectors.workspace_visible(request.user, workspace_id)
    form = build_form(found.item_version, found.environment.slug, data=request.POST)
    reason = ReasonForm(request.POST)
    reason.is_valid()
    given = form.given() if form.is_valid() else None
    if request.POST.get("part") == "answer":
        context = _update_context(request, found, form, reason, given)
        return render(request, "order/_live_answer.html", context)
    if given is not None:
        form = build_form(found.item_version, found.environment.slug, initial=given)
    return render(
        request, "workspaces/_update_body.html", _update_context(request, found, form, reason, given)
    )


@require_http_methods(["GET", "POST"])
@answers_refusals
def destroy(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Say what destruction takes away; order it once the name is typed."""
    found = selectors.workspace_visible(request.user, workspace_id)
    manifest = manifests.from_json(found.item_version.manifest)
    form = DestroyForm(request.POST if request.method == "POST" else None, workspace=found)
    context = {
        "workspace": found,
        "form": form,
        "resources": list(found.resources.all()),
        "protection": protection_of(found, manifest),
    }
    if request.method == "GET":
        return render(request, "workspaces/destroy.html", context)
    if not form.is_valid():
        return render(request, "workspaces/destroy.html", context, status=422)
    try:
        run = submit.submit_destroy(
            found.pk,
            justification=form.cleaned_data["justification"],
            requester=signed_in(request),
            now=timezone.now(),
        )
    except Refusal as refusal:
        return render(
            request, "workspaces/destroy.html", {**context, "refusal": refusal}, status=refusal.status
        )
    messages.success(request, f"The destruction of {found.name} is ordered and being planned.")
    return redirect("run", run.pk)


def protection_of(workspace: Workspace, manifest: manifests.Manifest) -> str | None:
    """Return the parameter that protects the workspace, or None when nothing does."""
    parameter = manifest.protection
    if parameter is None or workspace.applied_at is None or workspace.closed_at is not None:
        return None
    return parameter if workspace.variables.get(parameter) is True else None


def _update_context(
    request: HttpRequest,
    workspace: Workspace,
    form: ParameterForm,
    reason: ReasonForm,
    given: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return the context of workspaces/update.html and its partials; `given` None when it cannot be read."""
    evaluated, refusal = None, None
    if given is not None:
        ask = Ask(
            item=workspace.item.slug,
            version=workspace.item_version.version,
            service=workspace.service.slug,
            environment=workspace.environment.slug,
            name=workspace.name,
            parameters=given,
        )
        try:
            evaluated = evaluation.evaluate(
                ask,
                requester=signed_in(request),
                now=timezone.now(),
                kind=RunKind.UPDATE,
                workspace=workspace,
            )
        except Refusal as raised:
            refusal = raised
    findings = evaluated.findings if evaluated is not None else ()
    return {
        "workspace": workspace,
        "reason": reason,
        "parameters": lay_out(form, findings),
        "readable": given is not None,
        "evaluation": evaluated,
        "before_usd_month": workspace.estimate_usd_month,
        "answer_refusal": refusal,
        "other_findings": elsewhere(form, findings),
        "active": selectors.active_run_of(workspace),
    }
