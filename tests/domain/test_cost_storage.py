from provisioner.domain.cost import estimate, parse_price_book
from provisioner.domain.pricing_aws_storage import FREE_TYPES
from tests.domain.documents import PRICES, resource

BOOK = parse_price_book(PRICES.read_text(), "us-east-1")


class TestABucket:
    def test_names_its_usage_and_counts_none_of_it(self) -> None:
        result = estimate([resource("aws_s3_bucket"), resource("aws_s3_bucket_metric")], BOOK)
        assert result.line_items == ()
        assert result.without_price == ()
        assert [row.component for row in result.usage_based] == ["storage", "requests", "request metrics"]

    def test_says_the_rate_of_standard_storage(self) -> None:
        (storage, _) = estimate([resource("aws_s3_bucket")], BOOK).usage_based
        assert "at 0.023 USD per GB-month" in storage.reason

    def test_costs_nothing_by_its_settings(self) -> None:
        result = estimate([resource(kind) for kind in FREE_TYPES], BOOK)
        assert (result.line_items, result.unpriced) == ((), ())
