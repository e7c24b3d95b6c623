"""Price models of Amazon S3, EFS, FSx and ECR, https://aws.amazon.com/s3/pricing/."""

from __future__ import annotations

from decimal import Decimal

from provisioner.domain.pricing import PricedResource
from provisioner.domain.pricing_sheet import ByUse, PriceModel, Rows, Sheet
from provisioner.domain.pricing_table import Fixed, PriceTable, models, sources, usage_keys

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html, the request metrics
_REQUEST_METRICS = 16

_THOUSAND = Decimal(1000)
_GB_PER_TB = Decimal(1024)

_STORAGE = ByUse(
    "storage",
    "objects, former versions and unfinished uploads kept, by size and storage class; S3 Standard",
    "s3",
    (
        ("standard.storage.first-50tb", 50 * _GB_PER_TB),
        ("standard.storage.next-450tb", 500 * _GB_PER_TB),
        ("standard.storage.over-500tb", None),
    ),
    "standard.storage_gb",
)
_REQUESTS = (
    ByUse(
        "writes",
        "PUT, COPY, POST and LIST, by number",
        "s3",
        "standard.requests.tier-1",
        "standard.monthly_tier_1_requests",
        _THOUSAND,
    ),
    ByUse(
        "reads",
        "GET and the like, by number",
        "s3",
        "standard.requests.tier-2",
        "standard.monthly_tier_2_requests",
        _THOUSAND,
    ),
)
# (Infracost's name of the class, its name here)
_COLD = (
    ("standard_infrequent_access", "standard-ia"),
    ("one_zone_infrequent_access", "onezone-ia"),
    ("glacier_flexible_retrieval", "glacier-flexible"),
    ("glacier_deep_archive", "glacier-deep-archive"),
)
_COLD_STORAGE = tuple(
    ByUse(f"storage in {name}", "by size", "s3", f"{name}.storage", f"{key}.storage_gb")
    for key, name in _COLD
)
_RETRIEVED = tuple(
    ByUse(f"retrieval from {name}", "by size", "s3", f"{name}.retrieval", f"{key}.monthly_data_retrieval_gb")
    for key, name in _COLD[:2]
)
_OTHERS = (*_COLD_STORAGE, *_RETRIEVED)


def _bucket(resource: PricedResource, sheet: Sheet) -> Rows:
    yield from sheet.by_use(resource, _STORAGE)
    if any(sheet.amount(resource, part.key) is not None for part in _REQUESTS):
        for part in _REQUESTS:
            yield from sheet.by_use(resource, part)
    else:
        what = "requests and lifecycle transitions, by number; retrieval from cheaper classes and traffic out, by size"
        yield sheet.usage(resource, "requests", what)
    for part in _OTHERS:
        if sheet.amount(resource, part.key) is not None:
            yield from sheet.by_use(resource, part)


def _bucket_metric(resource: PricedResource, sheet: Sheet) -> Rows:
    what = f"each of up to {_REQUEST_METRICS} request metrics is a custom CloudWatch metric while there are requests"
    yield sheet.usage(resource, "request metrics", what, "cloudwatch", "metric.custom")


def _efs(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price a file system by what is in it: https://aws.amazon.com/efs/pricing/."""
    zone = "onezone" if resource.text("availability_zone_name") else "standard"
    yield from sheet.by_use(resource, ByUse("storage", "by size", "efs", f"{zone}.storage", "storage_gb"))
    cold = ByUse(
        "storage seldom used", "by size", "efs", f"{zone}-ia.storage", "infrequent_access_storage_gb"
    )
    if resource.blocks("lifecycle_policy") or sheet.amount(resource, cold.key) is not None:
        yield from sheet.by_use(resource, cold)
    for part in _EFS_ACCESS:
        if sheet.amount(resource, part.key) is not None:
            yield from sheet.by_use(resource, part)
    if resource.text("throughput_mode") == "provisioned":
        throughput = resource.number("provisioned_throughput_in_mibps")
        if throughput is None:
            reason = resource.missing("provisioned_throughput_in_mibps", "provisioned throughput")
            yield sheet.unpriced(resource, "provisioned throughput", reason)
        else:
            basis = f"{throughput:f} MiB/s, without what the stored data brings with it"
            yield sheet.line(
                resource, "provisioned throughput", "efs", "throughput.provisioned", throughput, basis=basis
            )


_EFS_ACCESS = tuple(
    ByUse(
        f"{way} of what is seldom used", "by size", "efs", f"ia.{way}", f"monthly_infrequent_access_{key}_gb"
    )
    for way, key in (("reads", "read"), ("writes", "write"))
)

_FSX = "https://aws.amazon.com/fsx/pricing/"
_BACKUP = ByUse("backups", "by size", "fsx", "backup.storage", "backup_storage_gb")
_TABLE = {
    "aws_ecr_repository": PriceTable(
        "https://aws.amazon.com/ecr/pricing/",
        (ByUse("images", "images kept, by size", "ecr", "storage", "storage_gb"),),
    ),
    "aws_fsx_lustre_file_system": PriceTable(
        _FSX,
        (
            Fixed(
                "storage", "fsx", "lustre.{deployment_type}.storage", count="storage_capacity", default=None
            ),
            _BACKUP,
        ),
    ),
    "aws_fsx_ontap_file_system": PriceTable(
        _FSX,
        (
            Fixed(
                "storage", "fsx", "ontap.{deployment_type}.storage", count="storage_capacity", default=None
            ),
            Fixed(
                "throughput",
                "fsx",
                "ontap.{deployment_type}.throughput",
                count="throughput_capacity",
                default=None,
            ),
            _BACKUP,
        ),
    ),
    "aws_fsx_openzfs_file_system": PriceTable(
        _FSX,
        (
            Fixed(
                "storage", "fsx", "openzfs.{deployment_type}.storage", count="storage_capacity", default=None
            ),
            Fixed(
                "throughput",
                "fsx",
                "openzfs.{deployment_type}.throughput",
                count="throughput_capacity",
                default=None,
            ),
            _BACKUP,
        ),
    ),
    "aws_fsx_windows_file_system": PriceTable(
        _FSX,
        (
            Fixed(
                "storage",
                "fsx",
                "windows.{deployment_type}.{storage_type}",
                count="storage_capacity",
                default=None,
            ),
            Fixed(
                "throughput",
                "fsx",
                "windows.{deployment_type}.throughput",
                count="throughput_capacity",
                default=None,
            ),
            ByUse("backups", "by size", "fsx", "windows.backup", "backup_storage_gb"),
        ),
    ),
}

_S3 = "https://aws.amazon.com/s3/pricing/"

MODELS: dict[str, PriceModel] = {
    "aws_efs_file_system": _efs,
    "aws_s3_bucket": _bucket,
    "aws_s3_bucket_metric": _bucket_metric,
    **models(_TABLE),
}

SOURCES: dict[str, str] = {
    "aws_efs_file_system": "https://aws.amazon.com/efs/pricing/",
    "aws_s3_bucket": _S3,
    "aws_s3_bucket_metric": _S3,
    **sources(_TABLE),
}

USAGE_KEYS: dict[str, tuple[str, ...]] = {
    "aws_efs_file_system": (
        "storage_gb",
        "infrequent_access_storage_gb",
        *(part.key for part in _EFS_ACCESS),
    ),
    "aws_s3_bucket": (_STORAGE.key, *(part.key for part in _REQUESTS), *(part.key for part in _OTHERS)),
    **usage_keys(_TABLE),
}

FREE_TYPES: frozenset[str] = frozenset(
    {
        "aws_ecr_lifecycle_policy",
        "aws_ecr_repository_policy",
        "aws_efs_access_point",
        "aws_efs_backup_policy",  # the backups are counted by their vault
        "aws_efs_file_system_policy",
        "aws_efs_mount_target",
        "aws_s3_bucket_acl",
        "aws_s3_bucket_cors_configuration",
        "aws_s3_bucket_lifecycle_configuration",  # its transitions are counted by the bucket's requests
        "aws_s3_bucket_logging",  # what it writes is counted by the target bucket's storage
        "aws_s3_bucket_notification",
        "aws_s3_bucket_ownership_controls",
        "aws_s3_bucket_policy",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_server_side_encryption_configuration",
        "aws_s3_bucket_versioning",  # former versions are counted by the bucket's storage
        "aws_s3_bucket_website_configuration",
        "aws_s3_object",  # counted by the bucket's storage
    }
)
