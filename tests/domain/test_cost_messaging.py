from decimal import Decimal

import pytest

from provisioner.domain.cost import PricedResource, estimate, parse_price_book
from tests.domain.documents import PRICES, resource

BOOK = parse_price_book(PRICES.read_text(), "us-east-1")
KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/1"


def queue(**attributes: object) -> PricedResource:
    return PricedResource("aws_sqs_queue.this", "aws_sqs_queue", attributes)


class TestQueuePrices:
    @pytest.mark.parametrize(
        ("attributes", "rate"),
        [({}, "0.40"), ({"fifo_queue": False}, "0.40"), ({"fifo_queue": True}, "0.50")],
    )
    def test_are_by_use_at_the_rate_of_the_type(self, attributes: dict[str, object], rate: str) -> None:
        result = estimate([queue(**attributes)], BOOK)
        assert (result.line_items, result.without_price, result.usd_month) == ((), (), Decimal("0.00"))
        (row,) = result.usage_based
        assert row.component == "requests"
        assert row.reason.endswith(f"at {rate} USD per million.")

    def test_name_the_requests_to_a_given_key(self) -> None:
        result = estimate([queue(kms_master_key_id=KEY_ARN)], BOOK)
        assert [row.component for row in result.usage_based] == ["requests", "encryption requests"]
        assert "at 0.000003 USD per request" in result.usage_based[1].reason

    def test_leave_the_requests_to_an_own_key_to_the_key(self) -> None:
        result = estimate([queue(kms_master_key_id=KEY_ARN), resource("aws_kms_key")], BOOK)
        assert [(row.type, row.component) for row in result.usage_based] == [
            ("aws_sqs_queue", "requests"),
            ("aws_kms_key", "requests"),
        ]

    def test_are_nothing_for_policies(self) -> None:
        assert estimate([resource("aws_sqs_queue_policy")], BOOK).unpriced == ()


class TestDashboardPrices:
    def test_are_by_the_month(self) -> None:
        (item,) = estimate([resource("aws_cloudwatch_dashboard")], BOOK).line_items
        assert (item.component, item.quantity, item.usd_month) == ("dashboard", Decimal(1), Decimal("3.00"))
        assert item.source.startswith("second-hand: ")
