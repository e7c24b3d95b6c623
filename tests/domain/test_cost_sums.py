"""What an estimate sums up: fixed and by use, coverage, explanations, bounds, and many resources."""

from decimal import Decimal

import pytest

from provisioner.domain.cost import (
    USD_MONTH_MAX,
    Coverage,
    LineItem,
    PricedResource,
    estimate,
    parse_price_book,
)
from provisioner.domain.pricing import COLUMNS, NUMBER_MAX, counted, plain
from provisioner.domain.pricing_sheet import ByUse, Sheet
from provisioner.domain.pricing_table import Fixed, PriceTable
from provisioner.domain.pricing_usage import Amount, UsageProfile, UsageRule, matches
from tests.domain.cost_case import BOOK, profile
from tests.domain.documents import resource

GATE = resource("aws_nat_gateway")


class TestASum:
    def test_is_split_into_fixed_and_by_use(self) -> None:
        usage = profile({"aws_nat_gateway": {"monthly_data_processed_gb": 100}})
        result = estimate([GATE], BOOK, usage)
        assert (result.usd_month, result.fixed_usd_month, result.usage_usd_month) == (
            Decimal("37.35"),
            Decimal("32.85"),
            Decimal("4.50"),
        )
        assert result.unpriced == ()

    def test_without_a_profile_is_fixed(self) -> None:
        result = estimate([GATE], BOOK)
        assert (result.usd_month, result.fixed_usd_month, result.usage_usd_month) == (
            Decimal("32.85"),
            Decimal("32.85"),
            Decimal("0.00"),
        )
        assert [row.component for row in result.usage_based] == ["data"]

    def test_by_use_is_rounded_half_up(self) -> None:
        usage = profile({"aws_nat_gateway": {"monthly_data_processed_gb": "1.0"}})  # 0.045
        assert estimate([GATE], BOOK, usage).usage_usd_month == Decimal("0.05")

    def test_marks_what_is_expected_with_its_profile(self) -> None:
        usage = profile({"aws_nat_gateway": {"monthly_data_processed_gb": 1}}, "production")
        hours, data = estimate([GATE], BOOK, usage).line_items
        assert (hours.usage_based, hours.profile) == (False, "")
        assert (data.usage_based, data.profile) == (True, "production")

    def test_takes_an_expected_use_without_a_rate_for_use_and_not_for_a_missing_price(self) -> None:
        usage = profile({"aws_neptune_cluster": {"storage_gb": 1}})
        result = estimate([resource("aws_neptune_cluster")], BOOK, usage)
        assert result.without_price == ()
        assert "has no price for neptune storage" in result.usage_based[0].reason

    def test_is_cut_where_it_cannot_be_right(self) -> None:
        disk = resource("aws_ebs_volume", type="gp2", size=10**13)
        result = estimate([disk, GATE], BOOK)
        assert result.usd_month == Decimal("32.85")
        assert [(row.component, row.reason) for row in result.without_price] == [
            ("storage", "The amount is beyond what can be right; look at the numbers of the plan.")
        ]
        assert result.coverage == Coverage(priced=1, unpriced=1)

    def test_reaches_the_limit_and_not_beyond(self) -> None:
        most = resource("aws_ebs_volume", "a", type="gp2", size=int(USD_MONTH_MAX * 10))
        assert estimate([most], BOOK).usd_month == USD_MONTH_MAX
        more = estimate([most, resource("aws_kms_key")], BOOK)
        assert (more.usd_month, [row.component for row in more.without_price]) == (USD_MONTH_MAX, ["key"])


class TestCoverage:
    def test_puts_each_resource_into_one_class(self) -> None:
        result = estimate(
            [
                GATE,
                resource("aws_sqs_queue"),
                resource("aws_mystery"),
                resource("aws_iam_role"),
                resource("aws_vpc_endpoint"),
                resource("aws_instance", instance_type="m5.large"),
                resource("aws_iam_policy"),
            ],
            BOOK,
        )
        assert result.coverage == Coverage(priced=1, usage=1, unpriced=2, free=3)
        assert (result.coverage.resources, result.coverage.share) == (7, 71)

    def test_counts_what_is_expected_by_use(self) -> None:
        usage = profile({"aws_sqs_queue": {"monthly_requests": 5}})
        assert estimate([resource("aws_sqs_queue")], BOOK, usage).coverage == Coverage(usage=1)

    @pytest.mark.parametrize(
        ("coverage", "share"),
        [
            (Coverage(), 100),
            (Coverage(priced=3), 100),
            (Coverage(unpriced=3), 0),
            (Coverage(priced=999, unpriced=1), 99),
            (Coverage(usage=1, free=1, unpriced=1), 66),
        ],
    )
    def test_has_a_share_that_is_full_only_when_all_is_known(self, coverage: Coverage, share: int) -> None:
        assert coverage.share == share


class TestAnExplanation:
    def test_tells_quantity_hours_price_row_date_and_source(self) -> None:
        (hours, _) = estimate(
            [resource("aws_elb")], BOOK, profile({"aws_elb": {"monthly_data_processed_gb": 1}})
        ).line_items
        assert hours.explain() == (
            "1 × 730 hours a month = 730 hour; × 0.025 USD per hour = 18.25 USD a month. "
            "Price: elb classic.hour in us-east-1, in effect undated; "
            "source: second-hand: infracost golden file elb_test (commit 03ed891)."
        )

    def test_names_the_profile_and_the_amount_before_rounding(self) -> None:
        usage = profile({"aws_elb": {"monthly_data_processed_gb": "0.7"}}, "staging")
        (_, data) = estimate([resource("aws_elb")], BOOK, usage).line_items
        assert data.explain().startswith(
            "0.7 (monthly_data_processed_gb) = 0.7 GB; × 0.008 USD per GB = 0.01 USD a month "
            "(0.0056 before rounding). Expected use: staging. Price: elb classic.data in us-east-1"
        )

    def test_does_not_say_twice_how_much_it_is(self) -> None:
        item = LineItem("a", "c", "k", Decimal("2.0"), "GB", Decimal(1), Decimal(2), "s", basis="2 GB")
        assert item.explain().startswith("2 GB; × 1 USD per GB = 2.00 USD a month. Price:")

    def test_of_a_quantity_without_a_basis_is_short(self) -> None:
        (key, _) = estimate(
            [resource("aws_kms_key")], BOOK, profile({"aws_kms_key": {"monthly_requests": 0}})
        ).line_items
        assert key.explain().startswith(
            "1 key-month; × 1 USD per key-month = 1.00 USD a month. Price: kms key in"
        )


class TestNumbers:
    @pytest.mark.parametrize(
        ("number", "text"),
        [
            ("0", "0"),
            ("100", "100"),
            ("0.50", "0.5"),
            ("730.0", "730"),
            ("1E+3", "1000"),
            ("1E-7", "0.0000001"),
        ],
    )
    def test_are_written_plainly(self, number: str, text: str) -> None:
        assert plain(Decimal(number)) == text

    @pytest.mark.parametrize(
        ("count", "text"), [("1", "1 node"), ("2", "2 nodes"), ("0", "0 nodes"), ("0.5", "0.5 nodes")]
    )
    def test_name_what_they_count(self, count: str, text: str) -> None:
        assert counted(Decimal(count), "node") == text

    @pytest.mark.parametrize(
        ("value", "number"),
        [
            (0, "0"),
            (5, "5"),
            (0.5, "0.5"),
            ("7.25", "7.25"),
            (Decimal(3), "3"),
            (int(NUMBER_MAX), str(NUMBER_MAX)),
            (int(NUMBER_MAX) + 1, None),
            (10**5000, None),
            ("1e400", None),
            (-1, None),
            ("-0.1", None),
            (True, None),
            ("x", None),
            ("", None),
            ("Infinity", None),
            (float("nan"), None),
            (None, None),
            ([1], None),
        ],
        ids=lambda value: str(value)[:20] if not isinstance(value, int) or value < 10**20 else "huge",
    )
    def test_are_read_strictly(self, value: object, number: str | None) -> None:
        found = PricedResource("a", "t", {"n": value}).number("n")
        assert found == (None if number is None else Decimal(number))

    def test_of_nested_blocks_are_read_like_those_outside(self) -> None:
        outer = PricedResource("a", "t", {"b": [{"n": 1}, 5, {"n": 2}], "c": {"n": 3}, "d": ({"n": 4},)})
        assert [(block.address, block.type, block.number("n")) for block in outer.blocks("b")] == [
            ("a", "t", 1),
            ("a", "t", 2),
        ]
        assert outer.block("b").number("n") == 1
        assert outer.block("d").number("n") == 4
        assert (outer.blocks("c"), outer.block("c").attributes, outer.block("c").address) == ((), {}, "a")


class TestATable:
    BOOK = parse_price_book(
        f"{','.join(COLUMNS)}\naws,r,s,box.m1,hour,2,d,x\naws,r,s,low,GB,3,d,x\naws,r,s,high,GB,1,d,x\n", "r"
    )

    def told(
        self, part: Fixed | ByUse, usage: UsageProfile | None = None, **attributes: object
    ) -> list[object]:
        given = PricedResource(
            "a",
            "t",
            {k: v for k, v in attributes.items() if v != "?"},
            frozenset(k for k, v in attributes.items() if v == "?"),
        )
        sheet = Sheet(self.BOOK, [given], usage or UsageProfile())
        return [
            (row.quantity, row.usd_month) if isinstance(row, LineItem) else row.reason
            for row in PriceTable("", (part,)).rows(given, sheet)
        ]

    @pytest.mark.parametrize(
        ("part", "attributes", "expected"),
        [
            (Fixed("c", "s", "low"), {}, [(1, 3)]),
            (Fixed("c", "s", "low", count="n"), {"n": 4}, [(4, 12)]),
            (Fixed("c", "s", "low", count="n"), {}, [(1, 3)]),
            (
                Fixed("c", "s", "low", count="n_of_x"),
                {"n_of_x": "?"},
                ["The n of x is known only after the apply."],
            ),
            (Fixed("c", "s", "low", count="n", default=None), {}, ["The n is not set, or not to be read."]),
            (Fixed("c", "s", "box.{size}", hours=True), {"size": "M1"}, [(730, 1460)]),
            (
                Fixed("c", "s", "box.{size}", hours=True),
                {"size": "?"},
                ["The size is known only after the apply."],
            ),
            (Fixed("c", "s", "box.{the_size}"), {}, ["The the size is not set, or not to be read."]),
            (Fixed("c", "s", "low", when="on"), {}, []),
            (Fixed("c", "s", "low", when="on"), {"on": ""}, []),
            (Fixed("c", "s", "low", when="on"), {"on": "yes"}, [(1, 3)]),
            (Fixed("c", "s", "low", when="on"), {"on": "?"}, [(1, 3)]),
        ],
    )
    def test_prices_what_is_fixed(
        self, part: Fixed, attributes: dict[str, object], expected: list[object]
    ) -> None:
        assert self.told(part, **attributes) == expected

    @pytest.mark.parametrize(
        ("amount", "expected"),
        [
            ("0", [(0, 0)]),
            ("9", [(9, 27)]),
            ("10", [(10, 30)]),
            ("10.5", [(10, 30), (Decimal("0.5"), Decimal("0.5"))]),
            ("1000000", [(10, 30), (999990, 999990)]),
        ],
    )
    def test_prices_use_tier_by_tier(self, amount: str, expected: list[object]) -> None:
        part = ByUse("c", "by size", "s", (("low", Decimal(10)), ("high", None)), "gb")
        assert self.told(part, UsageProfile((UsageRule("p", "t", {"gb": Decimal(amount)}),))) == expected
        assert self.told(part) == ["Usage based: by size, at 3 USD per GB."]


class TestAUsageProfile:
    RULES = (
        UsageRule("all", "aws_*", {"a": Decimal(1), "b": Decimal(1)}),
        UsageRule("one", "aws_x", {"b": Decimal(2)}),
        UsageRule("there", "aws_x", {"b": Decimal(3)}, address="module.m[*].aws_x.*"),
    )

    @pytest.mark.parametrize(
        ("kind", "address", "expected"),
        [
            ("aws_x", "aws_x.this", {"a": (1, "all"), "b": (2, "one")}),
            ("aws_x", 'module.m["k"].aws_x.this', {"a": (1, "all"), "b": (3, "there")}),
            ("aws_y", "module.m[0].aws_x.this", {"a": (1, "all"), "b": (1, "all")}),
            ("gcp_x", "gcp_x.this", {}),
        ],
    )
    def test_lets_the_later_rule_hold_key_by_key(
        self, kind: str, address: str, expected: dict[str, tuple[int, str]]
    ) -> None:
        found = UsageProfile(self.RULES)
        for _ in range(2):  # the second time from what was looked up
            assert found.of(kind, address) == {
                key: Amount(Decimal(value), name) for key, (value, name) in expected.items()
            }

    def test_knows_addresses_apart_whichever_it_is_asked_for_first(self) -> None:
        found = UsageProfile(self.RULES)
        assert found.of("aws_x", "module.m[0].aws_x.a")["b"].value == 3
        assert found.of("aws_x", "aws_x.a")["b"].value == 2

    @pytest.mark.parametrize(
        ("pattern", "text", "expected"),
        [
            ("*", "", True),
            ("*", "anything", True),
            ("aws_x", "aws_x", True),
            ("aws_x", "aws_xy", False),
            ("aws_*", "aws_", True),
            ("aws_*", "gcp_aws_", False),
            ("*_x", "aws_x", True),
            ("*_x", "aws_xy", False),
            ("a*a", "a", False),
            ("a*a", "aa", True),
            ("a*b*c", "a-b-c", True),
            ("a*b*c", "a-c", False),
            ("*a*b*", "b-a", False),
            ("*aa*aa*", "aaa", False),
            ("*aa*aa*", "aaaa", True),
            ("x[0]*", "x[0].y", True),
            ("x[0]*", "x0.y", False),
            ("a?c", "abc", False),
        ],
    )
    def test_matches_stars_alone(self, pattern: str, text: str, expected: bool) -> None:
        assert matches(pattern, text) is expected


class TestManyResources:
    def test_are_looked_through_once_for_each_type(self) -> None:
        """A scan for each resource would be 25 million looks here; the test would take minutes instead of a second."""
        groups = [
            resource(
                "aws_autoscaling_group", f"g[{n}]", desired_capacity=1, launch_template=[{"name": f"t{n}"}]
            )
            for n in range(1500)
        ]
        templates = [
            resource("aws_launch_template", f"t[{n}]", name=f"t{n}", instance_type="m5.large")
            for n in range(1500)
        ]
        replicas = [
            resource("aws_db_instance", f"r[{n}]", instance_class="db.t4g.medium") for n in range(1500)
        ]
        source = resource(
            "aws_db_instance",
            "s",
            engine="postgres",
            instance_class="db.t4g.medium",
            allocated_storage=20,
            storage_type="gp3",
        )
        queues = [resource("aws_sqs_queue", f"q[{n}]", kms_master_key_id="k") for n in range(1500)]
        result = estimate([*groups, *templates, *replicas, source, *queues], BOOK)
        assert len([item for item in result.line_items if item.component == "machines"]) == 1500
        assert len([item for item in result.line_items if item.component == "instance"]) == 1501
        assert result.without_price == ()
