"""Price models of Amazon ElastiCache, https://aws.amazon.com/elasticache/pricing/."""

from __future__ import annotations

from decimal import Decimal

from provisioner.domain.pricing import PricedResource
from provisioner.domain.pricing_sheet import ByUse, PriceModel, Rows, Sheet

_PRICES = "https://aws.amazon.com/elasticache/pricing/"

_SNAPSHOTS = ByUse(
    "snapshots",
    "snapshots kept beyond the one that is free, by size",
    "elasticache",
    "snapshots",
    "snapshot_storage_size_gb",
)


def _replication_group(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price the nodes: every replica costs as much as a primary. One snapshot is free, traffic between zones is not."""
    nodes = _nodes(resource)
    yield from _node_hours(
        resource, sheet, nodes, resource.text("engine") or "redis"
    )  # the provider's default
    if nodes > 1:
        what = "what primary and replicas in different zones send one another and their clients, by size"
        yield sheet.usage(resource, "traffic between zones", what)
    if resource.number("snapshot_retention_limit"):
        yield from sheet.by_use(resource, _SNAPSHOTS)


def _nodes(resource: PricedResource) -> Decimal:
    """Count the nodes: given as such, or as shards with replicas."""
    given = resource.number("num_cache_clusters")
    if given:
        return given
    shards = resource.number("num_node_groups") or Decimal(1)
    return shards * (1 + (resource.number("replicas_per_node_group") or Decimal(0)))


def _cluster(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price the nodes of a cluster that stands alone; one in a replication group is counted by the group."""
    if resource.text("replication_group_id"):
        return
    engine = resource.text("engine")
    if not engine:
        yield sheet.unpriced(resource, "nodes", resource.missing("engine", "engine"))
        return
    yield from _node_hours(resource, sheet, resource.number("num_cache_nodes") or Decimal(1), engine)
    if resource.number("snapshot_retention_limit"):
        yield from sheet.by_use(resource, _SNAPSHOTS)


def _node_hours(resource: PricedResource, sheet: Sheet, nodes: Decimal, engine: str) -> Rows:
    node_type = resource.text("node_type")
    if node_type:
        yield sheet.hours(resource, "nodes", "elasticache", f"{engine}.{node_type}", nodes, "node")
    else:
        yield sheet.unpriced(resource, "nodes", resource.missing("node_type", "node type"))


MODELS: dict[str, PriceModel] = {
    "aws_elasticache_cluster": _cluster,
    "aws_elasticache_replication_group": _replication_group,
}

SOURCES: dict[str, str] = dict.fromkeys(MODELS, _PRICES)

USAGE_KEYS: dict[str, tuple[str, ...]] = dict.fromkeys(MODELS, (_SNAPSHOTS.key,))

FREE_TYPES: frozenset[str] = frozenset(
    {
        "aws_elasticache_parameter_group",
        "aws_elasticache_subnet_group",
        "aws_elasticache_user",
        "aws_elasticache_user_group",
        "aws_elasticache_user_group_association",
    }
)
