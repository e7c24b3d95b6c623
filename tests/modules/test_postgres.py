"""What the postgres module promises beyond what holds for every module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.modules.workspace import Module, Workspace, all_modules, managed_changes

POSTGRES = next(module for module in all_modules() if module.slug == "postgres")


@pytest.fixture(scope="module")
def postgres(plan_only: Callable[[Module], Workspace]) -> Workspace:
    """Return the plan-only directory of the postgres module."""
    return plan_only(POSTGRES)


@pytest.fixture(scope="module")
def plan(postgres: Workspace) -> dict[str, Any]:
    """Return the plan of a production order that gives nothing but a name."""
    return postgres.plan(POSTGRES.variables("production"))


def _after(plan: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Return the planned values of every resource of a type by its address inside the module."""
    return {
        change["address"].removeprefix("module.this."): change["change"]["after"]
        for change in managed_changes(plan)
        if change["type"] == kind
    }


class TestAProductionDatabase:
    def test_survives_a_zone_a_mistake_and_a_deletion(self, plan: dict[str, Any]) -> None:
        instance = _after(plan, "aws_db_instance")["aws_db_instance.this"]
        assert instance["multi_az"] is True
        assert instance["backup_retention_period"] >= 7
        assert instance["deletion_protection"] is True
        assert instance["skip_final_snapshot"] is False
        assert instance["delete_automated_backups"] is False

    def test_is_encrypted_and_private_and_has_no_password_of_ours(self, plan: dict[str, Any]) -> None:
        instance = _after(plan, "aws_db_instance")["aws_db_instance.this"]
        assert instance["storage_encrypted"] is True
        assert instance["publicly_accessible"] is False
        assert instance["manage_master_user_password"] is True
        assert instance.get("password") is None
        (key,) = _after(plan, "aws_kms_key").values()
        assert key["enable_key_rotation"] is True

    def test_takes_tls_only_and_limits_connections(self, plan: dict[str, Any]) -> None:
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

    def test_has_an_alarm_for_each_way_to_fail(self, plan: dict[str, Any]) -> None:
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

    def test_logs_where_a_retention_was_set_before(self, plan: dict[str, Any]) -> None:
        instance = _after(plan, "aws_db_instance")["aws_db_instance.this"]
        groups = _after(plan, "aws_cloudwatch_log_group").values()
        assert {group["name"] for group in groups} == {
            f"/aws/rds/instance/{instance['identifier']}/{log}"
            for log in instance["enabled_cloudwatch_logs_exports"]
        }
        assert {group["retention_in_days"] for group in groups} == {90}


class TestNames:
    def test_stay_within_the_limits_of_aws_at_the_longest_name(self, postgres: Workspace) -> None:
        variables = {
            **POSTGRES.variables("production"),
            "name": "n" * 40,
            "environment": "e" * 12,
            "replica_count": 5,
        }
        plan = postgres.plan(variables)
        limits = {
            "aws_db_instance": ("identifier", 63),
            "aws_db_proxy": ("name", 63),
            "aws_iam_role": ("name", 64),
        }
        for kind, (attribute, limit) in limits.items():
            lengths = {len(after[attribute]) for after in _after(plan, kind).values()}
            assert max(lengths) <= limit, kind


class TestReplicas:
    def test_each_get_the_lag_alarm_and_an_endpoint(self, postgres: Workspace) -> None:
        plan = postgres.plan({**POSTGRES.variables("staging"), "replica_count": 2})
        alarms = _after(plan, "aws_cloudwatch_metric_alarm").values()
        lag = [
            alarm["dimensions"]["DBInstanceIdentifier"]
            for alarm in alarms
            if alarm["metric_name"] == "ReplicaLag"
        ]
        assert lag == ["orders-main-staging-replica-1", "orders-main-staging-replica-2"]
        assert len(_after(plan, "aws_db_instance")) == 3
        assert len(alarms) == 5 + 2 * 5


class TestAGivenKey:
    def test_replaces_the_own_one(self, postgres: Workspace) -> None:
        arn = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        plan = postgres.plan({**POSTGRES.variables("development"), "kms_key_arn": arn})
        assert _after(plan, "aws_kms_key") == {}
        assert _after(plan, "aws_db_instance")["aws_db_instance.this"]["kms_key_id"] == arn


class TestARefusal:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"allocated_storage_gb": 100, "max_allocated_storage_gb": 105}, "at least 10 % above"),
            ({"allow_vpc_cidr": False}, "Nobody could connect"),
            ({"database_insights_mode": "advanced"}, "needs 465 days"),
            ({"proxy_max_connections_percent": 30}, "cannot keep more idle connections"),
            ({"instance_class": "db.r5.large"}, "must be a Graviton class"),
            ({"subnet_ids": ["subnet-0a1b2c3d"]}, "at least two availability zones"),
        ],
    )
    def test_says_what_to_change(self, postgres: Workspace, given: dict[str, Any], expected: str) -> None:
        outcome = postgres.try_plan({**POSTGRES.variables("development"), **given})
        assert outcome.code == 1
        assert expected in " ".join(outcome.text.replace("│", " ").split())
