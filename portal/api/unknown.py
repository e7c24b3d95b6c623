"""What answers under /api/ when nothing else does: problems, never pages."""

import sys

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt

from portal.api import problems

PREFIX = "/api/"


@csrf_exempt
@login_not_required
def unknown_path(request: HttpRequest) -> HttpResponse:
    """404 for every address under /api/ that is no route; a missing slash at the end is named."""
    if request.path.endswith("/"):
        return problems.not_found(request)
    return problems.respond(
        request, 404, "not_found", "There is nothing here. Addresses of this API end with a slash."
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400."""
    if not request.path.startswith(PREFIX):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        return problems.respond(request, 413, "body_too_large", "The body is too large for this address.")
    return problems.respond(request, 400, "bad_request", "The request is malformed.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403."""
    if not request.path.startswith(PREFIX):
        return defaults.permission_denied(request, exception)
    return problems.respond(request, 403, "permission_denied", "You may not do this.")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404."""
    if not request.path.startswith(PREFIX):
        return defaults.page_not_found(request, exception)
    return problems.not_found(request)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500; a database that does not answer is a 503, to be tried again."""
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        if request.path.startswith(PREFIX):
            return problems.database_unavailable(request)
        page = render_to_string("503.html")
        return HttpResponse(page, status=503, headers={"Retry-After": str(problems.RETRY_AFTER_S)})
    if not request.path.startswith(PREFIX):
        return defaults.server_error(request)
    return problems.server_error(request)
