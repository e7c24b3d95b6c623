"""Resources whose tags do not reach all that they make."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.domain.finding import Level
from provisioner.domain.plan import parse_plan
from provisioner.domain.policy.tag_rules import TagKey, TagPolicy
from provisioner.domain.tags_finding import TagFinding
from provisioner.domain.tags_policy import check_plan
from provisioner.domain.tags_shapes import check
from tests.domain.documents import change, plan_of

WANTED = ("a", "b")
WHY = (
    "What it makes is billed by itself: instances and volumes without these tags are missing from showback, "
    "however well the resource above them is tagged."
)

ROOT = "The root volume of the instance would not get {}."
ROOT_FIX = "Add them to the tags of root_block_device, or to the provider's default_tags."


def shape(kind: str, after: object, unknown: object = None) -> list[tuple[str, str, tuple[str, ...]]]:
    document = plan_of(change(["create"], after=after, after_unknown=unknown or {}, kind=kind))
    findings = list(check(parse_plan(document).changes[0], WANTED))
    assert all((f.rule, f.level, f.why) == ("tag-shapes", Level.ADVISORY, WHY) for f in findings)
    return [(f.what, f.fix, f.tags) for f in findings if isinstance(f, TagFinding)]


def block(key: str, propagate: bool | None = True) -> dict[str, object]:
    return {"key": key, "value": "x", "propagate_at_launch": propagate}


class TestAnAutoScalingGroup:
    @pytest.mark.parametrize(
        ("after", "unknown", "expected"),
        [
            ({"tag": [block("a"), block("b")]}, {}, []),
            (
                {"tag": [block("a")]},
                {},
                [
                    (
                        "The Auto Scaling group has no tag block for b.",
                        "Add a tag block with propagate_at_launch = true for each; "
                        "default_tags do not reach this type.",
                        ("b",),
                    )
                ],
            ),
            (
                {"tag": [block("a", False), block("b", None)]},
                {},
                [
                    (
                        "Instances of the Auto Scaling group would not get a.",
                        "Set propagate_at_launch = true in these tag blocks.",
                        ("a",),
                    )
                ],
            ),
            (
                {"tag": [block("b", False), "x", {"key": 3}]},
                {},
                [
                    (
                        "The Auto Scaling group has no tag block for a.",
                        "Add a tag block with propagate_at_launch = true for each; "
                        "default_tags do not reach this type.",
                        ("a",),
                    ),
                    (
                        "Instances of the Auto Scaling group would not get b.",
                        "Set propagate_at_launch = true in these tag blocks.",
                        ("b",),
                    ),
                ],
            ),
            ({}, {"tag": True}, []),
            ({}, True, []),
            ({"tag": [{"value": "x"}]}, {"tag": [{"key": True}]}, []),
            ({"tag": [block("a"), block("b")]}, {"tag": [{"value": True}, {}]}, []),
        ],
    )
    def test_passes_its_tag_blocks_on(self, after: object, unknown: object, expected: list[Any]) -> None:
        assert shape("aws_autoscaling_group", after, unknown) == expected

    def test_without_any_is_told_of_all(self) -> None:
        assert [(row[0], row[2]) for row in shape("aws_autoscaling_group", {"tag": None})] == [
            ("The Auto Scaling group has no tag block for a, b.", ("a", "b"))
        ]
        kept = {"tag": [block("a", False), block("b", False)]}
        assert [row[0] for row in shape("aws_autoscaling_group", kept)] == [
            "Instances of the Auto Scaling group would not get a, b."
        ]

    def test_is_looked_at_though_it_takes_no_tags_as_others_do(self) -> None:
        row = change(["create"], after={"tag": []}, kind="aws_autoscaling_group")
        policy = TagPolicy(keys=(TagKey("a"), TagKey("note", required=False)))
        result = check_plan(parse_plan(plan_of(row)), policy=policy, taggable=lambda kind: False)
        assert result.checked == ("aws_autoscaling_group.this",)
        assert [(f.where, f.what) for f in result.findings] == [
            ("aws_autoscaling_group.this", "The Auto Scaling group has no tag block for a.")
        ]


class TestALaunchTemplate:
    def specification(self, kind: str, **tags: str) -> dict[str, object]:
        return {"resource_type": kind, "tags": tags}

    def test_tags_what_is_made_by_its_specifications(self) -> None:
        both = [self.specification(kind, a="1", b="2") for kind in ("instance", "volume")]
        assert shape("aws_launch_template", {"tag_specifications": both}) == []

    def test_is_told_of_each_kind_that_would_lack_tags(self) -> None:
        only = [
            self.specification("instance", a="1"),
            self.specification("spot-instances-request", a="1", b="2"),
        ]
        assert shape("aws_launch_template", {"tag_specifications": only}) == [
            (
                "What the launch template makes of kind instance would not get b.",
                'Name them in a tag_specifications block with resource_type = "instance".',
                ("b",),
            ),
            (
                "What the launch template makes of kind volume would not get a, b.",
                'Name them in a tag_specifications block with resource_type = "volume".',
                ("a", "b"),
            ),
        ]

    def test_is_believed_where_its_tags_are_known_only_later(self) -> None:
        assert shape("aws_launch_template", {}, {"tag_specifications": True}) == []
        both = [self.specification(kind, a="1") for kind in ("instance", "volume")]
        unknown = {"tag_specifications": [{"tags": {"b": True}}, {"tags": True}]}
        assert shape("aws_launch_template", {"tag_specifications": both}, unknown) == []
        shorter = {"tag_specifications": [{"tags": {"b": True}}]}
        assert [row[2] for row in shape("aws_launch_template", {"tag_specifications": both}, shorter)] == [
            ("b",)
        ]


class TestAnInstance:
    @pytest.mark.parametrize(
        ("after", "unknown", "expected"),
        [
            ({}, {}, []),
            ({"volume_tags": {"a": "1", "b": "2"}}, {}, []),
            (
                {"volume_tags": {"a": "1"}},
                {},
                [
                    (
                        "The volumes of the instance would not get b.",
                        "Name them in volume_tags as well.",
                        ("b",),
                    )
                ],
            ),
            (
                {"volume_tags": {}},
                {},
                [
                    (
                        "The volumes of the instance would not get a, b.",
                        "Name them in volume_tags as well.",
                        ("a", "b"),
                    )
                ],
            ),
            ({"volume_tags": {"a": "1"}}, {"volume_tags": {"b": True}}, []),
            ({"volume_tags": {"a": "1", "b": "2"}}, False, []),
            ({"root_block_device": [{"tags_all": {}}]}, True, [(ROOT.format("a, b"), ROOT_FIX, ("a", "b"))]),
            (
                {"root_block_device": [{"size": 8}, {"tags_all": {"a": "1"}}]},
                {},
                [(ROOT.format("b"), ROOT_FIX, ("b",))],
            ),
            (
                {"root_block_device": [{"tags_all": {"a": "1"}}]},
                {"root_block_device": [{"tags_all": {"b": True}}]},
                [],
            ),
            (
                {"root_block_device": [{}]},
                {"root_block_device": [{"tags_all": {"b": True}}]},
                [(ROOT.format("a"), ROOT_FIX, ("a",))],
            ),
            ({"root_block_device": [{"tags_all": {"a": "1", "b": "2"}}]}, {}, []),
            (
                {"root_block_device": [{"tags_all": {"b": "2"}}]},
                {},
                [
                    (
                        "The root volume of the instance would not get a.",
                        "Add them to the tags of root_block_device, or to the provider's default_tags.",
                        ("a",),
                    )
                ],
            ),
            ({"root_block_device": [{}]}, {"root_block_device": [{"tags_all": True}]}, []),
            ({"root_block_device": [{"size": 8}]}, {}, []),
            ({"volume_tags": {"a": "1", "b": "2"}, "root_block_device": [{"tags_all": {}}]}, {}, []),
        ],
    )
    def test_tags_its_volumes(self, after: object, unknown: object, expected: list[Any]) -> None:
        assert shape("aws_instance", after, unknown) == expected


class TestAnythingElse:
    def test_has_no_special_shape(self) -> None:
        assert shape("aws_sqs_queue", {"tag": [], "tag_specifications": []}) == []

    def test_is_not_asked_for_tags_that_nobody_wants(self) -> None:
        document = plan_of(change(["create"], after={"tag": []}, kind="aws_autoscaling_group"))
        assert list(check(parse_plan(document).changes[0], ())) == []
