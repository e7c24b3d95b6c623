"""What the redis-cache module promises beyond what holds for every module."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from provisioner.domain.plan import Plan, parse_plan
from tests.modules.changes import KEY_ARN
from tests.modules.conftest import MakeWorkspace
from tests.modules.workspace import MODULES_PATH, Module, Workspace, read_module

CACHE = read_module(MODULES_PATH / "redis-cache")
GROUP = "aws_elasticache_replication_group"
ALARM = "aws_cloudwatch_metric_alarm"

# All replicas, and names as long as they may be.
LARGEST = {
    **CACHE.variables("production", "large"),
    "name": "n" * 27,
    "environment": "e" * 12,
    "replica_count": 5,
}


@pytest.fixture(scope="module")
def workspace(plan_only: Callable[[Module], Workspace]) -> Workspace:
    """Return the plan-only directory of the redis-cache module."""
    return plan_only(CACHE)


@pytest.fixture(scope="module")
def plan(workspace: Workspace) -> Plan:
    """Return the plan of a production order that gives nothing but a name."""
    return parse_plan(workspace.plan(CACHE.variables("production")))


@pytest.fixture(scope="module")
def largest(workspace: Workspace) -> Plan:
    """Return the plan of the largest order."""
    return parse_plan(workspace.plan(LARGEST))


def _after(plan: Plan, kind: str) -> dict[str, Any]:
    """Return the planned values of every resource of a type by its address inside the module."""
    changes = [change for change in plan.after_resources() if change.type == kind]
    return {change.address.removeprefix("module.this."): change.after for change in changes}


def _group(plan: Plan) -> dict[str, Any]:
    group: dict[str, Any] = _after(plan, GROUP)[f"{GROUP}.this"]
    return group


def _parameters(plan: Plan) -> dict[str, str]:
    (group,) = _after(plan, "aws_elasticache_parameter_group").values()
    return {parameter["name"]: parameter["value"] for parameter in group["parameter"]}


class TestAProductionCache:
    def test_survives_a_node_a_zone_and_a_mistake(self, plan: Plan) -> None:
        group = _group(plan)
        assert group["num_cache_clusters"] == 2
        assert group["automatic_failover_enabled"] is True
        assert group["multi_az_enabled"] is True
        assert group["snapshot_retention_limit"] >= 7

    def test_is_encrypted_and_takes_tls_only(self, plan: Plan) -> None:
        group = _group(plan)
        assert group["at_rest_encryption_enabled"] == "true"
        assert group["transit_encryption_enabled"] is True
        assert group["transit_encryption_mode"] == "required"

    def test_knows_no_secret_and_one_user_that_iam_signs_in(self, plan: Plan) -> None:
        group = _group(plan)
        assert group.get("auth_token") is None
        (user,) = _after(plan, "aws_elasticache_user").values()
        (mode,) = user["authentication_mode"]
        assert (mode["type"], mode.get("passwords")) == ("iam", None)
        assert user["user_id"] == user["user_name"] == group["replication_group_id"]
        assert not user.get("passwords")
        assert not user["no_password_required"]
        (members,) = _after(plan, "aws_elasticache_user_group").values()
        assert (members["engine"], members["user_ids"]) == ("valkey", [user["user_id"]])
        assert group["user_group_ids"] == [members["user_group_id"]]

    def test_keeps_administration_and_dangerous_commands_from_its_user(self, plan: Plan) -> None:
        (user,) = _after(plan, "aws_elasticache_user").values()
        rules = user["access_string"].split()
        assert rules[0] == "on"
        assert {"-@admin", "-@dangerous"} <= set(rules[rules.index("+@all") + 1 :])

    def test_leaves_versions_to_people(self, plan: Plan) -> None:
        """A minor version that AWS raised is a downgrade in the next plan, and a downgrade replaces the cache."""
        assert _group(plan)["auto_minor_version_upgrade"] == "false"

    def test_states_what_happens_when_memory_is_full(self, plan: Plan) -> None:
        assert _parameters(plan) == {
            "maxmemory-policy": "volatile-lru",
            "reserved-memory-percent": "25",
            "slowlog-log-slower-than": "10000",
        }

    def test_logs_where_a_retention_was_set(self, plan: Plan) -> None:
        groups = _after(plan, "aws_cloudwatch_log_group").values()
        delivered = _group(plan)["log_delivery_configuration"]
        assert {log["destination"] for log in delivered} == {group["name"] for group in groups}
        assert {log["log_type"] for log in delivered} == {"engine-log", "slow-log"}
        assert {group["retention_in_days"] for group in groups} == {90}


class TestAlarms:
    def test_watch_the_worst_node_whichever_is_the_primary(self, plan: Plan) -> None:
        alarms = _after(plan, ALARM)
        assert {address.split('"')[1] for address in alarms} == {
            "connections",
            "engine-cpu",
            "evictions",
            "memory",
            "replication-lag",
        }
        name = _group(plan)["replication_group_id"]
        for alarm in alarms.values():
            nodes = [query["metric"][0]["dimensions"] for query in alarm["metric_query"] if query["metric"]]
            assert nodes == [{"CacheClusterId": f"{name}-001"}, {"CacheClusterId": f"{name}-002"}]

    def test_refer_in_their_expression_to_every_node(self, largest: Plan) -> None:
        for alarm in _after(largest, ALARM).values():
            queries = alarm["metric_query"]
            (expression,) = [query["expression"] for query in queries if query["expression"]]
            watched = [query["id"] for query in queries if query["metric"]]
            assert re.findall(r"node\d+", expression) == watched
            assert len(watched) == 6

    def test_sum_up_evictions_and_fill_in_a_primary_without_lag(self, plan: Plan) -> None:
        alarms = _after(plan, ALARM)
        evictions = alarms[f'{ALARM}.this["evictions"]']["metric_query"]
        assert {query["metric"][0]["stat"] for query in evictions if query["metric"]} == {"Sum"}
        lag = alarms[f'{ALARM}.this["replication-lag"]']["metric_query"]
        assert [q["expression"] for q in lag if q["expression"]] == ["MAX([FILL(node0, 0),FILL(node1, 0)])"]


class TestTheLargestCache:
    def test_costs_what_was_said_before_the_plan(self, largest: Plan) -> None:
        before, planned = CACHE.estimate_before_plan(LARGEST), CACHE.estimate_of_plan(largest)
        assert before.usd_month == planned.usd_month

    def test_has_names_that_elasticache_takes(self, largest: Plan) -> None:
        limits = {
            GROUP: ("replication_group_id", 40),
            "aws_elasticache_user": ("user_id", 40),
            "aws_elasticache_user_group": ("user_group_id", 40),
        }
        for kind, (attribute, limit) in limits.items():
            (after,) = _after(largest, kind).values()
            assert len(after[attribute]) == limit, kind


class TestAReplacement:
    @pytest.mark.thorough
    def test_leaves_the_final_snapshot_of_each_cache_under_a_name_of_its_own(
        self, make_workspace: MakeWorkspace
    ) -> None:
        workspace = make_workspace(CACHE, "redis-cache-twice")
        variables = CACHE.variables("production", "small")
        names = [self._final_snapshot(workspace, variables)]
        names.append(self._final_snapshot(workspace, {**variables, "kms_key_arn": KEY_ARN}))
        names.append(self._final_snapshot(workspace, variables))
        assert len(set(names)) == 3
        destroyed = workspace.plan_and_apply(variables, destroy=True)
        assert destroyed.code == 0, destroyed.text

    def _final_snapshot(self, workspace: Workspace, variables: dict[str, Any]) -> str:
        applied = workspace.plan_and_apply(variables)
        assert applied.code == 0, applied.text
        (group,) = (found for found in workspace.state()["resources"] if found["type"] == GROUP)
        name: str = group["instances"][0]["attributes"]["final_snapshot_identifier"]
        assert name.startswith("orders-main-production-final-")
        return name


RESTORED = {**CACHE.variables("development"), "restore_snapshot_name": "orders-final"}


@pytest.fixture(scope="module")
def restored(make_workspace: MakeWorkspace) -> Workspace:
    """Return a directory in which a development cache was made from a snapshot."""
    workspace = make_workspace(CACHE, "redis-cache-restored")
    applied = workspace.plan_and_apply(RESTORED)
    assert applied.code == 0, applied.text
    return workspace


class TestASnapshotToRestore:
    def test_counts_when_the_cache_is_made_and_never_again(self, restored: Workspace) -> None:
        (group,) = (found for found in restored.state()["resources"] if found["type"] == GROUP)
        assert group["instances"][0]["attributes"]["snapshot_name"] == "orders-final"
        for later in (None, "other"):
            plan = parse_plan(restored.plan({**RESTORED, "restore_snapshot_name": later}))
            assert not plan.has_changes


class TestAnUpgrade:
    def test_happens_in_place(self, restored: Workspace) -> None:
        plan = parse_plan(restored.plan({**RESTORED, "engine_version": "8.1"}))
        verbs = {change.address.removeprefix("module.this."): change.verb for change in plan.changes}
        assert verbs[f"{GROUP}.this"] == "update"
        assert [address for address, verb in verbs.items() if verb == "replace"] == [
            "terraform_data.generation"
        ]


class TestTheConsumersPolicy:
    def test_signs_in_as_one_user_to_one_cache_and_does_nothing_else(self, restored: Workspace) -> None:
        outputs = restored.state()["outputs"]["all"]["value"]
        (statement,) = json.loads(outputs["consumer_policy_json"])["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Allow", "elasticache:Connect")
        name = outputs["replication_group_id"]
        account = "arn:aws:elasticache:us-east-1:123456789012"
        assert sorted(statement["Resource"]) == [
            f"{account}:replicationgroup:{name}",
            f"{account}:user:{name}",
        ]


class TestARefusal:
    def test_says_for_each_value_what_to_change(self, workspace: Workspace) -> None:
        refused = {
            "allow_vpc_cidr": (False, "Nobody could connect"),
            "multi_az": (True, "set replica_count to at least 1"),
            "keyspace_events": ("gx", "Without K (keyspace) or E (keyevent) nothing is published"),
            "node_type": ("cache.m5.large", "must be a Graviton type"),
            "restore_snapshot_name": ("two words", "must be a name such as"),
        }
        given = {name: value for name, (value, _) in refused.items()}
        outcome = workspace.try_plan({**CACHE.variables("development"), **given})
        assert outcome.code == 1
        assert [text for _, text in refused.values() if text not in outcome.text] == []

    @pytest.mark.parametrize(
        ("snapshot", "maintenance"),
        [
            ("04:30-05:30", "sun:04:00-sun:05:00"),
            ("23:30-01:00", "sun:00:30-sun:01:30"),
            ("02:00-02:30", "sun:04:00-sun:05:00"),
        ],
        ids=["overlapping", "overlapping across midnight", "shorter than an hour"],
    )
    def test_tells_windows_that_are_in_each_others_way(
        self, workspace: Workspace, snapshot: str, maintenance: str
    ) -> None:
        windows = {"snapshot_window": snapshot, "maintenance_window": maintenance}
        outcome = workspace.try_plan({**CACHE.variables("development"), **windows})
        assert outcome.code == 1
        assert "must each last an hour or more and not overlap" in outcome.text


class TestSettings:
    def test_publish_keyspace_events_and_use_a_given_key(self, workspace: Workspace) -> None:
        given = {"keyspace_events": "Ex", "kms_key_arn": KEY_ARN}
        plan = parse_plan(workspace.plan({**CACHE.variables("development"), **given}))
        assert _parameters(plan)["notify-keyspace-events"] == "Ex"
        assert _after(plan, "aws_kms_key") == {}
        assert _group(plan)["kms_key_id"] == KEY_ARN
