from decimal import Decimal

import pytest

from provisioner.domain.cost import PricedResource, estimate, parse_price_book
from tests.domain.documents import PRICES, resource

BOOK = parse_price_book(PRICES.read_text(), "us-east-1")
HOURS = Decimal(730)


def service(**attributes: object) -> PricedResource:
    return PricedResource("aws_ecs_service.this", "aws_ecs_service", {"desired_count": 2, **attributes})


def definition(name: str = "this", **attributes: object) -> PricedResource:
    given = {"cpu": "512", "memory": "1024", "requires_compatibilities": ["FARGATE"], **attributes}
    return PricedResource(f"aws_ecs_task_definition.{name}", "aws_ecs_task_definition", given)


def architecture(name: str) -> dict[str, object]:
    return {"runtime_platform": [{"cpu_architecture": name, "operating_system_family": "LINUX"}]}


class TestTaskPrices:
    @pytest.mark.parametrize(
        ("platform", "sku", "vcpu", "gb"),
        [
            (architecture("ARM64"), "arm64", "0.03238", "0.00356"),
            (architecture("X86_64"), "x86_64", "0.04048", "0.004445"),
            ({}, "x86_64", "0.04048", "0.004445"),
            ({"runtime_platform": [{"cpu_architecture": ""}]}, "x86_64", "0.04048", "0.004445"),
        ],
    )
    def test_are_cpu_and_memory_of_all_tasks_at_all_hours(
        self, platform: dict[str, object], sku: str, vcpu: str, gb: str
    ) -> None:
        result = estimate([service(), definition(**platform)], BOOK)
        assert result.unpriced == ()
        cpu, memory = result.line_items
        assert (cpu.component, cpu.sku_key, cpu.quantity) == ("vCPU", f"linux.{sku}.vcpu", HOURS)
        assert (memory.component, memory.sku_key, memory.quantity) == ("memory", f"linux.{sku}.gb", 2 * HOURS)
        assert (cpu.unit_price_usd, memory.unit_price_usd) == (Decimal(vcpu), Decimal(gb))
        assert cpu.usd_month + memory.usd_month == HOURS * (Decimal(vcpu) + 2 * Decimal(gb))
        assert all(item.source.startswith("second-hand: ") for item in result.line_items)

    def test_are_nothing_without_a_task(self) -> None:
        assert estimate([service(desired_count=0), definition()], BOOK).usd_month == 0
        assert estimate([service(desired_count=None), definition()], BOOK).usd_month == 0

    def test_take_the_definition_that_the_service_names(self) -> None:
        arn = "arn:aws:ecs:us-east-1:123456789012:task-definition/large:3"
        others = [definition("small", family="small", cpu="256"), definition("large", arn=arn, cpu="4096")]
        by_family = estimate([service(task_definition="small"), *others], BOOK)
        by_arn = estimate([service(task_definition=arn), *others], BOOK)
        assert [r.line_items[0].quantity for r in (by_family, by_arn)] == [HOURS / 2, 8 * HOURS]

    @pytest.mark.parametrize(
        ("resources", "reason"),
        [
            ([service()], "no CPU and memory that are known"),
            ([service(), definition(cpu=None)], "no CPU and memory that are known"),
            ([service(), definition(memory="lots")], "no CPU and memory that are known"),
            ([service(), definition("one"), definition("two")], "no CPU and memory that are known"),
            ([service(), definition(requires_compatibilities=["EC2"])], "Only tasks on Fargate"),
            ([service(launch_type="EXTERNAL"), definition()], "Only tasks on Fargate"),
        ],
    )
    def test_are_not_guessed(self, resources: list[PricedResource], reason: str) -> None:
        result = estimate(resources, BOOK)
        assert result.line_items == ()
        (row,) = result.without_price
        assert (row.component, row.usage_based) == ("tasks", False)
        assert reason in row.reason

    def test_of_an_unknown_architecture_are_said_to_be_missing(self) -> None:
        result = estimate([service(), definition(**architecture("RISCV"))], BOOK)
        assert [row.component for row in result.without_price] == ["vCPU", "memory"]
        assert result.line_items == ()


class TestScalingPrices:
    @pytest.mark.parametrize(("least", "most", "rows"), [(2, 6, 1), (2, 2, 0), (None, 6, 0), (2, None, 0)])
    def test_are_said_for_what_may_be_added(self, least: object, most: object, rows: int) -> None:
        target = PricedResource(
            "t.this", "aws_appautoscaling_target", {"min_capacity": least, "max_capacity": most}
        )
        result = estimate([target], BOOK)
        assert [row.component for row in result.usage_based] == ["scaling"] * rows
        assert all("tasks above 2, up to 6" in row.reason for row in result.usage_based)


class TestClusterPrices:
    @pytest.mark.parametrize(("value", "rows"), [("enabled", 1), ("enhanced", 1), ("disabled", 0)])
    def test_are_those_of_container_insights(self, value: str, rows: int) -> None:
        setting = [{"name": "containerInsights", "value": value}]
        result = estimate([PricedResource("c.this", "aws_ecs_cluster", {"setting": setting})], BOOK)
        assert len(result.usage_based) == rows
        assert (result.without_price, result.usd_month) == ((), 0)

    def test_are_nothing_for_what_is_free(self) -> None:
        kinds = ("aws_ecs_cluster", "aws_ecs_task_definition", "aws_lb_listener", "aws_acm_certificate")
        assert estimate([resource(kind) for kind in kinds], BOOK).unpriced == ()


class TestLoadBalancerPrices:
    def test_are_hours_and_by_use_inside_a_network(self) -> None:
        result = estimate([PricedResource("aws_lb.this", "aws_lb", {"internal": True})], BOOK)
        (item,) = result.line_items
        assert (item.component, item.quantity, item.usd_month) == ("hours", HOURS, Decimal("16.425"))
        (row,) = result.usage_based
        assert (row.component, "at 0.008 USD per LCU-hour" in row.reason) == ("capacity", True)

    def test_are_also_addresses_on_the_internet(self) -> None:
        result = estimate([PricedResource("aws_lb.this", "aws_lb", {"internal": False})], BOOK)
        assert [row.component for row in result.usage_based] == ["capacity", "addresses"]
        assert "at 0.005 USD per address-hour" in result.usage_based[1].reason

    def test_of_a_network_balancer_are_its_own(self) -> None:
        network = PricedResource("aws_lb.this", "aws_lb", {"load_balancer_type": "network", "internal": True})
        result = estimate([network], BOOK)
        assert [(item.sku_key, item.usd_month) for item in result.line_items] == [
            ("nlb.hour", Decimal("16.425"))
        ]
        assert [row.reason for row in result.usage_based] == [
            "Usage based: connections, requests and bytes, at 0.006 USD per LCU-hour."
        ]

    def test_of_another_kind_are_not_guessed(self) -> None:
        gateway = PricedResource("aws_lb.this", "aws_lb", {"load_balancer_type": "gateway"})
        (row,) = estimate([gateway], BOOK).without_price
        assert row.reason == "Only application and network load balancers have a price here."
