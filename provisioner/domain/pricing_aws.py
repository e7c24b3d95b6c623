"""Price models of the AWS types that the catalog's modules use.

A type is added by writing its function and its row in MODELS (or FREE_TYPES). A model never guesses: what it
cannot count is unpriced, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from provisioner.domain.pricing import (
    HOURS_PER_MONTH,
    LineItem,
    PricedResource,
    PriceModel,
    Rows,
    Sheet,
    Unpriced,
)

_NOT_KNOWN = "is not known before the apply"

# vCPU by class: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html
_VCPU_BURSTABLE = {"micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4, "2xlarge": 8}
_VCPU_STANDARD = {
    "large": 2,
    "xlarge": 4,
    "2xlarge": 8,
    "4xlarge": 16,
    "8xlarge": 32,
    "12xlarge": 48,
    "16xlarge": 64,
    "24xlarge": 96,
    "48xlarge": 192,
}
_VCPU = {
    "t4g": _VCPU_BURSTABLE,
    "m6g": _VCPU_STANDARD,
    "m7g": _VCPU_STANDARD,
    "r6g": _VCPU_STANDARD,
    "r7g": _VCPU_STANDARD,
    "m8g": _VCPU_STANDARD,
    "r8g": _VCPU_STANDARD,
}
_PROXY_MINIMUM_VCPU = 2

_ENGINES = {"postgres": "postgresql"}  # the price book's name where it is not Terraform's

# gp3 for RDS PostgreSQL, MySQL and MariaDB: what the storage price includes, by size.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html#gp3-storage
_GP3_STRIPED_FROM_GB = 400
_GP3_INCLUDED_IOPS = (Decimal(3000), Decimal(12000))
_GP3_INCLUDED_MBPS = (Decimal(125), Decimal(500))

_INSIGHTS_FREE_DAYS = 7


def vcpu_of(instance_class: str) -> int | None:
    """Give the vCPU of an RDS instance class such as db.r6g.large, or None when it is not in the table."""
    parts = instance_class.split(".")
    if len(parts) != 3 or parts[0] != "db":
        return None
    return _VCPU.get(parts[1], {}).get(parts[2])


def _db_instance(resource: PricedResource, sheet: Sheet) -> Rows:
    source = _replica_source(resource, sheet)
    yield _instance_hours(resource, source, sheet)
    yield from _storage(resource, source, sheet)
    days = resource.number("backup_retention_period")
    if days:
        what = "backups are free up to the provisioned storage of all databases in the region, then by size"
        yield sheet.usage(resource, "backup storage", what, "rds", "backup-storage")
    if resource.flag("performance_insights_enabled"):
        kept_days = resource.number("performance_insights_retention_period")
        if kept_days is not None and kept_days > _INSIGHTS_FREE_DAYS:
            reason = (
                f"Performance Insights is free for {_INSIGHTS_FREE_DAYS} days; "
                f"{kept_days} days cost by vCPU, without a price here."
            )
            yield sheet.unpriced(resource, "performance insights", reason)
    if resource.text("database_insights_mode") == "advanced":
        reason = "Database Insights in advanced mode costs by vCPU, without a price here."
        yield sheet.unpriced(resource, "database insights", reason)
    if resource.number("monitoring_interval"):
        what = "enhanced monitoring writes CloudWatch Logs, by size"
        yield sheet.usage(resource, "enhanced monitoring", what, "cloudwatch", "logs.ingestion")
    if resource.attributes.get("enabled_cloudwatch_logs_exports") and not sheet.of_type(
        "aws_cloudwatch_log_group"
    ):
        what = "exported logs are CloudWatch Logs, by size"
        yield sheet.usage(resource, "log export", what, "cloudwatch", "logs.ingestion")
    if resource.flag("manage_master_user_password"):
        yield sheet.line(resource, "managed master password", "secretsmanager", "secret", Decimal(1))


def _deployment(resource: PricedResource) -> str:
    return "multi-az" if resource.flag("multi_az") else "single-az"


def _instance_hours(
    resource: PricedResource, source: PricedResource | None, sheet: Sheet
) -> LineItem | Unpriced:
    engine = resource.text("engine") or (source.text("engine") if source else "")
    instance_class = resource.text("instance_class")
    if not engine or not instance_class:
        missing = "engine" if not engine else "instance class"
        return sheet.unpriced(resource, "instance", f"The {missing} {_NOT_KNOWN}.")
    sku_key = f"{_ENGINES.get(engine, engine)}.{instance_class}.{_deployment(resource)}"
    return sheet.line(resource, "instance", "rds", sku_key, HOURS_PER_MONTH)


def _storage(
    resource: PricedResource, source: PricedResource | None, sheet: Sheet
) -> Iterator[LineItem | Unpriced]:
    kind = resource.text("storage_type") or (source.text("storage_type") if source else "")
    size_gb = resource.number("allocated_storage") or (source.number("allocated_storage") if source else None)
    if not kind or not size_gb:
        missing = "storage type" if not kind else "storage size"
        yield sheet.unpriced(resource, "storage", f"The {missing} {_NOT_KNOWN}.")
        return
    deployment = _deployment(resource)
    yield sheet.line(resource, "storage", "rds", f"storage.{kind}.{deployment}", size_gb)
    if kind == "gp3":
        striped = size_gb >= _GP3_STRIPED_FROM_GB
        for name, attribute, included in (
            ("iops", "iops", _GP3_INCLUDED_IOPS[striped]),
            ("throughput", "storage_throughput", _GP3_INCLUDED_MBPS[striped]),
        ):
            extra = (resource.number(attribute) or included) - included
            if extra > 0:
                sku_key = f"storage.gp3.{name}-above-included.{deployment}"
                yield sheet.line(resource, f"storage {name}", "rds", sku_key, extra)
    elif iops := resource.number("iops"):
        yield sheet.line(resource, "storage iops", "rds", f"storage.{kind}.iops.{deployment}", iops)
    limit_gb = resource.number("max_allocated_storage")
    if limit_gb and limit_gb > size_gb:
        what = f"storage grows by itself up to {limit_gb} GB"
        yield sheet.usage(resource, "storage growth", what, "rds", f"storage.{kind}.{deployment}")


def _replica_source(resource: PricedResource, sheet: Sheet) -> PricedResource | None:
    """Find the instance whose engine and storage a replica takes over.

    The plan names it only when it exists already; otherwise it is the only other instance that is no replica.
    """
    if resource.text("engine") and resource.number("allocated_storage"):
        return None
    others = [other for other in sheet.of_type("aws_db_instance") if other is not resource]
    return _named(others, resource.text("replicate_source_db")) or _only_primary(others)


def _named(instances: list[PricedResource], name: str) -> PricedResource | None:
    for instance in instances:
        if name and name in (instance.text("identifier"), instance.text("arn"), instance.text("id")):
            return instance
    return None


def _only_primary(instances: list[PricedResource]) -> PricedResource | None:
    primaries = [item for item in instances if item.text("engine") and not item.text("replicate_source_db")]
    return primaries[0] if len(primaries) == 1 else None


def _db_proxy(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price a proxy by the vCPU of its target, at least 2: https://aws.amazon.com/rds/proxy/pricing/."""
    instances = sheet.of_type("aws_db_instance")
    name = resource.text("name")
    targets = [
        target.text("db_instance_identifier")
        for target in sheet.of_type("aws_db_proxy_target")
        if not name or target.text("db_proxy_name") in ("", name)
    ]
    named = [found for target in targets if (found := _named(instances, target))]
    instance = named[0] if named else _only_primary(instances)
    if instance is None:
        yield sheet.unpriced(resource, "proxy", f"The proxy's target {_NOT_KNOWN}.")
        return
    instance_class = instance.text("instance_class")
    vcpu = vcpu_of(instance_class)
    if vcpu is None:
        reason = f"The vCPU of the target's class {instance_class or 'unknown':.60} are not in the table."
        yield sheet.unpriced(resource, "proxy", reason)
        return
    quantity = max(_PROXY_MINIMUM_VCPU, vcpu) * HOURS_PER_MONTH
    yield sheet.line(resource, "proxy", "rds", "proxy.vcpu", quantity)


def _kms_key(resource: PricedResource, sheet: Sheet) -> Rows:
    yield sheet.line(resource, "key", "kms", "key", Decimal(1))
    what = "requests beyond the monthly free ones, by number"
    if resource.flag("enable_key_rotation"):
        what += "; the first two rotations each add the price of a key"
    yield sheet.usage(resource, "requests", what, "kms", "request")


def _metric_alarm(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price an alarm by the metrics it watches, without the free tier.

    https://aws.amazon.com/cloudwatch/pricing/. Below 60 s an alarm is high resolution; one on an anomaly band watches
    three metrics.
    """
    queries = resource.attributes.get("metric_query")
    periods = [resource.number("period")]
    metrics = 1
    if isinstance(queries, list) and queries:
        watched = [query for query in queries if isinstance(query, dict) and query.get("metric")]
        blocks = [metric for query in watched for metric in _blocks(query["metric"])]
        metrics = max(1, len(watched))
        periods += [PricedResource("", "", metric).number("period") for metric in blocks]
    if resource.text("threshold_metric_id"):
        metrics = 3
    fine = any(period is not None and period < 60 for period in periods)
    sku_key = "alarm.high-resolution" if fine else "alarm.standard"
    yield sheet.line(resource, "alarm", "cloudwatch", sku_key, Decimal(metrics))


def _blocks(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _secret(resource: PricedResource, sheet: Sheet) -> Rows:
    yield sheet.line(resource, "secret", "secretsmanager", "secret", Decimal(1))
    yield sheet.usage(resource, "requests", "API calls, by number", "secretsmanager", "request")


def _log_group(resource: PricedResource, sheet: Sheet) -> Rows:
    what = "logs kept are charged by the month; logs taken in, by size"
    yield sheet.usage(resource, "logs", what, "cloudwatch", "logs.ingestion")


def _sns_topic(resource: PricedResource, sheet: Sheet) -> Rows:
    yield sheet.usage(resource, "messages", "messages published and delivered, by number")


MODELS: dict[str, PriceModel] = {
    "aws_cloudwatch_log_group": _log_group,
    "aws_cloudwatch_metric_alarm": _metric_alarm,
    "aws_db_instance": _db_instance,
    "aws_db_proxy": _db_proxy,
    "aws_kms_key": _kms_key,
    "aws_secretsmanager_secret": _secret,
    "aws_sns_topic": _sns_topic,
}

FREE_TYPES: frozenset[str] = frozenset(
    {
        "aws_db_event_subscription",
        "aws_db_instance_role_association",
        "aws_db_option_group",
        "aws_db_parameter_group",
        "aws_db_proxy_default_target_group",
        "aws_db_proxy_target",
        "aws_db_subnet_group",
        "aws_iam_instance_profile",
        "aws_iam_policy",
        "aws_iam_policy_attachment",
        "aws_iam_role",
        "aws_iam_role_policies_exclusive",
        "aws_iam_role_policy",
        "aws_iam_role_policy_attachment",
        "aws_kms_alias",
        "aws_kms_key_policy",
        "aws_secretsmanager_secret_policy",
        "aws_secretsmanager_secret_rotation",
        "aws_secretsmanager_secret_version",
        "aws_security_group",
        "aws_security_group_rule",
        "aws_sns_topic_policy",
        "aws_sns_topic_subscription",  # its deliveries are counted by the topic
        "aws_vpc_security_group_egress_rule",
        "aws_vpc_security_group_ingress_rule",
    }
)
