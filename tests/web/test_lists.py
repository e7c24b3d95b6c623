"""Lists: their pages, their filters, and a number of queries that does not grow with them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import CatalogItemVersion
from provisioner.web import paging
from tests.web.conftest import Order, SignIn


class TestLists:
    @pytest.mark.parametrize(
        ("name", "queries"), [("runs", 6), ("workspaces", 6), ("approvals", 9), ("home", 13)]
    )
    def test_ask_the_database_as_often_for_many_rows_as_for_one(
        self,
        sign_in: SignIn,
        order: Order,
        django_assert_max_num_queries: Any,
        name: str,
        queries: int,
    ) -> None:
        for number in range(6):
            order("production" if number % 2 else "development", name=f"db-{number}")
        client = sign_in("finops")
        with django_assert_max_num_queries(queries):
            assert client.get(reverse(name)).status_code == 200

    def test_are_cut_into_pages_that_join_without_gap_or_double(
        self, sign_in: SignIn, order: Order, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = [f"db-{number}" for number in range(5)]
        for name in names:
            order(name=name, to="queued")
        monkeypatch.setattr(paging.newest_first, "__kwdefaults__", {"size": 2})
        client, address, seen = sign_in("developer"), reverse("runs"), []
        while address:
            page = client.get(address).context["page"]
            seen += [run.workspace.name for run in page.rows]
            address = f"{reverse('runs')}?before={page.older.replace('+', '%2B')}" if page.older else ""
        assert seen == names[::-1]

    @pytest.mark.parametrize("cursor", ["nonsense", "~", "2026-01-01~x", "\0", "9999-99-99~"])
    def test_take_a_cursor_that_is_not_theirs_for_the_top(
        self, sign_in: SignIn, order: Order, cursor: str
    ) -> None:
        order(to="queued")
        answer = sign_in("developer").get(reverse("runs"), {"before": cursor})
        assert answer.status_code == 200
        assert b"orders-db" in answer.content

    def test_of_runs_can_be_narrowed(self, sign_in: SignIn, order: Order) -> None:
        order("production", name="waits")
        order(name="works", to="queued")
        client = sign_in("developer")

        def shown(**query: str) -> set[str]:
            return {run.workspace.name for run in client.get(reverse("runs"), query).context["page"].rows}

        assert shown(state="waiting") == {"waits"}
        assert shown(state="active") == {"waits", "works"}
        assert shown(state="failed") == set()
        assert shown(state="nonsense", mine="1") == {"waits", "works"}

    def test_say_what_to_do_when_they_are_empty(self, sign_in: SignIn) -> None:
        client: Client = sign_in("developer")
        assert b"Look at the catalog" in client.get(reverse("home")).content
        assert b"Nothing has been ordered yet" in client.get(reverse("runs")).content
        assert b"sync_catalog" in client.get(reverse("catalog")).content
        assert b"Nothing waits for your decision" in client.get(reverse("approvals")).content


class TestTheItemPage:
    def test_shows_readme_versions_and_guardrails_in_words(
        self, sign_in: SignIn, postgres: CatalogItemVersion
    ) -> None:
        client = sign_in("developer")
        text = client.get(reverse("catalog-item", args=["postgres"])).content.decode()
        assert "at most 100 GB" in text
        assert "one of db.t4g.small" in text
        assert "must be on" in text
        assert postgres.version in text
        assert "Known limits" in text, "the README"
        assert client.get(reverse("catalog")).status_code == 200

    def test_is_404_for_an_unknown_item(self, sign_in: SignIn) -> None:
        client = sign_in("developer")
        assert client.get(reverse("catalog-item", args=["mysql"])).status_code == 404
        assert client.get(reverse("order", args=["mysql"])).status_code == 404
