"""Every "no" of the API as RFC 9457 problem+json: refusals, bad input, missing rights, failures without internals."""

import math
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from portal.api.parsers import BodyRefused
from provisioner.domain.errors import Refusal
from provisioner.domain.finding import Finding
from provisioner.services.findings import documents

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
# Long enough to recognise what was sent, short enough that a hostile megabyte is not sent back.
MESSAGE_MAX_LENGTH = 1000

log = structlog.get_logger(__name__)

# code, title, and what to do where the exception has no better text
_KNOWN: dict[int, tuple[str, str]] = {
    400: ("bad_request", "The request cannot be read"),
    401: ("not_authenticated", "Sign in or present a token"),
    403: ("permission_denied", "Not allowed"),
    404: ("not_found", "Not found"),
    405: ("method_not_allowed", "The method is not allowed here"),
    406: ("not_acceptable", "This API answers in JSON"),
    413: ("body_too_large", "The body is too large"),
    415: ("unsupported_media_type", "Send application/json"),
    429: ("throttled", "Too many calls"),
    500: ("internal_error", "Something went wrong on our side"),
    503: ("unavailable", "Not available right now"),
}
_NOT_FOUND = (
    "There is nothing here, or nothing that you may see. Look at the address and at who you are signed in as."
)
_INTERNAL = (
    "The call failed for a reason that is ours. Whether it had an effect, GET will tell; an order is either made "
    "completely or not at all. Try again, and give X-Request-Id of this answer to the operators if it stays."
)
_DATABASE = (
    "The database did not answer. An order is either made completely or not at all: look at GET /api/v1/requests/, "
    "or send the same call again with the same Idempotency-Key."
)


def document(
    status: int,
    code: str,
    detail: str,
    *,
    title: str | None = None,
    errors: Sequence[Mapping[str, str]] = (),
    findings: Sequence[Finding] = (),
) -> dict[str, object]:
    """Return the problem document. `errors` and `findings` are there only when there are any."""
    default_title = _KNOWN[status][1] if status in _KNOWN else HTTPStatus(status).phrase
    body: dict[str, object] = {
        "type": f"urn:drawbridge:problem:{code}",
        "title": title or default_title,
        "status": status,
        "detail": _bounded(detail),
        "code": code,
    }
    if errors:
        body["errors"] = [{**error, "message": _bounded(error["message"])} for error in errors]
    if findings:
        body["findings"] = documents(findings)
    return body


def respond(request: HttpRequest, status: int, code: str, detail: str, **extra: Any) -> JsonResponse:
    """Answer outside a DRF view."""
    response = JsonResponse(document(status, code, detail, **extra), status=status, content_type=CONTENT_TYPE)
    if status == 503:
        response["Retry-After"] = str(RETRY_AFTER_S)
    return response


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Render what a DRF view raised. Unexpected exceptions go on to Django, which logs them, and `server_error`."""
    headers: dict[str, str] = {}
    if isinstance(exc, Refusal):
        body = document(
            exc.status,
            exc.code,
            exc.detail,
            title=exc.title,
            errors=[{"field": e.field, "code": e.code, "message": e.message} for e in exc.errors],
            findings=exc.findings,
        )
        run_id = getattr(exc, "run_id", None)
        if run_id is not None:  # the run that the caller may have meant
            body["run_id"] = str(run_id)
        if exc.status == 503:
            headers["Retry-After"] = str(RETRY_AFTER_S)
    elif isinstance(exc, Http404):
        body = document(404, "not_found", _NOT_FOUND)
    elif isinstance(exc, PermissionDenied):
        body = document(
            403, "permission_denied", "You may not do this. Ask the owning team or the platform team."
        )
    elif isinstance(exc, exceptions.APIException):
        body = _from_api_exception(exc)
        headers |= _headers_of(exc)
    elif isinstance(exc, OperationalError | InterfaceError):
        log.exception("api.database_unavailable", path=context["request"].path)
        body = document(503, "database_unavailable", _DATABASE)
        headers["Retry-After"] = str(RETRY_AFTER_S)
    else:
        return None
    set_rollback()
    return Response(body, status=int(str(body["status"])), headers=headers, content_type=CONTENT_TYPE)


def _from_api_exception(exc: exceptions.APIException) -> dict[str, object]:
    status = exc.status_code
    if isinstance(exc, exceptions.ValidationError):
        errors = list(flatten(exc.detail))
        fields = ", ".join(dict.fromkeys(error["field"] for error in errors if error["field"]))
        detail = f"Not acceptable: {fields}. " if fields else ""
        return document(
            400, "invalid_input", detail + (errors[0]["message"] if len(errors) == 1 else "See errors."),
            title="The input is not valid", errors=errors,
        )  # fmt: skip
    if isinstance(exc, BodyRefused):
        code, detail = exc.get_codes(), str(exc.detail)
        errors = [{"field": exc.field, "code": str(code), "message": detail}] if exc.field else []
        return document(400, str(code), detail, title="The body cannot be taken", errors=errors)
    code = str(exc.get_codes()) if isinstance(exc.get_codes(), str) else exc.default_code
    detail = str(exc.detail)
    if isinstance(exc, exceptions.NotFound):
        detail = _NOT_FOUND
    elif isinstance(exc, exceptions.NotAuthenticated):
        detail = "Nobody is signed in. Send `Authorization: Bearer <token>`, or sign in with a browser."
    elif isinstance(exc, exceptions.MethodNotAllowed):
        detail += " The Allow header lists what is."
    elif isinstance(exc, exceptions.UnsupportedMediaType):
        detail += " Bodies are application/json."
    elif type(exc) is exceptions.PermissionDenied:
        detail = "You may not do this."
    elif status not in _KNOWN:
        code = exc.default_code
    return document(status, _KNOWN[status][0] if code in {"error", "parse_error"} else code, detail)


def _headers_of(exc: exceptions.APIException) -> dict[str, str]:
    headers: dict[str, str] = {}
    if getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = exc.auth_header  # type: ignore[attr-defined]
    if isinstance(exc, exceptions.Throttled):
        wait_s = getattr(exc, "wait", None) or RETRY_AFTER_S
        headers["Retry-After"] = str(max(1, math.ceil(wait_s)))
    return headers


def flatten(detail: Any, field: str = "") -> Iterator[dict[str, str]]:
    """Yield DRF's nested error detail as flat `{field, code, message}`, with dotted paths."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            own = field if key == "non_field_errors" else f"{field}.{key}".lstrip(".")
            yield from flatten(inner, own)
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list | tuple)
            if nested and not inner:
                continue  # DRF leaves an empty place for each good entry of a list
            yield from flatten(inner, f"{field}.{index}".lstrip(".") if nested else field)
    else:
        yield {"field": field, "code": getattr(detail, "code", None) or "invalid", "message": str(detail)}


def _bounded(text: str) -> str:
    return text if len(text) <= MESSAGE_MAX_LENGTH else text[:MESSAGE_MAX_LENGTH] + "…"


def not_found(request: HttpRequest) -> JsonResponse:
    """Answer an unknown API address."""
    return respond(request, 404, "not_found", _NOT_FOUND)


def database_unavailable(request: HttpRequest) -> JsonResponse:
    """Answer when the database did not, outside a DRF view."""
    return respond(request, 503, "database_unavailable", _DATABASE)


def server_error(request: HttpRequest) -> JsonResponse:
    """Answer after an unexpected exception, which Django has logged with its traceback."""
    return respond(request, 500, "internal_error", _INTERNAL)
