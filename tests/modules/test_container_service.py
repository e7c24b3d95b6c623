"""What the container-service module promises beyond what holds for every module."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from provisioner.domain.plan import Plan, parse_plan
from tests.modules.conftest import MakeWorkspace
from tests.modules.test_every_module import open_to_anyone
from tests.modules.workspace import MODULES_PATH, Module, Workspace, read_module

SERVICE = read_module(MODULES_PATH / "container-service")
ACCOUNT = "123456789012"
KEY_ARN = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
CERTIFICATE_ARN = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"
SECRET_ARN = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:orders-a1b2c3"
PARAMETER_ARN = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/orders/token"

# Everything that is off by default, on the internet; a given key and certificate, so that more is known while planning.
PUBLIC = {
    **SERVICE.variables("production"),
    "public": True,
    "kms_key_arn": KEY_ARN,
    "certificate_arn": CERTIFICATE_ARN,
    "access_log_bucket": "access-logs-123456789012",
    "secret_arns": {
        "PASSWORD": f"{SECRET_ARN}:password::",
        "USER": f"{SECRET_ARN}:user::",
        "TOKEN": PARAMETER_ARN,
    },
    "environment_variables": {"LOG_LEVEL": "info"},
}


@pytest.fixture(scope="module")
def workspace(plan_only: Callable[[Module], Workspace]) -> Workspace:
    """Return the plan-only directory of the container-service module."""
    return plan_only(SERVICE)


@pytest.fixture(scope="module")
def plan(workspace: Workspace) -> Plan:
    """Return the plan of a public production service with all options."""
    return parse_plan(workspace.plan(PUBLIC))


@pytest.fixture(scope="module")
def development(workspace: Workspace) -> Plan:
    """Return the plan of a developer's service."""
    return parse_plan(workspace.plan(SERVICE.variables("development")))


@pytest.fixture(scope="module")
def applied(make_workspace: MakeWorkspace) -> Workspace:
    """Return a directory in which a public production service was applied; it is left behind with its cloud."""
    workspace = make_workspace(SERVICE, "container-service-public")
    outcome = workspace.plan_and_apply(PUBLIC)
    assert outcome.code == 0, outcome.text
    return workspace


def _after(plan: Plan, kind: str) -> dict[str, Any]:
    """Return the planned values of every resource of a type by its address inside the module."""
    changes = [change for change in plan.after_resources() if change.type == kind]
    return {change.address.removeprefix("module.this."): change.after for change in changes}


def _one(plan: Plan, kind: str) -> Any:
    (found,) = _after(plan, kind).values()
    return found


def _stored(workspace: Workspace, kind: str, name: str) -> Any:
    """Return the attributes of one resource or data source in the state."""
    (found,) = (
        resource["instances"][0]["attributes"]
        for resource in workspace.state()["resources"]
        if resource["type"] == kind and resource["name"] == name
    )
    return found


def _statements(document: str) -> dict[str, Any]:
    return {statement["Sid"]: statement for statement in json.loads(document)["Statement"]}


class TestALoadBalancer:
    def test_is_open_to_the_internet_on_443_and_nowhere_else(self, plan: Plan) -> None:
        assert open_to_anyone(plan) == []
        rules = _after(plan, "aws_vpc_security_group_ingress_rule")
        anywhere = [rule for rule in rules.values() if rule["cidr_ipv4"] == "0.0.0.0/0"]
        assert [(rule["from_port"], rule["to_port"]) for rule in anywhere] == [(443, 443)]
        tasks = rules["aws_vpc_security_group_ingress_rule.from_load_balancer"]
        assert (tasks["from_port"], tasks["cidr_ipv4"]) == (8080, None)
        assert _one(plan, "aws_lb")["internal"] is False

    def test_inside_the_network_is_open_to_nobody_else(self, plan: Plan) -> None:
        inside = tuple(
            replace(change, after={**(change.after or {}), "internal": True})
            if change.type == "aws_lb"
            else change
            for change in plan.changes
        )
        found = open_to_anyone(replace(plan, changes=inside))
        assert found == ["module.this.aws_vpc_security_group_ingress_rule.https"]

    def test_of_a_developer_answers_inside_the_network_only(self, development: Plan) -> None:
        balancer = _one(development, "aws_lb")
        assert (balancer["internal"], balancer["enable_deletion_protection"]) == (True, False)
        rules = _after(development, "aws_vpc_security_group_ingress_rule").values()
        assert {rule["cidr_ipv4"] for rule in rules} == {"172.31.0.0/16", None}

    def test_speaks_tls_only_and_drops_malformed_headers(self, plan: Plan) -> None:
        listener = _one(plan, "aws_lb_listener")
        assert (listener["port"], listener["protocol"]) == (443, "HTTPS")
        assert listener["ssl_policy"].startswith("ELBSecurityPolicy-TLS13-1-2-")
        assert listener["certificate_arn"] == CERTIFICATE_ARN
        assert _after(plan, "aws_acm_certificate") == {}
        balancer = _one(plan, "aws_lb")
        assert balancer["drop_invalid_header_fields"] is True
        assert balancer["enable_deletion_protection"] is True
        assert balancer["access_logs"][0]["bucket"] == "access-logs-123456789012"

    def test_has_a_certificate_of_its_own_unless_one_is_given(self, development: Plan) -> None:
        certificate = _one(development, "aws_acm_certificate")
        assert certificate["domain_name"] == "orders-main-development.apps.example.com"
        assert certificate["validation_method"] == "DNS"
        records = _after(development, "aws_route53_record")
        assert set(records) == {"aws_route53_record.this", "aws_route53_record.validation[0]"}
        assert records["aws_route53_record.this"]["name"] == certificate["domain_name"]


class TestAService:
    def test_has_no_public_addresses_and_takes_failed_deployments_back(self, plan: Plan) -> None:
        service = _one(plan, "aws_ecs_service")
        (network,) = service["network_configuration"]
        assert network["assign_public_ip"] is False
        assert len(network["subnets"]) == 3
        assert service["deployment_circuit_breaker"] == [{"enable": True, "rollback": True}]
        assert (service["deployment_minimum_healthy_percent"], service["desired_count"]) == (100, 2)
        assert service["enable_execute_command"] is False

    def test_runs_on_graviton_read_only_with_one_place_to_write_to(self, applied: Workspace) -> None:
        definition = _stored(applied, "aws_ecs_task_definition", "this")
        (platform,) = definition["runtime_platform"]
        assert platform["cpu_architecture"] == "ARM64"
        (container,) = json.loads(definition["container_definitions"])
        assert container["readonlyRootFilesystem"] is True
        assert [mount["containerPath"] for mount in container["mountPoints"]] == ["/tmp"]
        assert [volume["name"] for volume in definition["volume"]] == ["tmp"]

    def test_gets_secrets_by_their_arns(self, applied: Workspace) -> None:
        definition = _stored(applied, "aws_ecs_task_definition", "this")
        (container,) = json.loads(definition["container_definitions"])
        assert {secret["name"]: secret["valueFrom"] for secret in container["secrets"]} == PUBLIC[
            "secret_arns"
        ]
        assert container["environment"] == [{"name": "LOG_LEVEL", "value": "info"}]

    def test_of_a_developer_is_writable_for_the_shell_and_ends_at_night(self, development: Plan) -> None:
        assert _one(development, "aws_ecs_service")["enable_execute_command"] is True
        assert _one(development, "aws_ecs_task_definition")["volume"] == []
        actions = _after(development, "aws_appautoscaling_scheduled_action").values()
        bounds = {action["schedule"]: action["scalable_target_action"][0] for action in actions}
        assert bounds == {
            "cron(0 7 ? * MON-FRI *)": {"min_capacity": "1", "max_capacity": "1"},
            "cron(0 19 ? * MON-FRI *)": {"min_capacity": "0", "max_capacity": "0"},
        }
        assert _after(development, "aws_appautoscaling_policy") == {}

    def test_grows_with_cpu_and_requests_in_production(self, applied: Workspace, plan: Plan) -> None:
        metrics = {
            policy["target_tracking_scaling_policy_configuration"][0]["predefined_metric_specification"][0][
                "predefined_metric_type"
            ]
            for policy in _after(plan, "aws_appautoscaling_policy").values()
        }
        assert metrics == {"ECSServiceAverageCPUUtilization", "ALBRequestCountPerTarget"}
        target = _stored(applied, "aws_appautoscaling_target", "this")
        assert (target["min_capacity"], target["max_capacity"]) == (2, 6)
        assert _after(plan, "aws_appautoscaling_scheduled_action") == {}

    @pytest.mark.thorough
    def test_takes_another_share_of_spot_and_other_bounds_without_a_new_service(
        self, make_workspace: MakeWorkspace
    ) -> None:
        staging = SERVICE.variables("staging")
        own = make_workspace(SERVICE, "container-service-spot")
        assert own.plan_and_apply(staging).code == 0
        changed = {**staging, "spot_percent": 50, "max_tasks": 4}
        changes = {c.address.removeprefix("module.this."): c for c in parse_plan(own.plan(changed)).changes}
        service: Any = changes["aws_ecs_service.this"].after
        assert changes["aws_ecs_service.this"].verb == "update"
        assert service["force_new_deployment"] is True
        strategy = service["capacity_provider_strategy"]
        assert sorted((p["capacity_provider"], p["base"], p["weight"]) for p in strategy) == [
            ("FARGATE", 1, 50),
            ("FARGATE_SPOT", 0, 50),
        ]
        # AWS drops policies and schedules with their target, so that all of them are made anew.
        replaced = {address for address, change in changes.items() if change.verb == "replace"}
        assert replaced == {
            "aws_appautoscaling_target.this",
            'aws_appautoscaling_policy.this["cpu"]',
            'aws_appautoscaling_policy.this["requests"]',
            'aws_appautoscaling_scheduled_action.office["start"]',
            'aws_appautoscaling_scheduled_action.office["stop"]',
        }
        assert own.apply().code == 0
        target = _stored(own, "aws_appautoscaling_target", "this")
        assert (target["min_capacity"], target["max_capacity"]) == (1, 4)
        assert not parse_plan(own.plan(changed)).has_changes


class TestAnIdentity:
    def test_starts_tasks_with_the_named_secrets_only(self, applied: Workspace) -> None:
        statements = _statements(_stored(applied, "aws_iam_policy_document", "execution")["json"])
        assert set(statements) == {
            "SignInToRegistry",
            "PullImages",
            "WriteLogs",
            "ReadSecrets",
            "ReadParameters",
            "DecryptSecrets",
        }
        assert statements["PullImages"]["Resource"] == f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/*"
        assert statements["ReadSecrets"]["Resource"] == SECRET_ARN
        assert statements["ReadParameters"]["Resource"] == PARAMETER_ARN
        assert statements["ReadParameters"]["Action"] == "ssm:GetParameters"
        assert "kms:ViaService" in statements["DecryptSecrets"]["Condition"]["StringEquals"]

    def test_of_the_application_may_do_nothing_by_itself(self, plan: Plan) -> None:
        assert _after(plan, "aws_iam_role_policy_attachment") == {}
        assert list(_after(plan, "aws_iam_role_policy")) == ["aws_iam_role_policy.execution"]

    def test_of_a_pipeline_updates_this_service_and_passes_its_two_roles(self, applied: Workspace) -> None:
        statements = _statements(_stored(applied, "aws_iam_policy_document", "deploy")["json"])
        service = f"arn:aws:ecs:us-east-1:{ACCOUNT}:service/orders-main-production/orders-main-production"
        assert statements["RollOutThisService"]["Resource"] == service
        assert sorted(arn.rsplit("/", 1)[1] for arn in statements["PassItsRoles"]["Resource"]) == [
            "orders-main-production-execution",
            "orders-main-production-task",
        ]
        assert statements["PassItsRoles"]["Condition"]["StringEquals"] == {
            "iam:PassedToService": "ecs-tasks.amazonaws.com"
        }
        family = f"arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition/orders-main-production:*"
        assert statements["TagWhatItRegisters"]["Resource"] == family
        unlimited = {sid for sid, statement in statements.items() if statement["Resource"] == "*"}
        assert unlimited == {"RegisterTaskDefinitions", "WatchItsTasks"}
        actions = json.dumps([statement["Action"] for statement in statements.values()])
        assert "*" not in actions
        assert "Delete" not in actions


class TestWatching:
    def test_takes_six_alarms_in_production_and_five_elsewhere(self, plan: Plan, development: Plan) -> None:
        alarms = set(_after(plan, "aws_cloudwatch_metric_alarm"))
        others = set(_after(development, "aws_cloudwatch_metric_alarm"))
        assert (len(alarms), len(others)) == (6, 5)
        assert alarms - others == {"aws_cloudwatch_metric_alarm.missing[0]"}

    def test_keeps_the_insights_in_an_encrypted_group_with_a_retention(self, plan: Plan) -> None:
        groups = _after(plan, "aws_cloudwatch_log_group")
        assert {group["name"] for group in groups.values()} == {
            "/drawbridge/service/orders-main-production",
            "/aws/ecs/containerinsights/orders-main-production/performance",
        }
        assert {(g["retention_in_days"], g["kms_key_id"]) for g in groups.values()} == {(90, KEY_ARN)}
        assert _one(plan, "aws_sns_topic")["kms_master_key_id"] == KEY_ARN

    def test_costs_what_was_said_also_on_the_internet(self, plan: Plan) -> None:
        before, planned = SERVICE.estimate_before_plan(PUBLIC), SERVICE.estimate_of_plan(plan)
        assert before.usd_month == planned.usd_month
        assert sorted((row.type, row.component) for row in before.unpriced) == sorted(
            (row.type, row.component) for row in planned.unpriced
        )
        assert "addresses" in {row.component for row in planned.unpriced}


class TestARefusal:
    def test_says_for_each_value_what_to_change(self, workspace: Workspace) -> None:
        refused: dict[str, tuple[Any, str]] = {
            "image": ("nginx:latest", "cannot be rolled back"),
            "memory_mib": (16384, "two to eight times the CPU units"),
            "max_tasks": (1, "must be at least min_tasks"),
            "spot_percent": (10, "production takes 0 percent"),
            "office_hours_only": (True, "Production runs at all hours"),
            "office_end_hour": (5, "after they start"),
            "execute_command": (True, "does not work in a read-only one"),
            "alarm_cpu_percent": (50, "above what scaling aims at"),
            "secret_arns": ({"LOG_LEVEL": "hunter2"}, "never the secret itself"),
            "zone_name": (f"{'z' * 50}.example.com", "at most 64 characters"),
        }
        given = {name: value for name, (value, _) in refused.items()}
        outcome = workspace.try_plan({**SERVICE.variables("production"), **given})
        assert outcome.code == 1
        assert [text for _, text in refused.values() if text not in outcome.text] == []

    def test_keeps_names_apart(self, workspace: Workspace) -> None:
        outcome = workspace.try_plan(
            {**PUBLIC, "name": "internal-orders", "environment_variables": {"TOKEN": "x"}}
        )
        assert "not in both" in outcome.text
        assert "keeps for the host names" in outcome.text
