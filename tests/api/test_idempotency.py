"""The same call under the same key is done once."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient

from portal.api import idempotency
from portal.models import ApiToken, IdempotencyKey
from provisioner.models import Request, Run
from tests.api.conftest import small
from tests.conftest import Organisation

ORDERS = "/api/v1/requests/"


@pytest.fixture
def client(org: Organisation, postgres: Any, with_token: Any) -> APIClient:
    return with_token(org.developer)


def order(client: APIClient, key: str, **changes: Any) -> Any:
    return client.post(ORDERS, small(**changes), format="json", headers={"Idempotency-Key": key})


class TestARepeatedCall:
    def test_gets_the_same_answer_and_works_once(self, client: APIClient) -> None:
        first, second = order(client, "k-1"), order(client, "k-1")
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert "Idempotency-Replayed" not in first
        assert second["Idempotency-Replayed"] == "true"
        assert second["Drawbridge-Target"] == "sandbox"
        assert Run.objects.count() == 1

    def test_gets_the_same_refusal(self, client: APIClient) -> None:
        bad = {"parameters": {"instance_class": "db.r6g.16xlarge"}}
        first, second = order(client, "k-1", **bad), order(client, "k-1", **bad)
        assert (first.status_code, second.status_code) == (422, 422)
        assert second["Content-Type"] == "application/problem+json"
        assert first.json() == second.json()

    def test_is_another_call_without_the_key_or_under_another(self, client: APIClient) -> None:
        assert order(client, "k-1").status_code == 201
        assert order(client, "k-2").json()["code"] == "name_taken"
        assert client.post(ORDERS, small(), format="json").json()["code"] == "name_taken"

    def test_is_refused_when_the_body_or_the_address_differs(self, client: APIClient) -> None:
        assert order(client, "k-1").status_code == 201
        other = order(client, "k-1", name="other-db")
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        elsewhere = client.post(
            "/api/v1/evaluations/", small(), format="json", headers={"Idempotency-Key": "k-1"}
        )
        assert elsewhere.status_code == 422
        assert Run.objects.count() == 1

    def test_is_told_to_wait_while_the_first_works(self, client: APIClient, org: Organisation) -> None:
        body = json.dumps(small(), separators=(",", ":")).encode()
        mark = idempotency.fingerprint("POST", ORDERS, body)
        idempotency.begin(org.developer.pk, "k-1", mark, now=timezone.now())
        answer = order(client, "k-1")
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_progress")
        assert answer["Retry-After"] == "1"
        assert not Run.objects.exists()

    def test_may_work_when_the_first_died(self, client: APIClient, org: Organisation) -> None:
        long_ago = timezone.now() - idempotency.ABANDONED_AFTER - timedelta(seconds=1)
        idempotency.begin(org.developer.pk, "k-1", "f" * 64, now=long_ago)
        assert order(client, "k-1").status_code == 201

    def test_is_forgotten_after_a_day(self, client: APIClient) -> None:
        assert order(client, "k-1").status_code == 201
        IdempotencyKey.objects.update(created_at=timezone.now() - idempotency.KEEP - timedelta(seconds=1))
        assert order(client, "k-1").json()["code"] == "name_taken"

    def test_is_not_kept_when_the_portal_failed(
        self, client: APIClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client.raise_request_exception = False
        with monkeypatch.context() as broken:
            broken.setattr("provisioner.services.submit.submit", lambda *_, **__: 1 / 0)
            answer = order(client, "k-1")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert "ZeroDivision" not in answer.content.decode()
        assert not IdempotencyKey.objects.exists()
        assert order(client, "k-1").status_code == 201

    @pytest.mark.parametrize("key", ["", "x" * 256, "ключ", "a\tb"])
    def test_needs_a_sane_key(self, client: APIClient, key: str) -> None:
        answer = order(client, key)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
        assert not Run.objects.exists()

    def test_takes_bodies_larger_than_a_form_may_be(self, client: APIClient) -> None:
        answer = order(client, "k-1", justification="x" * 2_000_000)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "justification")


class TestTheKept:
    def test_belong_to_their_caller(self, client: APIClient, org: Organisation, with_token: Any) -> None:
        order(client, "k-1")
        answer = order(with_token(org.teammate), "k-1", name="other-db")
        assert answer.status_code == 201
        assert IdempotencyKey.objects.count() == 2

    def test_are_not_given_to_a_token_without_the_scope(
        self, client: APIClient, org: Organisation, with_token: Any
    ) -> None:
        order(client, "k-1")
        answer = order(with_token(org.developer, "catalog:read"), "k-1")
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")

    def test_never_hold_a_tokens_secret(self, org: Organisation, signed_in: Any) -> None:
        client, wanted = signed_in(org.developer), {"name": "ci", "scopes": ["catalog:read"]}
        first, second = (
            client.post("/api/v1/tokens/", wanted, format="json", headers={"Idempotency-Key": "k-1"})
            for _ in range(2)
        )
        assert first.json()["secret"].startswith("drb_")
        assert second.json() == {**first.json(), "secret": None}
        assert first.json()["secret"] not in json.dumps(list(IdempotencyKey.objects.values("response_body")))
        assert ApiToken.objects.count() == 1


@pytest.mark.django_db(transaction=True)
class TestTwins:
    def test_make_one_order_between_them(self, org: Organisation, postgres: Any, with_token: Any) -> None:
        together, answers = threading.Barrier(8), []

        def call(client: APIClient) -> None:
            try:
                together.wait(timeout=30)
                answers.append(order(client, "k-1"))
            finally:
                connections.close_all()

        threads = [threading.Thread(target=call, args=(with_token(org.developer),)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        codes = sorted(answer.status_code for answer in answers)
        assert len(codes) == 8
        assert set(codes) <= {201, 409}, [answer.content for answer in answers]
        assert 201 in codes
        assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {
            "idempotency_in_progress"
        }
        assert all(answer["Retry-After"] for answer in answers if answer.status_code == 409)
        assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
        assert (Request.objects.count(), Run.objects.count()) == (1, 1)
