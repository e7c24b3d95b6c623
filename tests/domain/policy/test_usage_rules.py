"""The section `usage`: what to expect, for whom, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from provisioner.domain.policy import usage_rules
from provisioner.domain.policy.section import Reading, Section
from provisioner.domain.policy.usage_rules import UsagePolicy
from provisioner.domain.pricing_usage import NO_USAGE, Amount

BUCKET = "aws_s3_bucket"


def read(value: object) -> tuple[UsagePolicy, list[str]]:
    reading = Reading()
    policy = usage_rules.read(Section(value, ("usage",), reading))
    return policy, [f"{p.place}: {p.what} {p.fix}" for p in reading.problems]


def policy(**value: Any) -> UsagePolicy:
    found, problems = read(value)
    assert problems == []
    return found


def expected(
    found: UsagePolicy, environment: str, kind: str, address: str = "", item: str = ""
) -> dict[str, Any]:
    amounts = found.profile(environment, item).of(kind, address or f"{kind}.this")
    return {key: (str(amount.value), amount.profile) for key, amount in amounts.items()}


class TestTheSection:
    @pytest.mark.parametrize("value", [None, {}, {"profiles": {}, "overrides": []}])
    def test_expects_nothing_where_it_says_nothing(self, value: object) -> None:
        found, problems = read(value)
        assert problems == []
        assert found.profile("production", "postgres") == NO_USAGE

    def test_takes_infracosts_keys_nested_as_infracost_has_them(self) -> None:
        found = policy(
            profiles={
                "production": {BUCKET: {"standard": {"storage_gb": 500, "monthly_tier_1_requests": "1e3"}}}
            }
        )
        assert expected(found, "production", BUCKET) == {
            "standard.storage_gb": ("500", "production"),
            "standard.monthly_tier_1_requests": ("1E+3", "production"),
        }
        assert expected(found, "staging", BUCKET) == {}

    def test_holds_the_environment_over_all_and_the_type_over_its_pattern(self) -> None:
        found = policy(
            profiles={
                "*": {"aws_lb": {"new_connections": 1, "processed_bytes_gb": 1, "active_connections": 1}},
                "production": {
                    "aws_lb": {"new_connections": 3},
                    "aws_l*": {"new_connections": 2, "processed_bytes_gb": 2},
                },
            }
        )
        assert expected(found, "production", "aws_lb") == {
            "new_connections": ("3", "production"),
            "processed_bytes_gb": ("2", "production"),
            "active_connections": ("1", "every environment"),
        }

    def test_takes_a_pattern_for_the_keys_of_all_its_types(self) -> None:
        found = policy(profiles={"*": {"aws_*": {"storage_gb": 5, "monthly_requests": 7}}})
        assert expected(found, "dev", "aws_ecr_repository")["storage_gb"] == ("5", "every environment")

    @pytest.mark.parametrize(
        ("environment", "item", "address", "value"),
        [
            ("production", "object-store", "aws_s3_bucket.this", "20"),
            ("staging", "object-store", "aws_s3_bucket.this", "1"),
            ("production", "postgres", "aws_s3_bucket.this", "1"),
            ("production", "object-store", "module.m.aws_s3_bucket.archive[0]", "30"),
            ("staging", "", "module.m.aws_s3_bucket.archive[0]", "30"),
        ],
    )
    def test_lets_overrides_hold_where_they_are_for(
        self, environment: str, item: str, address: str, value: str
    ) -> None:
        usage = {BUCKET: {"standard": {"storage_gb": 1}}}
        found = policy(
            profiles={"*": usage},
            overrides=[
                {
                    "item": "object-store",
                    "environments": ["production"],
                    "usage": {BUCKET: {"standard": {"storage_gb": 20}}},
                },
                {"address": "*.archive*", "usage": {BUCKET: {"standard": {"storage_gb": 30}}}},
            ],
        )
        (amount,) = found.profile(environment, item).of(BUCKET, address).values()
        name = {"1": "every environment", "20": "override 1", "30": "override 2"}[value]
        assert amount == Amount(Decimal(value), name)

    def test_makes_a_profile_once(self) -> None:
        found = policy(profiles={"*": {BUCKET: {"standard": {"storage_gb": 1}}}})
        assert found.profile("production", "a") is found.profile("production", "a")
        assert found.profile("production", "a") is not found.profile("production", "b")


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            (
                {"profile": {}},
                "usage.profile: The key 'profile' is not known. "
                "Known here: profiles, overrides. Did you mean profiles?",
            ),
            (
                {"profiles": {"production": {"aws_s3_buckett": {}}}},
                "usage.profiles.production.aws_s3_buckett: No type 'aws_s3_buckett' is paid by use. "
                "Did you mean aws_s3_bucket?",
            ),
            (
                {"profiles": {"production": {"gcp_*": {}}}},
                "usage.profiles.production.gcp_*: No type 'gcp_*' is paid by use. "
                "The types are listed in docs/cost.md.",
            ),
            (
                {"profiles": {"production": {"aws_sqs_queue": {"monthly_request": 1}}}},
                "usage.profiles.production.aws_sqs_queue.monthly_request: The usage key 'monthly_request' of "
                "aws_sqs_queue is not known. Did you mean monthly_requests?",
            ),
            (
                {"profiles": {"production": {"aws_sqs_queue": {"zzz": 1}}}},
                "usage.profiles.production.aws_sqs_queue.zzz: The usage key 'zzz' of aws_sqs_queue is not known. "
                "Known keys here: monthly_requests, request_size_kb.",
            ),
            (
                {"profiles": {"production": {BUCKET: {"standard": 5}}}},
                "usage.profiles.production.aws_s3_bucket.standard: 5 is no mapping. Write key: value pairs of "
                "monthly_tier_1_requests, monthly_tier_2_requests, storage_gb.",
            ),
            (
                {"profiles": {"production": {"aws_sqs_queue": {"monthly_requests": {"a": 1}}}}},
                "usage.profiles.production.aws_sqs_queue.monthly_requests: A mapping is not an amount. "
                "Write a number from 0 to 1e+15, without a unit.",
            ),
            (
                {"profiles": {"production": {"aws_sqs_queue": "many"}}},
                "usage.profiles.production.aws_sqs_queue: 'many' is no mapping. Write key: value pairs.",
            ),
            (
                {"overrides": [{"item": "a"}]},
                "usage.overrides[0]: The key usage is missing. Add usage.",
            ),
            (
                {"overrides": [{"usage": {}}]},
                "usage.overrides[0]: The override is for everything. Name an address or an item.",
            ),
            (
                {"overrides": [{"item": "a", "usage": {}, "adress": "x"}]},
                "usage.overrides[0].adress: The key 'adress' is not known. "
                "Known here: address, item, environments, usage. Did you mean address?",
            ),
        ],
    )
    def test_is_named_with_its_place_and_a_hint(self, value: object, problem: str) -> None:
        assert read(value)[1] == [problem]

    @pytest.mark.parametrize(
        "amount", [-1, "5 GB", True, None, [1], 1e16, "1e400", float("inf"), float("nan"), ""]
    )
    def test_is_an_amount_that_is_none(self, amount: object) -> None:
        (problem,) = read({"profiles": {"dev": {"aws_sqs_queue": {"monthly_requests": amount}}}})[1]
        assert problem.endswith("is not an amount. Write a number from 0 to 1e+15, without a unit.")

    @pytest.mark.parametrize("amount", [0, 0.5, "0.25", 10**15])
    def test_is_no_amount_inside_the_bounds(self, amount: object) -> None:
        found = policy(profiles={"dev": {"aws_sqs_queue": {"monthly_requests": amount}}})
        assert expected(found, "dev", "aws_sqs_queue") == {"monthly_requests": (str(amount), "dev")}

    def test_is_said_all_at_once(self) -> None:
        bad = {"aws_sqs_queue": {"a": 1, "b": 2}, "x": {}}
        assert len(read({"profiles": {"dev": bad, "staging": bad}})[1]) == 6
