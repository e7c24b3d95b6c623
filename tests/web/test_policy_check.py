"""Checking a plan by hand: a file or a text, the findings by resource, and refusals on the form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.api.test_policy_check import ONLY_TAGS
from tests.domain.documents import change, plan_of
from tests.web.conftest import SignIn

PAGE = "/policy/check/"
PLANS = Path(__file__).parents[1] / "data" / "plans"


def file(content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("plan.json", content, "application/json")


def missing(count: int) -> str:
    rows = [
        change(["create"], after={}, kind="aws_sns_topic", address=f"aws_sns_topic.t{number}")
        for number in range(count)
    ]
    return json.dumps(plan_of(*rows))


@pytest.fixture
def client(sign_in: SignIn) -> Any:
    return sign_in("developer")


@pytest.fixture
def only_tags(tmp_path: Path, settings: Any) -> None:
    """Let the policy ask for the shipped tags and for nothing else."""
    settings.DRAWBRIDGE_POLICY_FILE = tmp_path / "tags.yaml"
    settings.DRAWBRIDGE_POLICY_FILE.write_text(ONLY_TAGS)


@pytest.mark.usefixtures("org")
class TestThePage:
    def test_takes_a_file_and_shows_the_findings_by_resource(self, client: Any) -> None:
        answer = client.post(PAGE, {"plan": file((PLANS / "nested.json").read_bytes())})
        text = answer.content.decode()
        assert answer.status_code == 200
        assert '<h2 id="result">Failed</h2>' in text
        assert "module.app[*].aws_s3_bucket.replica  2 instances" in text
        assert (
            "module.events comes from registry.example.com/platform/queue/aws and is not edited here" in text
        )
        assert "Cost at list price in us-east-1" in text

    @pytest.mark.usefixtures("only_tags")
    def test_takes_a_text_and_goes_by_what_is_chosen(self, client: Any) -> None:
        answer = client.post(PAGE, {"text": missing(1), "service": "orders", "environment": "staging"})
        assert answer.context["report"].findings[0].suggested == {
            "service": "orders",
            "team-owner": "payments",
            "cost-center": "cc-100",
            "environment": "staging",
            "criticality": "tier-1",
        }

    @pytest.mark.usefixtures("only_tags")
    def test_says_that_nothing_was_found(self, client: Any) -> None:
        text = client.post(PAGE, {"text": json.dumps(plan_of())}).content.decode()
        assert '<h2 id="result">Passed</h2>' in text
        assert "Nothing found." in text

    @pytest.mark.usefixtures("only_tags")
    def test_shows_a_hundred_resources_and_counts_the_others(self, client: Any) -> None:
        text = client.post(PAGE, {"text": missing(103)}).content.decode()
        assert "And 3 more resources. The command and the API give all of them." in text

    @pytest.mark.parametrize(
        ("fields", "status", "text"),
        [
            ({}, 422, "Choose a file, or paste the plan."),
            ({"plan": b"{}", "text": "{}"}, 422, "Give the plan as a file or as text, not both."),
            ({"text": "{}", "service": "nobody"}, 422, "Select a valid choice."),
            ({"text": "{}"}, 400, "format_version is missing"),
            ({"plan": b"PK\x03\x04"}, 400, "own plan file, which is binary."),
            ({"plan": b""}, 400, "The plan is empty."),
        ],
    )
    def test_refuses_what_is_no_plan_with_the_form_still_there(
        self, client: Any, fields: dict[str, Any], status: int, text: str
    ) -> None:
        sent = {name: file(value) if isinstance(value, bytes) else value for name, value in fields.items()}
        answer = client.post(PAGE, sent)
        assert answer.status_code == status
        assert text in answer.content.decode()
        assert b'name="environment"' in answer.content

    def test_refuses_a_plan_that_is_larger_than_is_taken(self, client: Any, settings: Any) -> None:
        settings.DRAWBRIDGE_PLAN_MAX_BYTES = 100
        answer = client.post(PAGE, {"plan": file(missing(1).encode())})
        assert answer.status_code == 413
        assert "The plan is larger than 100 bytes" in answer.content.decode()

    def test_shows_hostile_text_as_text(self, client: Any) -> None:
        row = change(
            ["create"], after={"tags_all": {"service": "<script>alert(1)</script>"}}, kind="aws_sqs_queue"
        )
        answer = client.post(PAGE, {"text": json.dumps(plan_of(row))})
        assert b"<script>alert" not in answer.content
        assert b"&lt;script&gt;alert" in answer.content

    def test_is_open_to_everybody_who_is_signed_in_and_nobody_else(
        self, client: Any, sign_in: SignIn
    ) -> None:
        assert client.get(PAGE).status_code == 200
        client.logout()
        assert client.get(PAGE).status_code == 302
