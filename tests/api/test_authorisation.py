"""Every route of the API: closed to strangers, to tokens without its scope, and to other teams."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from portal.api.permissions import ANY_TOKEN, SESSION_ONLY, HasScope
from portal.tokens import SCOPES
from provisioner.api.state import StateView
from provisioner.models import Run, Workspace
from tests.api.rows import make_run, make_transfer
from tests.conftest import Organisation

# Doors that are no part of the REST API's own authorisation, each with its own test.
OTHER_DOORS = {StateView}
# What every live token may read, whatever its scopes: who it is.
OF_ANY_TOKEN = {"/api/v1/me/"}
METHODS = ("get", "post", "put", "patch", "delete")


def routes() -> Iterator[tuple[str, Any]]:
    """Yield (address, view class) of every route under /api/v1/."""

    def walk(resolver: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        for entry in resolver.url_patterns:
            address = prefix + str(entry.pattern)
            if isinstance(entry, URLResolver):
                yield from walk(entry, address)
            elif isinstance(entry, URLPattern) and address.startswith("api/v1/"):
                callback = entry.callback
                yield "/" + address, getattr(callback, "cls", None) or getattr(callback, "view_class", None)

    yield from walk(get_resolver(), "")


def address_of(pattern: str, **values: Any) -> str:
    """Fill a pattern's parts in."""
    known = {"run_id": uuid.uuid4(), "workspace_id": uuid.uuid4(), "request_id": uuid.uuid4()}
    known |= {"token_id": 1, "transfer_id": 2**40, "serial": 1, "book_id": 2**40}
    known |= {"delivery_id": uuid.uuid4(), "channel_id": 2**40}
    known |= {"review_id": 2**40, "delegation_id": 2**40, "override_id": 2**40}
    known |= {"token_id": 1, "transfer_id": 2**40, "serial": 1}
    known |= {"digest": "0" * 64, "proposal_id": 2**40}
    known |= {"slug": "none", "version": "1.0.0", **values}
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(known[match[1]]), pattern)


CALLS = [
    (pattern, view, method)
    for pattern, view in routes()
    if view not in OTHER_DOORS
    for method in METHODS
    if hasattr(view, method)
]


class TestEveryRoute:
    def test_is_found_by_the_walk(self) -> None:
        assert len(CALLS) > 30
        assert all(view is not None for _, view, _ in CALLS)

    @pytest.mark.parametrize(("pattern", "view", "method"), CALLS)
    def test_declares_a_scope_for_each_method(self, pattern: str, view: Any, method: str) -> None:
        scope = view.required_scopes.get(method.upper())
        assert scope in SCOPES or scope in (SESSION_ONLY, ANY_TOKEN), (
            f"{method.upper()} {pattern} declares no scope"
        )
        assert view.permission_classes == [HasScope]

    @pytest.mark.parametrize(("pattern", "view", "method"), CALLS)
    def test_declares_no_scope_for_methods_it_does_not_have(
        self, pattern: str, view: Any, method: str
    ) -> None:
        assert {name.lower() for name in view.required_scopes} <= {m for m in METHODS if hasattr(view, m)}

    @pytest.mark.django_db
    @pytest.mark.parametrize(("pattern", "view", "method"), CALLS)
    def test_is_closed_to_strangers(self, pattern: str, view: Any, method: str) -> None:
        answer = getattr(APIClient(), method)(address_of(pattern), {}, format="json")
        assert answer.status_code == 401
        assert answer["Content-Type"] == "application/problem+json"
        assert answer["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["code"] == "not_authenticated"

    @pytest.mark.parametrize(("pattern", "view", "method"), CALLS)
    def test_is_closed_to_tokens_without_the_scope(
        self, pattern: str, view: Any, method: str, org: Organisation, with_token: Any
    ) -> None:
        needed = view.required_scopes[method.upper()]
        if needed == ANY_TOKEN:
            assert pattern in OF_ANY_TOKEN
            return
        client = with_token(org.platform, *[scope for scope in SCOPES if scope != needed])
        answer = getattr(client, method)(address_of(pattern), {}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        "bad", ["Bearer nonsense", "Bearer drb_000000000000_" + "a" * 43, "Bearer ", "Bearer \x00"]
    )
    def test_is_closed_to_tokens_that_are_none(self, bad: str) -> None:
        answer = APIClient(HTTP_AUTHORIZATION=bad).get("/api/v1/runs/")
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")

    @pytest.mark.django_db
    def test_is_a_problem_when_unknown_or_malformed(self) -> None:
        for address in ("/api/v1/nothing/", "/api/nothing", "/api/v1/runs/not-a-uuid/", "/api/v1/runs"):
            for method in METHODS:
                answer = getattr(APIClient(), method)(address)
                assert answer.status_code == 404, address
                assert answer["Content-Type"] == "application/problem+json"
                assert answer.json()["code"] == "not_found"

    def test_answers_405_for_a_method_it_does_not_have(self, org: Organisation, with_token: Any) -> None:
        client = with_token(org.developer)
        for method in ("put", "patch", "delete", "options"):
            answer = getattr(client, method)("/api/v1/runs/")
            assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
            assert "GET" in answer["Allow"]


class TestAnotherTeam:
    """The outsider's team owns other services: everything of this team is 404, whatever the verb."""

    @pytest.fixture
    def run(self, org: Organisation, published: Any) -> Run:
        return make_run(org, published)

    @pytest.mark.parametrize(
        ("pattern", "method"),
        [
            (p, m)
            for p, _, m in CALLS
            if any(part in p for part in ("run_id", "workspace_id", "request_id", "transfer_id"))
        ],
    )
    def test_finds_nothing(
        self, pattern: str, method: str, run: Run, org: Organisation, with_token: Any, signed_in: Any
    ) -> None:
        transfer = make_transfer(org, run, to="receipts")
        address = address_of(
            pattern,
            run_id=run.pk,
            workspace_id=run.workspace_id,
            request_id=run.request_id,
            transfer_id=transfer.pk,
        )
        body = {"step": 1, "verdict": "approve", "plan_digest": "0" * 64} if "approvals" in pattern else {}
        if pattern.endswith("<uuid:workspace_id>/runs/"):
            body = {"kind": "destroy"}
        for client in (with_token(org.outsider), signed_in(org.outsider)):
            answer = getattr(client, method)(address, body, format="json")
            assert answer.status_code == 404, answer.content
            missing = getattr(client, method)(address_of(pattern), body, format="json")
            assert missing.status_code == 404
            assert answer.json()["code"] == missing.json()["code"]

    @pytest.mark.parametrize(
        "address",
        [
            "/api/v1/runs/",
            "/api/v1/requests/",
            "/api/v1/workspaces/",
            "/api/v1/approvals/",
            "/api/v1/transfers/",
        ],
    )
    def test_is_not_in_lists(self, address: str, run: Run, org: Organisation, with_token: Any) -> None:
        make_transfer(org, run, to="receipts")
        assert with_token(org.outsider).get(address).json()["results"] == []

    def test_is_seen_by_the_team_and_by_approvers(self, run: Run, org: Organisation, with_token: Any) -> None:
        for name in ("developer", "teammate", "finops", "sre", "platform"):
            assert with_token(getattr(org, name)).get(f"/api/v1/runs/{run.pk}/").status_code == 200

    def test_reads_but_does_not_stop_as_an_approver(
        self, run: Run, org: Organisation, with_token: Any
    ) -> None:
        answer = with_token(org.finops).post(f"/api/v1/runs/{run.pk}/cancel/", {}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_your_service")
        assert Workspace.objects.get().closed_at is None


class TestSessions:
    def test_need_their_csrf_token_for_unsafe_calls(self, org: Organisation, signed_in: Any) -> None:
        client = signed_in(org.developer, enforce_csrf_checks=True)
        assert client.get("/api/v1/runs/").status_code == 200
        answer = client.post("/api/v1/requests/", {}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
        assert answer["Content-Type"] == "application/problem+json"

    def test_have_every_scope_of_their_user(self, org: Organisation, signed_in: Any) -> None:
        client = signed_in(org.developer)
        for address in ("/api/v1/catalog/items/", "/api/v1/workspaces/", "/api/v1/tokens/", "/api/v1/teams/"):
            assert client.get(address).status_code == 200

    def test_end_with_an_inactive_user(self, org: Organisation, with_token: Any) -> None:
        client = with_token(org.developer)
        org.developer.is_active = False
        org.developer.save()
        assert client.get("/api/v1/runs/").status_code == 401
