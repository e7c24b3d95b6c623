"""docs/cost.md works out by hand what each item costs: its arithmetic is right, and the portal comes to the same."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import pytest

from provisioner.domain.cost import MODELS, SOURCES, USAGE_KEYS
from tests.modules.workspace import ROOT, all_modules

DOCUMENT = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
ENVIRONMENTS = ("development", "staging", "production")
WITHIN = Decimal("0.01")  # of the sum


@dataclass(frozen=True)
class HandLine:
    """One row of a table: what is counted, factors of the quantity, the price row, its price, the amount."""

    what: str
    factors: tuple[Decimal, ...]
    quantity: Decimal
    price_row: str
    usd_each: Decimal
    usd_month: Decimal


@dataclass(frozen=True)
class HandCase:
    """The calculation for one item in one environment."""

    lines: tuple[HandLine, ...]
    usd_month: Decimal


def by_hand(item: str, environment: str) -> HandCase:
    """Read the calculation for one item in one environment."""
    _, _, after = DOCUMENT.partition(f"**{item}, {environment}.**")
    assert after, f"docs/cost.md has no calculation for {item} in {environment}"
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in after.partition("**sum**")[0].splitlines()
        if line.startswith("| ")
    ]
    total = re.search(r"\*\*sum\*\* \| \| \| \| \*\*([0-9.]+)\*\*", after)
    assert total is not None
    return HandCase(tuple(map(_line, rows[1:-1] if rows[-1][0] == "" else rows[1:])), Decimal(total.group(1)))


def _line(cells: list[str]) -> HandLine:
    what, quantity, price_row, usd_each, usd_month = cells
    factors, _, product = quantity.partition(" = ")
    numbers = tuple(Decimal(factor) for factor in factors.split(" × "))
    return HandLine(
        what, numbers, Decimal(product or factors), price_row, Decimal(usd_each), Decimal(usd_month)
    )


def price_rows() -> dict[str, Decimal]:
    """Read the price file as plain CSV, without the portal's reader."""
    with (ROOT / "provisioner" / "prices" / "us-east-1.csv").open(encoding="utf-8", newline="") as file:
        return {
            f"{row['service']} {row['sku_key']}": Decimal(row["price_usd"]) for row in csv.DictReader(file)
        }


MODULES = {module.slug: module for module in all_modules()}
CASES = [(item, environment) for item in sorted(MODULES) for environment in ENVIRONMENTS]


@pytest.mark.parametrize(("item", "place"), CASES, ids=[f"{item}-{place}" for item, place in CASES])
class TestACalculationByHand:
    def test_multiplies_and_adds_right(self, item: str, place: str) -> None:
        case = by_hand(item, place)
        for line in case.lines:
            product = Decimal(1)
            for factor in line.factors:
                product *= factor
            assert product == line.quantity, line
            assert line.quantity * line.usd_each == line.usd_month, line
        total = sum((line.usd_month for line in case.lines), Decimal(0))
        assert total.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP) == case.usd_month

    def test_takes_its_prices_from_the_rows(self, item: str, place: str) -> None:
        prices = price_rows()
        for line in by_hand(item, place).lines:
            assert prices[line.price_row] == line.usd_each

    def test_comes_to_what_the_portal_estimates(self, item: str, place: str) -> None:
        module = MODULES[item]
        found = module.estimate_before_plan(module.variables(place))
        hand = by_hand(item, place).usd_month
        assert abs(found.usd_month - hand) <= WITHIN * hand
        assert found.without_price == ()

    def test_knows_every_price_row_that_the_portal_uses(self, item: str, place: str) -> None:
        module = MODULES[item]
        found = module.estimate_before_plan(module.variables(place))
        used: dict[str, Decimal] = {}
        for priced in found.line_items:
            row = f"{priced.service} {priced.sku_key}"
            used[row] = used.get(row, Decimal(0)) + priced.quantity
        hand: dict[str, Decimal] = {}
        for line in by_hand(item, place).lines:
            hand[line.price_row] = hand.get(line.price_row, Decimal(0)) + line.quantity
        assert used == hand


class TestTheListOfTypes:
    def test_is_that_of_the_models(self) -> None:
        rows = re.findall(r"^\| `(aws_\w+)` \| (.*) \| <(https://\S+)> \|$", DOCUMENT, re.MULTILINE)
        assert [row[0] for row in rows] == sorted(MODELS)
        for kind, keys, page in rows:
            assert tuple(re.findall(r"`([^`]+)`", keys)) == USAGE_KEYS.get(kind, ())
            assert page == SOURCES[kind]
        assert f"models for the {len(MODELS)} types" in DOCUMENT
