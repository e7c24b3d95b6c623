"""Price books: their versions, their rows, one price over time, and which version is in force."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from provisioner import policy, price_books, selectors
from provisioner.domain import price_import_diff
from provisioner.domain.errors import Refusal
from provisioner.services import prices as service
from provisioner.services import prices_impact
from provisioner.web.refusals import answers_refusals
from provisioner.web.requests import signed_in

PAGE_SIZE = 50
VERSIONS_SHOWN = 50
CHANGES_SHOWN = 50


class ActivationForm(forms.Form):
    """Why a version is put in force, and which one the person saw in force."""

    reason = forms.CharField(
        strip=True,
        max_length=service.REASON_MAX,
        label="Reason",
        help_text="For the record: what the new prices are for, or why an earlier version is better.",
        widget=forms.Textarea(attrs={"rows": "2"}),
    )
    replacing = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)


@require_GET
@answers_refusals
def prices(request: HttpRequest) -> HttpResponse:
    """List the versions of every region, and who put which in force."""
    regions = price_books.regions()
    region = request.GET.get("region", "")
    if region not in regions:
        region = regions[0] if regions else ""
    context = {
        "regions": regions,
        "region": region,
        "versions": list(price_books.versions(region)[:VERSIONS_SHOWN]) if region else [],
        "activations": list(price_books.activations(region)[:10]) if region else [],
        "platform": selectors.is_platform(signed_in(request)),
    }
    return render(request, "prices/list.html", context)


@require_GET
@answers_refusals
def version(request: HttpRequest, region: str, number: int) -> HttpResponse:
    """Show a version with its rows, by service and by what is looked for, a page at a time."""
    found = price_books.version(region, number)
    chosen, text = request.GET.get("service", "")[:64], request.GET.get("q", "").strip().replace("\0", "")
    rows = price_books.rows(found, service=chosen, text=text)
    after_service, _, after_key = request.GET.get("after", "").replace("\0", "").partition("~")
    if after_service:
        rows = rows.filter(Q(service__gt=after_service) | Q(service=after_service, sku_key__gt=after_key))
    page = list(rows[: PAGE_SIZE + 1])
    last = page[PAGE_SIZE - 1] if len(page) > PAGE_SIZE else None
    context = {
        "version": found,
        "rows": page[:PAGE_SIZE],
        "next": "" if last is None else f"{last.service}~{last.sku_key}",
        "services": price_books.services(found),
        "service": chosen,
        "q": text,
        "platform": selectors.is_platform(signed_in(request)),
    }
    return render(request, "prices/version.html", context)


@require_GET
@answers_refusals
def price(request: HttpRequest, region: str) -> HttpResponse:
    """Show one price in every version of a region."""
    of_service = request.GET.get("service", "").replace("\0", "")
    sku_key = request.GET.get("sku", "").replace("\0", "")
    context = {
        "region": region,
        "service": of_service,
        "sku_key": sku_key,
        "history": price_books.history(region, of_service, sku_key),
    }
    return render(request, "prices/price.html", context)


@require_http_methods(["GET", "POST"])
@answers_refusals
def activate(request: HttpRequest, region: str, number: int) -> HttpResponse:
    """Say what a version would change; put it in force once there is a reason."""
    found = price_books.version(region, number)
    if not selectors.is_platform(signed_in(request)):
        raise service.NotPlatform(
            "Prices decide who is asked about an order, so only platform engineers put a price book in force. Ask one."
        )
    present = price_books.active(region)
    replacing = None if present is None else present.number
    form = ActivationForm(
        request.POST if request.method == "POST" else None, initial={"replacing": replacing}
    )
    refusal = None
    if request.method == "POST" and form.is_valid():
        try:
            service.activate(
                region,
                number,
                replacing=form.cleaned_data["replacing"],
                actor=signed_in(request),
                reason=form.cleaned_data["reason"],
                now=timezone.now(),
            )
        except Refusal as refused:
            refusal = refused
            form = ActivationForm(initial={"reason": form.cleaned_data["reason"], "replacing": replacing})
        else:
            messages.success(
                request, f"Version {number} of {region} is in force: new estimates use its prices."
            )
            return redirect("prices-version", region, number)
    diff = price_import_diff.diff(price_books.present_rows(region), price_books.book_rows(found))
    context = {
        "version": found,
        "present": present,
        "form": form,
        "refusal": refusal,
        "impact": prices_impact.of(region, policy.price_book(region), policy.version_price_book(found)),
        "diff": diff,
        "kinds": [
            ("Changed, the largest first", diff.changed[:CHANGES_SHOWN], len(diff.changed)),
            ("New", diff.added[:CHANGES_SHOWN], len(diff.added)),
            ("Removed", diff.removed[:CHANGES_SHOWN], len(diff.removed)),
        ],
    }
    status = refusal.status if refusal else 422 if request.method == "POST" else 200
    return render(request, "prices/activate.html", context, status=status)
