"""A refusal as a page: what happened, why, what to do, with the refusal's own status."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from provisioner.domain.errors import Refusal

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def refusal_page(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Render a refusal that no form on the page could show."""
    return render(request, "refusal.html", {"refusal": refusal}, status=refusal.status)


def answers_refusals(view: View[P]) -> View[P]:
    """Let a view's refusals end as a page instead of a server error."""

    @wraps(view)
    def answered(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Refusal as refusal:
            return refusal_page(request, refusal)

    return answered
