"""Keys and values of tags: their normal form, and what AWS takes."""

from __future__ import annotations

import pytest

from provisioner.domain import tags_values
from provisioner.domain.tags_values import NORMALISATIONS


class TestTheNormalForm:
    @pytest.mark.parametrize(
        ("value", "ways", "form"),
        [
            ("  Tier  1 ", NORMALISATIONS, "tier-1"),
            ("tier-1", NORMALISATIONS, "tier-1"),
            ("Tier\t\n1", ["spaces"], "Tier-1"),
            (" a b ", ["spaces"], " a-b "),
            (" a b ", ["trim"], "a b"),
            (" A b ", ["case"], " a b "),
            (" A b ", [], " A b "),
            ("   ", NORMALISATIONS, ""),
            ("ÄÖ", ["case"], "äö"),
        ],
    )
    def test_is_made_in_the_ways_that_are_asked_for(self, value: str, ways: list[str], form: str) -> None:
        assert tags_values.normalised(value, ways) == form

    @pytest.mark.parametrize(
        ("key", "squashed"),
        [
            ("CostCenter", "costcenter"),
            ("cost_center", "costcenter"),
            ("cost-center", "costcenter"),
            ("Cost Center", "costcenter"),
            ("cost.center", "costcenter"),
            ("cost:center/", "costcenter"),
            ("---", "---"),
        ],
    )
    def test_of_a_key_has_neither_case_nor_separators(self, key: str, squashed: str) -> None:
        assert tags_values.squashed(key) == squashed


class TestWhatAwsTakes:
    @pytest.mark.parametrize(
        ("key", "reason"),
        [
            ("k" * 128, None),
            ("k" * 129, "it has 129 characters, more than 128"),
            ("", "it is empty"),
            ("aws:x", "the prefix aws: is reserved"),
            ("AwS:x", "the prefix aws: is reserved"),
            ("awsx", None),
            ("my-aws:x", None),
        ],
    )
    def test_as_a_key(self, key: str, reason: str | None) -> None:
        assert tags_values.key_limit(key) == reason

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            ("v" * 256, None),
            ("v" * 257, "it has 257 characters, more than 256"),
            ("", None),
            ("AWS:x", "the prefix aws: is reserved"),
        ],
    )
    def test_as_a_value(self, value: str, reason: str | None) -> None:
        assert tags_values.value_limit(value) == reason

    @pytest.mark.parametrize(
        ("text", "strange"),
        [("aZ 09_.:/=+-@é", ""), ("a(b)c(", "()"), ("tab\tnew\n", ""), ("x#y", "#"), ("", "")],
    )
    def test_everywhere_are_these_characters(self, text: str, strange: str) -> None:
        assert tags_values.foreign_characters(text) == strange

    @pytest.mark.parametrize(
        ("kind", "most"),
        [
            ("aws_s3_bucket", 50),
            ("aws_s3_object", 10),
            ("aws_s3_object_copy", 10),
            ("aws_s3_bucket_object", 10),
        ],
    )
    def test_is_so_many_tags(self, kind: str, most: int) -> None:
        assert tags_values.tags_max(kind) == most
