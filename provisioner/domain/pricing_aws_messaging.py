"""Price models of queues, and of the dashboards that watch them.

As in pricing_aws: what cannot be counted is unpriced, with the reason.
"""

from __future__ import annotations

from decimal import Decimal

from provisioner.domain.pricing import PricedResource, PriceModel, Rows, Sheet


def _sqs_queue(resource: PricedResource, sheet: Sheet) -> Rows:
    """Say what a queue costs by use: https://aws.amazon.com/sqs/pricing/. It costs nothing while nobody uses it.

    A key that is in the same estimate lists its requests itself; only those to a given key are named here.
    """
    sku_key = "fifo.requests" if resource.flag("fifo_queue") else "standard.requests"
    what = "each send, receive (empty ones too) and delete, by number, in pieces of 64 KiB"
    yield sheet.usage(resource, "requests", what, "sqs", sku_key)
    if resource.text("kms_master_key_id") and not sheet.of_type("aws_kms_key"):
        what = "data keys from KMS for each producer and consumer, by number"
        yield sheet.usage(resource, "encryption requests", what, "kms", "request")


def _dashboard(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price a dashboard without the free tier: https://aws.amazon.com/cloudwatch/pricing/."""
    yield sheet.line(resource, "dashboard", "cloudwatch", "dashboard", Decimal(1))


MODELS: dict[str, PriceModel] = {
    "aws_cloudwatch_dashboard": _dashboard,
    "aws_sqs_queue": _sqs_queue,
}

FREE_TYPES: frozenset[str] = frozenset(
    {
        "aws_sqs_queue_policy",
        "aws_sqs_queue_redrive_allow_policy",
        "aws_sqs_queue_redrive_policy",
    }
)
