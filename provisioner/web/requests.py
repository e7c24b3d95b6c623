"""What views read from a request."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest


def signed_in(request: HttpRequest) -> User:
    """Return the person; LoginRequiredMiddleware lets nobody else reach a view."""
    assert isinstance(request.user, User)
    return request.user
