"""Price models of Amazon ElastiCache, https://aws.amazon.com/elasticache/pricing/."""

from __future__ import annotations

from decimal import Decimal

from provisioner.domain.pricing import HOURS_PER_MONTH, PricedResource, PriceModel, Rows, Sheet


def _replication_group(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price the nodes: every replica costs as much as a primary. One snapshot is free, traffic between zones is not."""
    engine = resource.text("engine") or "redis"  # the provider's default
    node_type = resource.text("node_type")
    nodes = _nodes(resource)
    if not node_type:
        yield sheet.unpriced(resource, "nodes", "The node type is not known before the apply.")
    else:
        sku_key = f"{engine}.{node_type}"
        yield sheet.line(resource, "nodes", "elasticache", sku_key, nodes * HOURS_PER_MONTH)
    if nodes > 1:
        what = "what primary and replicas in different zones send one another and their clients, by size"
        yield sheet.usage(resource, "traffic between zones", what)
    if resource.number("snapshot_retention_limit"):
        yield sheet.usage(resource, "snapshots", "snapshots kept beyond the one that is free, by size")


def _nodes(resource: PricedResource) -> Decimal:
    """Count the nodes: given as such, or as shards with replicas."""
    given = resource.number("num_cache_clusters")
    if given:
        return given
    shards = resource.number("num_node_groups") or Decimal(1)
    return shards * (1 + (resource.number("replicas_per_node_group") or Decimal(0)))


MODELS: dict[str, PriceModel] = {
    "aws_elasticache_replication_group": _replication_group,
}

FREE_TYPES: frozenset[str] = frozenset(
    {
        "aws_elasticache_parameter_group",
        "aws_elasticache_subnet_group",
        "aws_elasticache_user",
        "aws_elasticache_user_group",
    }
)
