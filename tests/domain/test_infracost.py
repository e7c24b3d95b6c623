"""What infracost writes becomes an estimate, or is refused; the documents are ours, in infracost's shape."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from provisioner.domain.infracost import OutputError, read
from provisioner.domain.pricing import PricedResource


def component(
    name: str, unit: str, quantity: str | None, price: str, cost: str | None, **more: Any
) -> dict[str, Any]:
    return {
        "name": name, "unit": unit, "hourlyQuantity": None, "monthlyQuantity": quantity, "price": price,
        "hourlyCost": None, "monthlyCost": cost, **more,
    }  # fmt: skip


def resource(
    name: str, *components: dict[str, Any], parts: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    return {"name": name, "metadata": {}, "costComponents": list(components), "subresources": parts or []}


def document(*resources: dict[str, Any], total: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "version": "0.2",
        "currency": "USD",
        "projects": [
            {
                "name": "plan.json",
                "metadata": {"type": "terraform_plan_json"},
                "pastBreakdown": {
                    "resources": [resource("aws_x.old", component("Thing", "hours", "1", "12.5", "12.5"))],
                    "totalMonthlyCost": "12.5",
                },
                "breakdown": {"resources": list(resources), "totalMonthlyCost": total},
            }
        ],
        "summary": {},
        **more,
    }


MACHINE = resource(
    "module.this.aws_instance.web[0]",
    component("Instance usage (Linux/UNIX, on-demand, t3.nano)", "hours", "730", "0.0052", "3.796"),
    component("CPU credits", "vCPU-hours", "0", "0.05", "0"),
    parts=[resource("root_block_device", component("Storage (gp2)", "GB", "8", "0.1", "0.8"))],
)
BUCKET = resource(
    "aws_s3_bucket.data", parts=[resource("Standard", component("Storage", "GB", None, "0.023", None))]
)


def said(found: dict[str, Any], *resources: PricedResource) -> Any:
    return read(json.dumps(found).encode(), resources, source="infracost v0.10.39")


class TestABreakdown:
    def test_is_line_items_with_units_and_the_parts_within_a_resource(self) -> None:
        made = said(document(MACHINE, total="4.596"))
        assert [
            (item.address, item.component, item.quantity, item.unit, item.unit_price_usd, item.usd_month)
            for item in made.estimate.line_items
        ] == [
            (
                "module.this.aws_instance.web[0]", "Instance usage (Linux/UNIX, on-demand, t3.nano)", Decimal(730),
                "hours", Decimal("0.0052"), Decimal("3.796"),
            ),
            (
                "module.this.aws_instance.web[0]", "root_block_device: Storage (gp2)", Decimal(8), "GB",
                Decimal("0.1"), Decimal("0.8"),
            ),
        ]  # fmt: skip
        assert made.estimate.usd_month == Decimal("4.60")
        assert made.before.usd_month == Decimal("12.50")
        assert [item.address for item in made.before.line_items] == ["aws_x.old"]
        assert {item.source for item in made.estimate.line_items} == {"infracost v0.10.39"}
        assert made.estimate.line_items[1].explain() == (
            "8 GB; \N{MULTIPLICATION SIGN} 0.1 USD per GB = 0.80 USD a month. Price: infracost Storage (gp2) in its "
            "own prices, in effect when it was asked; source: infracost v0.10.39."
        )

    def test_marks_what_depends_on_use(self) -> None:
        made = said(document(MACHINE, BUCKET))
        assert [(row.type, row.component, row.reason) for row in made.estimate.usage_based] == [
            ("aws_instance", "CPU credits", "Usage based: no use is expected, at 0.05 USD per vCPU-hours."),
            ("aws_s3_bucket", "Standard: Storage", "Usage based: its use is not known, at 0.023 USD per GB."),
        ]

    def test_lists_what_has_no_price_and_what_is_not_supported(self) -> None:
        found = document(
            resource("aws_x.a", component("Thing", "hours", "1", "0", "0", priceNotFound=True)),
            summary={"unsupportedResourceCounts": {"aws_y": 2, "aws_z": 1}},
        )
        made = said(
            found, PricedResource("module.a.aws_y.one", "aws_y", {}), PricedResource("aws_y.two", "aws_y", {})
        )
        assert [(row.address, row.reason) for row in made.estimate.without_price] == [
            ("aws_x.a", "infracost has no price for it."),
            ("module.a.aws_y.one", "infracost does not support aws_y."),
            ("aws_y.two", "infracost does not support aws_y."),
            ("aws_z", "infracost does not support aws_z."),
        ]

    def test_reads_counts_that_stand_by_the_project(self) -> None:
        found = document()
        found["projects"][0]["summary"] = {"unsupportedResourceCounts": {"aws_y": 1}}
        assert [row.address for row in said(found).estimate.unpriced] == ["aws_y"]

    def test_takes_numbers_that_are_no_texts_exactly(self) -> None:
        found = json.dumps(document(MACHINE)).replace('"0.0052"', "0.0052").replace('"730"', "730").encode()
        made = read(found, (), source="i")
        assert made.estimate.line_items[0].unit_price_usd == Decimal("0.0052")

    def test_knows_no_cost_before_where_none_is_said(self) -> None:
        found = document(MACHINE)
        del found["projects"][0]["pastBreakdown"]
        assert said(found).before is None


def changed(**changes: Any) -> dict[str, Any]:
    return {**document(MACHINE), **changes}


def with_component(**changes: Any) -> dict[str, Any]:
    return document(resource("aws_x.a", {**component("Thing", "hours", "1", "1", "1"), **changes}))


def nested(depth: int) -> dict[str, Any]:
    found = resource("leaf")
    for _ in range(depth):
        found = resource("part", parts=[found])
    return found


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("output", "text"),
        [
            (b"", "it wrote no JSON"),
            (b"Error: no API key", "it wrote no JSON"),
            (b"\xff\xfe\x00", "it wrote no JSON"),
            (b"[" * 100_000, "it wrote no JSON"),
            (b"[]", "no JSON object"),
            (changed(version="0.3"), "format version '0.3'"),
            (changed(currency="EUR"), "its prices are in 'EUR'"),
            (changed(projects=[]), "no project"),
            (
                changed(projects=[{"metadata": {"errors": [{"message": "cannot parse"}]}}]),
                "an error: cannot parse",
            ),
            (changed(projects=[{"metadata": {"errors": ["no"]}}]), "an error: no"),
            (document(MACHINE, total="99"), "its parts add up to 4.60 and not to its total of 99.00"),
            (document("text"), "a resource in its output has not the expected shape"),  # type: ignore[arg-type]
            (document(resource("a", "text")), "a component of a has not"),  # type: ignore[arg-type]
            (document(nested(20)), "not the expected shape"),
            (with_component(price="many"), "'many' is no number"),
            (with_component(monthlyCost="NaN"), "is no price or quantity"),
            (with_component(monthlyQuantity="-1"), "is no price or quantity"),
            (with_component(price=True), "True is no number"),
        ],
    )
    def test_is_named(self, output: bytes | dict[str, Any], text: str) -> None:
        content = output if isinstance(output, bytes) else json.dumps(output).encode()
        with pytest.raises(OutputError, match=text):
            read(content, (), source="i")
