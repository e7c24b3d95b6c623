"""Standby zones, backups, deletion protection and encryption, by resource type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provisioner.domain.context import Context
from provisioner.domain.finding import Finding
from provisioner.domain.guardrails_answer import label, objection, place, show, unknown
from provisioner.domain.guardrails_subject import Attribute, Subject, Value
from provisioner.domain.policy.guardrail_rules import GuardrailRule
from provisioner.domain.policy.guardrail_settings import Retention, Types


@dataclass(frozen=True)
class Wanted:
    """An attribute and what it must be; where there are several rows for a type, one that holds is enough."""

    attribute: Attribute
    value: object = True


# Attributes and defaults of these tables: https://registry.terraform.io/providers/hashicorp/aws/latest/docs
_OFF = False
MULTI_AZ: Mapping[str, tuple[Wanted, ...]] = {
    "aws_db_instance": (Wanted(Attribute("multi_az", _OFF)),),
    "aws_dms_replication_instance": (Wanted(Attribute("multi_az", _OFF)),),
    "aws_elasticache_replication_group": (Wanted(Attribute("multi_az_enabled", _OFF)),),
    "aws_mq_broker": (
        Wanted(Attribute("deployment_mode", "SINGLE_INSTANCE"), "ACTIVE_STANDBY_MULTI_AZ"),
        Wanted(Attribute("deployment_mode", "SINGLE_INSTANCE"), "CLUSTER_MULTI_AZ"),
    ),
    "aws_opensearch_domain": (Wanted(Attribute("cluster_config.*.zone_awareness_enabled", _OFF)),),
    "aws_redshift_cluster": (Wanted(Attribute("multi_az", _OFF)),),
}
PROTECTION: Mapping[str, tuple[Wanted, ...]] = {
    "aws_cognito_user_pool": (Wanted(Attribute("deletion_protection", "INACTIVE"), "ACTIVE"),),
    "aws_db_instance": (Wanted(Attribute("deletion_protection", _OFF)),),
    "aws_docdb_cluster": (Wanted(Attribute("deletion_protection", _OFF)),),
    "aws_dynamodb_table": (Wanted(Attribute("deletion_protection_enabled", _OFF)),),
    "aws_instance": (Wanted(Attribute("disable_api_termination", _OFF)),),
    "aws_lb": (Wanted(Attribute("enable_deletion_protection", _OFF)),),
    "aws_neptune_cluster": (Wanted(Attribute("deletion_protection", _OFF)),),
    "aws_rds_cluster": (Wanted(Attribute("deletion_protection", _OFF)),),
    "aws_s3_bucket": (Wanted(Attribute("force_destroy", _OFF), False),),
}
ENCRYPTION: Mapping[str, tuple[Wanted, ...]] = {
    "aws_db_instance": (Wanted(Attribute("storage_encrypted", _OFF)),),
    "aws_docdb_cluster": (Wanted(Attribute("storage_encrypted", _OFF)),),
    "aws_ebs_volume": (Wanted(Attribute("encrypted", _OFF)),),
    "aws_efs_file_system": (Wanted(Attribute("encrypted", _OFF)),),
    "aws_elasticache_replication_group": (Wanted(Attribute("at_rest_encryption_enabled", _OFF)),),
    "aws_kinesis_stream": (Wanted(Attribute("encryption_type", "NONE"), "KMS"),),
    "aws_launch_template": (
        Wanted(Attribute("block_device_mappings.*.ebs.*.encrypted", _OFF, optional=True)),
    ),
    "aws_neptune_cluster": (Wanted(Attribute("storage_encrypted", _OFF)),),
    "aws_opensearch_domain": (Wanted(Attribute("encrypt_at_rest.*.enabled", _OFF)),),
    "aws_rds_cluster": (Wanted(Attribute("storage_encrypted", _OFF)),),
    "aws_redshift_cluster": (Wanted(Attribute("encrypted", _OFF)),),
    "aws_sns_topic": (Wanted(Attribute("kms_master_key_id"), ...),),
    "aws_sqs_queue": (
        Wanted(Attribute("sqs_managed_sse_enabled", _OFF)),
        Wanted(Attribute("kms_master_key_id"), ...),
    ),
}
# The disks of a machine: every one of them must be encrypted.
DISKS = (
    Attribute("root_block_device.*.encrypted", _OFF),
    Attribute("ebs_block_device.*.encrypted", _OFF, optional=True),
)
RETENTION: Mapping[str, Attribute] = {
    "aws_db_instance": Attribute("backup_retention_period", 0),
    "aws_docdb_cluster": Attribute("backup_retention_period", 1),
    "aws_elasticache_cluster": Attribute("snapshot_retention_limit", 0),
    "aws_elasticache_replication_group": Attribute("snapshot_retention_limit", 0),
    "aws_memorydb_cluster": Attribute("snapshot_retention_limit", 0),
    "aws_neptune_cluster": Attribute("backup_retention_period", 1),
    "aws_rds_cluster": Attribute("backup_retention_period", 1),
    "aws_redshift_cluster": Attribute("automated_snapshot_retention_period", 1),
}


def multi_az(rule: GuardrailRule, subject: Subject, context: Context) -> Iterator[Finding]:
    """Find what runs in one zone alone. A read replica stands in for nobody."""
    if not _is_replica(subject):
        yield from _all_wanted(rule, subject, MULTI_AZ)


def deletion_protection(rule: GuardrailRule, subject: Subject, context: Context) -> Iterator[Finding]:
    """Find what one call could delete."""
    if not _is_replica(subject):
        yield from _all_wanted(rule, subject, PROTECTION)


def encryption(rule: GuardrailRule, subject: Subject, context: Context) -> Iterator[Finding]:
    """Find what is stored in plain text. A replica has the encryption of its source."""
    if subject.type in ("aws_instance", "aws_spot_instance_request") and _covers(rule, subject):
        for disk in DISKS:
            for value in subject.read(disk):
                yield from _one_wanted(rule, subject, (Wanted(disk),), value)
    elif not _is_replica(subject):
        yield from _all_wanted(rule, subject, ENCRYPTION)


def backup_retention(rule: GuardrailRule, subject: Subject, context: Context) -> Iterator[Finding]:
    """Find backups that are kept for less or for longer than the environment asks, with the bound."""
    settings = rule.settings
    assert isinstance(settings, Retention)
    if subject.type not in RETENTION or (settings.types and subject.type not in settings.types):
        return
    low, high = settings.minimum_days.at(context.environment), settings.maximum_days.at(context.environment)
    if _is_replica(subject) or (low is None and high is None):
        return
    here = context.environment or "the policy"
    for value in subject.read(RETENTION[subject.type]):
        if value.unknown:
            yield unknown(rule, subject, value)
            continue
        days = _whole(value.value)
        for bound, words in ((low, "at least"), (high, "at most")):
            if bound is None or (
                days is not None and (days >= bound if words == "at least" else days <= bound)
            ):
                continue
            yield objection(
                rule,
                place(subject, value),
                f"{label(subject, value)} is {show(value.value)}, but {here} asks for {words} {bound} days.",
                f"Set it to {bound}.",
                suggested=bound,
            )
            break


def _all_wanted(
    rule: GuardrailRule, subject: Subject, table: Mapping[str, tuple[Wanted, ...]]
) -> Iterator[Finding]:
    rows = table.get(subject.type)
    if rows is None or not _covers(rule, subject):
        return
    for value in subject.read(rows[0].attribute):
        yield from _one_wanted(rule, subject, rows, value)


def _one_wanted(
    rule: GuardrailRule, subject: Subject, rows: tuple[Wanted, ...], first: Value
) -> Iterator[Finding]:
    """Find that none of the rows holds; `first` is the value of the first of them."""
    others = [(row, value) for row in rows[1:] for value in subject.read(row.attribute)]
    read = [(rows[0], first), *others]
    if any(_holds(row, value) for row, value in read):
        return
    later = next((value for _, value in read if value.unknown), None)
    if later is not None:
        yield unknown(rule, subject, later)
        return
    wanted = rows[0].value
    asked = "set" if wanted is ... else show(wanted)
    yield objection(
        rule,
        place(subject, first),
        f"{label(subject, first)} is {show(first.value)}, {'but must be' if wanted is ... else f'not {asked}'}.",
        f"Name a key in {first.path}." if wanted is ... else f"Set it to {asked}.",
        suggested=None if wanted is ... else wanted,
    )


def _holds(row: Wanted, value: Value) -> bool:
    """Tell whether a row holds. A key that the same plan makes is a key, though its name is not known yet."""
    return row.value is ... if value.unknown else _is(value.value, row.value)


def _is(value: object, wanted: object) -> bool:
    """Compare as JSON does, but take the texts true and false, which some attributes have, for what they say."""
    if wanted is ...:
        return isinstance(value, str) and bool(value)
    if isinstance(wanted, bool) and isinstance(value, str):
        return value == ("true" if wanted else "false")
    return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _covers(rule: GuardrailRule, subject: Subject) -> bool:
    settings = rule.settings
    assert isinstance(settings, Types)
    return settings.covers(subject.type)


def _is_replica(subject: Subject) -> bool:
    return subject.type == "aws_db_instance" and bool(subject.attributes.get("replicate_source_db"))
