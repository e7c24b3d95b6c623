"""What the postgres module promises beyond what holds for every module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from provisioner.domain.plan import Plan, parse_plan
from tests.modules.workspace import MODULES_PATH, Module, Workspace, read_module

POSTGRES = read_module(MODULES_PATH / "postgres")

# All replicas, and names as long as they may be.
LARGEST = {
    **POSTGRES.variables("production"),
    "name": "n" * 40,
    "environment": "e" * 12,
    "replica_count": 5,
}


@pytest.fixture(scope="module")
def workspace(plan_only: Callable[[Module], Workspace]) -> Workspace:
    """Return the plan-only directory of the postgres module."""
    return plan_only(POSTGRES)


@pytest.fixture(scope="module")
def plan(workspace: Workspace) -> Plan:
    """Return the plan of a production order that gives nothing but a name."""
    return parse_plan(workspace.plan(POSTGRES.variables("production")))


def _after(plan: Plan, kind: str) -> dict[str, Any]:
    """Return the planned values of every resource of a type by its address inside the module."""
    changes = [change for change in plan.after_resources() if change.type == kind]
    return {change.address.removeprefix("module.this."): change.after for change in changes}


class TestAProductionDatabase:
    def test_survives_a_zone_a_mistake_and_a_deletion(self, plan: Plan) -> None:
        instance = _after(plan, "aws_db_instance")["aws_db_instance.this"]
        assert instance["multi_az"] is True
        assert instance["backup_retention_period"] >= 7
        assert instance["deletion_protection"] is True
        assert instance["skip_final_snapshot"] is False
        assert instance["delete_automated_backups"] is False

    def test_is_encrypted_and_private_and_has_no_password_of_ours(self, plan: Plan) -> None:
        instance = _after(plan, "aws_db_instance")["aws_db_instance.this"]
        assert instance["storage_encrypted"] is True
        assert instance["publicly_accessible"] is False
        assert instance["manage_master_user_password"] is True
        assert instance.get("password") is None
        (key,) = _after(plan, "aws_kms_key").values()
        assert key["enable_key_rotation"] is True

    def test_takes_tls_only_and_limits_connections(self, plan: Plan) -> None:
        (group,) = _after(plan, "aws_db_parameter_group").values()
        values = {parameter["name"]: parameter["value"] for parameter in group["parameter"]}
        assert values == {
            "max_connections": "LEAST({DBInstanceClassMemory/9531392},5000)",
            "rds.force_ssl": "1",
            "shared_preload_libraries": "pg_stat_statements",
            "log_min_duration_statement": "1000",
        }
        (proxy,) = _after(plan, "aws_db_proxy").values()
        assert proxy["require_tls"] is True

    def test_has_an_alarm_for_each_way_to_fail(self, plan: Plan) -> None:
        alarms = _after(plan, "aws_cloudwatch_metric_alarm")
        assert {alarm["metric_name"] for alarm in alarms.values()} == {
            "CPUUtilization",
            "FreeStorageSpace",
            "DatabaseConnections",
            "FreeableMemory",
            "MaximumUsedTransactionIDs",
        }
        storage = alarms['aws_cloudwatch_metric_alarm.this["primary-storage"]']
        assert storage["threshold"] == 10 * 2**30  # a tenth of 100 GiB

    def test_logs_where_a_retention_was_set_before(self, plan: Plan) -> None:
        instance = _after(plan, "aws_db_instance")["aws_db_instance.this"]
        groups = _after(plan, "aws_cloudwatch_log_group").values()
        assert {group["name"] for group in groups} == {
            f"/aws/rds/instance/{instance['identifier']}/{log}"
            for log in instance["enabled_cloudwatch_logs_exports"]
        }
        assert {group["retention_in_days"] for group in groups} == {90}


@pytest.fixture(scope="module")
def replicated(workspace: Workspace) -> Plan:
    """Return the plan of the largest order."""
    return parse_plan(workspace.plan(LARGEST))


class TestReplicas:
    def test_each_get_an_alarm_on_their_lag(self, replicated: Plan) -> None:
        alarms = _after(replicated, "aws_cloudwatch_metric_alarm").values()
        lag = [alarm["dimensions"] for alarm in alarms if alarm["metric_name"] == "ReplicaLag"]
        name = f"{'n' * 40}-{'e' * 12}"
        assert lag == [{"DBInstanceIdentifier": f"{name}-replica-{number}"} for number in range(1, 6)]
        assert len(alarms) == 5 + 5 * 5

    def test_cost_what_was_said_before_the_plan(self, replicated: Plan) -> None:
        before, planned = POSTGRES.estimate_before_plan(LARGEST), POSTGRES.estimate_of_plan(replicated)
        assert before.usd_month == planned.usd_month

    def test_have_names_that_aws_takes(self, replicated: Plan) -> None:
        limits = {
            "aws_db_instance": ("identifier", 63),
            "aws_db_proxy": ("name", 63),
            "aws_iam_role": ("name", 64),
        }
        for kind, (attribute, limit) in limits.items():
            lengths = [len(after[attribute]) for after in _after(replicated, kind).values()]
            assert max(lengths) <= limit, kind


class TestAGivenKey:
    def test_replaces_the_own_one(self, workspace: Workspace) -> None:
        arn = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        plan = parse_plan(workspace.plan({**POSTGRES.variables("development"), "kms_key_arn": arn}))
        assert _after(plan, "aws_kms_key") == {}
        assert _after(plan, "aws_db_instance")["aws_db_instance.this"]["kms_key_id"] == arn


class TestARefusal:
    def test_says_for_each_value_what_to_change(self, workspace: Workspace) -> None:
        refused = {
            "max_allocated_storage_gb": (105, "at least 10 % above"),
            "allow_vpc_cidr": (False, "Nobody could connect"),
            "database_insights_mode": ("advanced", "needs 465 days"),
            "proxy_max_connections_percent": (30, "cannot keep more idle connections"),
            "instance_class": ("db.r5.large", "must be a Graviton class"),
        }
        given = {name: value for name, (value, _) in refused.items()}
        outcome = workspace.try_plan({**POSTGRES.variables("development", "large"), **given})
        assert outcome.code == 1
        assert [text for _, text in refused.values() if text not in outcome.text] == []

    def test_asks_for_subnets_in_two_zones(self, workspace: Workspace) -> None:
        variables = {**POSTGRES.variables("development"), "subnet_ids": ["subnet-0a1b2c3d4e5f67890"]}
        outcome = workspace.try_plan(variables)
        assert outcome.code == 1
        assert "at least two availability zones" in outcome.text
