"""A database that is not there for a moment: PostgreSQL refuses connections, then takes them again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from catalog.models import CatalogItemVersion
from provisioner.models import Run, Workspace
from tests.conftest import Organisation

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

Outage = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def outage(db: None) -> Outage:
    """Return a context manager during which the test's database takes no connection and has lost all it had."""
    settings = connection.settings_dict
    name = settings["NAME"]

    @contextmanager
    def away() -> Iterator[None]:
        with psycopg.connect(
            host=settings["HOST"],
            port=settings["PORT"],
            user=settings["USER"],
            password=settings["PASSWORD"],
            dbname="postgres",
            autocommit=True,
        ) as other:
            other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            try:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
                )
                yield
            finally:
                other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
                connection.close()

    return away


@pytest.fixture
def browser(org: Organisation) -> Client:
    """Return a signed-in browser that gets answers, not exceptions."""
    client = Client(raise_request_exception=False)
    client.force_login(org.developer)
    return client


class TestWithoutItsDatabase:
    def test_a_page_says_to_come_back_and_is_there_again_afterwards(
        self, browser: Client, outage: Outage
    ) -> None:
        with outage():
            answer = browser.get(reverse("runs"))
            assert (answer.status_code, answer["Retry-After"]) == (503, "5")
            assert b"cannot reach its database" in answer.content
        assert browser.get(reverse("runs")).status_code == 200

    def test_an_order_is_made_once_or_not_at_all_and_the_page_says_how_to_tell(
        self, browser: Client, postgres: CatalogItemVersion, outage: Outage
    ) -> None:
        order = {
            "service": "orders",
            "environment": "development",
            "name": "orders-db",
            "justification": "",
        }
        with outage():
            answer = browser.post(reverse("order", args=["postgres"]), order)
            assert answer.status_code == 503
            assert b"taken whole or not at all" in answer.content
        assert (Workspace.objects.count(), Run.objects.count()) == (0, 0)

    def test_a_script_gets_a_problem_with_a_time_to_try_again(
        self, org: Organisation, outage: Outage
    ) -> None:
        client = APIClient(raise_request_exception=False)
        client.force_login(org.developer)
        with outage():
            answer = client.get("/api/v1/runs/")
            assert (answer.status_code, answer["Retry-After"]) == (503, "5")
            assert answer.json()["code"] == "database_unavailable"
        assert client.get("/api/v1/runs/").status_code == 200
