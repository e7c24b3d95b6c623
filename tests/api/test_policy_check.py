"""Checks of plans that other pipelines made: the same rules, facts of the organisation, four forms, nothing stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from provisioner import policy
from provisioner.models import AuditEvent
from tests.api.conftest import Caller
from tests.conftest import NOW, Organisation
from tests.domain.documents import change, plan_of

PLANS = Path(__file__).parents[1] / "data" / "plans"
TAGS = {
    "service": "orders",
    "team-owner": "payments",
    "cost-center": "cc-100",
    "environment": "production",
    "criticality": "tier-1",
}
BOTH = ["/api/v1/tag-policy/check/", "/api/v1/policy/check/"]

ONLY_TAGS = (
    "version: 1\n"
    "approvals: {rules: [{rule: cost-limit, groups: finops, when: {delta_above_usd_month: '1'}}]}\n"
)


def plan(tags: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
    after = {"tags_all": TAGS if tags is None else tags}
    return plan_of(change(["create"], after=after, kind="aws_sqs_queue"), **fields)


@pytest.fixture
def only_tags(tmp_path: Path, settings: Any) -> None:
    """Let the policy ask for the shipped tags and for nothing else."""
    settings.DRAWBRIDGE_POLICY_FILE = tmp_path / "tags.yaml"
    settings.DRAWBRIDGE_POLICY_FILE.write_text(ONLY_TAGS)


@pytest.fixture
def client(org: Organisation, with_token: Caller) -> APIClient:
    return with_token(org.developer, "policy:check")


def post(client: APIClient, address: str, body: object) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(address, raw, content_type="application/json")


class TestTheTagPolicy:
    def test_is_given_as_data_with_the_organisation(self, client: APIClient) -> None:
        found = client.get("/api/v1/tag-policy/").json()
        assert found["policy_digest"] == policy.current().digest
        assert [(key["key"], key["required"], key["reference"]) for key in found["keys"]] == [
            ("service", True, "service"),
            ("team-owner", True, "team"),
            ("cost-center", True, "cost_center"),
            ("environment", True, "environment"),
            ("criticality", True, "criticality"),
        ]
        assert found["keys"][4] == {
            "key": "criticality",
            "required": True,
            "allowed": ["tier-1", "tier-2", "tier-3"],
            "pattern": "",
            "reference": "criticality",
            "aliases": ["tier"],
            "level": "hard-mandatory",
            "why": "",
        }
        assert (found["level"], found["normalise"], found["unchanged"]) == (
            "hard-mandatory",
            ["case", "trim", "spaces"],
            "advisory",
        )
        assert found["limits"] == {"key_characters": 128, "value_characters": 256, "tags": 50}
        assert found["organisation"] == {
            "services": {
                "ads": {"team": "growth", "cost_center": "cc-100", "criticality": "tier-2"},
                "orders": {"team": "payments", "cost_center": "cc-100", "criticality": "tier-1"},
                "receipts": {"team": "payments", "cost_center": "cc-100", "criticality": "tier-3"},
            },
            "teams": ["growth", "payments"],
            "cost_centers": ["cc-100"],
            "environments": ["development", "production", "staging"],
        }

    def test_gives_the_keys_of_environments_that_ask_for_something_else(
        self, client: APIClient, tmp_path: Path, settings: Any
    ) -> None:
        path = tmp_path / "policy.yaml"
        text = Path(settings.DRAWBRIDGE_POLICY_FILE).read_text()
        path.write_text(
            text.replace("  required:\n    service:", "  environments: {production: {required: {pager: {}}}}\n"
                         "  required:\n    service:")
        )  # fmt: skip
        settings.DRAWBRIDGE_POLICY_FILE = path
        found = client.get("/api/v1/tag-policy/").json()
        assert [key["key"] for key in found["environments"]["production"]] == [*TAGS, "pager"]
        assert list(found["environments"]) == ["production"]


class TestACheck:
    @pytest.mark.usefixtures("only_tags")
    @pytest.mark.parametrize("address", BOTH)
    def test_passes_what_is_tagged_as_the_organisation_is(self, client: APIClient, address: str) -> None:
        answer = post(client, address, plan())
        assert answer.status_code == 200
        found = answer.json()
        assert (found["passed"], found["findings"], found["fail_on"]) == (True, [], "soft")
        assert found["summary"] == {
            "resources": 1,
            "checked": 1,
            "hard_mandatory": 0,
            "soft_mandatory": 0,
            "advisory": 0,
            "in_baseline": 0,
        }
        assert found["policy_digest"] == policy.current().digest

    def test_finds_what_does_not_fit_together(self, client: APIClient) -> None:
        found = post(client, BOTH[0], plan({**TAGS, "team-owner": "growth"})).json()
        assert found["passed"] is False
        assert [(row["rule"], row["what"], row["suggested"], row["tags"]) for row in found["findings"]] == [
            (
                "tag-references",
                'The tag team-owner is "growth", but the team of the service "orders" is "payments".',
                "payments",
                ["team-owner"],
            )
        ]

    @pytest.mark.parametrize("inside", [True, False])
    def test_goes_by_what_the_pipeline_says_of_itself(self, client: APIClient, inside: bool) -> None:
        said = {"service": "ads", "environment": "staging", "fail_on": "advisory"}
        if inside:
            answer = post(client, BOTH[1], {**said, "plan": plan({})})
        else:
            answer = post(client, f"{BOTH[1]}?service=ads&environment=staging&fail_on=advisory", plan({}))
        found = answer.json()
        assert (found["service"], found["environment"], found["fail_on"]) == ("ads", "staging", "advisory")
        assert found["findings"][0]["suggested"] == {
            "service": "ads",
            "team-owner": "growth",
            "cost-center": "cc-100",
            "environment": "staging",
            "criticality": "tier-2",
        }

    def test_of_the_policy_judges_guardrails_and_prices_too(self, client: APIClient) -> None:
        gone = change(["delete"], {"engine": "postgres"}, address="aws_db_instance.old")
        tags = post(client, BOTH[0], plan_of(gone)).json()
        assert (tags["findings"], tags["cost"]) == ([], None)
        whole = post(client, BOTH[1], plan_of(gone)).json()
        assert "no-data-loss" in [row["rule"] for row in whole["findings"]]
        assert whole["cost"]["region"] == "us-east-1"
        elsewhere = post(client, f"{BOTH[1]}?region=eu-central-1", plan_of(gone)).json()
        assert elsewhere["cost"]["region"] == "eu-central-1"

    @pytest.mark.parametrize("name", ["plain", "nested", "data_heavy"])
    def test_takes_plans_that_terraform_wrote(self, client: APIClient, name: str) -> None:
        answer = post(client, BOTH[1], (PLANS / f"{name}.json").read_bytes())
        assert answer.status_code == 200
        assert answer.json()["summary"]["checked"] >= 7

    @pytest.mark.parametrize(
        ("form", "content_type", "begins"),
        [
            ("json", "application/json", b'{"format_version":"1"'),
            ("sarif", "application/sarif+json", b'{\n  "$schema"'),
            (
                "junit",
                "application/xml; charset=utf-8",
                b'<?xml version="1.0" encoding="utf-8"?>\n<testsuites',
            ),
            ("text", "text/plain; charset=utf-8", b"aws_sqs_queue.this\n  hard-mandatory"),
        ],
    )
    def test_answers_in_the_form_that_is_asked_for(
        self, client: APIClient, form: str, content_type: str, begins: bytes
    ) -> None:
        answer = post(client, f"{BOTH[0]}?format={form}", plan({}))
        assert (answer.status_code, answer["Content-Type"]) == (200, content_type)
        assert answer.content.startswith(begins)

    def test_stores_nothing_and_keeps_no_answer(self, client: APIClient) -> None:
        before = AuditEvent.objects.count()
        for tags in ({}, TAGS):
            answer = client.post(
                BOTH[0],
                json.dumps(plan(tags)).encode(),
                content_type="application/json",
                HTTP_IDEMPOTENCY_KEY="same",
            )
            assert answer.json()["passed"] is (tags == TAGS)
            assert "Idempotency-Replayed" not in answer
        assert AuditEvent.objects.count() == before

    def test_takes_more_than_other_calls_do(self, client: APIClient) -> None:
        big = plan(variables={"padding": {"value": "x" * (5 * 1024 * 1024)}})
        raw = json.dumps(big).encode()
        answer = client.post(BOTH[0], raw, content_type="application/json", HTTP_IDEMPOTENCY_KEY="big")
        assert answer.status_code == 200

    def test_needs_a_csrf_token_from_a_browser(self, org: Organisation) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(org.developer)
        answer = browser.post(BOTH[0], json.dumps(plan()), content_type="application/json")
        assert answer.status_code == 403


class TestWhatIsRefused:
    @pytest.mark.parametrize("address", BOTH)
    @pytest.mark.parametrize(
        ("body", "code", "text"),
        [
            (b"", "plan_unreadable", "The body is empty."),
            (b" ", "plan_unreadable", "The plan is empty."),
            (b"PK\x03\x04", "plan_unreadable", "terraform show -json"),
            (b"{}", "plan_unreadable", "format_version is missing"),
            (b'{"service": "orders"}', "plan_unreadable", "format_version is missing"),
            (b'{"format_version": "1.2", "resource_changes": [', "plan_unreadable", "cut off"),
            (b'{"plan": {"format_version": "9"}}', "plan_unreadable", "only 1.x can be read"),
            (b'{"version": 4, "serial": 1, "lineage": "x"}', "plan_unreadable", "This is a state"),
            ({"plan": plan(), "servce": "orders"}, "invalid_input", "There is no such field."),
            ({"plan": plan(), "fail_on": "never"}, "invalid_input", "fail_on"),
            ({"plan": plan(), "service": 3}, "invalid_input", "Give text, in quotes."),
            (
                {"plan": plan(), "service": "nobody"},
                "unknown_name",
                "There is no service 'nobody'. Correct it, or leave it out.",
            ),
            (
                {"plan": plan(), "environment": "moon"},
                "unknown_name",
                "There is no environment 'moon'. Correct it, or leave it out.",
            ),
        ],
    )
    def test_is_a_problem_with_its_reason(
        self, client: APIClient, address: str, body: object, code: str, text: str
    ) -> None:
        answer = post(client, address, body)
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
        assert answer.json()["code"] == code
        assert text in json.dumps(answer.json())

    def test_is_a_plan_that_is_larger_than_is_taken(self, client: APIClient, settings: Any) -> None:
        settings.DRAWBRIDGE_PLAN_MAX_BYTES = 100
        answer = post(client, BOTH[1], plan())
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert answer.json()["detail"] == (
            "The plan is larger than 100 bytes, which is more than is taken here. "
            "Plan a part of it, or check it with drawbridge-policy check --max-mib."
        )

    @pytest.mark.parametrize(
        ("query", "text"),
        [
            ("?colour=red", "There is no such query parameter."),
            ("?format=html", "format"),
            ("?service=orders&service=ads", "Give this query parameter once."),
        ],
    )
    def test_is_a_query_that_means_nothing(self, client: APIClient, query: str, text: str) -> None:
        answer = post(client, BOTH[0] + query, plan())
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
        assert text in json.dumps(answer.json())

    def test_is_what_is_said_twice(self, client: APIClient) -> None:
        answer = post(client, f"{BOTH[0]}?service=orders", {"plan": plan(), "service": "ads"})
        assert answer.json()["errors"] == [
            {
                "field": "service",
                "code": "invalid",
                "message": "Give it in the query or in the body, not in both.",
            }
        ]

    @pytest.mark.parametrize(
        "content_type", ["text/plain", "multipart/form-data; boundary=x", "application/xml"]
    )
    def test_is_what_is_not_json(self, client: APIClient, content_type: str) -> None:
        answer = client.post(BOTH[0], b"--x--", content_type=content_type)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")

    def test_is_no_archived_service_of_the_organisation(self, client: APIClient, org: Organisation) -> None:
        org.services["ads"].archived_at = NOW
        org.services["ads"].save()
        answer = post(client, f"{BOTH[0]}?service=ads", plan())
        assert answer.json()["code"] == "unknown_name"
