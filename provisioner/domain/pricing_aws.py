"""Price models of Amazon RDS instances, and of what almost every stack has: keys, secrets, alarms, logs, topics.

A type is added by writing its function and its rows in MODELS, SOURCES (AWS's page on its prices) and, where it is
paid by use, USAGE_KEYS; or a row in a table (pricing_table). A model never guesses: what it cannot count is unpriced,
with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal

from provisioner.domain.pricing import MINUS, TIMES, LineItem, PricedResource, Unpriced, counted, plain
from provisioner.domain.pricing_sheet import ByUse, PriceModel, Rows, Sheet

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

_HIGH_RESOLUTION_BELOW_S = 60
_BAND_METRICS = 3

_MILLION = Decimal(1_000_000)
_SNS_PIECE_KB = Decimal(64)  # https://aws.amazon.com/sns/pricing/: each 64 KB of a message is a request

_BACKUPS = ByUse(
    "backup storage",
    "backups are free up to the provisioned storage of all databases in the region, then by size",
    "rds",
    "backup-storage",
    "additional_backup_storage_gb",
)
_KEY_REQUESTS = "requests beyond the monthly free ones, by number"
_SECRET_REQUESTS = ByUse(
    "requests", "API calls, by number", "secretsmanager", "request", "monthly_requests", Decimal(10_000)
)
_LOGS = ByUse(
    "logs",
    "logs kept are charged by the month; logs taken in, by size",
    "cloudwatch",
    "logs.ingestion",
    "monthly_data_ingested_gb",
)
_LOGS_KEPT = ByUse("logs kept", "by size", "cloudwatch", "logs.storage", "storage_gb")
_LOGS_QUERIED = ByUse(
    "logs queried", "by size", "cloudwatch", "logs.insights-scanned", "monthly_data_scanned_gb"
)
_MESSAGES = ByUse(
    "messages", "messages published, by number", "sns", "requests", "monthly_requests", _MILLION
)
# Each subscription of the kind gets every message.
_DELIVERIES = (
    ByUse("deliveries by HTTP", "by number", "sns", "deliveries.http", "http_subscriptions", _MILLION),
    ByUse("deliveries by e-mail", "by number", "sns", "deliveries.email", "email_subscriptions", _MILLION),
    ByUse(
        "deliveries to Firehose", "by number", "sns", "deliveries.firehose", "kinesis_subscriptions", _MILLION
    ),
    ByUse(
        "deliveries to mobiles",
        "by number",
        "sns",
        "deliveries.mobile",
        "mobile_push_subscriptions",
        _MILLION,
    ),
)


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
    if resource.number("backup_retention_period"):
        yield from sheet.by_use(resource, _BACKUPS)
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
    if not engine:
        return sheet.unpriced(resource, "instance", resource.missing("engine", "engine"))
    if not instance_class:
        return sheet.unpriced(resource, "instance", resource.missing("instance_class", "instance class"))
    sku_key = f"{_ENGINES.get(engine, engine)}.{instance_class}.{_deployment(resource)}"
    return sheet.hours(resource, "instance", "rds", sku_key, noun="instance")


def _storage(
    resource: PricedResource, source: PricedResource | None, sheet: Sheet
) -> Iterator[LineItem | Unpriced]:
    kind = resource.text("storage_type") or (source.text("storage_type") if source else "")
    size_gb = resource.number("allocated_storage") or (source.number("allocated_storage") if source else None)
    if not kind:
        yield sheet.unpriced(resource, "storage", resource.missing("storage_type", "storage type"))
        return
    if not size_gb:
        yield sheet.unpriced(resource, "storage", resource.missing("allocated_storage", "storage size"))
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
                basis = f"{plain(extra + included)} {MINUS} {plain(included)} that gp3 includes"
                yield sheet.line(resource, f"storage {name}", "rds", sku_key, extra, basis=basis)
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
    source = _named(sheet, resource.text("replicate_source_db"))
    if source is not None and source is not resource:
        return source
    return _only_primary(sheet, besides=resource)


def _named(sheet: Sheet, name: str) -> PricedResource | None:
    return sheet.named("aws_db_instance", name, "identifier", "arn", "id")


def _only_primary(sheet: Sheet, besides: PricedResource | None = None) -> PricedResource | None:
    """Give the only instance that is no replica."""
    found = sheet.matching("aws_db_instance", "primary", _is_primary)
    others = [item for item in found[:3] if item is not besides]  # none but one counts
    return others[0] if len(others) == 1 else None


def _is_primary(instance: PricedResource) -> bool:
    return bool(instance.text("engine")) and not instance.text("replicate_source_db")


def _db_proxy(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price a proxy by the vCPU of its target, at least 2: https://aws.amazon.com/rds/proxy/pricing/."""
    instance = _proxy_target(resource, sheet) or _only_primary(sheet)
    if instance is None:
        yield sheet.unpriced(resource, "proxy", "The proxy's target is not known before the apply.")
        return
    instance_class = instance.text("instance_class")
    vcpu = vcpu_of(instance_class)
    if vcpu is None:
        reason = f"The vCPU of the target's class {instance_class or 'unknown':.60} are not in the table."
        yield sheet.unpriced(resource, "proxy", reason)
        return
    counted = Decimal(max(_PROXY_MINIMUM_VCPU, vcpu))
    yield sheet.hours(resource, "proxy", "rds", "proxy.vcpu", counted, "vCPU")


def _proxy_target(resource: PricedResource, sheet: Sheet) -> PricedResource | None:
    """Find the instance behind a proxy by the proxy's name; before names are known, by a target without one."""
    kind, name = "aws_db_proxy_target", resource.text("name")
    target = sheet.named(kind, name, "db_proxy_name")
    if target is None:
        unnamed = sheet.matching(kind, "of no proxy", _is_unnamed) if name else sheet.of_type(kind)
        target = unnamed[0] if unnamed else None
    return None if target is None else _named(sheet, target.text("db_instance_identifier"))


def _is_unnamed(target: PricedResource) -> bool:
    return not target.text("db_proxy_name")


def _kms_key(resource: PricedResource, sheet: Sheet) -> Rows:
    yield sheet.line(resource, "key", "kms", "key", Decimal(1))
    what = _KEY_REQUESTS
    if resource.flag("enable_key_rotation"):
        what += "; the first two rotations each add the price of a key"
    yield from sheet.by_use(resource, ByUse("requests", what, "kms", "request", "monthly_requests"))


def _metric_alarm(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price an alarm by the metrics it watches, without the free tier.

    https://aws.amazon.com/cloudwatch/pricing/. Below 60 s an alarm is high resolution; one on an anomaly band watches
    three metrics.
    """
    watched = [query for query in resource.blocks("metric_query") if query.attributes.get("metric")]
    periods = [resource.number("period")]
    periods += [metric.number("period") for query in watched for metric in query.blocks("metric")]
    metrics = _BAND_METRICS if resource.text("threshold_metric_id") else max(1, len(watched))
    fine = any(period is not None and period < _HIGH_RESOLUTION_BELOW_S for period in periods)
    sku_key = "alarm.high-resolution" if fine else "alarm.standard"
    basis = f"{metrics} watched metric{'' if metrics == 1 else 's'}"
    yield sheet.line(resource, "alarm", "cloudwatch", sku_key, Decimal(metrics), basis=basis)


def _secret(resource: PricedResource, sheet: Sheet) -> Rows:
    yield sheet.line(resource, "secret", "secretsmanager", "secret", Decimal(1))
    yield from sheet.by_use(resource, _SECRET_REQUESTS)


def _log_group(resource: PricedResource, sheet: Sheet) -> Rows:
    yield from sheet.by_use(resource, _LOGS)
    for part in (_LOGS_KEPT, _LOGS_QUERIED):
        if sheet.amount(resource, part.key) is not None:
            yield from sheet.by_use(resource, part)


def _sns_topic(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price messages in pieces of 64 KB, and their deliveries: https://aws.amazon.com/sns/pricing/."""
    messages = sheet.amount(resource, "monthly_requests")
    if messages is None:
        yield sheet.usage(
            resource, "messages", "messages published and delivered, by number", "sns", "requests"
        )
        return
    size = sheet.amount(resource, "request_size_kb")
    pieces = pieces_of(size.value if size else Decimal(0), _SNS_PIECE_KB)
    sent = f"{plain(messages.value)} (monthly_requests)"
    basis = f"{sent} {TIMES} {counted(pieces, 'piece')} of {_SNS_PIECE_KB} KB ÷ {plain(_MILLION)}"
    yield from sheet.used(resource, _MESSAGES, messages.value * pieces / _MILLION, basis, messages.profile)
    for part in _DELIVERIES:
        subscriptions = sheet.amount(resource, part.key)
        if subscriptions is not None:
            number = messages.value * subscriptions.value
            basis = f"{sent} {TIMES} {plain(subscriptions.value)} ({part.key}) ÷ {plain(_MILLION)}"
            yield from sheet.used(resource, part, number / _MILLION, basis, subscriptions.profile)


def pieces_of(size_kb: Decimal, piece_kb: Decimal) -> Decimal:
    """Give how many pieces a size is charged as: at least one, a part of one counts whole."""
    return max(Decimal(1), (size_kb / piece_kb).to_integral_value(rounding=ROUND_CEILING))


MODELS: dict[str, PriceModel] = {
    "aws_cloudwatch_log_group": _log_group,
    "aws_cloudwatch_metric_alarm": _metric_alarm,
    "aws_db_instance": _db_instance,
    "aws_db_proxy": _db_proxy,
    "aws_kms_key": _kms_key,
    "aws_secretsmanager_secret": _secret,
    "aws_sns_topic": _sns_topic,
}

SOURCES: dict[str, str] = {
    "aws_cloudwatch_log_group": "https://aws.amazon.com/cloudwatch/pricing/",
    "aws_cloudwatch_metric_alarm": "https://aws.amazon.com/cloudwatch/pricing/",
    "aws_db_instance": "https://aws.amazon.com/rds/pricing/",
    "aws_db_proxy": "https://aws.amazon.com/rds/proxy/pricing/",
    "aws_kms_key": "https://aws.amazon.com/kms/pricing/",
    "aws_secretsmanager_secret": "https://aws.amazon.com/secrets-manager/pricing/",
    "aws_sns_topic": "https://aws.amazon.com/sns/pricing/",
}

USAGE_KEYS: dict[str, tuple[str, ...]] = {
    "aws_cloudwatch_log_group": ("monthly_data_ingested_gb", "storage_gb", "monthly_data_scanned_gb"),
    "aws_db_instance": ("additional_backup_storage_gb",),
    "aws_kms_key": ("monthly_requests",),
    "aws_secretsmanager_secret": ("monthly_requests",),
    "aws_sns_topic": ("monthly_requests", "request_size_kb", *(part.key for part in _DELIVERIES)),
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
