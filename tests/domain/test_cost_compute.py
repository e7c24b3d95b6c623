from decimal import Decimal
from itertools import pairwise

import pytest

from provisioner.domain.cost import Estimate, estimate, parse_price_book
from provisioner.domain.pricing import PricedResource
from provisioner.domain.pricing_aws_compute import FREE_TYPES
from tests.domain.documents import PRICES, resource

BOOK = parse_price_book(PRICES.read_text(), "us-east-1")
GROUP = "aws_autoscaling_group"
TEMPLATE = "aws_launch_template"
OFFERED = [f"t4g.{size}" for size in ("micro", "small", "medium", "large", "xlarge")] + [
    f"{family}.{size}"
    for family in ("c7g", "m7g", "r7g")
    for size in ("large", "xlarge", "2xlarge", "4xlarge")
]


def _template(**attributes: object) -> PricedResource:
    disk = {"ebs": [{"volume_type": "gp3", "volume_size": 40}]}
    return resource(
        TEMPLATE,
        **{"name": "web", "instance_type": "m7g.large", "block_device_mappings": [disk], **attributes},
    )


def _priced(*templates: PricedResource, **attributes: object) -> Estimate:
    group = resource(
        GROUP, **{"desired_capacity": 2, "max_size": 2, "launch_template": [{"name": "web"}], **attributes}
    )
    return estimate([group, *templates], BOOK)


class TestAGroup:
    def test_costs_machines_and_volumes_of_its_template(self) -> None:
        machines, volumes = _priced(_template()).line_items
        assert (machines.sku_key, machines.quantity) == ("linux.m7g.large", Decimal(1460))
        assert machines.usd_month == 1460 * Decimal("0.0816")
        assert (volumes.sku_key, volumes.quantity) == ("gp3.storage", Decimal(80))
        assert volumes.usd_month == 80 * Decimal("0.08")

    def test_starts_with_the_least_where_no_number_is_wanted(self) -> None:
        (machines, _) = _priced(_template(), desired_capacity=None, min_size=3).line_items
        assert machines.quantity == Decimal(3 * 730)

    def test_of_no_machines_costs_nothing(self) -> None:
        result = _priced(_template(), desired_capacity=0, max_size=0)
        assert sum(line.usd_month for line in result.line_items) == 0

    def test_says_how_far_it_can_grow(self) -> None:
        (row,) = _priced(_template(), max_size=5).usage_based
        assert (row.component, "above 2, up to 5" in row.reason) == ("scaling", True)

    def test_says_what_is_charged_for_detailed_monitoring(self) -> None:
        watched = _template(monitoring=[{"enabled": True}])
        (row,) = _priced(watched).usage_based
        assert row.component == "detailed monitoring"
        assert _priced(_template(monitoring=[{"enabled": False}])).usage_based == ()

    def test_says_what_burstable_machines_are_charged_beyond_their_baseline(self) -> None:
        (row,) = _priced(_template(instance_type="t4g.small")).usage_based
        assert row.component == "surplus credits"
        assert "at 0.04 USD per vCPU-hour" in row.reason

    @pytest.mark.parametrize("key", ["name", "id"])
    def test_finds_its_template_among_several(self, key: str) -> None:
        others = [_template(name="other", id="lt-1", instance_type="c7g.large"), _template(id="lt-2")]
        named = {"name": "web"} if key == "name" else {"id": "lt-2"}
        machines = _priced(*others, launch_template=[named]).line_items[0]
        assert machines.sku_key == "linux.m7g.large"

    def test_takes_the_only_template_while_its_id_is_not_known(self) -> None:
        assert _priced(_template(), launch_template=[{}]).line_items[0].sku_key == "linux.m7g.large"


class TestWhatCannotBePriced:
    def test_is_a_group_without_a_template(self) -> None:
        (row,) = _priced().without_price
        assert (row.component, "launch template" in row.reason) == ("machines", True)

    def test_is_a_group_that_could_have_either_of_two(self) -> None:
        either = [_template(name="one"), _template(name="two")]
        assert _priced(*either, launch_template=[{}]).line_items == ()

    def test_is_a_type_that_the_book_lacks(self) -> None:
        (row,) = _priced(_template(instance_type="x99.large")).without_price
        assert "linux.x99.large" in row.reason

    @pytest.mark.parametrize("disk", [{"volume_type": "io9", "volume_size": 40}, {"volume_type": "gp3"}])
    def test_is_a_volume_of_another_type_or_of_no_known_size(self, disk: dict[str, object]) -> None:
        template = _template(block_device_mappings=[{"ebs": [disk]}])
        (row,) = _priced(template).without_price
        assert row.component == "volumes"


class TestWhatGoesWithAGroup:
    def test_costs_nothing(self) -> None:
        result = estimate([resource(kind) for kind in sorted(FREE_TYPES)], BOOK)
        assert (result.line_items, result.unpriced) == ((), ())

    def test_is_a_vault_paid_by_what_is_kept(self) -> None:
        result = estimate([resource("aws_backup_vault")], BOOK)
        assert [row.component for row in result.usage_based] == ["backups"]


class TestThePrices:
    def test_have_every_type_that_the_golden_path_offers(self) -> None:
        assert [kind for kind in OFFERED if BOOK.get("ec2", f"linux.{kind}") is None] == []

    def test_double_with_the_size_within_a_family(self) -> None:
        for family in ("t4g", "c7g", "m7g", "r7g"):
            prices = [BOOK.get("ec2", f"linux.{kind}") for kind in OFFERED if kind.startswith(family)]
            dollars = [price.price_usd for price in prices if price]
            assert {later / earlier for earlier, later in pairwise(dollars)} == {2}
