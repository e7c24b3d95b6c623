"""Price models of queues, streams, brokers and events, and of the dashboards that watch them.

As in pricing_aws: what cannot be counted is unpriced, with the reason.
"""

from __future__ import annotations

from decimal import Decimal

from provisioner.domain.pricing import TIMES, PricedResource, counted, plain
from provisioner.domain.pricing_aws import pieces_of
from provisioner.domain.pricing_sheet import ByUse, PriceModel, Rows, Sheet
from provisioner.domain.pricing_table import Fixed, PriceTable, models, sources, usage_keys

_MILLION = Decimal(1_000_000)
_SQS_PIECE_KB = Decimal(64)
_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"
_KINESIS = "https://aws.amazon.com/kinesis/data-streams/pricing/"


def _sqs_queue(resource: PricedResource, sheet: Sheet) -> Rows:
    """Say what a queue costs by use: https://aws.amazon.com/sqs/pricing/. It costs nothing while nobody uses it.

    A key that is in the same estimate lists its requests itself; only those to a given key are named here.
    """
    sku_key = "fifo.requests" if resource.flag("fifo_queue") else "standard.requests"
    what = "each send, receive (empty ones too) and delete, by number, in pieces of 64 KiB"
    part = ByUse("requests", what, "sqs", sku_key, "monthly_requests", _MILLION)
    requests = sheet.amount(resource, part.key)
    if requests is None:
        yield from sheet.by_use(resource, part)
    else:
        size = sheet.amount(resource, "request_size_kb")
        pieces = pieces_of(size.value if size else Decimal(0), _SQS_PIECE_KB)
        sent = (
            f"{plain(requests.value)} ({part.key}) {TIMES} {counted(pieces, 'piece')} of {_SQS_PIECE_KB} KB"
        )
        basis = f"{sent} ÷ {plain(_MILLION)}"
        yield from sheet.used(resource, part, requests.value * pieces / _MILLION, basis, requests.profile)
    if resource.text("kms_master_key_id") and not sheet.of_type("aws_kms_key"):
        what = "data keys from KMS for each producer and consumer, by number"
        yield sheet.usage(resource, "encryption requests", what, "kms", "request")


def _kinesis_stream(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price a stream by its mode: shards by the hour, or the stream by the hour and by what goes through it."""
    mode = resource.block("stream_mode_details").text("stream_mode") or "PROVISIONED"
    if mode == "ON_DEMAND":
        yield sheet.hours(resource, "stream", "kinesis", "on-demand.hour", noun="stream")
        for part in _ON_DEMAND:
            yield from sheet.by_use(resource, part)
        return
    shards = resource.number("shard_count")
    if shards is None:
        yield sheet.unpriced(resource, "shards", resource.missing("shard_count", "number of shards"))
    else:
        yield sheet.hours(resource, "shards", "kinesis", "shard.hour", shards, "shard")
    yield from sheet.by_use(resource, _PUT)


_PUT = ByUse(
    "put units",
    "records put, in pieces of 25 KB, by number",
    "kinesis",
    "put-units",
    "monthly_provisioned_put_units",
    _MILLION,
)
_ON_DEMAND = (
    ByUse("data in", "by size", "kinesis", "on-demand.data-in", "monthly_on_demand_data_in_gb"),
    ByUse("data out", "by size", "kinesis", "on-demand.data-out", "monthly_on_demand_data_out_gb"),
)


def _mq_broker(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price a broker by its engine, size and deployment: https://aws.amazon.com/amazon-mq/pricing/."""
    engine, size = resource.text("engine_type").lower(), resource.text("host_instance_type")
    if not engine or not size:
        name = "engine_type" if not engine else "host_instance_type"
        yield sheet.unpriced(resource, "broker", resource.missing(name, name.replace("_", " ")))
        return
    deployment = (resource.text("deployment_mode") or "SINGLE_INSTANCE").lower().replace("_", "-")
    yield sheet.hours(resource, "broker", "mq", f"{engine}.{size}.{deployment}", noun="broker")
    kept_on = "ebs" if engine == "rabbitmq" else resource.text("storage_type") or "efs"
    part = ByUse("storage", "messages kept, by size", "mq", f"{engine}.storage.{kept_on}", "storage_size_gb")
    yield from sheet.by_use(resource, part)


def _msk_cluster(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price the brokers and their storage: https://aws.amazon.com/msk/pricing/."""
    nodes = resource.block("broker_node_group_info")
    brokers, size = resource.number("number_of_broker_nodes"), nodes.text("instance_type")
    if brokers is None or not size:
        reason = "The number or the type of the brokers is not known before the apply."
        yield sheet.unpriced(resource, "brokers", reason)
        return
    yield sheet.hours(resource, "brokers", "msk", size, brokers, "broker")
    given = nodes.block("storage_info").block("ebs_storage_info").number("volume_size")
    each = given if given is not None else nodes.number("ebs_volume_size")
    if each is None:
        yield sheet.unpriced(
            resource, "storage", "The size of the brokers' volumes is not known before the apply."
        )
    else:
        basis = f"{plain(brokers)} {TIMES} {plain(each)} GB"
        yield sheet.line(resource, "storage", "msk", "storage", brokers * each, basis=basis)


_TABLE = {
    "aws_cloudtrail": PriceTable(
        "https://aws.amazon.com/cloudtrail/pricing/",
        (
            ByUse(
                "further copies of management events",
                "by number; the first copy is free",
                "cloudtrail",
                "management-events",
                "monthly_additional_management_events",
                Decimal(100_000),
            ),
            ByUse(
                "data events",
                "by number",
                "cloudtrail",
                "data-events",
                "monthly_data_events",
                Decimal(100_000),
            ),
        ),
    ),
    "aws_cloudwatch_composite_alarm": PriceTable(
        _CLOUDWATCH, (Fixed("alarm", "cloudwatch", "alarm.composite"),)
    ),
    # Without the free tier.
    "aws_cloudwatch_dashboard": PriceTable(_CLOUDWATCH, (Fixed("dashboard", "cloudwatch", "dashboard"),)),
    "aws_cloudwatch_event_bus": PriceTable(
        "https://aws.amazon.com/eventbridge/pricing/",
        (
            ByUse(
                "own events",
                "events published, in pieces of 64 KB, by number",
                "eventbridge",
                "custom-events",
                "monthly_custom_events",
                _MILLION,
            ),
            ByUse(
                "third-party events",
                "by number",
                "eventbridge",
                "third-party-events",
                "monthly_third_party_events",
                _MILLION,
            ),
            ByUse("archive", "events kept, by size", "eventbridge", "archive.storage", "archive_storage_gb"),
        ),
    ),
    "aws_kinesis_firehose_delivery_stream": PriceTable(
        "https://aws.amazon.com/firehose/pricing/",
        (
            ByUse(
                "data",
                "data taken in, by size",
                "firehose",
                "data-in.first-500tb",
                "monthly_data_ingested_gb",
            ),
        ),
    ),
}

MODELS: dict[str, PriceModel] = {
    "aws_kinesis_stream": _kinesis_stream,
    "aws_mq_broker": _mq_broker,
    "aws_msk_cluster": _msk_cluster,
    "aws_sqs_queue": _sqs_queue,
    **models(_TABLE),
}

SOURCES: dict[str, str] = {
    "aws_kinesis_stream": _KINESIS,
    "aws_mq_broker": "https://aws.amazon.com/amazon-mq/pricing/",
    "aws_msk_cluster": "https://aws.amazon.com/msk/pricing/",
    "aws_sqs_queue": "https://aws.amazon.com/sqs/pricing/",
    **sources(_TABLE),
}

USAGE_KEYS: dict[str, tuple[str, ...]] = {
    "aws_kinesis_stream": (_PUT.key, *(part.key for part in _ON_DEMAND)),
    "aws_mq_broker": ("storage_size_gb",),
    "aws_sqs_queue": ("monthly_requests", "request_size_kb"),
    **usage_keys(_TABLE),
}

FREE_TYPES: frozenset[str] = frozenset(
    {
        "aws_cloudwatch_event_permission",
        "aws_cloudwatch_event_rule",
        "aws_cloudwatch_event_target",
        "aws_cloudwatch_log_metric_filter",
        "aws_cloudwatch_log_resource_policy",
        "aws_cloudwatch_log_stream",
        "aws_cloudwatch_log_subscription_filter",
        "aws_mq_configuration",
        "aws_msk_configuration",
        "aws_sqs_queue_policy",
        "aws_sqs_queue_redrive_allow_policy",
        "aws_sqs_queue_redrive_policy",
    }
)
