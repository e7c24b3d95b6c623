"""What every answer under /api/ carries, and the memory behind `Idempotency-Key`."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.views import APIView

from portal.api import idempotency, problems
from portal.api.parsers import BODY_MAX_BYTES

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class ApiMiddleware:
    """Name the target, forbid caches, and answer a repeated `Idempotency-Key` without doing the work again."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/api/"):
            return self.get_response(request)
        try:
            response = self.get_response(request)
        except BaseException:
            _forget(request)
            raise
        self._remember(request, response)
        response["Drawbridge-Target"] = settings.DRAWBRIDGE_TARGET
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Look the key up once it is known which view would work, and that the caller may call it."""
        if (
            request.method not in UNSAFE
            or "Idempotency-Key" not in request.headers
            or not hasattr(view, "cls")
            or not getattr(view.cls, "keeps_answers", True)
        ):
            return None
        caller_id = _caller_id(request, view, kwargs)
        if caller_id is None:
            return None  # the view refuses, and refusals of identity are not kept
        key = request.headers["Idempotency-Key"]
        if not 1 <= len(key) <= idempotency.KEY_MAX_LENGTH or not key.isprintable() or not key.isascii():
            return problems.respond(
                request,
                400,
                "invalid_idempotency_key",
                f"Idempotency-Key is 1 to {idempotency.KEY_MAX_LENGTH} printable ASCII characters, such as a UUID.",
            )
        body = request.read(BODY_MAX_BYTES + 1)
        # The view reads the same bytes again; Django's own `body` would refuse what our parser takes.
        request._body = body
        fingerprint = idempotency.fingerprint(str(request.method), request.get_full_path(), body)
        outcome = idempotency.begin(caller_id, key, fingerprint, now=timezone.now())
        if isinstance(outcome, idempotency.Begun):
            request.idempotency = outcome  # type: ignore[attr-defined]
            return None
        return _answer(request, outcome)

    def _remember(self, request: HttpRequest, response: HttpResponse) -> None:
        begun = getattr(request, "idempotency", None)
        if begun is None:
            return
        if response.status_code >= 500 or response.status_code in idempotency.NOT_KEPT:
            idempotency.forget(begun)
            return
        body = getattr(response, "data", None)
        if isinstance(body, dict):
            body = {**body, **dict.fromkeys(getattr(response, "shown_once", ()))}
        idempotency.keep(begun, response.status_code, body)


def _forget(request: HttpRequest) -> None:
    begun = getattr(request, "idempotency", None)
    if begun is not None:
        idempotency.forget(begun)


def _caller_id(request: HttpRequest, view: Any, kwargs: dict[str, Any]) -> int | None:
    """Return the id of the caller when the view would let them call it, else None.

    A kept answer must not be had with a token that could not have got it itself.
    """
    instance: APIView = view.cls(**view.initkwargs)
    instance.kwargs = kwargs
    drf_request: Request = instance.initialize_request(request)
    instance.request = drf_request
    try:
        instance.perform_authentication(drf_request)
        instance.check_permissions(drf_request)
    except exceptions.APIException:
        return None
    return drf_request.user.pk


def _answer(request: HttpRequest, outcome: idempotency.Outcome) -> HttpResponse:
    if isinstance(outcome, idempotency.Kept):
        content_type = problems.CONTENT_TYPE if outcome.status >= 400 else "application/json"
        response: HttpResponse
        if outcome.body is None:
            response = HttpResponse(status=outcome.status)
        else:
            response = JsonResponse(
                outcome.body, status=outcome.status, safe=False, content_type=content_type
            )
        response["Idempotency-Replayed"] = "true"
        return response
    if isinstance(outcome, idempotency.StillWorking):
        response = problems.respond(
            request,
            409,
            "idempotency_in_progress",
            "A call with this Idempotency-Key is being worked on. Send the same call again in a moment for its answer.",
        )
        response["Retry-After"] = str(idempotency.RETRY_AFTER_S)
        return response
    return problems.respond(
        request,
        422,
        "idempotency_key_reused",
        "This Idempotency-Key was used for another call within 24 hours. Use a new key for a new call.",
    )
