from decimal import Decimal

from provisioner.domain.cost import Estimate, estimate, parse_price_book
from provisioner.domain.pricing_aws_cache import FREE_TYPES
from tests.domain.documents import PRICES, resource

BOOK = parse_price_book(PRICES.read_text(), "us-east-1")
GROUP = "aws_elasticache_replication_group"


def _priced(**attributes: object) -> Estimate:
    return estimate([resource(GROUP, **{"node_type": "cache.t4g.small", **attributes})], BOOK)


class TestAReplicationGroup:
    def test_costs_its_node_for_each_hour_of_a_month(self) -> None:
        (line,) = _priced(engine="valkey", num_cache_clusters=1).line_items
        assert (line.sku_key, line.quantity) == ("valkey.cache.t4g.small", Decimal(730))
        assert line.usd_month == 730 * Decimal("0.0256")

    def test_is_redis_where_no_engine_is_said(self) -> None:
        (line,) = _priced(num_cache_clusters=1).line_items
        assert line.sku_key == "redis.cache.t4g.small"

    def test_pays_for_every_node_however_their_number_is_said(self) -> None:
        quantities = [
            _priced(**said).line_items[0].quantity
            for said in (
                {"num_cache_clusters": 6},
                {"replicas_per_node_group": 5},
                {"num_node_groups": 3, "replicas_per_node_group": 1},
                {"num_node_groups": 6, "replicas_per_node_group": 0},
            )
        ]
        assert quantities == [Decimal(6 * 730)] * 4

    def test_has_one_node_where_nothing_is_said(self) -> None:
        assert _priced().line_items[0].quantity == Decimal(730)

    def test_names_traffic_only_between_nodes_and_snapshots_only_where_they_are_taken(self) -> None:
        alone = _priced(num_cache_clusters=1, snapshot_retention_limit=0)
        assert alone.usage_based == ()
        both = _priced(num_cache_clusters=2, snapshot_retention_limit=7)
        assert [row.component for row in both.usage_based] == ["traffic between zones", "snapshots"]

    def test_is_unpriced_while_its_node_type_is_unknown(self) -> None:
        result = estimate([resource(GROUP, num_cache_clusters=2)], BOOK)
        assert result.line_items == ()
        assert [row.component for row in result.without_price] == ["nodes"]

    def test_is_unpriced_where_the_book_lacks_the_node_type(self) -> None:
        result = _priced(engine="valkey", node_type="cache.x99.large")
        assert result.line_items == ()
        (row,) = result.without_price
        assert "valkey.cache.x99.large" in row.reason


class TestWhatGoesWithACache:
    def test_costs_nothing(self) -> None:
        result = estimate([resource(kind) for kind in FREE_TYPES], BOOK)
        assert (result.line_items, result.unpriced) == ((), ())


class TestThePrices:
    def test_have_every_node_type_that_the_golden_path_offers(self) -> None:
        sizes = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge")
        offered = [f"cache.t4g.{size}" for size in ("micro", "small", "medium")]
        offered += [f"cache.{family}.{size}" for family in ("m7g", "r7g") for size in sizes]
        assert [node for node in offered if BOOK.get("elasticache", f"valkey.{node}") is None] == []
