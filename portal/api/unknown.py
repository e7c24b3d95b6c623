"""What answers when nothing else does: problems under /api/, pages elsewhere."""

import sys

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
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
    """handler500, which Django calls while it handles the exception; a database that does not answer is a 503."""
    unavailable = isinstance(sys.exception(), OperationalError | InterfaceError)
    if request.path.startswith(PREFIX):
        return problems.unavailable(request) if unavailable else problems.server_error(request)
    if not unavailable:
        return defaults.server_error(request)
    page = HttpResponse(loader.render_to_string("503.html"), status=503)
    page["Retry-After"] = str(problems.RETRY_AFTER_S)
    return page
