"""Ordering: the form, its live answer, and the order itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from catalog import selectors as catalog_selectors
from catalog.forms import ParameterForm, build_form
from catalog.lifecycle import RETIRED
from catalog.models import CatalogItem, CatalogItemVersion, Environment
from catalog.parameters import name_rule
from provisioner import selectors
from provisioner.domain.errors import Refusal
from provisioner.models import Run
from provisioner.services import evaluate as evaluation
from provisioner.services import submit
from provisioner.services.ask import Ask
from provisioner.web.order_form import OrderForm, add_errors, at_ttl, corrected, elsewhere, lay_out
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in


@dataclass
class Order:
    """What was chosen and typed so far."""

    item: CatalogItem
    version: CatalogItemVersion
    form: OrderForm
    parameters: ParameterForm
    environment: str

    def ask(self) -> Ask:
        """Return the ask as it stands; the services judge it."""
        service, environment, name = (
            str(self.form[field].value() or "") for field in ("service", "environment", "name")
        )
        return Ask(
            item=self.item.slug,
            version=self.version.version,
            service=service,
            environment=environment,
            name=name,
            parameters=self.parameters.given() if self.parameters.is_bound else {},
            justification=self.form.cleaned_data.get("justification", "") if self.form.is_bound else "",
            ttl_days=self.form.cleaned_data.get("ttl") if self.form.is_bound else None,
        )


@require_http_methods(["GET", "POST"])
@answers_refusals
def order(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the form; take the order."""
    data = corrected(request.POST)
    found = _read(request, slug, data)
    if request.method == "GET" or data.get("action") == "refresh":
        return render(request, "order/form.html", _context(request, found))
    forms_valid = found.form.is_valid()
    if not found.parameters.is_valid() or not forms_valid:
        return render(request, "order/form.html", _context(request, found, typed=True), status=422)
    ask = found.ask()
    try:
        run = submit.submit(ask, requester=signed_in(request), now=timezone.now())
    except submit.NameTaken as refusal:
        twin = _twin(refusal, ask)
        if twin is not None:
            messages.info(request, "This order was taken already; here is its run.")
            return redirect("run", twin.pk)
        return _refused(request, found, refusal)
    except Refusal as refusal:
        return _refused(request, found, refusal)
    messages.success(request, f"Ordered. {ask.name} is being planned.")
    return redirect("run", run.pk)


@require_POST
@answers_refusals
def order_live(request: HttpRequest, slug: str) -> HttpResponse:
    """Answer what is being typed: the whole form after a choice, else the findings, cost and approvals."""
    found = _read(request, slug, request.POST)
    part = "order/_live_answer.html" if request.POST.get("part") == "answer" else "order/_body.html"
    return render(request, part, _context(request, found, typed=part == "order/_live_answer.html"))


def _read(request: HttpRequest, slug: str, sent: QueryDict) -> Order:
    """Read the chosen and typed values; what is missing is filled in as a first visit is."""
    item = catalog_selectors.item_by_slug(slug, drafts=selectors.is_platform(request.user))
    named = (sent if request.method == "POST" else request.GET).get("version") or None
    version = catalog_selectors.find_version(item, named) if item is not None else None
    if item is None or version is None or version.lifecycle == RETIRED:
        raise Http404
    services = list(selectors.orderable_services(request.user))
    environments = list(Environment.objects.order_by("position", "slug"))
    data = sent if request.method == "POST" else None
    source = request.GET if data is None else data
    earlier = _earlier(request, item) if data is None else None
    known = [environment.slug for environment in environments]
    environment = source.get("environment", "" if earlier is None else earlier.workspace.environment.slug)
    if environment not in known:
        environment = known[0] if known else ""
    wanted = source.get("service", "" if earlier is None else earlier.workspace.service.slug)
    initial = {
        "service": wanted or (services[0].slug if services else ""),
        "environment": environment,
        "name": source.get("name", "" if earlier is None else earlier.workspace.name),
        "justification": "" if earlier is None else earlier.request.justification,
        "ttl": None if earlier is None else earlier.request.ttl_days,
    }
    form = OrderForm(
        data,
        initial=initial,
        services=[(service.slug, f"{service.name} ({service.owner_team.name})") for service in services],
        environments=[(one.slug, one.name) for one in environments],
    )
    parameters = build_form(
        version, environment, data=data, initial=None if earlier is None else earlier.parameters
    )
    _, rule = name_rule(parameters.manifest, parameters.spec)
    form.fields["name"].help_text = f"Unique among these in its environment. {rule}"
    if data is not None:
        form.is_valid()
    return Order(item, version, form, parameters, environment)


def _earlier(request: HttpRequest, item: CatalogItem) -> Run | None:
    """Return the run whose order is made again with changes, when the address names one of the item."""
    named = request.GET.get("from", "")
    run = (
        selectors.runs_visible_to(request.user).filter(pk=selectors.uuid_of(named)).first() if named else None
    )
    return run if run is not None and run.workspace.item_id == item.pk else None


def _context(request: HttpRequest, found: Order, *, typed: bool = False) -> dict[str, Any]:
    """Return the context of order/form.html and its partials.

    `typed`: show the parameters exactly as they were typed; otherwise fill in again what nobody decided, which
    is what a choice of environment or size is for.
    """
    parameters = found.parameters
    readable = not parameters.is_bound or parameters.is_valid()
    evaluated, refusal = None, None
    if readable and found.form.fields["service"].choices:  # type: ignore[attr-defined]
        try:
            evaluated = evaluation.evaluate(found.ask(), requester=signed_in(request), now=timezone.now())
        except Refusal as raised:
            refusal = raised
    if parameters.is_bound and readable and not typed:
        parameters = build_form(found.version, found.environment, initial=parameters.given())
    form = found.form
    if form.is_bound and request.POST.get("action") != "order" and not form["name"].value():
        form.errors.pop("name", None)  # nobody is told off for a name that is not typed yet
    findings = evaluated.findings if evaluated is not None else ()
    return {
        "item": found.item,
        "version": found.version,
        "form": form,
        "parameters": lay_out(parameters, findings),
        "readable": readable,
        "evaluation": evaluated,
        "answer_refusal": refusal,
        "other_findings": elsewhere(parameters, findings, ttl=True),
        "ttl_findings": at_ttl(findings),
        "service": evaluated.resolved.service if evaluated is not None else None,
    }


def _refused(request: HttpRequest, found: Order, refusal: Refusal) -> HttpResponse:
    """Show the form with the refusal at its fields, or above it where no field can show it."""
    placed = add_errors(refusal, found.form, found.parameters)
    context = _context(request, found, typed=True)
    if refusal.findings:
        context["parameters"] = lay_out(found.parameters, refusal.findings)
        context["ttl_findings"] = at_ttl(refusal.findings)
    if not placed:
        context["refusal"] = refusal
    if isinstance(refusal, submit.NameTaken):
        context["holder_run_id"] = refusal.run_id
    # Errors at fields are form errors, whichever status the API gives them.
    return render(
        request, "order/form.html", context, status=422 if refusal.status == 400 else refusal.status
    )


def _twin(refusal: submit.NameTaken, ask: Ask) -> Run | None:
    """Return the run of the same order by the same person: the first of two clicks."""
    if refusal.run_id is None:
        return None
    run = Run.objects.select_related("request__service").filter(pk=refusal.run_id).first()
    if run is None:
        return None
    asked = run.request
    same = (
        asked.service.slug == ask.service
        and asked.parameters == dict(ask.parameters)
        and asked.justification == ask.justification
        and asked.ttl_days == ask.ttl_days
    )
    return run if same else None
