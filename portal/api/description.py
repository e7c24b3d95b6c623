"""The OpenAPI document and its readable form, both for signed-in callers."""

import functools
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.permissions import HasScope
from portal.tokens import SCOPES


@functools.cache
def schema() -> dict[str, Any]:
    """Return the OpenAPI document; it depends on the code alone, so once a process is enough."""
    return dict(SchemaGenerator().get_schema(request=None, public=True))


class SchemaView(SpectacularAPIView):
    """OpenAPI 3.1 of this API; `?format=json` or `yaml`, or by Accept."""

    permission_classes = [HasScope]
    required_scopes = {"GET": "catalog:read"}

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(schema(), headers={"Content-Disposition": 'inline; filename="drawbridge-openapi"'})


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the document with Swagger UI from our own static files; it keeps to the policy of every other page."""
    return render(request, "portal/api_docs.html")


class TokenScheme(OpenApiAuthenticationExtension):
    """How the document describes bearer tokens."""

    target_class = "portal.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        scopes = "\n".join(f"- `{scope}`: {meaning}" for scope, meaning in SCOPES.items())
        return {
            "type": "http",
            "scheme": "bearer",
            "description": f"Made on the tokens page or with `manage.py issue_token`. Scopes:\n{scopes}",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    """How the document describes the browser's session."""

    target_class = "portal.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "A signed-in browser. Unsafe calls also carry `X-CSRFToken`.",
        }


PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; `errors` names fields; `findings` are objections of guardrails.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
            },
        },
        "findings": {"type": "array", "items": {"$ref": "#/components/schemas/Finding"}},
    },
}
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 255},
    "description": "Kept 24 h per caller: same key and call, same answer; another call under it, 422.",
}


def describe_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Spectacular hook: every operation may answer a problem; unsafe ones take an Idempotency-Key."""
    components = result.setdefault("components", {}).setdefault("schemas", {})
    components["Problem"] = PROBLEM
    answer = {
        "description": "Refused, or failed.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for operations in result["paths"].values():
        for method, operation in operations.items():
            operation["responses"]["default"] = answer
            if method in {"post", "put", "patch", "delete"}:
                operation.setdefault("parameters", []).append(_IDEMPOTENCY)
    return result
