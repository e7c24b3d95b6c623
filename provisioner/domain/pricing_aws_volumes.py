"""Price models of Amazon EBS volumes, their snapshots and backups, https://aws.amazon.com/ebs/pricing/."""

from __future__ import annotations

from decimal import Decimal

from provisioner.domain.pricing import TIMES, PricedResource, plain
from provisioner.domain.pricing_sheet import ByUse, PriceModel, Rows, Sheet
from provisioner.domain.pricing_table import Fixed, PriceTable, models, sources, usage_keys

_DEFAULT_TYPE = "gp2"  # what EC2 takes when nothing is said
_TYPES = ("gp2", "gp3", "io1", "io2", "sc1", "st1", "standard")
_PROVISIONED = ("io1", "io2")  # every IOPS of these is paid

# What a gp3 volume includes: https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
_GP3_INCLUDED_IOPS = Decimal(3000)
_GP3_INCLUDED_MBPS = Decimal(125)

_REQUESTS = ByUse(
    "requests",
    "input and output, by number",
    "ebs",
    "standard.requests",
    "monthly_standard_io_requests",
    Decimal(1_000_000),
)


def volume(
    resource: PricedResource,
    block: PricedResource,
    count: Decimal,
    sheet: Sheet,
    component: str,
    size: str = "volume_size",
    kind: str = "volume_type",
) -> Rows:
    """Price `count` volumes such as a block describes, as components of a resource."""
    size_gb = block.number(size)
    volume_type = block.text(kind) or _DEFAULT_TYPE
    if size_gb is None or kind in block.unknown:
        missing = (
            block.missing(kind, "volume type")
            if kind in block.unknown
            else block.missing(size, "volume size")
        )
        yield sheet.unpriced(resource, component, missing)
        return
    if volume_type not in _TYPES:
        yield sheet.unpriced(resource, component, f"Volumes of type {volume_type:.40} have no price here.")
        return

    def part(name: str, sku_key: str, each: Decimal, why: str = "") -> Rows:
        basis = f"{plain(count)} {TIMES} {plain(each)}{why}"
        yield sheet.line(resource, name, "ebs", f"{volume_type}.{sku_key}", count * each, basis=basis)

    yield from part(component, "storage", size_gb, " GB")
    if volume_type in _PROVISIONED:
        yield from part(f"{component} IOPS", "iops", block.number("iops") or Decimal(0))
    if volume_type == "gp3":
        extra = (block.number("iops") or _GP3_INCLUDED_IOPS) - _GP3_INCLUDED_IOPS
        if extra > 0:
            why = f" IOPS above {plain(_GP3_INCLUDED_IOPS)}"
            yield from part(f"{component} IOPS", "iops-above-3000", extra, why)
        extra = (block.number("throughput") or _GP3_INCLUDED_MBPS) - _GP3_INCLUDED_MBPS
        if extra > 0:
            why = f" MB/s above {plain(_GP3_INCLUDED_MBPS)}"
            yield from part(f"{component} throughput", "throughput-above-125", extra, why)


def _ebs_volume(resource: PricedResource, sheet: Sheet) -> Rows:
    yield from volume(resource, resource, Decimal(1), sheet, "storage", size="size", kind="type")
    if resource.text("type") == "standard":
        yield from sheet.by_use(resource, _REQUESTS)


def _vault(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price what backups of each kind are expected to take: https://aws.amazon.com/backup/pricing/."""
    expected = False
    for part in _BACKUPS:
        if sheet.amount(resource, part.key) is not None:
            expected = True
            yield from sheet.by_use(resource, part)
    if not expected:
        yield sheet.usage(
            resource, "backups", "backups kept, by size and what is backed up; restores by size"
        )


_BACKUPS = tuple(
    ByUse(f"backups of {what}", "by size", "backup", f"{sku}.storage", f"monthly_{key}_gb")
    for what, sku, key in (
        ("EBS volumes", "ebs", "ebs_snapshot"),
        ("RDS databases", "rds", "rds_snapshot"),
        ("Aurora databases", "aurora", "aurora_snapshot"),
        ("DynamoDB tables", "dynamodb", "dynamodb_backup"),
        ("EFS file systems", "efs", "efs_warm_backup"),
    )
)

_TABLE = {
    "aws_ebs_snapshot": PriceTable(
        "https://aws.amazon.com/ebs/pricing/",
        (Fixed("storage", "ebs", "snapshot.storage", count="volume_size", default=None),),
    ),
    "aws_ebs_snapshot_copy": PriceTable(
        "https://aws.amazon.com/ebs/pricing/",
        (Fixed("storage", "ebs", "snapshot.storage", count="volume_size", default=None),),
    ),
}

MODELS: dict[str, PriceModel] = {
    "aws_backup_vault": _vault,
    "aws_ebs_volume": _ebs_volume,
    **models(_TABLE),
}

SOURCES: dict[str, str] = {
    "aws_backup_vault": "https://aws.amazon.com/backup/pricing/",
    "aws_ebs_volume": "https://aws.amazon.com/ebs/pricing/",
    **sources(_TABLE),
}

USAGE_KEYS: dict[str, tuple[str, ...]] = {
    "aws_backup_vault": tuple(part.key for part in _BACKUPS),
    "aws_ebs_volume": (_REQUESTS.key,),
    **usage_keys(_TABLE),
}

FREE_TYPES: frozenset[str] = frozenset(
    {
        "aws_backup_plan",
        "aws_backup_selection",  # what it selects is counted by the vault
        "aws_backup_vault_lock_configuration",
        "aws_backup_vault_notifications",
        "aws_backup_vault_policy",
        "aws_ebs_encryption_by_default",
    }
)
