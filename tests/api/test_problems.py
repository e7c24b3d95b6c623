"""Failures as problem+json: throttling, the database away, bugs, and a document that says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError
from rest_framework.test import APIClient

from portal.api import description, problems
from portal.api.throttles import TokenRateThrottle
from tests.conftest import Organisation

COMMITTED = Path(settings.BASE_DIR) / "docs" / "openapi.json"


class TestAProblem:
    def test_for_too_many_calls_says_when_to_come_back(
        self, org: Organisation, with_token: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(TokenRateThrottle, "THROTTLE_RATES", {"token": "2/min"})
        client = with_token(org.developer)
        answers = [client.get("/api/v1/runs/") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].json()["code"] == "throttled"
        assert answers[2]["Content-Type"] == "application/problem+json"
        assert 0 < int(answers[2]["Retry-After"]) <= 60
        assert with_token(org.developer).get("/api/v1/runs/").status_code == 200, (
            "each token has its own rate"
        )

    def test_for_a_database_that_is_away_says_that_nothing_is_half_done(
        self, org: Organisation, with_token: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: Any) -> Any:
            raise OperationalError("connection refused on 10.0.0.7")

        monkeypatch.setattr("provisioner.selectors.runs_visible_to", away)
        answer = with_token(org.developer).get("/api/v1/runs/")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert answer["Retry-After"] == str(problems.RETRY_AFTER_S)
        assert "10.0.0.7" not in answer.content.decode()

    def test_for_a_database_that_is_away_before_the_view_is_reached_says_the_same(
        self, org: Organisation, with_token: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: Any, **__: Any) -> Any:
            raise OperationalError("connection refused on 10.0.0.7")

        monkeypatch.setattr("portal.api.idempotency.begin", away)
        client: APIClient = with_token(org.developer, HTTP_IDEMPOTENCY_KEY="one")
        client.raise_request_exception = False
        answer = client.post("/api/v1/requests/", {}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert answer["Retry-After"] == str(problems.RETRY_AFTER_S)
        assert "10.0.0.7" not in answer.content.decode()

    def test_for_a_bug_shows_no_internals(
        self, org: Organisation, with_token: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: Any) -> Any:
            raise RuntimeError("secret internals")

        monkeypatch.setattr("provisioner.selectors.runs_visible_to", broken)
        client: APIClient = with_token(org.developer)
        client.raise_request_exception = False
        answer = client.get("/api/v1/runs/")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert answer["Content-Type"] == "application/problem+json"
        assert "internals" not in answer.content.decode()
        assert answer["X-Request-Id"]

    def test_is_json_whatever_the_caller_accepts(self, org: Organisation, with_token: Any) -> None:
        answer = with_token(org.developer).get("/api/v1/runs/", HTTP_ACCEPT="text/html")
        assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")

    def test_flattens_nested_errors_to_dotted_fields(self) -> None:
        nested = {"a": [{}, {"b": ["wrong"]}], "non_field_errors": ["all of it"], "c": ["one", "two"]}
        flat = [(error["field"], error["message"]) for error in problems.flatten(nested)]
        assert flat == [("a.1.b", "wrong"), ("", "all of it"), ("c", "one"), ("c", "two")]

    def test_outside_the_api_stays_a_page(self, client: Any, db: None) -> None:
        answer = client.get("/no-such-page/")
        assert not answer["Content-Type"].startswith("application/problem")


class TestTheDescription:
    def test_has_no_warnings(self) -> None:
        call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")

    def test_is_the_committed_one(self) -> None:
        description.schema.cache_clear()
        fresh = json.loads(json.dumps(description.schema()))
        assert json.loads(COMMITTED.read_text()) == fresh, (
            "the API changed: run `python manage.py spectacular --format openapi-json --file docs/openapi.json`"
        )

    def test_describes_problems_and_keys_everywhere(self) -> None:
        document = description.schema()
        assert document["openapi"].startswith("3.1")
        for address, operations in document["paths"].items():
            for method, operation in operations.items():
                assert "application/problem+json" in operation["responses"]["default"]["content"], address
                if method == "post":
                    assert any(p["name"] == "Idempotency-Key" for p in operation["parameters"]), address

    def test_needs_a_caller(self, org: Organisation, with_token: Any, signed_in: Any) -> None:
        assert APIClient().get("/api/schema/").status_code == 401
        assert with_token(org.developer, "costs:read").get("/api/schema/").status_code == 403
        assert with_token(org.developer).get("/api/schema/").status_code == 200
        assert APIClient().get("/api/docs/").status_code == 302
        page = signed_in(org.developer).get("/api/docs/")
        assert page.status_code == 200
        assert "unsafe" not in page["Content-Security-Policy"]
