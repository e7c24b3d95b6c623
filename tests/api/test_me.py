"""Who calls."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from tests.conftest import Organisation


class TestMe:
    def test_says_who_a_token_is_and_what_it_may_do_without_any_scope_of_its_own(
        self, org: Organisation, with_token: Any
    ) -> None:
        client: APIClient = with_token(org.developer, "audit:read")
        document = client.get("/api/v1/me/").json()
        assert (document["username"], document["target"]) == ("developer", "sandbox")
        assert document["teams"] == [{"slug": "payments", "name": "Payments"}]
        assert document["groups"] == []
        assert (document["token"]["name"], document["token"]["scopes"]) == ("test", ["audit:read"])
        assert "secret" not in document["token"]

    def test_names_the_groups_that_approval_steps_ask(self, org: Organisation, with_token: Any) -> None:
        assert with_token(org.finops).get("/api/v1/me/").json()["groups"] == ["finops"]
        assert with_token(org.platform).get("/api/v1/me/").json()["groups"] == ["platform"]

    def test_has_no_token_for_a_session(self, org: Organisation, signed_in: Any) -> None:
        assert signed_in(org.developer).get("/api/v1/me/").json()["token"] is None
