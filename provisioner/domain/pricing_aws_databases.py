"""Price models of databases in clusters: Aurora, DocumentDB, Neptune, Redshift, OpenSearch."""

from __future__ import annotations

from decimal import Decimal

from provisioner.domain.pricing import HOURS_PER_MONTH, TIMES, PricedResource, plain
from provisioner.domain.pricing_sheet import ByUse, PriceModel, Rows, Sheet
from provisioner.domain.pricing_table import Fixed, PriceTable, models, sources, usage_keys

_MILLION = Decimal(1_000_000)
_AURORA = "https://aws.amazon.com/rds/aurora/pricing/"
_DOCDB = "https://aws.amazon.com/documentdb/pricing/"
_NEPTUNE = "https://aws.amazon.com/neptune/pricing/"
_OPENSEARCH = "https://aws.amazon.com/opensearch-service/pricing/"
_GB_PER_TB = Decimal(1024)

_S_PER_MONTH = HOURS_PER_MONTH * 3600
_ACU = "capacity_units_per_hr"
_IO_OPTIMIZED = "aurora-iopt1"


def _aurora_cluster(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price what the cluster keeps and does; its instances are resources of their own."""
    if not resource.text("engine").startswith("aurora"):
        if resource.text("db_cluster_instance_class"):
            yield sheet.unpriced(resource, "cluster", "Multi-AZ clusters of RDS have no price here.")
            return
        if not resource.text("engine"):
            yield sheet.unpriced(resource, "cluster", resource.missing("engine", "engine"))
            return
    optimized = resource.text("storage_type") == _IO_OPTIMIZED
    storage = "storage.io-optimized" if optimized else "storage"
    yield from sheet.by_use(resource, ByUse("storage", "data kept, by size", "aurora", storage, "storage_gb"))
    if not optimized:
        yield from _requests(resource, sheet)
    if resource.number("backup_retention_period"):
        yield from sheet.by_use(resource, _AURORA_BACKUPS)


def _requests(resource: PricedResource, sheet: Sheet) -> Rows:
    part = ByUse("input and output", "by number", "aurora", "requests", "write_requests_per_sec", _MILLION)
    given = [
        amount
        for key in ("write_requests_per_sec", "read_requests_per_sec")
        if (amount := sheet.amount(resource, key)) is not None
    ]
    if not given:
        yield from sheet.by_use(resource, part)
        return
    each_s = sum((amount.value for amount in given), Decimal(0))
    basis = f"{plain(each_s)} a second {TIMES} {plain(_S_PER_MONTH)} seconds a month ÷ {plain(_MILLION)}"
    yield from sheet.used(resource, part, each_s * _S_PER_MONTH / _MILLION, basis, given[0].profile)


_AURORA_BACKUPS = ByUse(
    "backup storage",
    "backups beyond the size of the cluster, by size",
    "aurora",
    "backup-storage",
    "backup_snapshot_size_gb",
)


def _aurora_instance(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price an instance by its class, which Aurora prices alike for both engines; a serverless one by its capacity."""
    instance_class = resource.text("instance_class")
    if not instance_class:
        yield sheet.unpriced(resource, "instance", resource.missing("instance_class", "instance class"))
        return
    cluster = sheet.named("aws_rds_cluster", resource.text("cluster_identifier"), "cluster_identifier", "id")
    cluster = cluster or sheet.only("aws_rds_cluster")
    optimized = cluster is not None and cluster.text("storage_type") == _IO_OPTIMIZED
    suffix = ".io-optimized" if optimized else ""
    if instance_class == "db.serverless":
        yield from _serverless(resource, sheet, cluster, f"serverless-v2.acu-hour{suffix}")
    else:
        yield sheet.hours(resource, "instance", "aurora", f"{instance_class}{suffix}", noun="instance")


def _serverless(resource: PricedResource, sheet: Sheet, cluster: PricedResource | None, sku_key: str) -> Rows:
    part = ByUse("capacity", "capacity units while they run", "aurora", sku_key, _ACU)
    expected = sheet.amount(resource, _ACU)
    if expected is not None:
        basis = f"{plain(expected.value)} ({_ACU}) {TIMES} {HOURS_PER_MONTH} hours a month"
        yield from sheet.used(resource, part, expected.value * HOURS_PER_MONTH, basis, expected.profile)
        return
    scaling = cluster.block("serverlessv2_scaling_configuration") if cluster else None
    least = scaling.number("min_capacity") if scaling else None
    if least:
        yield sheet.hours(resource, "least capacity", "aurora", sku_key, least, "capacity unit")
    yield from sheet.by_use(resource, part)


def _search_domain(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price the nodes of each kind and their volumes."""
    cluster = resource.block("cluster_config")
    nodes = cluster.number("instance_count") or Decimal(1)
    yield from _search_nodes(resource, sheet, cluster, "nodes", "instance_type", nodes)
    if cluster.flag("dedicated_master_enabled"):
        masters = cluster.number("dedicated_master_count")
        yield from _search_nodes(resource, sheet, cluster, "masters", "dedicated_master_type", masters)
    if cluster.flag("warm_enabled"):
        warm = cluster.number("warm_count")
        yield from _search_nodes(resource, sheet, cluster, "warm nodes", "warm_type", warm)
    volume = resource.block("ebs_options")
    if not volume.flag("ebs_enabled"):
        return
    size_gb = volume.number("volume_size")
    kind = volume.text("volume_type") or "gp2"
    if size_gb is None:
        yield sheet.unpriced(resource, "storage", resource.missing("ebs_options", "size of the volumes"))
        return
    basis = f"{plain(nodes)} {TIMES} {plain(size_gb)} GB"
    yield sheet.line(resource, "storage", "opensearch", f"storage.{kind}", nodes * size_gb, basis=basis)
    iops = volume.number("iops")
    if kind == "io1" and iops:
        basis = f"{plain(nodes)} {TIMES} {plain(iops)} IOPS"
        yield sheet.line(
            resource, "storage IOPS", "opensearch", "storage.io1.iops", nodes * iops, basis=basis
        )


def _search_nodes(
    resource: PricedResource,
    sheet: Sheet,
    cluster: PricedResource,
    component: str,
    attribute: str,
    count: Decimal | None,
) -> Rows:
    kind = cluster.text(attribute)
    if not kind or count is None:
        missing = f"type of the {component}" if not kind else f"number of {component}"
        yield sheet.unpriced(resource, component, resource.missing("cluster_config", missing))
        return
    # Elasticsearch's names end in .elasticsearch, with the same prices.
    sku_key = kind.replace(".elasticsearch", ".search")
    yield sheet.hours(resource, component, "opensearch", sku_key, count, component.removesuffix("s"))


_TABLE = {
    "aws_docdb_cluster": PriceTable(
        _DOCDB,
        (
            ByUse(
                "backup storage",
                "backups beyond the size of the cluster, by size",
                "docdb",
                "backup-storage",
                "backup_storage_gb",
            ),
        ),
    ),
    "aws_docdb_cluster_instance": PriceTable(
        _DOCDB,
        (
            Fixed("instance", "docdb", "{instance_class}", hours=True),
            ByUse("storage", "data kept, by size", "docdb", "storage", "data_storage_gb"),
            ByUse("input and output", "by number", "docdb", "requests", "monthly_io_requests", _MILLION),
        ),
    ),
    "aws_neptune_cluster": PriceTable(
        _NEPTUNE,
        (
            ByUse("storage", "data kept, by size", "neptune", "storage", "storage_gb"),
            ByUse("input and output", "by number", "neptune", "requests", "monthly_io_requests", _MILLION),
            ByUse("backup storage", "by size", "neptune", "backup-storage", "backup_storage_gb"),
        ),
    ),
    "aws_neptune_cluster_instance": PriceTable(
        _NEPTUNE, (Fixed("instance", "neptune", "{instance_class}", hours=True),)
    ),
    "aws_redshift_cluster": PriceTable(
        "https://aws.amazon.com/redshift/pricing/",
        (
            Fixed("nodes", "redshift", "{node_type}", count="number_of_nodes", hours=True),
            ByUse(
                "managed storage",
                "data kept on RA3 nodes, by size",
                "redshift",
                "managed-storage",
                "managed_storage_gb",
            ),
            ByUse(
                "queries on S3",
                "data that Spectrum reads, by size",
                "redshift",
                "spectrum",
                "spectrum_data_scanned_tb",
            ),
            ByUse(
                "backup storage",
                "snapshots beyond the size of the cluster, by size",
                "redshift",
                (
                    ("backup-storage.first-50tb", 50 * _GB_PER_TB),
                    ("backup-storage.next-450tb", 500 * _GB_PER_TB),
                    ("backup-storage.over-500tb", None),
                ),
                "backup_storage_gb",
            ),
        ),
    ),
}

MODELS: dict[str, PriceModel] = {
    "aws_elasticsearch_domain": _search_domain,
    "aws_opensearch_domain": _search_domain,
    "aws_rds_cluster": _aurora_cluster,
    "aws_rds_cluster_instance": _aurora_instance,
    **models(_TABLE),
}

SOURCES: dict[str, str] = {
    "aws_elasticsearch_domain": _OPENSEARCH,
    "aws_opensearch_domain": _OPENSEARCH,
    "aws_rds_cluster": _AURORA,
    "aws_rds_cluster_instance": _AURORA,
    **sources(_TABLE),
}

USAGE_KEYS: dict[str, tuple[str, ...]] = {
    "aws_rds_cluster": (
        "storage_gb",
        "write_requests_per_sec",
        "read_requests_per_sec",
        "backup_snapshot_size_gb",
    ),
    "aws_rds_cluster_instance": (_ACU,),
    **usage_keys(_TABLE),
}
