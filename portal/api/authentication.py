"""Who is calling: a bearer token, or a signed-in session with its CSRF token."""

from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from portal import tokens
from portal.models import ApiToken


class CsrfFailed(exceptions.PermissionDenied):
    """A session call without its CSRF token."""

    default_code = "csrf_failed"


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer drb_…`. First in the list, so that 401 names the scheme in WWW-Authenticate."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = tokens.find(presented.strip(), timezone.now())
        if token is None:
            raise exceptions.AuthenticationFailed(
                "The token is unknown, expired or revoked, or its user is inactive. Make a new one with "
                "`manage.py issue_token` or on the tokens page.",
                code="invalid_token",
            )
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="drawbridge"'


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's session; unsafe calls carry `X-CSRFToken`."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied as error:
            raise CsrfFailed(
                f"{error.detail} Send the page's CSRF token as X-CSRFToken, or call with a bearer token."
            ) from error
