"""What the message-queue module promises beyond what holds for every module."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from catalog.manifest_check import permits
from provisioner.domain.plan import Plan, parse_plan
from tests.modules.workspace import DEFAULT_TAGS, MODULES_PATH, Module, Workspace, read_module

QUEUE = read_module(MODULES_PATH / "message-queue")
KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:orders-placed"
DAY_S = 24 * 60 * 60

# A given key, so that every policy is known while planning.
PRODUCTION = {
    **QUEUE.variables("production"),
    "kms_key_arn": KEY_ARN,
    "event_source_arns": [TOPIC_ARN, "arn:aws:s3:::incoming"],
}

# FIFO with all options, names as long as they may be, keys of SQS.
LARGEST_FIFO = {
    **QUEUE.variables("production"),
    "name": "n" * 40,
    "environment": "e" * 12,
    "queue_type": "fifo",
    "content_based_deduplication": True,
    "high_throughput": True,
    "encryption": "sqs",
}


@pytest.fixture(scope="module")
def workspace(plan_only: Callable[[Module], Workspace]) -> Workspace:
    """Return the plan-only directory of the message-queue module."""
    return plan_only(QUEUE)


@pytest.fixture(scope="module")
def document(workspace: Workspace) -> dict[str, Any]:
    """Return the plan of a production order with a given key."""
    return workspace.plan(PRODUCTION)


@pytest.fixture(scope="module")
def plan(document: dict[str, Any]) -> Plan:
    """Return the same plan, parsed."""
    return parse_plan(document)


@pytest.fixture(scope="module")
def fifo(workspace: Workspace) -> Plan:
    """Return the plan of the largest FIFO order."""
    return parse_plan(workspace.plan(LARGEST_FIFO))


def _after(plan: Plan, kind: str) -> dict[str, Any]:
    """Return the planned values of every resource of a type by its address inside the module."""
    changes = [change for change in plan.after_resources() if change.type == kind]
    return {change.address.removeprefix("module.this."): change.after for change in changes}


def _queues(plan: Plan) -> tuple[dict[str, Any], dict[str, Any]]:
    queues = _after(plan, "aws_sqs_queue")
    return queues["aws_sqs_queue.this"], queues["aws_sqs_queue.dead_letter"]


def _statements(policy: str) -> dict[str, Any]:
    return {statement["Sid"]: statement for statement in json.loads(policy)["Statement"]}


class TestAQueue:
    def test_sends_what_fails_to_its_own_dead_letter_queue(self, plan: Plan) -> None:
        queue, dead_letter = _queues(plan)
        redrive = json.loads(queue["redrive_policy"])
        assert redrive["maxReceiveCount"] == 5
        assert redrive["deadLetterTargetArn"].endswith(f":{dead_letter['name']}")
        allowed = json.loads(dead_letter["redrive_allow_policy"])
        assert allowed["redrivePermission"] == "byQueue"
        assert [arn.rsplit(":", 1)[1] for arn in allowed["sourceQueueArns"]] == [queue["name"]]

    def test_keeps_dead_letters_longer_and_polls_long(self, plan: Plan) -> None:
        queue, dead_letter = _queues(plan)
        assert queue["message_retention_seconds"] == 7 * DAY_S
        assert dead_letter["message_retention_seconds"] == 14 * DAY_S
        assert queue["receive_wait_time_seconds"] == dead_letter["receive_wait_time_seconds"] == 20

    def test_takes_tls_only_and_its_event_sources(self, plan: Plan) -> None:
        policies = _after(plan, "aws_sqs_queue_policy")
        queue = _statements(policies["aws_sqs_queue_policy.this"]["policy"])
        dead_letter = _statements(policies["aws_sqs_queue_policy.dead_letter"]["policy"])
        for statements in (queue, dead_letter):
            assert statements["OnlyOverTls"]["Effect"] == "Deny"
            assert statements["OnlyOverTls"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert set(dead_letter) == {"OnlyOverTls"}
        assert set(queue) == {"OnlyOverTls", "EventsFromSns", "EventsFromS3"}
        assert queue["EventsFromSns"]["Condition"] == {"ArnEquals": {"aws:SourceArn": TOPIC_ARN}}
        assert "aws:SourceAccount" in queue["EventsFromS3"]["Condition"]["StringEquals"]

    def test_lets_each_role_do_its_own_work_only(self, document: dict[str, Any]) -> None:
        (module,) = document["prior_state"]["values"]["root_module"]["child_modules"]
        read = {resource["address"].rsplit(".", 1)[1]: resource["values"] for resource in module["resources"]}
        consumer, producer, redrive = (
            _statements(read[name]["json"]) for name in ("consumer", "producer", "redrive")
        )
        assert "sqs:SendMessage" not in consumer["ReceiveAndDelete"]["Action"]
        assert consumer["DecryptMessages"]["Action"] == "kms:Decrypt"
        assert consumer["DecryptMessages"]["Resource"] == KEY_ARN
        assert not {"sqs:ReceiveMessage", "sqs:DeleteMessage"} & set(producer["Send"]["Action"])
        assert redrive["PutBack"]["Resource"] == producer["Send"]["Resource"]
        for statements in (consumer, producer, redrive):
            assert not any("*" in json.dumps(statement) for statement in statements.values())

    def test_is_watched_by_few_alarms(self, plan: Plan) -> None:
        alarms = _after(plan, "aws_cloudwatch_metric_alarm").values()
        queue, dead_letter = _queues(plan)
        assert len(alarms) <= 6
        assert {(alarm["metric_name"], alarm["dimensions"]["QueueName"]) for alarm in alarms} == {
            ("ApproximateAgeOfOldestMessage", queue["name"]),
            ("ApproximateNumberOfMessagesVisible", queue["name"]),
            ("ApproximateNumberOfMessagesNotVisible", queue["name"]),
            ("ApproximateNumberOfMessagesVisible", dead_letter["name"]),
        }
        (topic,) = _after(plan, "aws_sns_topic").values()
        assert topic["kms_master_key_id"] == KEY_ARN
        (dashboard,) = _after(plan, "aws_cloudwatch_dashboard").values()
        assert len(json.loads(dashboard["dashboard_body"])["widgets"]) == 4

    def test_uses_a_given_key_and_costs_what_was_said(self, plan: Plan) -> None:
        assert _after(plan, "aws_kms_key") == {}
        assert {queue["kms_master_key_id"] for queue in _queues(plan)} == {KEY_ARN}
        before, planned = QUEUE.estimate_before_plan(PRODUCTION), QUEUE.estimate_of_plan(plan)
        assert before.usd_month == planned.usd_month
        assert sorted(row.component for row in before.unpriced) == sorted(
            row.component for row in planned.unpriced
        )


class TestAFifoQueue:
    def test_has_all_options_in_both_queues_and_names_that_aws_takes(self, fifo: Plan) -> None:
        queue, dead_letter = _queues(fifo)
        assert queue["content_based_deduplication"] is True
        assert queue["deduplication_scope"] == "messageGroup"
        assert queue["fifo_throughput_limit"] == "perMessageGroupId"
        for each in (queue, dead_letter):
            assert each["fifo_queue"] is True
            assert each["name"].endswith(".fifo")
            assert len(each["name"]) <= 80

    def test_with_keys_of_sqs_still_has_an_encrypted_topic(self, fifo: Plan) -> None:
        assert all(queue["sqs_managed_sse_enabled"] for queue in _queues(fifo))
        (key,) = _after(fifo, "aws_kms_key").values()
        assert key["enable_key_rotation"] is True
        assert key["tags_all"] == {**DEFAULT_TAGS, "Name": f"{'n' * 40}-{'e' * 12}"}
        before, planned = QUEUE.estimate_before_plan(LARGEST_FIFO), QUEUE.estimate_of_plan(fifo)
        assert before.usd_month == planned.usd_month


class TestAPreset:
    def test_is_within_the_guardrails_and_free_at_rest_in_development(self) -> None:
        for environment in QUEUE.environments:
            variables = QUEUE.variables(environment)
            guardrails = QUEUE.manifest.guardrails
            assert [g.rule for g in guardrails if not permits(g, environment, variables[g.parameter])] == []
        assert QUEUE.estimate_before_plan(QUEUE.variables("development")).usd_month == 0


class TestARefusal:
    def test_says_for_each_value_what_to_change(self, workspace: Workspace) -> None:
        refused: dict[str, tuple[Any, str]] = {
            "content_based_deduplication": (True, "Only FIFO queues drop duplicates"),
            "high_throughput": (True, "no throughput limit to raise"),
            "max_receive_count": (1000, "never reach the dead-letter queue"),
            "dead_letter_retention_days": (3, "deleted on its way"),
            "alarm_oldest_message_age_s": (700000, "before the alarm goes off"),
            "event_source_arns": (["arn:aws:lambda:us-east-1:123456789012:function:f"], "an SNS topic"),
        }
        given = {name: value for name, (value, _) in refused.items()}
        variables = {**QUEUE.variables("production"), "visibility_timeout_s": 900, **given}
        outcome = workspace.try_plan(variables)
        assert outcome.code == 1
        assert [text for _, text in refused.values() if text not in outcome.text] == []

    def test_keeps_a_fifo_queue_from_buckets_and_a_key_in_its_region(self, workspace: Workspace) -> None:
        variables = {**LARGEST_FIFO, "event_source_arns": ["arn:aws:s3:::incoming"]}
        assert "not from S3" in workspace.try_plan(variables).text
        elsewhere = {
            **QUEUE.variables("production"),
            "kms_key_arn": KEY_ARN.replace("us-east-1", "eu-west-1"),
        }
        assert "keys of its own region" in workspace.try_plan(elsewhere).text
