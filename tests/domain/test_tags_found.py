"""The tags that a resource will carry, as far as the plan knows them."""

from __future__ import annotations

import pytest

from provisioner.domain.plan import parse_plan
from provisioner.domain.tags_found import FoundTags, found_tags, tags_of
from tests.domain.documents import change, plan_of


def found(after: object, unknown: object = None, defaults: dict[str, str] | None = None) -> FoundTags:
    document = plan_of(change(["create"], after=after, after_unknown={} if unknown is None else unknown))
    return found_tags(parse_plan(document).changes[0], defaults)


class TestFoundTags:
    @pytest.mark.parametrize(
        ("after", "unknown", "expected"),
        [
            ({"tags_all": {"a": "1"}, "tags": {"b": "2"}}, {}, FoundTags({"a": "1"})),
            ({"tags_all": {"a": "1", "n": None}}, {}, FoundTags({"a": "1"})),
            ({"tags_all": {"a": 1}}, {}, FoundTags({"a": "1"})),
            ({"tags_all": {"a": "1"}}, {"tags_all": {"b": True}}, FoundTags({"a": "1"}, frozenset({"b"}))),
            ({"tags_all": {"a": "1"}}, {"tags_all": {"a": False}}, FoundTags({"a": "1"})),
            ({"tags_all": {"b": None}}, {"tags_all": {"b": True}}, FoundTags({}, frozenset({"b"}))),
            ({"tags": {"a": "1"}}, {"tags_all": True}, FoundTags({"a": "1"}, rest_unknown=True)),
            (
                {"tags": {"a": "1"}},
                {"tags_all": True, "tags": {"b": True}},
                FoundTags({"a": "1"}, frozenset({"b"}), True),
            ),
            ({}, {"tags_all": True, "tags": True}, FoundTags(rest_unknown=True)),
            ({"id": "x"}, True, FoundTags(rest_unknown=True)),
            ({"id": "x", "tags_all": {"a": "1"}}, False, FoundTags({"a": "1"})),
            ({"tags": {"a": "1"}}, {}, FoundTags({"a": "1"})),
            ({"tags": {"a": "1"}}, {"tags_all": {}}, FoundTags()),
            ({"tags": None}, {"tags": True}, FoundTags(rest_unknown=True)),
            ({}, {}, FoundTags()),
            ({"tags_all": []}, {}, FoundTags()),
            ({"tags_all": "(sensitive)"}, {}, FoundTags(rest_unknown=True)),
            ({"tags_all": {"a": "(sensitive)", "b": "2"}}, {}, FoundTags({"b": "2"}, frozenset({"a"}))),
        ],
    )
    def test_are_what_the_provider_will_set(
        self, after: object, unknown: object, expected: FoundTags
    ) -> None:
        assert found(after, unknown) == expected

    @pytest.mark.parametrize(
        ("after", "unknown", "expected"),
        [
            # spelt out in the provider, and the resource's own win
            (
                {"tags": {"a": "own"}},
                {"tags_all": True, "tags": {"x": True}},
                FoundTags({"a": "own", "d": "default"}, frozenset({"x"}), True),
            ),
            # the resource's own may be anything
            ({}, {"tags_all": True, "tags": True}, FoundTags(rest_unknown=True)),
            (
                {"tags": {}},
                {"tags_all": True, "tags": {"d": True}},
                FoundTags({"a": "default"}, frozenset({"d"}), True),
            ),
            # tags_all is known: it has them already
            ({"tags_all": {"a": "1"}}, {}, FoundTags({"a": "1"})),
        ],
    )
    def test_have_the_providers_default_tags_where_tags_all_is_unknown(
        self, after: object, unknown: object, expected: FoundTags
    ) -> None:
        assert found(after, unknown, {"a": "default", "d": "default"}) == expected

    def test_tell_what_the_plan_cannot_know(self) -> None:
        tags = FoundTags({"a": "1"}, frozenset({"b"}))
        assert [tags.is_unknown(key) for key in "abc"] == [False, True, False]
        tags = FoundTags({"a": "1"}, frozenset({"b"}), rest_unknown=True)
        assert [tags.is_unknown(key) for key in "abc"] == [False, True, True]

    @pytest.mark.parametrize("value", [None, "x", 3, ["a"]])
    def test_of_what_is_no_map_are_none(self, value: object) -> None:
        assert tags_of(value, None) == FoundTags()
