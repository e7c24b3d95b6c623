"""Callers of the API: signed-in sessions and tokens, and orders to call about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import timezone
from rest_framework.test import APIClient

from catalog.models import CatalogItemVersion
from portal import tokens
from tests.api.rows import make_version

Caller = Callable[..., APIClient]


@pytest.fixture(autouse=True)
def _full_rate() -> Iterator[None]:
    """Begin every test with a full rate: ids of users come again in every test."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def signed_in() -> Callable[[User], APIClient]:
    """Return a client with the user's session."""

    def make(user: User, **kwargs: Any) -> APIClient:
        client = APIClient(**kwargs)
        client.force_login(user)
        return client

    return make


@pytest.fixture
def with_token() -> Caller:
    """Return a client that carries a token of the user with these scopes (all when none is named)."""

    def make(user: User, *scopes: str, **kwargs: Any) -> APIClient:
        _, secret = tokens.issue(user, "test", scopes or list(tokens.SCOPES), 1, now=timezone.now())
        return APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}", **kwargs)

    return make


def small(**changes: Any) -> dict[str, Any]:
    """Return an order that no rule objects to."""
    return {
        "item": "postgres",
        "service": "receipts",
        "environment": "development",
        "name": "receipts-db",
        **changes,
    }


@pytest.fixture
def published(db: None) -> CatalogItemVersion:
    """Publish an item without a module, for tests that read rows and order nothing."""
    return make_version()
