from decimal import Decimal

import pytest

from provisioner.domain.cost import (
    FREE_TYPES,
    MODELS,
    Estimate,
    PriceBookError,
    PricedResource,
    estimate,
    parse_price_book,
    resources_before_plan,
    resources_from_plan,
)
from provisioner.domain.plan import parse_plan
from provisioner.domain.pricing import COLUMNS
from provisioner.domain.pricing_aws import vcpu_of
from tests.domain.documents import PRICES, change, load, plan_of, resource

BOOK = parse_price_book(PRICES.read_text(), "us-east-1")

DATABASE = {
    "engine": "postgres",
    "instance_class": "db.r6g.large",
    "multi_az": True,
    "allocated_storage": 100,
    "storage_type": "gp3",
    "identifier": "orders",
}


def database(address: str = "aws_db_instance.this", **attributes: object) -> PricedResource:
    return PricedResource(address, "aws_db_instance", {**DATABASE, **attributes})


def lines(*resources: PricedResource) -> dict[tuple[str, str], Decimal]:
    return {(item.address, item.component): item.usd_month for item in estimate(resources, BOOK).line_items}


def components(result: Estimate, *, usage_based: bool) -> list[str]:
    return [row.component for row in (result.usage_based if usage_based else result.without_price)]


class TestEstimate:
    def test_prices_the_postgres_module(self) -> None:
        result = estimate(resources_from_plan(parse_plan(load("postgres.json"))), BOOK)
        assert result.without_price == ()
        assert {
            (item.address.split(".", 2)[2], item.component): item.usd_month for item in result.line_items
        } == {
            ('aws_cloudwatch_metric_alarm.this["primary-connections"]', "alarm"): Decimal("0.10"),
            ('aws_db_instance.replica["replica-1"]', "instance"): Decimal("164.25"),
            ('aws_db_instance.replica["replica-1"]', "storage"): Decimal("11.5"),
            ("aws_db_instance.this", "instance"): Decimal("328.5"),
            ("aws_db_instance.this", "storage"): Decimal(23),
            ("aws_db_instance.this", "managed master password"): Decimal("0.4"),
            ("aws_db_proxy.this[0]", "proxy"): Decimal("21.9"),
            ("aws_kms_key.this[0]", "key"): Decimal(1),
        }
        assert result.usd_month == Decimal("550.65")

    def test_names_quantity_price_and_source_of_every_line(self) -> None:
        (item, _) = estimate([database()], BOOK).line_items
        assert (item.sku_key, item.quantity, item.unit) == (
            "postgresql.db.r6g.large.multi-az",
            Decimal(730),
            "hour",
        )
        assert (item.unit_price_usd, item.usd_month, item.source) == (
            Decimal("0.450"),
            Decimal("328.5"),
            "derived: twice single-az, as AWS prices multi-AZ",
        )

    def test_lists_a_type_without_a_model_and_never_counts_it_as_nothing(self) -> None:
        result = estimate([resource("aws_mystery")], BOOK)
        assert result.usd_month == 0
        assert [(row.address, row.reason) for row in result.without_price] == [
            ("aws_mystery.this", "There is no price model for aws_mystery.")
        ]

    def test_lists_a_missing_price(self) -> None:
        result = estimate([database(instance_class="db.x2g.large")], BOOK)
        (row,) = result.without_price
        assert row.component == "instance"
        assert "postgresql.db.x2g.large.multi-az" in row.reason

    def test_says_nothing_of_free_types(self) -> None:
        assert estimate([resource(kind) for kind in FREE_TYPES], BOOK) == Estimate((), (), Decimal("0.00"))

    def test_has_no_type_that_is_both_free_and_priced(self) -> None:
        assert not FREE_TYPES & set(MODELS)

    def test_rounds_half_up_once_at_the_end(self) -> None:
        book = parse_price_book(f"{','.join(COLUMNS)}\naws,r,kms,key,m,0.0025,d,s\n", "r")
        assert estimate([resource("aws_kms_key")], book).usd_month == Decimal("0.00")
        assert estimate([resource("aws_kms_key")] * 2, book).usd_month == Decimal("0.01")

    @pytest.mark.parametrize("kind", sorted(MODELS))
    @pytest.mark.parametrize(
        "value", [None, True, -1, "x", "NaN", [], [1], {"a": 1}, [{"metric": 1}]], ids=str
    )
    def test_never_crashes_on_a_wrong_type(self, kind: str, value: object) -> None:
        names = [
            *DATABASE,
            "iops",
            "period",
            "metric_query",
            "name",
            "backup_retention_period",
            "max_allocated_storage",
        ]
        result = estimate([PricedResource("a.b", kind, dict.fromkeys(names, value))], BOOK)
        assert result.usd_month >= 0


class TestDatabasePrices:
    @pytest.mark.parametrize(
        ("attributes", "instance", "storage"),
        [
            ({}, "328.50", "23"),
            ({"multi_az": False}, "164.25", "11.5"),
            ({"multi_az": None}, "164.25", "11.5"),
            ({"instance_class": "db.t4g.medium", "multi_az": False, "allocated_storage": 20}, "47.45", "2.3"),
            ({"allocated_storage": "200"}, "328.50", "46"),
            ({"storage_type": "gp2", "multi_az": False}, "164.25", "11.5"),
        ],
    )
    def test_follow_class_size_and_standby(
        self, attributes: dict[str, object], instance: str, storage: str
    ) -> None:
        found = lines(database(**attributes))
        assert found["aws_db_instance.this", "instance"] == Decimal(instance)
        assert found["aws_db_instance.this", "storage"] == Decimal(storage)

    @pytest.mark.parametrize(
        ("attributes", "component"),
        [
            ({"engine": "oracle-ee"}, "instance"),
            ({"engine": None}, "instance"),
            ({"instance_class": None}, "instance"),
            ({"allocated_storage": None}, "storage"),
            ({"storage_type": None}, "storage"),
            ({"storage_type": "io2"}, "storage"),
            ({"storage_type": "gp2", "iops": 1000}, "storage iops"),
            ({"allocated_storage": 500, "storage_throughput": 600}, "storage throughput"),
            (
                {"performance_insights_enabled": True, "performance_insights_retention_period": 31},
                "performance insights",
            ),
            ({"database_insights_mode": "advanced"}, "database insights"),
        ],
    )
    def test_are_missing_with_a_reason(self, attributes: dict[str, object], component: str) -> None:
        assert components(estimate([database(**attributes)], BOOK), usage_based=False) == [component]

    @pytest.mark.parametrize(
        ("attributes", "quantity"),
        [
            ({"iops": 3000}, None),
            ({"iops": 4000}, 1000),
            ({"allocated_storage": 400, "iops": 12000, "storage_throughput": 500}, None),
            ({"allocated_storage": 400, "iops": 14000}, 2000),
        ],
    )
    def test_charge_iops_above_what_gp3_includes(
        self, attributes: dict[str, object], quantity: int | None
    ) -> None:
        items = [
            i for i in estimate([database(**attributes)], BOOK).line_items if i.component == "storage iops"
        ]
        assert [item.quantity for item in items] == ([] if quantity is None else [quantity])

    @pytest.mark.parametrize(
        ("attributes", "component"),
        [
            ({"backup_retention_period": 7}, "backup storage"),
            ({"monitoring_interval": 60}, "enhanced monitoring"),
            ({"enabled_cloudwatch_logs_exports": ["postgresql"]}, "log export"),
            ({"max_allocated_storage": 500}, "storage growth"),
        ],
    )
    def test_name_what_depends_on_usage(self, attributes: dict[str, object], component: str) -> None:
        result = estimate([database(**attributes)], BOOK)
        assert components(result, usage_based=True) == [component]
        assert "USD per" in result.usage_based[0].reason

    def test_leave_exported_logs_to_the_log_groups(self) -> None:
        exporting = database(enabled_cloudwatch_logs_exports=["postgresql"])
        result = estimate([exporting, resource("aws_cloudwatch_log_group")], BOOK)
        assert components(result, usage_based=True) == ["logs"]

    @pytest.mark.parametrize(
        "attributes",
        [
            {"performance_insights_enabled": True, "performance_insights_retention_period": 7},
            {"performance_insights_enabled": True},
            {"max_allocated_storage": 0},
            {"backup_retention_period": 0},
        ],
    )
    def test_say_nothing_of_what_is_free_or_off(self, attributes: dict[str, object]) -> None:
        assert estimate([database(**attributes)], BOOK).unpriced == ()

    def test_include_the_managed_password(self) -> None:
        found = lines(database(manage_master_user_password=True))
        assert found["aws_db_instance.this", "managed master password"] == Decimal("0.40")

    @pytest.mark.parametrize("source", ["orders", None])
    def test_take_engine_and_storage_of_a_replica_from_its_source(self, source: str | None) -> None:
        replica = PricedResource(
            "aws_db_instance.replica",
            "aws_db_instance",
            {"instance_class": "db.t4g.medium", "replicate_source_db": source},
        )
        found = lines(database(), replica)
        assert found["aws_db_instance.replica", "instance"] == Decimal("47.45")
        assert found["aws_db_instance.replica", "storage"] == Decimal("11.5")

    def test_do_not_guess_the_source_of_a_replica(self) -> None:
        replica = PricedResource(
            "aws_db_instance.replica", "aws_db_instance", {"instance_class": "db.t4g.medium"}
        )
        result = estimate([database("a.x", identifier="x"), database("a.y", identifier="y"), replica], BOOK)
        assert components(result, usage_based=False) == ["instance", "storage"]


class TestProxyPrices:
    def test_follow_the_vcpu_of_the_named_target(self) -> None:
        result = lines(
            database("a.x", identifier="x", instance_class="db.r6g.xlarge"),
            database("a.y", identifier="y"),
            resource("aws_db_proxy", name="pool"),
            resource("aws_db_proxy_target", db_proxy_name="other", db_instance_identifier="y"),
            resource("aws_db_proxy_target", db_proxy_name="pool", db_instance_identifier="x"),
        )
        assert result["aws_db_proxy.this", "proxy"] == 4 * 730 * Decimal("0.015")

    def test_are_never_below_two_vcpu(self) -> None:
        result = lines(database(instance_class="db.t4g.micro"), resource("aws_db_proxy"))
        assert result["aws_db_proxy.this", "proxy"] == Decimal("21.9")

    def test_take_the_only_primary_when_the_target_is_not_known_yet(self) -> None:
        replica = database("a.replica", replicate_source_db="orders", instance_class="db.r6g.16xlarge")
        result = lines(database(), replica, resource("aws_db_proxy"), resource("aws_db_proxy_target"))
        assert result["aws_db_proxy.this", "proxy"] == Decimal("21.9")

    @pytest.mark.parametrize(
        "instances",
        [
            [],
            [database("a.x"), database("a.y")],
            [database(instance_class="db.m5.large")],
            [database(instance_class=1)],
        ],
    )
    def test_are_missing_when_the_vcpu_are_not_known(self, instances: list[PricedResource]) -> None:
        result = estimate([*instances, resource("aws_db_proxy")], BOOK)
        assert "proxy" in components(result, usage_based=False)

    @pytest.mark.parametrize(
        ("name", "vcpu"),
        [
            ("db.t4g.micro", 2),
            ("db.t4g.2xlarge", 8),
            ("db.m7g.large", 2),
            ("db.r6g.16xlarge", 64),
            ("db.r8g.48xlarge", 192),
            ("db.r6g.micro", None),
            ("db.m5.large", None),
            ("cache.r6g.large", None),
            ("db.r6g", None),
            ("", None),
        ],
    )
    def test_know_the_vcpu_of_a_class(self, name: str, vcpu: int | None) -> None:
        assert vcpu_of(name) == vcpu


class TestOtherPrices:
    def test_charge_keys_and_secrets_by_the_month(self) -> None:
        result = estimate(
            [resource("aws_kms_key", enable_key_rotation=True), resource("aws_secretsmanager_secret")], BOOK
        )
        assert result.usd_month == Decimal("1.40")
        assert "rotations" in result.usage_based[0].reason
        assert "at 0.000003 USD per request" in result.usage_based[0].reason

    @pytest.mark.parametrize(
        ("attributes", "quantity"),
        [
            ({"period": 300}, 1),
            ({"metric_query": []}, 1),
            ({"metric_query": [{"expression": "m1/m2"}, {"metric": [{"period": 60}]}, {"metric": [{}]}]}, 2),
            ({"metric_query": [{"expression": "x"}]}, 1),
            ({"threshold_metric_id": "band"}, 3),
        ],
    )
    def test_charge_alarms_by_the_metrics_they_watch(
        self, attributes: dict[str, object], quantity: int
    ) -> None:
        (item,) = estimate([resource("aws_cloudwatch_metric_alarm", **attributes)], BOOK).line_items
        assert item.usd_month == quantity * Decimal("0.10")

    @pytest.mark.parametrize("attributes", [{"period": 10}, {"metric_query": [{"metric": [{"period": 30}]}]}])
    def test_do_not_take_a_fine_alarm_for_a_standard_one(self, attributes: dict[str, object]) -> None:
        (item,) = estimate([resource("aws_cloudwatch_metric_alarm", **attributes)], BOOK).line_items
        assert (item.sku_key, item.usd_month) == ("alarm.high-resolution", Decimal("0.30"))

    def test_name_the_usage_of_logs_and_topics(self) -> None:
        result = estimate([resource("aws_cloudwatch_log_group"), resource("aws_sns_topic")], BOOK)
        assert components(result, usage_based=True) == ["logs", "messages"]


class TestResourcesOfAPlan:
    def test_are_what_is_there_before_and_after(self) -> None:
        plan = parse_plan(
            plan_of(
                change(["delete", "create"], {"a": 1}, {"a": 2}),
                change(["create"], None, {"a": 3}, address="aws_db_instance.new"),
                change(["delete"], {"a": 4}, None, address="aws_db_instance.old"),
            )
        )
        after = [(r.address, r.attributes["a"]) for r in resources_from_plan(plan)]
        before = [(r.address, r.attributes["a"]) for r in resources_before_plan(plan)]
        assert after == [("aws_db_instance.this", 2), ("aws_db_instance.new", 3)]
        assert before == [("aws_db_instance.this", 1), ("aws_db_instance.old", 4)]


class TestParsePriceBook:
    HEADER = ",".join(COLUMNS)

    def test_reads_only_the_region(self) -> None:
        text = f"{self.HEADER}\naws,r1,kms,key,m,1.00,2026,here\naws,r2,kms,key,m,2.00,2026,here\n"
        book = parse_price_book(text, "r1")
        price = book.get("kms", "key")
        assert price is not None
        assert (price.price_usd, price.source) == (Decimal("1.00"), "here")
        assert book.get("kms", "other") is None

    def test_gives_a_digest_of_prices_alone(self) -> None:
        row, other = "aws,r,a,k,m,1,2026,here", "aws,r,b,k,m,2,2026,here"
        digests = {
            parse_price_book("\n".join([self.HEADER, *rows]), "r").digest
            for rows in ([row, other], [other, row], [row.replace("here", "there"), other])
        }
        assert len(digests) == 1
        assert parse_price_book(f"{self.HEADER}\n{row}", "r").digest not in digests

    @pytest.mark.parametrize(
        ("rows", "text"),
        [
            ("", "line 1: the columns"),
            ("a,b\n1,2", "line 1: the columns"),
            ("{}\naws,r,kms,key,m,one,2026,x", "line 2: 'one' is not a price"),
            ("{}\naws,r,kms,key,m,-1,2026,x", "'-1' is not a price"),
            ("{}\naws,r,kms,key,m,NaN,2026,x", "'NaN' is not a price"),
            ("{}\naws,r,kms,key,m,1,2026", "line 2: a cell"),
            ("{}\naws,r,kms,key,m,1,2026,x,y", "line 2: a cell"),
            ("{}\naws,r,kms,key,m,1,2026,", "line 2: a cell"),
            ("{}\naws,r,kms,key,m,1,2026,x\naws,r,kms,key,m,2,2026,x", "line 3: kms key is there twice"),
            ('{}\naws,r,kms,key,m,1,2026,"x', "not CSV"),
        ],
    )
    def test_refuses_a_broken_file_with_the_line(self, rows: str, text: str) -> None:
        with pytest.raises(PriceBookError, match=text):
            parse_price_book(rows.format(self.HEADER), "r")


class TestThePriceFile:
    def test_names_a_source_for_every_price(self) -> None:
        assert len(BOOK.prices) > 50
        for price in BOOK.prices.values():
            assert price.source.startswith(("second-hand: ", "derived: ", "AWS ")), price
            assert price.price_usd > 0

    def test_derives_multi_az_from_single_az_where_it_says_so(self) -> None:
        for (service, sku_key), price in BOOK.prices.items():
            if price.source.startswith("derived: twice"):
                single = BOOK.prices[service, sku_key.replace(".multi-az", ".single-az")]
                assert price.price_usd == 2 * single.price_usd
