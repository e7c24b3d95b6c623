"""Upgrading a workspace: what a newer version changes, and the order of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from catalog import selectors as catalog_selectors
from catalog.differences import Difference, ParameterDifference
from catalog.forms import ParameterForm, build_form
from catalog.lifecycle import RETIRED
from catalog.models import CatalogItemVersion
from catalog.spec import MISSING
from catalog.versions import version_key
from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.models import Workspace
from provisioner.services import submit
from provisioner.services import upgrade as service
from provisioner.services.upgrade import Upgrade
from provisioner.web.order_form import ReasonForm, add_errors, corrected, elsewhere, lay_out
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in
from provisioner.web.words import Word, readable

_WORDS: Final = {
    Difference.ADDED: Word("new", "ok", "plus-circle"),
    Difference.REMOVED: Word("gone", "warn", "dash-circle"),
    Difference.CHANGED: Word("filled in differently", "busy", "pencil-square"),
}


@dataclass(frozen=True)
class DifferenceRow:
    """A difference in words."""

    name: str
    label: str
    word: Word
    note: str
    before: str
    after: str


@require_http_methods(["GET", "POST"])
@answers_refusals
def upgrade(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Show what the newer version changes; order it."""
    found = selectors.workspace_visible(request.user, workspace_id)
    page = "workspaces/upgrade.html"
    if request.method == "GET":
        wanted = _preview(request, found, request.GET.get("version"), found.parameters)
        form = build_form(wanted.version, found.environment.slug, initial=_carried(found, wanted))
        return render(request, page, _context(request, found, wanted, form, ReasonForm()))
    wanted, form, reason, given = _read(request, found)
    reason_is_valid = reason.is_valid()
    if corrected(request.POST).get("action") == "refresh" and given is not None:
        fresh = build_form(wanted.version, found.environment.slug, initial=given)
        return render(request, page, _context(request, found, wanted, fresh, reason))
    if given is None or not reason_is_valid:
        context = _context(request, found, wanted, form, reason, readable=given is not None)
        return render(request, page, context, status=422)
    try:
        run = submit.submit_upgrade(
            found.pk,
            version=wanted.version.version,
            parameters=_changes(found, given),
            justification=reason.cleaned_data["justification"],
            requester=signed_in(request),
            now=timezone.now(),
        )
    except Refusal as refusal:
        placed = add_errors(refusal, form, reason)
        context = _context(request, found, wanted, form, reason)
        if not placed:
            context["refusal"] = refusal
        status = 422 if refusal.status == 400 else refusal.status
        return render(request, page, context, status=status)
    messages.success(
        request, f"The upgrade of {found.name} to {wanted.version.version} is ordered and being planned."
    )
    return redirect("run", run.pk)


@require_POST
@answers_refusals
def upgrade_live(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Answer what is being typed: the whole form after a size, else findings, cost and approvals."""
    found = selectors.workspace_visible(request.user, workspace_id)
    wanted, form, reason, given = _read(request, found)
    reason.is_valid()
    if request.POST.get("part") == "answer":
        context = _context(request, found, wanted, form, reason, readable=given is not None)
        return render(request, "order/_live_answer.html", context)
    if given is not None:
        form = build_form(wanted.version, found.environment.slug, initial=given)
    context = _context(request, found, wanted, form, reason, readable=given is not None)
    return render(request, "workspaces/_update_body.html", context)


def _read(
    request: HttpRequest, workspace: Workspace
) -> tuple[Upgrade, ParameterForm, ReasonForm, dict[str, Any] | None]:
    """Read what was sent. The parameters are None when they cannot be read; what is shown then is the carried ones'."""
    data = corrected(request.POST)
    wanted = _preview(request, workspace, data.get("version"), workspace.parameters)
    form = build_form(wanted.version, workspace.environment.slug, data=data)
    if not form.is_valid():
        return wanted, form, ReasonForm(request.POST), None
    given = form.given()
    wanted = _preview(request, workspace, wanted.version.version, given)
    return wanted, form, ReasonForm(request.POST), given


def _preview(
    request: HttpRequest, workspace: Workspace, version: str | None, given: Mapping[str, Any]
) -> Upgrade:
    """Preview the upgrade with exactly these parameters; those that the new version has no more are dropped."""
    wanted = service.preview(
        workspace,
        version=version or None,
        parameters=_changes(workspace, given),
        requester=signed_in(request),
        now=timezone.now(),
    )
    gone = {d.name for d in wanted.differences if d.difference is Difference.REMOVED}
    if not gone & set(given):
        return wanted
    return _preview(request, workspace, version, {k: v for k, v in given.items() if k not in gone})


def _changes(workspace: Workspace, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of an order that holds these and no other."""
    return {**dict.fromkeys(workspace.parameters, None), **given}


def _carried(workspace: Workspace, wanted: Upgrade) -> dict[str, Any]:
    return {name: value for name, value in workspace.parameters.items() if name in wanted.ask.parameters}


def _newer_versions(request: HttpRequest, workspace: Workspace) -> list[CatalogItemVersion]:
    item = catalog_selectors.item_by_slug(workspace.item.slug, drafts=selectors.is_platform(request.user))
    current = version_key(workspace.item_version.version)
    return [
        version
        for version in ([] if item is None else catalog_selectors.versions_of(item))
        if version.lifecycle != RETIRED and version_key(version.version) > current
    ]


def _context(
    request: HttpRequest,
    workspace: Workspace,
    wanted: Upgrade,
    form: ParameterForm,
    reason: ReasonForm,
    *,
    readable: bool = True,
) -> dict[str, Any]:
    """Return the context of workspaces/upgrade.html and of the partials that it shares with an update."""
    findings = wanted.evaluation.findings if readable else ()
    return {
        "workspace": workspace,
        "upgrade": wanted,
        "versions": _newer_versions(request, workspace),
        "differences": [_row(one, workspace) for one in wanted.differences],
        "problems": wanted.evaluation.problems if not form.is_bound else (),
        "reason": reason,
        "parameters": lay_out(form, findings),
        "readable": readable,
        "evaluation": wanted.evaluation if readable else None,
        "before_usd_month": workspace.estimate_usd_month,
        "answer_refusal": None,
        "other_findings": elsewhere(form, findings),
        "active": selectors.active_run_of(workspace),
    }


def _row(found: ParameterDifference, workspace: Workspace) -> DifferenceRow:
    note = ""
    if found.required:
        note = "must be given"
    elif found.kept:
        note = f"you gave {readable_value(workspace.parameters[found.name])}, which stays"
    elif found.difference is Difference.REMOVED and found.name in workspace.parameters:
        note = "what you gave is dropped"
    return DifferenceRow(
        found.name,
        found.label,
        _WORDS[found.difference],
        note,
        readable_value(found.before),
        readable_value(found.after),
    )


def readable_value(value: object) -> str:
    """Write a value the way people say it; a dash where there is none."""
    return "\N{EM DASH}" if value is MISSING else readable(value)
