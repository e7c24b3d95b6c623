"""API tokens: issued once, kept as a hash, refused when they should be."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from portal import tokens
from portal.models import ApiToken
from tests.conftest import NOW, Organisation


class TestIssuing:
    def test_keeps_only_a_keyed_hash(self, org: Organisation, settings: Any) -> None:
        token, presented = tokens.issue(org.developer, " ci ", ["catalog:read"], 7, now=NOW)
        secret = presented.removeprefix(f"drb_{token.prefix}_")
        stored = str(list(ApiToken.objects.values()))
        assert secret not in stored
        assert token.name == "ci"
        assert token.expires_at == NOW + timedelta(days=7)
        assert tokens.find(presented, NOW) == token
        settings.SECRET_KEY = "another-key" * 6
        assert tokens.find(presented, NOW) is None

    @pytest.mark.parametrize(
        ("name", "scopes", "days", "field"),
        [
            ("", ["catalog:read"], 1, "name"),
            ("x" * 101, ["catalog:read"], 1, "name"),
            ("ci", [], 1, "scopes"),
            ("ci", ["root"], 1, "scopes"),
            ("ci", ["catalog:read"], 0, "days"),
            ("ci", ["catalog:read"], 367, "days"),
        ],
    )
    def test_refuses_what_makes_no_sense(
        self, org: Organisation, name: str, scopes: list[str], days: int, field: str
    ) -> None:
        with pytest.raises(tokens.InvalidToken) as refused:
            tokens.issue(org.developer, name, scopes, days, now=NOW)
        assert [error.field for error in refused.value.errors] == [field]
        assert not ApiToken.objects.exists()


class TestFinding:
    @pytest.fixture
    def presented(self, org: Organisation) -> str:
        return tokens.issue(org.developer, "ci", ["catalog:read"], 1, now=NOW)[1]

    def test_ends_with_expiry_revocation_and_the_user(self, org: Organisation, presented: str) -> None:
        token = tokens.find(presented, NOW)
        assert token is not None
        assert tokens.find(presented, NOW + timedelta(days=1)) is None
        org.developer.is_active = False
        org.developer.save()
        assert tokens.find(presented, NOW) is None
        org.developer.is_active = True
        org.developer.save()
        tokens.revoke(org.developer, token.pk, NOW)
        assert tokens.find(presented, NOW) is None

    def test_refuses_what_is_nearly_right(self, presented: str) -> None:
        for wrong in (
            "",
            "drb_",
            presented[:-1],
            presented + "a",
            presented.swapcase(),
            presented[:-1] + "\x00",
        ):
            assert tokens.find(wrong, NOW) is None

    def test_notes_use_at_most_once_a_minute(self, presented: str, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(2):
            tokens.find(presented, NOW)
        with django_assert_num_queries(1):
            tokens.find(presented, NOW + timedelta(seconds=30))
        tokens.find(presented, NOW + timedelta(minutes=2))
        assert ApiToken.objects.get().last_used_at == NOW + timedelta(minutes=2)


class TestTheAddress:
    def test_shows_the_secret_once_and_only_ones_own(self, org: Organisation, client: Any) -> None:
        client.force_login(org.developer)
        made = client.post(
            "/api/v1/tokens/",
            {"name": "ci", "scopes": ["catalog:read"], "days": 3},
            content_type="application/json",
        ).json()
        assert (
            APIClient(HTTP_AUTHORIZATION=f"Bearer {made['secret']}").get("/api/v1/teams/").status_code == 200
        )
        [listed] = client.get("/api/v1/tokens/").json()["results"]
        assert "secret" not in listed
        assert "digest" not in listed
        assert listed["last_used_at"].endswith("Z")
        other = APIClient()
        other.force_login(org.outsider)
        assert other.get("/api/v1/tokens/").json()["results"] == []
        assert other.delete(f"/api/v1/tokens/{made['id']}/").status_code == 404
        assert client.delete(f"/api/v1/tokens/{made['id']}/").status_code == 204
        assert client.delete(f"/api/v1/tokens/{made['id']}/").status_code == 204
        assert (
            APIClient(HTTP_AUTHORIZATION=f"Bearer {made['secret']}").get("/api/v1/teams/").status_code == 401
        )

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"scopes": ["catalog:read"]}, "name"), ({"name": "ci", "scopes": ["root"]}, "scopes.0"),
            ({"name": "ci", "scopes": []}, "scopes"), ({"name": "ci", "scopes": "catalog:read"}, "scopes"),
            ({"name": "ci", "scopes": ["catalog:read"], "days": "3"}, "days"),
            ({"name": "ci", "scopes": ["catalog:read"], "days": 10**20}, "days"),
            ({"name": "x" * 1_000_000, "scopes": ["catalog:read"]}, "name"),
            ({"name": " ", "scopes": ["catalog:read"]}, "name"),
            ({"name": "ci", "scopes": ["catalog:read"], "user": "sre"}, "user"),
        ],
    )  # fmt: skip
    def test_refuses_bad_input(
        self, org: Organisation, client: Any, body: dict[str, Any], field: str
    ) -> None:
        client.force_login(org.developer)
        answer = client.post("/api/v1/tokens/", body, content_type="application/json")
        assert answer.status_code == 400
        assert any(error["field"].startswith(field) for error in answer.json()["errors"]), answer.json()
        assert not ApiToken.objects.exists()


class TestIssueToken:
    def call(self, *arguments: str) -> tuple[str, str]:
        out, err = io.StringIO(), io.StringIO()
        call_command("issue_token", *arguments, stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    def test_prints_the_token_alone(self, org: Organisation) -> None:
        out, err = self.call(
            "developer", "--scope", "catalog:read", "--scope", "requests:write", "--days", "3"
        )
        token = tokens.find(out.strip(), timezone.now())
        assert token is not None
        assert (token.user, token.scopes) == (org.developer, ["catalog:read", "requests:write"])
        assert "catalog:read, requests:write" in err

    def test_gives_all_scopes_at_once(self, org: Organisation) -> None:
        out, _ = self.call("platform", "--scope", "all")
        token = tokens.find(out.strip(), timezone.now())
        assert token is not None
        assert token.scopes == sorted(tokens.SCOPES)

    @pytest.mark.parametrize(
        "arguments",
        [("nobody", "--scope", "catalog:read"), ("developer",), ("developer", "--scope", "root"),
         ("developer", "--scope", "all", "--days", "0")],
    )  # fmt: skip
    def test_refuses_with_the_reason(self, org: Organisation, arguments: tuple[str, ...]) -> None:
        with pytest.raises(CommandError, match=r"\w+"):
            self.call(*arguments)
        assert not ApiToken.objects.exists()
