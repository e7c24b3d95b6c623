"""Price models of Amazon S3: all of it is paid by use, https://aws.amazon.com/s3/pricing/."""

from __future__ import annotations

from provisioner.domain.pricing import PricedResource, PriceModel, Rows, Sheet

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html, the request metrics
_REQUEST_METRICS = 16


def _bucket(resource: PricedResource, sheet: Sheet) -> Rows:
    what = "objects, former versions and unfinished uploads kept, by size and storage class; S3 Standard"
    yield sheet.usage(resource, "storage", what, "s3", "standard.storage.first-50tb")
    what = "requests and lifecycle transitions, by number; retrieval from cheaper classes and traffic out, by size"
    yield sheet.usage(resource, "requests", what)


def _bucket_metric(resource: PricedResource, sheet: Sheet) -> Rows:
    what = f"each of up to {_REQUEST_METRICS} request metrics is a custom CloudWatch metric while there are requests"
    yield sheet.usage(resource, "request metrics", what, "cloudwatch", "metric.custom")


MODELS: dict[str, PriceModel] = {
    "aws_s3_bucket": _bucket,
    "aws_s3_bucket_metric": _bucket_metric,
}

FREE_TYPES: frozenset[str] = frozenset(
    {
        "aws_s3_bucket_lifecycle_configuration",  # its transitions are counted by the bucket's requests
        "aws_s3_bucket_logging",  # what it writes is counted by the target bucket's storage
        "aws_s3_bucket_ownership_controls",
        "aws_s3_bucket_policy",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_server_side_encryption_configuration",
        "aws_s3_bucket_versioning",  # former versions are counted by the bucket's storage
    }
)
