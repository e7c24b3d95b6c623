"""Checks of a configuration before anything is planned, type by type, without Terraform."""

from typing import Any

import pytest

from provisioner.sandbox import validation
from provisioner.sandbox.facts import Facts
from provisioner.sandbox.schema import Schemas

SCHEMAS = Schemas()
FACTS = Facts()

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("aws_db_instance", {"backup_window": "3:00-03:30"}, "must have the form hh24:mi-hh24:mi"),
    ("aws_db_instance", {"maintenance_window": "04:00-05:00"}, "must have the form ddd:hh24:mi-ddd:hh24:mi"),
    ("aws_db_instance", {"s3_import": [{}], "snapshot_identifier": "s"}, "cannot be set together"),
    ("aws_db_parameter_group", {"name": "orders--pg"}, "periods and single hyphens"),
    ("aws_db_subnet_group", {"name": "default"}, "not the name default"),
    ("aws_db_proxy", {"default_auth_scheme": "SECRETS"}, "expected one of NONE, IAM_AUTH"),
    ("aws_security_group", {"name_prefix": "g" * 230}, "1 to 229 characters"),
    ("aws_iam_role", {"path": "/" * 513}, "expected 0 to 512 characters"),
    ("aws_iam_role_policy", {"role": "arn:aws:iam::123456789012:role/r"}, "not its ARN"),
    ("aws_kms_key", {"custom_key_store_id": "k" * 23}, "expected 1 to 22 characters"),
    ("aws_cloudwatch_log_group", {"name_prefix": "p" * 484}, "must have 1 to 483"),
    ("aws_cloudwatch_metric_alarm", {"threshold": 1, "threshold_metric_id": "m"}, "cannot be set together"),
    ("aws_cloudwatch_metric_alarm", {"ok_actions": ["a"] * 6}, "at most 5 OK actions"),
    ("aws_sns_topic", {"signature_version": 3}, "expected a number from 1 to 2"),
    ("aws_sns_topic_subscription", {"filter_policy_scope": "Body"}, "expected one of MessageAttributes"),
    ("aws_sqs_queue", {"max_message_size": 1048577}, "expected a number from 1024 to 1048576"),
    ("aws_backup_selection", {"selection_tag": [{"type": "EQUALS"}]}, "expected one of STRINGEQUALS"),
    ("aws_s3_bucket", {"bucket_prefix": "b" * 38}, "expected 0 to 37 characters"),
    (
        "aws_scheduler_schedule",
        {"flexible_time_window": [{"maximum_window_in_minutes": 0}]},
        "from 1 to 1440",
    ),
]
ALLOWED: list[tuple[str, dict[str, Any]]] = [
    ("aws_db_instance", {"backup_window": "03:00-03:30", "maintenance_window": "Sun:04:00-sun:05:00"}),
    ("aws_db_parameter_group", {"name": "orders-pg17.4"}),
    ("aws_cloudwatch_metric_alarm", {"evaluation_periods": 100001}),
    ("aws_sqs_queue", {"max_message_size": 1048576}),
]


def complaints(type_name: str, config: dict[str, Any]) -> list[str]:
    """Return the texts about the attributes that a configuration gives."""
    found = validation.problems(SCHEMAS.resource(type_name), FACTS.of(type_name), config)
    texts = [f"{problem.summary} {problem.detail}" for problem in found]
    return [text for text in texts if not text.startswith("Missing required argument")]


class TestAConfiguration:
    @pytest.mark.parametrize(
        ("type_name", "config", "words"), REFUSED, ids=[f"{t}-{min(c)}" for t, c, _ in REFUSED]
    )
    def test_is_refused(self, type_name: str, config: dict[str, Any], words: str) -> None:
        (complaint,) = complaints(type_name, config)
        assert words in complaint

    @pytest.mark.parametrize(("type_name", "config"), ALLOWED, ids=[t for t, _ in ALLOWED])
    def test_is_allowed(self, type_name: str, config: dict[str, Any]) -> None:
        assert complaints(type_name, config) == []
