"""The policy as everybody reads it, and how platform engineers change it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from provisioner import policy_store, selectors
from provisioner.domain.errors import Refusal
from provisioner.domain.policy.section import Problem
from provisioner.models import PolicyActivation, PolicyProposal
from provisioner.rulebook.explain import RuleWords, explain
from provisioner.rulebook.file import Loaded
from provisioner.services import policies, policy_dry_run, policy_review
from provisioner.services.policies import Preview
from provisioner.services.policy_dry_run import DryRun
from provisioner.web.order_form import add_errors
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in

HISTORY = 20
PROPOSALS = 100
TITLES = {
    "groups": "Groups",
    "tags": "Tags",
    "guardrails": "Guardrails",
    "approvals": "Approvals",
    "usage": "Usage",
    "time_to_live": "Time to live",
}


class PolicyForm(forms.Form):
    """A text of the policy, why it is proposed, and what it was written against."""

    text = forms.CharField(
        strip=False,
        max_length=policies.TEXT_MAX,
        label="Policy",
        help_text="YAML. Nothing changes before another platform engineer approves it.",
        widget=forms.Textarea(attrs={"rows": "28", "spellcheck": "false", "wrap": "off"}),
    )
    reason = forms.CharField(
        required=False,
        max_length=policy_review.REASON_MAX,
        label="Reason",
        help_text="Whoever approves reads it, and it stays with the version.",
        widget=forms.Textarea(attrs={"rows": "2"}),
    )
    base = forms.CharField(max_length=64, widget=forms.HiddenInput())

    def clean_text(self) -> str:
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")


@dataclass(frozen=True)
class SectionWords:
    """The rules of one section."""

    title: str
    rules: Sequence[RuleWords]


@dataclass(frozen=True)
class TextLine:
    """A line of a text, with what is wrong on it."""

    number: int
    text: str
    problems: Sequence[Problem]


@require_GET
@answers_refusals
def policy(request: HttpRequest) -> HttpResponse:
    """Show what is in force, in words."""
    standing, loaded = policies.in_force()
    user = signed_in(request)
    platform = selectors.is_platform(user)
    proposals: Sequence[PolicyProposal] = []
    if platform:
        proposals = list(
            policy_review.proposals_visible_to(user).filter(state=policy_review.OPEN)[:PROPOSALS]
        )
    return render(
        request,
        "policy/policy.html",
        {
            "standing": standing,
            "version": standing.version,
            "sections": sections(loaded),
            "refused": standing.refused,
            "source_problem": policies.source_problem() if platform else None,
            "history": PolicyActivation.objects.select_related("version", "actor")[:HISTORY],
            "proposals": proposals,
            "platform": platform,
            "tries": bool(selectors.groups_of(user) & selectors.SEES_ALL),
            "comes_from": settings.DRAWBRIDGE_POLICY_SOURCE,
        },
    )


@require_GET
@answers_refusals
def version(request: HttpRequest, digest: str) -> HttpResponse:
    """Show one version: its text, and what differs from what is in force."""
    found = policies.version_named(digest)
    standing, in_force = policies.in_force()
    loaded = policies.read_kept(found)
    is_in_force = standing.version_id == found.pk
    return render(
        request,
        "policy/version.html",
        {
            "version": found,
            "is_in_force": is_in_force,
            "readable": loaded is not None,
            "changes": policies.changes(loaded, in_force) if loaded is not None and not is_in_force else [],
            "in_force": standing.version,
            "lines": lines(found.text, ()),
            "activations": found.activations.select_related("actor", "previous"),
            "may_propose": selectors.is_platform(signed_in(request)) and _edited_here() and not is_in_force,
        },
    )


@require_http_methods(["GET", "POST"])
@answers_refusals
def try_change(request: HttpRequest) -> HttpResponse:
    """Try a change out: its problems, what it changes, its tests, a dry run; platform engineers propose it."""
    user = signed_in(request)
    if not selectors.groups_of(user) & selectors.SEES_ALL:
        raise policy_dry_run.SeesTooLittle(
            "Only platform, finops and sre try changes of the policy out. /policy/ says what holds now; ask them for "
            "a change."
        )
    standing, _ = policies.in_force()
    if request.method == "GET":
        text = standing.version.text
        if "from" in request.GET:
            text = policies.version_named(request.GET["from"]).text
        form = PolicyForm(initial={"text": text, "base": standing.version.digest})
        return render(request, "policy/edit.html", _edit_context(request, form, standing.version.digest))
    return _edited(request, None)


@require_http_methods(["GET", "POST"])
@answers_refusals
def edit_proposal(request: HttpRequest, proposal_id: int) -> HttpResponse:
    """Change an open proposal of one's own, on what is in force now."""
    found = policy_review.proposal_visible(signed_in(request), proposal_id)
    if request.method == "GET":
        standing, _ = policies.in_force()
        form = PolicyForm(
            initial={"text": found.text, "reason": found.reason, "base": standing.version.digest}
        )
        context = _edit_context(request, form, standing.version.digest, proposal=found)
        return render(request, "policy/edit.html", context)
    return _edited(request, found)


@require_GET
@answers_refusals
def proposals(request: HttpRequest) -> HttpResponse:
    """List the proposals, newest first."""
    rows = list(policy_review.proposals_visible_to(signed_in(request))[: PROPOSALS + 1])
    return render(
        request,
        "policy/proposals.html",
        {"rows": rows[:PROPOSALS], "truncated": len(rows) > PROPOSALS, "edited_here": _edited_here()},
    )


@require_GET
@answers_refusals
def proposal(request: HttpRequest, proposal_id: int) -> HttpResponse:
    """Show one proposal to platform engineers."""
    found = policy_review.proposal_visible(signed_in(request), proposal_id)
    return render(request, "policy/proposal.html", _proposal_context(request, found))


@require_POST
@answers_refusals
def decide(request: HttpRequest, proposal_id: int, act: str) -> HttpResponse:
    """Approve, reject, withdraw or dry-run a proposal; a refusal is shown on its own page."""
    user, now = signed_in(request), timezone.now()
    found = policy_review.proposal_visible(user, proposal_id)
    comment = request.POST.get("comment", "").replace("\r\n", "\n")
    if act not in ("approve", "reject", "withdraw", "dry-run"):
        raise Http404
    try:
        if act == "dry-run":
            result = policy_dry_run.for_person(found.text, person=user, now=now, clock=time.monotonic)
            return render(
                request, "policy/proposal.html", {**_proposal_context(request, found), "dry_run": result}
            )
        if act == "approve":
            digest = request.POST.get("digest", "")
            policy_review.approve(found.pk, digest=digest, comment=comment, approver=user, now=now)
            messages.success(request, f"The policy {found.digest[:12]} is in force.")
            return redirect("policy")
        if act == "reject":
            policy_review.reject(found.pk, comment=comment, approver=user, now=now)
            messages.success(request, "The proposal is rejected; the policy stays as it is.")
        else:
            policy_review.withdraw(found.pk, author=user, now=now)
            messages.success(request, "The proposal is withdrawn; the policy stays as it is.")
    except Refusal as refusal:
        found = policy_review.proposal_visible(user, proposal_id)
        context = {**_proposal_context(request, found), "refusal": refusal, "comment": comment}
        return render(
            request, "policy/proposal.html", context, status=422 if refusal.status == 400 else refusal.status
        )
    return redirect("policy-proposal", found.pk)


def sections(loaded: Loaded) -> list[SectionWords]:
    """Return the rules by section, in the order of the file."""
    rules = explain(loaded)
    names = dict.fromkeys(rule.section for rule in rules)
    return [
        SectionWords(TITLES.get(name, name), [rule for rule in rules if rule.section == name])
        for name in names
    ]


def lines(text: str, problems: Sequence[Problem]) -> list[TextLine]:
    """Return the lines of a text with their problems."""
    return [
        TextLine(number, line, [problem for problem in problems if problem.line == number])
        for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1)
    ]


def _edited(request: HttpRequest, found: PolicyProposal | None) -> HttpResponse:
    """Check, dry-run or propose what was typed."""
    user, now = signed_in(request), timezone.now()
    standing, _ = policies.in_force()
    act = request.POST.get("act", "check")
    form = PolicyForm(request.POST)
    if not form.is_valid():
        context = _edit_context(request, form, standing.version.digest, proposal=found)
        return render(request, "policy/edit.html", context, status=422)
    text, refusal, dry_run, status = form.cleaned_data["text"], None, None, 200
    try:
        if act == "propose":
            words: dict[str, Any] = {
                "reason": form.cleaned_data["reason"],
                "base_digest": form.cleaned_data["base"],
                "author": user,
                "now": now,
            }
            kept = (
                policy_review.propose(text, **words)
                if found is None
                else policy_review.edit(found.pk, text, **words)
            )
            messages.success(request, "Proposed. It waits for another platform engineer.")
            return redirect("policy-proposal", kept.pk)
        if act == "dry-run":
            dry_run = policy_dry_run.for_person(text, person=user, now=now, clock=time.monotonic)
    except policies.InvalidPolicy:
        status = 422  # its problems are shown beside the text
    except Refusal as refused:
        status = 422 if refused.status == 400 else refused.status
        if not add_errors(refused, form):
            refusal = refused
    context = _edit_context(
        request,
        form,
        form.cleaned_data["base"],
        proposal=found,
        preview=policies.preview(text),
        dry_run=dry_run,
    )
    return render(request, "policy/edit.html", {**context, "refusal": refusal}, status=status)


def _edit_context(
    request: HttpRequest,
    form: PolicyForm,
    base: str,
    *,
    proposal: PolicyProposal | None = None,
    preview: Preview | None = None,
    dry_run: DryRun | None = None,
) -> dict[str, Any]:
    bad = (
        []
        if preview is None or not preview.checked.problems
        else lines(preview.checked.text, preview.checked.problems)
    )
    standing = policy_store.in_force()
    return {
        "form": form,
        "proposal": proposal,
        "preview": preview,
        "dry_run": dry_run,
        "bad_lines": _around(bad),
        "stale": standing is not None and standing.digest != base,
        "may_propose": selectors.is_platform(signed_in(request)) and _edited_here(),
        "edited_here": _edited_here(),
        "comes_from": settings.DRAWBRIDGE_POLICY_SOURCE,
    }


def _around(found: Sequence[TextLine]) -> list[TextLine]:
    """Keep the lines with problems and two on each side of them."""
    near = {number for line in found if line.problems for number in range(line.number - 2, line.number + 3)}
    return [line for line in found if line.number in near]


def _proposal_context(request: HttpRequest, found: PolicyProposal) -> dict[str, Any]:
    user, is_open = signed_in(request), found.state == policy_review.OPEN
    base = policies.read_kept(found.base)
    return {
        "proposal": found,
        "is_open": is_open,
        "is_author": found.author_id == user.pk,
        "edited_here": _edited_here(),
        "preview": policies.preview(found.text, against=base),
        "stale": is_open and policy_review.is_stale(found),
        "changed_since": policy_review.changed_since(found) if is_open else [],
        "lines": lines(found.text, ()),
    }


def _edited_here() -> bool:
    return bool(settings.DRAWBRIDGE_POLICY_SOURCE == policy_store.EDITED)
