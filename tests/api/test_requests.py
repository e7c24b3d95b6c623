"""Orders through the API, and everything that must not become one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from portal.models import IdempotencyKey
from provisioner.models import AuditEvent, Request, Run, Workspace
from tests.api.conftest import small
from tests.conftest import Organisation

ADDRESSES = ("/api/v1/requests/", "/api/v1/evaluations/")
MEGABYTE = "x" * 1_000_000
RTL = "orders\u202edb"


def rows() -> dict[str, int]:
    """Count what an order writes."""
    return {model.__name__: model.objects.count() for model in (Workspace, Request, Run, AuditEvent)}


@pytest.fixture
def client(org: Organisation, postgres: Any, with_token: Any) -> APIClient:
    return with_token(org.developer)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect what would be enqueued."""
    calls: list[Any] = []
    monkeypatch.setattr("provisioner.queue.send", lambda *args: calls.append(args) or True)
    return calls


class TestAnOrder:
    def test_is_taken_and_queued(
        self, client: APIClient, sent: list[Any], django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post("/api/v1/requests/", small(justification="Ada's", ttl=30), format="json")
        assert answer.status_code == 201, answer.content
        assert answer["Drawbridge-Target"] == "sandbox"
        run = answer.json()
        assert (run["status"], run["kind"], run["target"], run["terminal"]) == (
            "plan_queued", "provision", "sandbox", False,
        )  # fmt: skip
        assert run["created_at"].endswith("Z")
        assert sent == [("provisioner.plan", Run.objects.get().pk)]
        order = client.get(f"/api/v1/requests/{run['request_id']}/").json()
        assert (order["requester"], order["justification"], order["ttl"]) == ("developer", "Ada's", 30)
        assert order["run_ids"] == [run["id"]]

    def test_is_refused_by_a_hard_guardrail_with_the_nearest_value(self, client: APIClient) -> None:
        before = rows()
        answer = client.post(
            "/api/v1/requests/", small(parameters={"instance_class": "db.r6g.16xlarge"}), format="json"
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "guardrail_refused")
        assert answer["Content-Type"] == "application/problem+json"
        refusing, capped = answer.json()["findings"]
        assert (refusing["where"], refusing["suggested"]) == ("instance_class", "db.t4g.large")
        assert (capped["rule"], capped["level"]) == ("cost-cap", "soft-mandatory")
        assert rows() == before

    def test_is_refused_for_a_name_that_is_taken_and_names_the_run(self, client: APIClient) -> None:
        first = client.post("/api/v1/requests/", small(), format="json").json()
        answer = client.post("/api/v1/requests/", small(), format="json")
        assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
        assert answer.json()["run_id"] == first["id"]
        assert answer.json()["errors"][0]["field"] == "name"

    def test_is_refused_for_another_team(self, client: APIClient, org: Organisation, with_token: Any) -> None:
        answer = with_token(org.outsider).post("/api/v1/requests/", small(), format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_your_service")


TEXTS = ("item", "version", "service", "environment", "name")
HOSTILE = [
    "${path.module}",
    "%{if true}",
    "'\"`;--",
    "a\nb",
    "🐘" * 5,
    RTL,
    "",
    " ",
    MEGABYTE,
    "../../etc",
    "\u2028",
]
NOT_TEXT: list[Any] = [7, 1.5, True, None, [], {}, ["postgres"], {"a": 1}]


@pytest.mark.parametrize("address", ADDRESSES)
class TestBadInput:
    """Each answer names the field, and nothing is written or enqueued."""

    def refused(
        self, client: APIClient, address: str, body: Any, field: str, status: int = 400, **kwargs: Any
    ) -> dict[str, Any]:
        """Send a body and check that it is refused at `field` without a trace."""
        before = rows()
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = client.post(address, raw, content_type="application/json", **kwargs)
        assert answer.status_code == status, (field, answer.content[:500])
        assert answer["Content-Type"] == "application/problem+json"
        problem: dict[str, Any] = answer.json()
        assert len(answer.content) < 10_000, "hostile input is not sent back at length"
        assert {"type", "title", "status", "detail", "code"} <= set(problem)
        if field:
            assert field in {error["field"] for error in problem["errors"]}, problem
        assert rows() == before
        return problem

    def test_in_a_text_field(self, address: str, client: APIClient, sent: list[Any]) -> None:
        for field in TEXTS:
            for value in HOSTILE:
                if address.endswith("evaluations/") and field == "name":
                    continue  # a name that does not fit is part of an evaluation's answer
                self.refused(client, address, small(**{field: value}), field)
        assert sent == []

    def test_of_the_wrong_type(self, address: str, client: APIClient) -> None:
        for field in TEXTS:
            for value in NOT_TEXT:
                if field == "version" and value is None:
                    continue  # the same as leaving it out
                self.refused(client, address, small(**{field: value}), field)
        for value in (7, "x", True, [], ["size"], None):
            self.refused(client, address, small(parameters=value), "parameters")

    def test_that_is_missing(self, address: str, client: APIClient) -> None:
        for field in ("item", "service", "environment", "name"):
            order = small()
            del order[field]
            self.refused(client, address, order, field)
        self.refused(client, address, {}, "item")
        for body in ([], "text", 7, None, True):
            self.refused(client, address, body, "")

    def test_with_unknown_fields_names_them(self, address: str, client: APIClient) -> None:
        problem = self.refused(client, address, small(paramters={}, admin=True), "paramters")
        assert {error["code"] for error in problem["errors"]} == {"unknown"}
        assert {error["field"] for error in problem["errors"]} == {"paramters", "admin"}

    def test_with_nul_or_half_a_surrogate_anywhere(self, address: str, client: APIClient) -> None:
        for escape, code in ((r"\u0000", "null_character"), (r"\ud800", "lone_surrogate")):
            for field in TEXTS:
                body = json.dumps(small(**{field: "HERE"})).replace("HERE", f"a{escape}b").encode()
                assert self.refused(client, address, body, field)["code"] == code
            body = json.dumps(small(parameters={"log": ["HERE"]})).replace("HERE", escape).encode()
            assert self.refused(client, address, body, "parameters.log.0")["code"] == code
            body = json.dumps(small(parameters={"HERE": 1})).replace("HERE", escape).encode()
            assert self.refused(client, address, body, "")["code"] == code

    def test_that_is_no_sane_json(self, address: str, client: APIClient) -> None:
        brackets = b'{"item": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        for body, code in (
            (brackets, "nested_too_deep"),
            (b"[" * 200_000, "nested_too_deep"),
            (b'{"a":' * 33 + b"1" + b"}" * 33, "nested_too_deep"),
            (b"{", "not_json"),
            (b"\xff\xfe", "not_utf8"),
            (b'{"item": "a", "item": "b"}', "duplicate_key"),
            (b'{"item": NaN}', "not_json"),
            (b'{"item": 1e999}', "out_of_range"),
            (b'{"item": ' + b"9" * 5000 + b"}", "number_too_long"),
        ):
            assert self.refused(client, address, body, "")["code"] == code, body[:30]
        self.refused(client, address, b'"' + b"x" * 5_000_000 + b'"', "", status=413)

    def test_in_another_content_type(self, address: str, client: APIClient) -> None:
        for content_type in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
        ):
            answer = client.post(address, b"item=postgres", content_type=content_type)
            assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")

    def test_that_names_what_nobody_knows(self, address: str, client: APIClient) -> None:
        for field in ("item", "version", "service", "environment"):
            problem = self.refused(client, address, small(**{field: "nowhere"}), field)
            assert problem["errors"][0]["code"] == f"unknown_{field}"


class TestBadParameters:
    """An order is refused for them; an evaluation lists them."""

    TABLE = [
        ({"no_such": 1}, "no_such"),
        ({"instance_class": 7}, "instance_class"),
        ({"allocated_storage_gb": "many"}, "allocated_storage_gb"),
        ({"allocated_storage_gb": -1}, "allocated_storage_gb"),
        ({"allocated_storage_gb": 1e300}, "allocated_storage_gb"),
        ({"multi_az": "yes"}, "multi_az"),
        ({"size": "gigantic"}, "size"),
        ({"size": {}}, "size"),
        ({"database_name": "${file(\"/etc/passwd\")}"}, "database_name"),
        ({"database_name": MEGABYTE}, "database_name"),
        ({"database_name": "a\nb"}, "database_name"),
        ({"name": "other"}, "name"),
        ({"environment": "production"}, "environment"),
    ]  # fmt: skip

    def test_are_named(self, client: APIClient, sent: list[Any]) -> None:
        before = rows()
        for parameters, field in self.TABLE:
            answer = client.post("/api/v1/requests/", small(parameters=parameters), format="json")
            assert answer.status_code == 400, (field, answer.content[:300])
            assert any(error["field"].startswith(field) for error in answer.json()["errors"]), field
            assert len(answer.content) < 10_000
            evaluated = client.post("/api/v1/evaluations/", small(parameters=parameters), format="json")
            assert evaluated.status_code == 200, (field, evaluated.content[:300])
            assert evaluated.json()["orderable"] is False
            assert any(problem["field"].startswith(field) for problem in evaluated.json()["problems"]), field
        assert rows() == before
        assert sent == []

    def test_include_justification_and_ttl(self, client: APIClient) -> None:
        before = rows()
        for change, field in (
            ({"justification": MEGABYTE}, "justification"),
            ({"justification": 7}, "justification"),
            ({"ttl": 0}, "ttl"),
            ({"ttl": "30"}, "ttl"),
            ({"ttl": True}, "ttl"),
            ({"ttl": 10**30}, "ttl"),
        ):
            answer = client.post("/api/v1/requests/", small(**change), format="json")
            assert answer.status_code == 400
            assert field in {error["field"] for error in answer.json()["errors"]}
        assert rows() == before

    def test_do_not_stop_legal_text_from_arriving_unchanged(self, client: APIClient) -> None:
        text = "${x} %{y} '\"\n\t🐘 \u202e <script>alert(1)</script> =cmd()"
        answer = client.post("/api/v1/requests/", small(justification=text), format="json")
        assert answer.status_code == 201
        assert Request.objects.get().justification == text


class TestAnEvaluation:
    def test_has_no_effect_and_shows_everything(self, client: APIClient) -> None:
        before = rows()
        order = small(environment="production", service="orders", name="orders-db")
        answer = client.post("/api/v1/evaluations/", order, format="json")
        assert answer.status_code == 200
        document = answer.json()
        assert document["target"] == "sandbox"
        assert document["tags"]["team-owner"] == "payments"
        assert document["parameters"]["multi_az"] is True
        assert {step["group"] for step in document["approvals_expected"]} == {"finops", "sre"}
        assert isinstance(document["estimate_usd_month"], str)
        assert all(isinstance(item["usd_month"], str) for item in document["line_items"])
        (instance,) = [item for item in document["line_items"] if item["component"] == "instance"]
        assert (instance["status"], instance["usage_based"]) == ("added", False)
        assert instance["explanation"].startswith(
            "1 instance × 730 hours a month = 730 hour; × 0.45 USD per hour"
        )
        assert instance["effective_date"] in instance["explanation"]
        assert document["change_usd_month"] == document["fixed_usd_month"] == document["estimate_usd_month"]
        assert document["usage_usd_month"] == "0.00"
        assert document["changes"][0]["status"] == "added"
        assert (document["coverage"]["unpriced"], document["coverage"]["share_percent"]) == (0, 100)
        assert rows() == before
        assert not IdempotencyKey.objects.exists()

    def test_shows_what_a_guardrail_would_refuse(self, client: APIClient) -> None:
        answer = client.post(
            "/api/v1/evaluations/", small(parameters={"instance_class": "db.r6g.16xlarge"}), format="json"
        )
        assert answer.json()["orderable"] is False
        assert answer.json()["findings"][0]["level"] == "hard-mandatory"
