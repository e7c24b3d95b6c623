"""What the object store module promises beyond what holds for every module."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from catalog.parameters import fill
from provisioner.domain.plan import Plan, parse_plan
from tests.modules.workspace import MODULES_PATH, Module, Workspace, read_module

STORE = read_module(MODULES_PATH / "object-store")
KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ACCOUNT_ID = "123456789012"

# A name as long as it may be, with a given key: then every policy is known before the apply.
LONGEST = {
    **STORE.variables("production"),
    "name": "n" * 36,
    "environment": "e" * 12,
    "kms_key_arn": KEY_ARN,
    "access_log_bucket": "access-logs",
}
BUCKET = f"{'n' * 36}-{'e' * 12}-{ACCOUNT_ID}"


@pytest.fixture(scope="module")
def workspace(plan_only: Callable[[Module], Workspace]) -> Workspace:
    """Return the plan-only directory of the object store module."""
    return plan_only(STORE)


@pytest.fixture(scope="module")
def production(workspace: Workspace) -> dict[str, Any]:
    """Return the plan document of a production order with a given key."""
    return workspace.plan(LONGEST)


def _after(plan: Plan, kind: str) -> list[dict[str, Any]]:
    """Return the planned values of every resource of a type."""
    return [dict(change.after or {}) for change in plan.after_resources() if change.type == kind]


def _rules(plan: Plan) -> dict[str, Any]:
    """Return the lifecycle rules by id."""
    (configuration,) = _after(plan, "aws_s3_bucket_lifecycle_configuration")
    return {rule["id"]: rule for rule in configuration["rule"]}


class TestAProductionBucket:
    def test_is_private_versioned_and_not_deleted_with_its_contents(self, production: dict[str, Any]) -> None:
        plan = parse_plan(production)
        (bucket,) = _after(plan, "aws_s3_bucket")
        assert bucket["bucket"] == BUCKET
        assert len(BUCKET) <= 63
        assert bucket["force_destroy"] is False
        (block,) = _after(plan, "aws_s3_bucket_public_access_block")
        assert [block[name] for name in block if name.startswith(("block_", "ignore_", "restrict_"))] == [
            True
        ] * 4
        (ownership,) = _after(plan, "aws_s3_bucket_ownership_controls")
        assert ownership["rule"] == [{"object_ownership": "BucketOwnerEnforced"}]
        (versioning,) = _after(plan, "aws_s3_bucket_versioning")
        assert versioning["versioning_configuration"][0]["status"] == "Enabled"

    def test_takes_one_encryption_over_tls_only(self, production: dict[str, Any]) -> None:
        plan = parse_plan(production)
        (encryption,) = _after(plan, "aws_s3_bucket_server_side_encryption_configuration")
        (rule,) = encryption["rule"]
        assert rule["bucket_key_enabled"] is True
        assert rule["blocked_encryption_types"] == ["SSE-C"]
        assert rule["apply_server_side_encryption_by_default"] == [
            {"kms_master_key_id": KEY_ARN, "sse_algorithm": "aws:kms"}
        ]
        (policy,) = _after(plan, "aws_s3_bucket_policy")
        statements = {s["Sid"]: s for s in json.loads(policy["policy"])["Statement"]}
        assert {s["Effect"] for s in statements.values()} == {"Deny"}
        assert {sid: s["Condition"] for sid, s in statements.items()} == {
            "OnlyOverTls": {"Bool": {"aws:SecureTransport": "false"}},
            "OnlyOverTls12OrNewer": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
            "NoOtherEncryption": {
                "Null": {"s3:x-amz-server-side-encryption": "false"},
                "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"},
            },
            "NoOtherKey": {
                "Null": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "false"},
                "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": KEY_ARN},
            },
        }

    def test_makes_old_objects_cheaper_and_keeps_them(self, production: dict[str, Any]) -> None:
        rules = _rules(parse_plan(production))
        assert set(rules) == {
            "abort-incomplete-uploads",
            "expire-former-versions",
            "move-to-cheaper-storage",
        }
        moves = {
            move["storage_class"]: move["days"] for move in rules["move-to-cheaper-storage"]["transition"]
        }
        assert moves == {"STANDARD_IA": 90, "GLACIER_IR": 365}

    def test_lets_a_service_do_no_more_than_its_policy_says(self, production: dict[str, Any]) -> None:
        outputs = production["output_changes"]["all"]["after"]
        actions = {}
        for name in ("read_policy_json", "read_write_policy_json"):
            statements = json.loads(outputs[name])["Statement"]
            assert {s["Effect"] for s in statements} == {"Allow"}
            found: set[str] = set()
            for statement in statements:
                listed, resources = statement["Action"], statement["Resource"]
                found |= {listed} if isinstance(listed, str) else set(listed)
                assert resources in (f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*", KEY_ARN)
            actions[name] = found
        reads = {
            "s3:GetBucketLocation",
            "s3:ListBucket",
            "s3:GetObject",
            "s3:GetObjectVersion",
            "kms:Decrypt",
        }
        assert actions["read_policy_json"] == reads
        assert actions["read_write_policy_json"] - reads == {
            "s3:ListBucketMultipartUploads",
            "s3:ListMultipartUploadParts",
            "s3:AbortMultipartUpload",
            "s3:PutObject",
            "s3:DeleteObject",
            "kms:GenerateDataKey",
        }

    def test_has_an_alarm_for_cost_and_for_errors(self, production: dict[str, Any]) -> None:
        plan = parse_plan(production)
        thresholds = {a["metric_name"]: a["threshold"] for a in _after(plan, "aws_cloudwatch_metric_alarm")}
        assert thresholds == {"BucketSizeBytes": 5000 * 2**30, "4xxErrors": 0.1, "5xxErrors": 0.01}
        (metric,) = _after(plan, "aws_s3_bucket_metric")
        assert metric["name"] == "EntireBucket"

    def test_uses_what_it_is_given(self, production: dict[str, Any]) -> None:
        plan = parse_plan(production)
        assert _after(plan, "aws_kms_key") == []
        (logging,) = _after(plan, "aws_s3_bucket_logging")
        assert (logging["target_bucket"], logging["target_prefix"]) == ("access-logs", f"{BUCKET}/")


class TestADevelopmentBucket:
    def test_forgets_by_itself_and_pays_for_no_key(self, workspace: Workspace) -> None:
        plan = parse_plan(workspace.plan(STORE.variables("development")))
        rules = _rules(plan)
        assert rules["expire-objects"]["expiration"][0]["days"] == 30
        assert "move-to-cheaper-storage" not in rules
        assert _after(plan, "aws_kms_key") == []
        assert len(_after(plan, "aws_cloudwatch_metric_alarm")) == 1
        (policy,) = _after(plan, "aws_s3_bucket_policy")
        assert "NoOtherKey" not in policy["policy"]


class TestARefusal:
    def test_says_for_each_value_what_to_change(self, workspace: Workspace) -> None:
        refused = {
            "infrequent_access_after_days": (29, "30 days at the earliest"),
            "kms_key_arn": (KEY_ARN, "only used with the encryption aws:kms"),
            "abort_incomplete_uploads_after_days": (0, "1 to 30 whole days"),
            "name": ("n" * 37, "3 to 36 characters"),
        }
        given = {name: value for name, (value, _) in refused.items()}
        outcome = workspace.try_plan({**STORE.variables("development"), **given})
        assert outcome.code == 1
        assert [text for _, text in refused.values() if text not in outcome.text] == []

    @pytest.mark.parametrize(
        ("given", "text"),
        [
            ({"infrequent_access_after_days": 30}, "Standard-IA charges at least 30 days"),
            ({"archive_after_days": 30}, "Glacier Instant Retrieval charges at least 90 days"),
            (
                {
                    "infrequent_access_after_days": 30,
                    "archive_after_days": 59,
                    "expire_objects_after_days": 0,
                },
                "Objects stay in Standard-IA for at least 30 days",
            ),
        ],
    )
    def test_of_days_that_do_not_fit_comes_before_the_plan(self, given: dict[str, int], text: str) -> None:
        problems = fill(STORE.manifest, STORE.spec, "development", given).problems
        assert [problem for problem in problems if text in str(problem)] == list(problems) != []
