# ruff: noqa: E501  (tables: a row a line)
from dataclasses import replace

import pytest

from provisioner.domain.finding import Level
from provisioner.domain.guardrails_resilience import ENCRYPTION, MULTI_AZ, PROTECTION, RETENTION
from tests.domain.documents import resource
from tests.domain.guardrail_rows import CONTEXT, has, later, matter, objects, rule, say, soft

DB = "aws_db_instance"
HERE = "aws_db_instance.this"


def at(path: str, value: object) -> dict[str, object]:
    """Return attributes with a value at a path whose stars are lists of one."""
    step, _, rest = path.partition(".")
    if not rest:
        return {step: value}
    assert rest.startswith("*.")
    return {step: [at(rest[2:], value)]}


def unknown_at(path: str) -> dict[str, object]:
    return at(path, True)


# kind, type, path, a value that holds, one that does not, and how that and what is wanted are spelled
WANTED = [
    ("multi-az", DB, "multi_az", True, False, "true"),
    ("multi-az", "aws_dms_replication_instance", "multi_az", True, False, "true"),
    ("multi-az", "aws_elasticache_replication_group", "multi_az_enabled", True, False, "true"),
    ("multi-az", "aws_mq_broker", "deployment_mode", "ACTIVE_STANDBY_MULTI_AZ", "SINGLE_INSTANCE", "ACTIVE_STANDBY_MULTI_AZ"),
    ("multi-az", "aws_opensearch_domain", "cluster_config.*.zone_awareness_enabled", True, False, "true"),
    ("multi-az", "aws_redshift_cluster", "multi_az", True, False, "true"),
    ("deletion-protection", "aws_cognito_user_pool", "deletion_protection", "ACTIVE", "INACTIVE", "ACTIVE"),
    ("deletion-protection", DB, "deletion_protection", True, False, "true"),
    ("deletion-protection", "aws_docdb_cluster", "deletion_protection", True, False, "true"),
    ("deletion-protection", "aws_dynamodb_table", "deletion_protection_enabled", True, False, "true"),
    ("deletion-protection", "aws_instance", "disable_api_termination", True, False, "true"),
    ("deletion-protection", "aws_lb", "enable_deletion_protection", True, False, "true"),
    ("deletion-protection", "aws_neptune_cluster", "deletion_protection", True, False, "true"),
    ("deletion-protection", "aws_rds_cluster", "deletion_protection", True, False, "true"),
    ("deletion-protection", "aws_s3_bucket", "force_destroy", False, True, "false"),
    ("encryption", DB, "storage_encrypted", True, False, "true"),
    ("encryption", "aws_docdb_cluster", "storage_encrypted", True, False, "true"),
    ("encryption", "aws_ebs_volume", "encrypted", True, False, "true"),
    ("encryption", "aws_efs_file_system", "encrypted", True, False, "true"),
    ("encryption", "aws_elasticache_replication_group", "at_rest_encryption_enabled", True, False, "true"),
    ("encryption", "aws_kinesis_stream", "encryption_type", "KMS", "NONE", "KMS"),
    ("encryption", "aws_launch_template", "block_device_mappings.*.ebs.*.encrypted", "true", "false", "true"),
    ("encryption", "aws_neptune_cluster", "storage_encrypted", True, False, "true"),
    ("encryption", "aws_opensearch_domain", "encrypt_at_rest.*.enabled", True, False, "true"),
    ("encryption", "aws_rds_cluster", "storage_encrypted", True, False, "true"),
    ("encryption", "aws_redshift_cluster", "encrypted", True, False, "true"),
    ("encryption", "aws_instance", "root_block_device.*.encrypted", True, False, "true"),
    ("encryption", "aws_instance", "ebs_block_device.*.encrypted", True, False, "true"),
]  # fmt: skip
IDS = [f"{kind}-{type_}-{path}" for kind, type_, path, *_ in WANTED]
# A machine always has a first disk: whoever says nothing of it gets one that is not encrypted.
ROOT = {"root_block_device": [{"encrypted": True}]}


def planned(type_: str, path: str, value: object) -> dict[str, object]:
    extra = ROOT if path.startswith("ebs_") else {}
    return has(type_, **extra, **at(path, value))


class TestWanted:
    @pytest.mark.parametrize(("kind", "type_", "path", "good", "bad", "asked"), WANTED, ids=IDS)
    def test_holds_breaks_or_is_not_known(
        self, kind: str, type_: str, path: str, good: object, bad: object, asked: str
    ) -> None:
        a_rule, where = rule(kind), f"{type_}.this"
        spelled = path.replace(".*", "[0]")
        assert say(a_rule, matter(planned(type_, path, good))) == ()
        (found,) = say(a_rule, matter(planned(type_, path, bad)))
        shown = str(bad).lower() if isinstance(bad, bool) else bad
        suggested = found.suggested
        assert found == objects(
            f"{spelled} of {where} is {shown}, not {asked}.",
            f"Set it to {asked}.",
            where=where,
            suggested=suggested,
        )
        assert suggested == good or (suggested is True and good == "true")
        extra = ROOT if path.startswith("ebs_") else {}
        unsure = matter(has(type_, unknown=unknown_at(path), **extra))
        assert say(a_rule, unsure) == (later(spelled, where),)

    @pytest.mark.parametrize(
        ("kind", "type_", "path"),
        [
            (k, t, p)
            for k, t, p, *_ in WANTED
            if not p.startswith("ebs_") and t not in ("aws_launch_template", "aws_s3_bucket")
        ],
    )
    def test_takes_the_providers_default_for_what_is_not_set(self, kind: str, type_: str, path: str) -> None:
        (found,) = say(rule(kind), matter(has(type_)))
        (same,) = say(rule(kind), matter(has(type_, **at(path, None))))
        assert (found.rule, found.level, found.where) == ("a-rule", Level.HARD_MANDATORY, f"{type_}.this")
        assert "is false, not true" in found.what or "is SINGLE_INSTANCE" in found.what or "is INACTIVE" in found.what or "is NONE" in found.what  # fmt: skip
        assert same.suggested == found.suggested

    def test_takes_the_safe_default_of_a_bucket(self) -> None:
        assert say(rule("deletion-protection"), matter(has("aws_s3_bucket"))) == ()

    def test_says_nothing_of_a_launch_template_without_disks(self) -> None:
        assert say(rule("encryption"), matter(has("aws_launch_template"))) == ()

    def test_judges_every_disk(self) -> None:
        disks = {
            "root_block_device": [{"encrypted": True}],
            "ebs_block_device": [{"encrypted": True}, {"encrypted": False}],
        }
        (found,) = say(rule("encryption"), matter(has("aws_instance", **disks)))
        assert found.what == "ebs_block_device[1].encrypted of aws_instance.this is false, not true."

    def test_judges_spot_machines_as_others(self) -> None:
        (found,) = say(rule("encryption"), matter(has("aws_spot_instance_request")))
        assert (
            found.what == "root_block_device.encrypted of aws_spot_instance_request.this is false, not true."
        )

    @pytest.mark.parametrize("kind", ["multi-az", "deletion-protection", "encryption", "backup-retention"])
    def test_asks_nothing_of_a_replica(self, kind: str) -> None:
        with_ = {"minimum_days": 7} if kind == "backup-retention" else {}
        replica = has(DB, replicate_source_db="x", storage_encrypted=False)
        assert say(rule(kind, with_), matter(replica)) == ()

    def test_takes_either_way_that_a_broker_spans_zones(self) -> None:
        assert say(rule("multi-az"), matter(has("aws_mq_broker", deployment_mode="CLUSTER_MULTI_AZ"))) == ()

    @pytest.mark.parametrize(
        ("attributes", "unknown", "holds"),
        [
            ({"sqs_managed_sse_enabled": True, "kms_master_key_id": None}, {}, True),
            ({"sqs_managed_sse_enabled": False, "kms_master_key_id": "alias/x"}, {}, True),
            (
                {"sqs_managed_sse_enabled": False},
                {"kms_master_key_id": True},
                True,
            ),  # a key that the plan makes
            ({"sqs_managed_sse_enabled": False, "kms_master_key_id": ""}, {}, False),
            ({}, {}, False),
        ],
    )
    def test_takes_either_encryption_of_a_queue(self, attributes: dict, unknown: dict, holds: bool) -> None:
        found = say(rule("encryption"), matter(has("aws_sqs_queue", unknown=unknown, **attributes)))
        assert bool(found) is not holds
        if found:
            assert found[0].what == "sqs_managed_sse_enabled of aws_sqs_queue.this is false, not true."
            assert found[0].suggested is True

    def test_says_that_the_encryption_of_a_queue_is_not_known(self) -> None:
        unsure = matter(has("aws_sqs_queue", unknown={"sqs_managed_sse_enabled": True}))
        assert say(rule("encryption"), unsure) == (later("sqs_managed_sse_enabled", "aws_sqs_queue.this"),)

    def test_asks_a_topic_for_a_key(self) -> None:
        topic = "aws_sns_topic.this"
        assert say(rule("encryption"), matter(has("aws_sns_topic", kms_master_key_id="alias/x"))) == ()
        assert (
            say(rule("encryption"), matter(has("aws_sns_topic", unknown={"kms_master_key_id": True}))) == ()
        )
        assert say(rule("encryption"), matter(has("aws_sns_topic"))) == (
            objects(
                f"kms_master_key_id of {topic} is not set, but must be.",
                "Name a key in kms_master_key_id.",
                where=topic,
            ),
        )

    @pytest.mark.parametrize(
        ("with_", "count"),
        [
            ({}, 1),
            ({"types": [DB]}, 1),
            ({"types": ["aws_lb"]}, 0),
            ({"except_types": [DB]}, 0),
            ({"except_types": ["aws_lb"]}, 1),
        ],
    )
    @pytest.mark.parametrize("kind", ["multi-az", "deletion-protection", "encryption"])
    def test_looks_at_the_types_it_is_told(self, kind: str, with_: dict, count: int) -> None:
        assert len(say(rule(kind, with_), matter(has(DB)))) == count

    def test_leaves_machines_out_when_told(self) -> None:
        assert say(rule("encryption", {"except_types": ["aws_instance"]}), matter(has("aws_instance"))) == ()

    @pytest.mark.parametrize("kind", ["multi-az", "deletion-protection", "encryption"])
    def test_says_nothing_of_other_types(self, kind: str) -> None:
        assert say(rule(kind), matter(has("aws_eip", multi_az=False))) == ()

    @pytest.mark.parametrize("value", [1, "True", "yes", [True]])
    def test_takes_only_the_value_itself(self, value: object) -> None:
        assert len(say(rule("multi-az"), matter(has(DB, multi_az=value)))) == 1

    def test_covers_every_type_of_the_tables(self) -> None:
        tested = {(kind, type_) for kind, type_, *_ in WANTED}
        for kind, table in (
            ("multi-az", MULTI_AZ),
            ("deletion-protection", PROTECTION),
            ("encryption", ENCRYPTION),
        ):
            assert {(kind, type_) for type_ in table} <= tested | {
                (kind, "aws_sqs_queue"),
                (kind, "aws_sns_topic"),
            }


class TestAtTheParameters:
    def test_finds_the_parameter_that_the_estimate_names(self) -> None:
        order = matter(
            promises=[resource(DB, multi_az=False)], sources={HERE: {("multi_az",): "standby"}}, plan=False
        )
        assert say(soft("multi-az"), order) == (
            objects(
                "standby is false, not true.",
                "Set it to true. Or ask sre to override.",
                where="standby",
                suggested=True,
                level=Level.SOFT_MANDATORY,
                group="sre",
            ),
        )

    @pytest.mark.parametrize(
        ("kind", "type_", "with_", "parameters"),
        [
            ("deletion-protection", DB, {}, {"deletion_protection": False}),
            ("deletion-protection", "aws_dynamodb_table", {}, {"deletion_protection": False}),
            ("deletion-protection", "aws_lb", {}, {"deletion_protection": False}),
            ("multi-az", "aws_elasticache_replication_group", {}, {"multi_az": False}),
            ("backup-retention", DB, {"minimum_days": 7}, {"backup_retention_days": 1}),
            (
                "backup-retention",
                "aws_elasticache_cluster",
                {"minimum_days": 7},
                {"snapshot_retention_days": 1},
            ),
            ("public-exposure", DB, {}, {"publicly_accessible": True}),
        ],
    )
    def test_finds_the_parameter_of_a_conventional_name(
        self, kind: str, type_: str, with_: dict, parameters: dict
    ) -> None:
        (found,) = say(
            rule(kind, with_), matter(promises=[resource(type_)], parameters=parameters, plan=False)
        )
        (name,) = parameters
        assert found.where == name
        assert found.what.startswith(f"{name} is ")
        assert found.suggested is not None

    def test_leaves_to_the_plan_what_a_promise_does_not_say(self) -> None:
        order = matter(promises=[resource(DB)], parameters={"deletion_protection": None}, plan=False)
        for kind in ("multi-az", "deletion-protection", "encryption"):
            assert say(rule(kind), order) == ()
        assert say(rule("backup-retention", {"minimum_days": 1}), order) == ()

    def test_says_one_parameter_once_for_many_resources(self) -> None:
        promises = [resource(DB, f"{DB}.a[{n}]", multi_az=False) for n in range(3)]
        sources = {row.address: {("multi_az",): "standby"} for row in promises}
        assert len(say(rule("multi-az"), matter(promises=promises, sources=sources, plan=False))) == 1


class TestBackupRetention:
    @pytest.mark.parametrize(
        ("with_", "value", "words", "bound"),
        [
            ({"minimum_days": 7}, 6, "at least", 7),
            ({"minimum_days": 7}, 7, None, None),
            ({"maximum_days": 30}, 30, None, None),
            ({"maximum_days": 30}, 31, "at most", 30),
            ({"minimum_days": 7, "maximum_days": 30}, 6, "at least", 7),
            ({"minimum_days": 7, "maximum_days": 30}, 31, "at most", 30),
            ({"minimum_days": 7, "maximum_days": 30}, 8, None, None),
            ({"maximum_days": 0}, 1, "at most", 0),
            ({"minimum_days": 1}, None, "at least", 1),
            ({"minimum_days": 1}, "many", "at least", 1),
            ({"maximum_days": 9}, True, "at most", 9),
            ({"minimum_days": {"production": 7, "staging": 2}}, 3, "at least", 7),
            ({"minimum_days": {"staging": 7}}, 3, None, None),
        ],
    )
    def test_holds_days_to_bounds(
        self, with_: dict, value: object, words: str | None, bound: int | None
    ) -> None:
        found = say(rule("backup-retention", with_), matter(has(DB, backup_retention_period=value)))
        if words is None:
            assert found == ()
            return
        shown = "true" if value is True else 0 if value is None else value
        assert found == (
            objects(
                f"backup_retention_period of {HERE} is {shown}, but production asks for {words} {bound} days.",
                f"Set it to {bound}.",
                where=HERE,
                suggested=bound,
            ),
        )

    def test_says_what_is_not_known(self) -> None:
        unsure = matter(has(DB, unknown={"backup_retention_period": True}))
        assert say(rule("backup-retention", {"minimum_days": 1}), unsure) == (
            later("backup_retention_period", HERE),
        )

    @pytest.mark.parametrize(("type_", "default"), [(type_, row.default) for type_, row in RETENTION.items()])
    def test_knows_the_default_of_every_type(self, type_: str, default: int) -> None:
        (found,) = say(rule("backup-retention", {"minimum_days": 2}), matter(has(type_)))
        assert f" is {default}, but " in found.what
        good = matter(has(type_, **{RETENTION[type_].path: 2}))
        assert say(rule("backup-retention", {"minimum_days": 2}), good) == ()

    def test_looks_at_the_types_it_is_told(self) -> None:
        told = rule("backup-retention", {"minimum_days": 7, "types": ["aws_rds_cluster"]})
        assert say(told, matter(has(DB))) == ()
        assert len(say(told, matter(has("aws_rds_cluster")))) == 1

    def test_speaks_of_the_policy_where_no_environment_is_known(self) -> None:
        what = matter(has(DB), context=replace(CONTEXT, environment=""))
        (found,) = say(rule("backup-retention", {"minimum_days": 7}), what)
        assert (
            found.what == f"backup_retention_period of {HERE} is 0, but the policy asks for at least 7 days."
        )
