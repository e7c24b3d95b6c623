"""What a caller may call: the scope that the view declares for the method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from portal.models import ApiToken

if TYPE_CHECKING:
    from rest_framework.views import APIView

# Declared by routes that no token may use, whatever its scopes: a leaked token must not make further tokens.
SESSION_ONLY = "session"
# Declared by routes that every live token may use: what they say is about the token itself.
ANY_TOKEN = "any"  # noqa: S105  # no secret


class ScopeMissing(exceptions.PermissionDenied):
    """The token was not issued for this."""

    default_code = "scope_missing"


class HasScope(BasePermission):
    """Let through signed-in sessions, and tokens that hold `view.required_scopes[method]` (or any, for ANY_TOKEN).

    A route without a declaration for the method is closed to everyone: forgetting it shows at once.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        method = "GET" if request.method == "HEAD" else str(request.method)
        declared: dict[str, str] = getattr(view, "required_scopes", {})
        if method == "OPTIONS" or not hasattr(view, method.lower()):
            return True  # no handler: the answer is 405, which needs no permission
        scope = declared.get(method)
        if scope is None:
            return False
        token = request.auth
        if not isinstance(token, ApiToken) or scope == ANY_TOKEN:
            return True
        if scope == SESSION_ONLY:
            raise ScopeMissing("Tokens cannot do this: sign in with a browser and its session.")
        if scope not in token.scopes:
            raise ScopeMissing(
                f"The token {token.prefix} lacks the scope {scope}. Issue one that has it, or call with another."
            )
        return True
