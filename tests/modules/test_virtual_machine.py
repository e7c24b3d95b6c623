"""What the virtual-machine module promises beyond what holds for every module."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from catalog.parameters import fill
from provisioner.domain.plan import Plan, parse_plan
from tests.modules.conftest import MakeWorkspace
from tests.modules.workspace import DEFAULT_TAGS, MODULES_PATH, Module, Workspace, read_module

MACHINES = read_module(MODULES_PATH / "virtual-machine")
ACCOUNT = "123456789012"
POLICY_ARN = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
ALARM = "aws_cloudwatch_metric_alarm"
SCALING_ROLE = (
    f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
)

PRODUCTION = {
    **MACHINES.variables("production"),
    "setup_script": "#!/bin/bash\nsystemctl enable --now orders\n",
    "log_files": ["/var/log/orders/*.log"],
    "policy_arns": [POLICY_ARN],
}


@pytest.fixture(scope="module")
def workspace(plan_only: Callable[[Module], Workspace]) -> Workspace:
    """Return the plan-only directory of the virtual-machine module."""
    return plan_only(MACHINES)


@pytest.fixture(scope="module")
def plan(workspace: Workspace) -> Plan:
    """Return the plan of a production order with a script, a log and a policy."""
    return parse_plan(workspace.plan(PRODUCTION))


@pytest.fixture(scope="module")
def staging(workspace: Workspace) -> Plan:
    """Return the plan of a staging order that gives nothing but a name."""
    return parse_plan(workspace.plan(MACHINES.variables("staging")))


@pytest.fixture(scope="module")
def applied(make_workspace: MakeWorkspace) -> Workspace:
    """Return a directory in which the production order was applied; it is left behind with its cloud."""
    workspace = make_workspace(MACHINES, "virtual-machine-applied")
    outcome = workspace.plan_and_apply(PRODUCTION)
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


def _statements(workspace: Workspace, name: str) -> dict[str, Any]:
    document = _stored(workspace, "aws_iam_policy_document", name)["json"]
    return {statement["Sid"]: statement for statement in json.loads(document)["Statement"]}


class TestAMachine:
    def test_is_reached_by_nobody_from_outside(self, plan: Plan) -> None:
        template = _one(plan, "aws_launch_template")
        assert template["key_name"] is None
        (interface,) = template["network_interfaces"]
        assert interface["associate_public_ip_address"] == "false"
        ingress = _after(plan, "aws_vpc_security_group_ingress_rule").values()
        assert {(rule["from_port"], rule["cidr_ipv4"]) for rule in ingress} == {(8080, "172.31.0.0/16")}

    def test_gives_its_role_only_to_itself_and_only_with_a_token(self, plan: Plan) -> None:
        (options,) = _one(plan, "aws_launch_template")["metadata_options"]
        assert (options["http_tokens"], options["http_put_response_hop_limit"]) == ("required", 1)

    @pytest.mark.thorough
    def test_has_an_encrypted_volume_that_goes_with_it(self, applied: Workspace) -> None:
        (mapping,) = _stored(applied, "aws_launch_template", "this")["block_device_mappings"]
        (volume,) = mapping["ebs"]
        assert (volume["encrypted"], volume["delete_on_termination"]) == ("true", "true")
        assert (volume["volume_type"], volume["volume_size"]) == ("gp3", 40)
        assert volume["kms_key_id"] == _stored(applied, "aws_kms_key", "this")["arn"]

    def test_starts_from_the_newest_image_without_an_order(self, plan: Plan) -> None:
        image = _one(plan, "aws_launch_template")["image_id"]
        assert image == f"resolve:ssm:{MACHINES.variables('production')['image_parameter']}"
        assert image.endswith("arm64")

    @pytest.mark.thorough
    def test_runs_its_script_after_the_agent(self, applied: Workspace) -> None:
        data = _stored(applied, "aws_launch_template", "this")["user_data"]
        script = base64.b64decode(data).decode()
        assert script.startswith("#!/bin/bash\n")
        assert script.index("amazon-cloudwatch-agent-ctl") < script.index("enable --now orders")

    def test_carries_the_tags_that_the_provider_does_not_reach(self, plan: Plan) -> None:
        wanted = {
            **DEFAULT_TAGS,
            "Name": "orders-main-production",
            "drawbridge-backup": "orders-main-production",
        }
        specified = {
            part["resource_type"]: part["tags"]
            for part in _one(plan, "aws_launch_template")["tag_specifications"]
        }
        assert specified == dict.fromkeys(("instance", "volume", "network-interface"), wanted)
        tags = _one(plan, "aws_autoscaling_group")["tag"]
        assert {tag["key"]: tag["value"] for tag in tags} == wanted
        assert {tag["propagate_at_launch"] for tag in tags} == {True}

    @pytest.mark.thorough
    def test_logs_to_streams_whose_names_are_allowed(self, applied: Workspace) -> None:
        configuration = json.loads(_stored(applied, "aws_ssm_parameter", "agent")["insecure_value"])
        (log,) = configuration["logs"]["logs_collected"]["files"]["collect_list"]
        assert log["file_path"] == "/var/log/orders/*.log"
        assert log["log_stream_name"] == "{instance_id}/var/log/orders/-.log"
        assert log["log_group_name"] == "/drawbridge/vm/orders-main-production"


class TestAKey:
    @pytest.mark.thorough
    def test_is_lent_to_volumes_by_the_role_that_starts_machines(self, applied: Workspace) -> None:
        document = _stored(applied, "aws_kms_key", "this")["policy"]
        statements = {one["Sid"]: one for one in json.loads(document)["Statement"]}
        use, lend = statements["AutoScalingUsesVolumes"], statements["AutoScalingLendsItToVolumes"]
        assert use["Principal"] == lend["Principal"] == {"AWS": SCALING_ROLE}
        assert {"kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"} <= set(use["Action"])
        assert "Condition" not in use
        assert lend["Action"] == "kms:CreateGrant"
        assert lend["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}


class TestAGroup:
    def test_replaces_machines_with_the_new_one_first(self, plan: Plan) -> None:
        group = _one(plan, "aws_autoscaling_group")
        (refresh,) = group["instance_refresh"]
        (preferences,) = refresh["preferences"]
        assert (preferences["min_healthy_percentage"], preferences["max_healthy_percentage"]) == (100, 200)
        assert len(group["vpc_zone_identifier"]) >= 2
        assert group["max_instance_lifetime"] == 30 * 24 * 60 * 60

    @pytest.mark.thorough
    def test_names_the_version_of_its_template(self, applied: Workspace) -> None:
        (template,) = _stored(applied, "aws_autoscaling_group", "this")["launch_template"]
        assert template["version"] == str(_stored(applied, "aws_launch_template", "this")["latest_version"])

    @pytest.mark.thorough
    def test_takes_another_type_in_place(self, applied: Workspace) -> None:
        plan = parse_plan(applied.plan({**PRODUCTION, "instance_type": "m7g.xlarge"}))
        verbs = {c.address.removeprefix("module.this."): c.verb for c in plan.changes if c.verb != "no-op"}
        assert verbs == {"aws_launch_template.this": "update", "aws_autoscaling_group.this": "update"}

    @pytest.mark.thorough
    def test_starts_machines_with_another_log_anew(self, applied: Workspace) -> None:
        plan = parse_plan(applied.plan({**PRODUCTION, "log_files": []}))
        verbs = {c.address.removeprefix("module.this."): c.verb for c in plan.changes if c.verb != "no-op"}
        assert verbs == {
            "aws_ssm_parameter.agent": "update",
            "aws_launch_template.this": "update",
            "aws_autoscaling_group.this": "update",
        }
        assert "logs" not in json.loads(_one(plan, "aws_ssm_parameter")["insecure_value"])

    @pytest.mark.thorough
    def test_leaves_the_number_to_scaling(self, applied: Workspace) -> None:
        plan = parse_plan(applied.plan({**PRODUCTION, "min_instances": 3}))
        group = _one(plan, "aws_autoscaling_group")
        assert (group["min_size"], group["desired_capacity"]) == (3, 2)

    def test_grows_and_shrinks_with_cpu_in_production(self, plan: Plan) -> None:
        (tracking,) = _one(plan, "aws_autoscaling_policy")["target_tracking_configuration"]
        assert tracking["disable_scale_in"] is False
        assert _after(plan, "aws_autoscaling_schedule") == {}

    def test_ends_at_night_and_only_then_in_staging(self, staging: Plan) -> None:
        (tracking,) = _one(staging, "aws_autoscaling_policy")["target_tracking_configuration"]
        assert tracking["disable_scale_in"] is True
        assert _one(staging, "aws_autoscaling_group")["min_size"] == 0
        actions = _after(staging, "aws_autoscaling_schedule").values()
        assert {(a["recurrence"], a["desired_capacity"], a["min_size"], a["max_size"]) for a in actions} == {
            ("0 7 * * MON-FRI", 1, -1, -1),
            ("0 19 * * MON-FRI", 0, -1, -1),
        }


class TestARole:
    def test_of_the_machines_has_session_manager_and_what_was_given(self, plan: Plan) -> None:
        attached = _after(plan, "aws_iam_role_policy_attachment").values()
        arns = {one["policy_arn"] for one in attached if one["role"] == "orders-main-production-instance"}
        assert arns == {"arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore", POLICY_ARN}

    @pytest.mark.thorough
    def test_of_the_machines_can_name_its_group_and_write_its_own_logs(self, applied: Workspace) -> None:
        statements = _statements(applied, "agent")
        assert statements["FindOwnGroup"]["Action"] == "ec2:DescribeTags"
        assert statements["WriteLogs"]["Resource"].endswith(
            ":log-group:/drawbridge/vm/orders-main-production:*"
        )
        unlimited = {sid for sid, one in statements.items() if one["Resource"] == "*"}
        assert unlimited == {"FindOwnGroup", "PublishMetrics"}
        assert statements["PublishMetrics"]["Condition"] == {
            "StringEquals": {"cloudwatch:namespace": "CWAgent"}
        }

    @pytest.mark.thorough
    def test_of_people_opens_shells_on_these_machines_and_nothing_else(self, applied: Workspace) -> None:
        statements = _statements(applied, "operator")
        condition = statements["SessionsOnTheseMachines"]["Condition"]
        assert condition["StringEquals"] == {"ssm:resourceTag/Name": "orders-main-production"}
        assert condition["BoolIfExists"] == {"ssm:SessionDocumentAccessCheck": "true"}
        assert statements["Shell"]["Resource"].endswith(":document/SSM-SessionManagerRunShell")
        assert statements["OwnSessions"]["Condition"] == {
            "StringEquals": {"ssm:resourceTag/aws:ssmmessages:session-id": "${aws:userid}"}
        }
        unlimited = {sid for sid, one in statements.items() if one["Resource"] == "*"}
        assert unlimited == {"FindTheMachines"}
        assert all(":Describe" in action for action in statements["FindTheMachines"]["Action"])


class TestBackups:
    @pytest.mark.thorough
    def test_find_machines_by_their_tag(self, applied: Workspace) -> None:
        selection = _stored(applied, "aws_backup_selection", "this")
        (condition,) = selection["condition"]
        (equals,) = condition["string_equals"]
        assert equals == {
            "key": "aws:ResourceTag/drawbridge-backup",
            "value": "orders-main-production",
        }
        assert selection["resources"] == ["arn:aws:ec2:*:*:instance/*"]

    def test_are_for_production(self, staging: Plan) -> None:
        assert [kind for kind in staging.after_resources() if kind.type.startswith("aws_backup")] == []
        tags = _one(staging, "aws_autoscaling_group")["tag"]
        assert "drawbridge-backup" not in {tag["key"] for tag in tags}


class TestAlarms:
    def test_watch_credits_only_where_there_are_any(self, plan: Plan, staging: Plan) -> None:
        steady, burstable = set(_after(plan, ALARM)), set(_after(staging, ALARM))
        assert burstable - steady == {f'{ALARM}.this["credits"]'}
        assert (len(steady), len(burstable)) == (5, 6)

    def test_miss_machines_against_what_is_wanted_now(self, plan: Plan) -> None:
        queries = _after(plan, ALARM)[f"{ALARM}.missing"]["metric_query"]
        assert {q["id"]: q["metric"][0]["metric_name"] for q in queries if q["metric"]} == {
            "wanted": "GroupDesiredCapacity",
            "serving": "GroupInServiceInstances",
        }
        collected = set(_one(plan, "aws_autoscaling_group")["enabled_metrics"])
        assert {"GroupDesiredCapacity", "GroupInServiceInstances"} <= collected


class TestAScript:
    def test_is_typed_over_several_lines(self) -> None:
        (parameter,) = (one for one in MACHINES.spec if one.name == "setup_script")
        script = "dnf install -y nginx\nsystemctl enable --now nginx\n"
        filled = fill(MACHINES.manifest, MACHINES.spec, "development", {"setup_script": script})
        assert (parameter.multiline, filled.problems) == (True, ())
        assert filled.variables["setup_script"] == script


class TestARefusal:
    def test_says_for_each_value_what_to_change(self, workspace: Workspace) -> None:
        refused: dict[str, tuple[Any, str]] = {
            "instance_type": ("m5.large", "must be a Graviton type"),
            "max_instances": (1, "must be at least min_instances"),
            "office_hours_only": (True, "Production machines run at all hours"),
            "office_end_hour": (5, "after they start"),
            "app_port": (22, "Session Manager"),
            "setup_script": ("\u00fc" * 8000, "at most 15000 bytes"),
            "policy_arns": (["orders-db-consumer"], "ARN of an IAM policy"),
        }
        given = {name: value for name, (value, _) in refused.items()}
        outcome = workspace.try_plan({**MACHINES.variables("production"), **given})
        assert outcome.code == 1
        assert [text for _, text in refused.values() if text not in outcome.text] == []
