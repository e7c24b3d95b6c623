from decimal import Decimal

import pytest

from provisioner.domain.cost import PricedResource, estimate, resources_before_plan, resources_from_plan
from provisioner.domain.cost_change import CostChange, CostStatus, compare
from provisioner.domain.plan import parse_plan
from tests.domain.cost_case import BOOK, profile
from tests.domain.documents import change, plan_of, resource


def changed(before: list[PricedResource], after: list[PricedResource]) -> CostChange:
    return compare(estimate(before, BOOK), estimate(after, BOOK))


def machine(instance_type: str, address: str = "aws_instance.web", gb: int = 10) -> PricedResource:
    disk = {"volume_type": "gp3", "volume_size": gb}
    return resource("aws_instance", address, instance_type=instance_type, root_block_device=[disk])


def rows(found: CostChange) -> list[tuple[str, str, str, str, str]]:
    return [
        (
            row.address,
            row.status.value,
            str(row.before_usd_month),
            str(row.after_usd_month),
            str(row.delta_usd_month),
        )
        for row in found.resources
    ]


def lines(found: CostChange) -> list[tuple[str, str, str, str]]:
    return [
        (line.item.component, line.status.value, str(line.item.usd_month), str(line.delta_usd_month))
        for line in found.lines
    ]


class TestAComparison:
    def test_of_the_same_is_unchanged(self) -> None:
        found = changed([machine("m5.large")], [machine("m5.large")])
        assert rows(found) == [("aws_instance.web", "unchanged", "70.88", "70.88", "0.00")]
        assert (found.before_usd_month, found.delta_usd_month) == (Decimal("70.88"), Decimal("0.00"))
        assert lines(found) == [
            ("machines", "unchanged", "70.080", "0.000"),
            ("root volume", "unchanged", "0.80", "0.00"),
        ]

    def test_tells_what_grows_by_resource_and_by_line(self) -> None:
        found = changed([machine("m5.large")], [machine("m5.xlarge")])
        assert rows(found) == [("aws_instance.web", "changed", "70.88", "140.96", "70.08")]
        assert found.delta_usd_month == Decimal("70.08")
        assert lines(found) == [
            ("machines", "changed", "140.160", "70.080"),
            ("root volume", "unchanged", "0.80", "0.00"),
        ]

    def test_tells_what_is_added_and_what_is_removed(self) -> None:
        found = changed([machine("m5.large")], [resource("aws_kms_key")])
        assert rows(found) == [
            ("aws_instance.web", "removed", "70.88", "0.00", "-70.88"),
            ("aws_kms_key.this", "added", "0.00", "1.00", "1.00"),
        ]
        assert lines(found) == [
            ("key", "added", "1.00", "1.00"),
            ("machines", "removed", "0", "-70.080"),
            ("root volume", "removed", "0", "-0.80"),
        ]
        assert (found.before_usd_month, found.delta_usd_month) == (Decimal("70.88"), Decimal("-69.88"))
        gone = found.lines[1].item
        assert (gone.quantity, gone.basis, gone.unit_price_usd) == (
            0,
            "removed: 730 before",
            Decimal("0.096"),
        )

    def test_of_a_component_that_goes_keeps_its_resource(self) -> None:
        before = resource("aws_ebs_volume", type="gp3", size=10, iops=4000)
        found = changed([before], [resource("aws_ebs_volume", type="gp3", size=10, iops=3000)])
        assert rows(found) == [("aws_ebs_volume.this", "changed", "5.80", "0.80", "-5.00")]
        assert lines(found) == [
            ("storage", "unchanged", "0.80", "0.00"),
            ("storage IOPS", "removed", "0", "-5.000"),
        ]

    def test_puts_what_changes_most_first_and_what_stays_last(self) -> None:
        before = [machine("m5.large", "b"), machine("m5.large", "a"), machine("m5.large", "s", 1)]
        after = [machine("m5.xlarge", "b"), machine("m5.xlarge", "a"), machine("m5.large", "s", 1)]
        found = changed(before, [*after, resource("aws_kms_key", "k")])
        assert [row.address for row in found.resources] == ["a", "b", "k", "s"]

    def test_says_nothing_of_what_has_no_price(self) -> None:
        assert changed([resource("aws_mystery")], [resource("aws_sqs_queue")]) == CostChange(
            Decimal("0.00"), Decimal("0.00"), (), ()
        )

    def test_compares_several_lines_of_one_name_as_one(self) -> None:
        # A deposed object is still there beside the one that replaced it.
        found = changed([machine("m5.large"), machine("m5.large")], [machine("m5.large")])
        assert rows(found) == [("aws_instance.web", "changed", "141.76", "70.88", "-70.88")]
        assert lines(found) == [
            ("machines", "changed", "70.080", "-70.080"),
            ("root volume", "changed", "0.80", "-0.80"),
        ]
        grown = changed([machine("m5.large")], [machine("m5.large"), machine("m5.large")])
        assert rows(grown) == [("aws_instance.web", "changed", "70.88", "141.76", "70.88")]
        assert [line.delta_usd_month for line in grown.lines if line.item.component == "machines"] == [
            Decimal(0),
            Decimal("70.08"),
        ]
        assert [line.status.value for line in grown.lines] == ["unchanged", "unchanged", "changed", "changed"]

    def test_of_lines_adds_up_to_that_of_the_totals(self) -> None:
        found = changed([machine("m5.large"), machine("t3.micro", "b")], [machine("r5.large", gb=77)])
        total = sum((line.delta_usd_month for line in found.lines), Decimal(0))
        assert total.quantize(Decimal("0.01")) == found.delta_usd_month
        assert sum(row.delta_usd_month for row in found.resources) == found.delta_usd_month

    def test_rounds_each_resource_half_up(self) -> None:
        small = resource("aws_ebs_volume", type="gp3", size=1, iops=3001)  # 0.08 + 0.005
        assert rows(changed([], [small])) == [("aws_ebs_volume.this", "added", "0.00", "0.09", "0.09")]

    def test_counts_resources_by_status(self) -> None:
        found = changed(
            [machine("m5.large", "a"), machine("m5.large", "b")],
            [machine("m5.large", "a"), machine("t3.micro", "c"), machine("t3.micro", "d")],
        )
        assert {status.value: found.count(status) for status in CostStatus} == {
            "added": 2,
            "changed": 0,
            "removed": 1,
            "unchanged": 1,
        }

    def test_keeps_the_types(self) -> None:
        found = changed([machine("m5.large")], [resource("aws_kms_key")])
        assert [row.type for row in found.resources] == ["aws_instance", "aws_kms_key"]

    def test_counts_what_is_expected_to_be_used_on_both_sides(self) -> None:
        usage = profile({"aws_nat_gateway": {"monthly_data_processed_gb": 100}})
        gate = [resource("aws_nat_gateway")]
        found = compare(estimate(gate, BOOK, usage), estimate(gate, BOOK, usage))
        assert rows(found) == [("aws_nat_gateway.this", "unchanged", "37.35", "37.35", "0.00")]


class TestAPlan:
    @pytest.mark.parametrize(
        ("actions", "before", "after", "status", "delta"),
        [
            (["create"], None, {"size": 10}, "added", "1.00"),
            (["update"], {"size": 10}, {"size": 20}, "changed", "1.00"),
            (["delete", "create"], {"size": 20}, {"size": 10}, "changed", "-1.00"),
            (["delete"], {"size": 10}, None, "removed", "-1.00"),
            (["no-op"], {"size": 10}, {"size": 10}, "unchanged", "0.00"),
            (["forget"], {"size": 10}, None, "removed", "-1.00"),
        ],
    )
    def test_changes_what_its_actions_say(
        self, actions: list[str], before: object, after: object, status: str, delta: str
    ) -> None:
        plan = parse_plan(plan_of(change(actions, before, after, kind="aws_ebs_volume")))
        found = changed(list(resources_before_plan(plan)), list(resources_from_plan(plan)))
        assert [(row.status.value, str(row.delta_usd_month)) for row in found.resources] == [(status, delta)]

    def test_finds_what_was_moved(self) -> None:
        moved = change(
            ["no-op"],
            {"size": 10},
            {"size": 10},
            kind="aws_ebs_volume",
            address="aws_ebs_volume.new",
            entry={"previous_address": "aws_ebs_volume.old"},
        )
        plan = parse_plan(plan_of(moved))
        found = changed(list(resources_before_plan(plan)), list(resources_from_plan(plan)))
        assert [(row.address, row.status.value) for row in found.resources] == [
            ("aws_ebs_volume.new", "unchanged")
        ]

    def test_names_what_it_knows_only_after_the_apply(self) -> None:
        made = change(
            ["create"],
            None,
            {"size": 10, "type": "gp3", "tags": {}},
            kind="aws_ebs_volume",
            after_unknown={
                "id": True,
                "iops": True,
                "tags": {},
                "timeouts": [{"create": True}],
                "size": False,
            },
        )
        (priced,) = resources_from_plan(parse_plan(plan_of(made)))
        assert priced.unknown == {"id", "iops"}

    def test_of_a_plan_that_leaves_everything_open_knows_no_names(self) -> None:
        (priced,) = resources_from_plan(
            parse_plan(plan_of(change(["create"], None, {}, kind="aws_ebs_volume", after_unknown=True)))
        )
        assert priced.unknown == frozenset()
