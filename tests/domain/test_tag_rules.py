"""The section `tags` of a policy: what it may say, and every contradiction that it may hold."""

from __future__ import annotations

import pytest

from provisioner.domain.finding import Level
from provisioner.domain.policy import tag_rules
from provisioner.domain.policy.section import Reading, Section
from provisioner.domain.policy.tag_rules import DEFAULT_KEYS, Reference, TagKey, TagPolicy, Unchanged

HARD, SOFT, ADVISORY = Level.HARD_MANDATORY, Level.SOFT_MANDATORY, Level.ADVISORY


def read(data: object) -> tuple[TagPolicy, list[tuple[str, str, str]]]:
    reading = Reading()
    policy = tag_rules.read(Section(data, ("tags",), reading))
    return policy, [(problem.place, problem.what, problem.fix) for problem in reading.problems]


def good(data: object) -> TagPolicy:
    policy, problems = read(data)
    assert problems == []
    return policy


class TestAPolicyWithoutTheSection:
    @pytest.mark.parametrize("data", [None, {}])
    def test_asks_for_the_tags_that_orders_get(self, data: object) -> None:
        policy = good(data)
        assert policy == TagPolicy()
        assert [(key.key, key.required, key.reference, key.level) for key in policy.keys] == [
            ("service", True, Reference.SERVICE, HARD),
            ("team-owner", True, Reference.TEAM, HARD),
            ("cost-center", True, Reference.COST_CENTER, HARD),
            ("environment", True, Reference.ENVIRONMENT, HARD),
            ("criticality", True, Reference.CRITICALITY, HARD),
        ]
        assert policy.keys[4].allowed == ("tier-1", "tier-2", "tier-3")
        assert (policy.normalise, policy.unchanged, policy.exempt_types, policy.level, policy.environments) == (
            {"case", "trim", "spaces"}, Unchanged.ADVISORY, (), HARD, {},
        )  # fmt: skip

    def test_gives_the_shipped_keys_another_level(self) -> None:
        policy = good({"level": "soft-mandatory"})
        assert policy.level is SOFT
        assert [key.level for key in policy.keys] == [SOFT] * 5


class TestKeys:
    def test_are_read_with_all_that_is_said_of_them(self) -> None:
        policy = good(
            {
                "level": "advisory",
                "required": {
                    "owner": {
                        "allowed": ["a", "b"],
                        "pattern": "[ab]",
                        "reference": "team",
                        "aliases": ["who"],
                        "level": "hard-mandatory",
                        "why": "Someone has to answer.",
                    }
                },
                "optional": {"note": None},
            }
        )
        assert policy.keys == (
            TagKey(
                "owner", True, ("a", "b"), "[ab]", Reference.TEAM, ("who",), HARD, "Someone has to answer."
            ),
            TagKey("note", False, level=ADVISORY),
        )

    def test_of_the_file_replace_the_shipped_ones(self) -> None:
        assert [key.key for key in good({"required": {"owner": {}}}).keys] == ["owner"]
        assert [key.key for key in good({"optional": {"note": {}}}).keys] == ["note"]
        assert good({"required": {}}).keys == ()

    @pytest.mark.parametrize(
        ("data", "ways"),
        [
            (True, {"case", "trim", "spaces"}),
            (False, set()),
            (["trim"], {"trim"}),
            ("case", {"case"}),
            ([], set()),
        ],
    )
    def test_are_normalised_as_the_file_says(self, data: object, ways: set[str]) -> None:
        assert good({"normalise": data}).normalise == ways

    @pytest.mark.parametrize("value", ["same", "advisory", "ignore"])
    def test_of_what_stays_weigh_as_the_file_says(self, value: str) -> None:
        assert good({"unchanged": value}).unchanged == Unchanged(value)

    def test_may_be_needless_for_types(self) -> None:
        assert good({"exempt_types": ["aws_s3_object", "aws_iam_*"]}).exempt_types == (
            "aws_s3_object",
            "aws_iam_*",
        )


class TestAnEnvironment:
    POLICY = {
        "required": {"owner": {"allowed": ["a", "b"], "aliases": ["who"]}, "cost": {}},
        "optional": {"note": {"level": "advisory"}},
        "environments": {
            "production": {
                "required": {"note": {"pattern": "N.*"}, "pager": {}},
                "optional": {"cost": {}},
            }
        },
    }

    def test_adds_keys_and_changes_those_that_hold_for_all(self) -> None:
        policy = good(self.POLICY)
        assert policy.keys_of("production") == (
            TagKey("owner", True, ("a", "b"), aliases=("who",)),
            TagKey("cost", False),
            TagKey("note", True, pattern="N.*", level=ADVISORY),
            TagKey("pager", True),
        )

    @pytest.mark.parametrize("environment", ["", "staging"])
    def test_that_is_not_named_has_the_keys_of_all(self, environment: str) -> None:
        policy = good(self.POLICY)
        assert policy.keys_of(environment) == policy.keys
        assert [(key.key, key.required) for key in policy.keys] == [
            ("owner", True),
            ("cost", True),
            ("note", False),
        ]

    def test_changes_the_shipped_keys_too(self) -> None:
        policy = good({"environments": {"development": {"optional": {"criticality": {}}}}})
        assert [key.required for key in policy.keys_of("development")] == [True, True, True, True, False]
        assert policy.keys == DEFAULT_KEYS


class TestAContradiction:
    @pytest.mark.parametrize(
        ("data", "problem"),
        [
            (
                {"required": {"tier": {"allowed": ["gold", "tin"], "pattern": "g.*"}}},
                (
                    "tags.required.tier.allowed",
                    "The allowed value 'tin' does not match the pattern 'g.*'.",
                    "Change one of the two: as they stand, the value can never be right.",
                ),
            ),
            (
                {
                    "required": {"tier": {"allowed": ["tin"]}},
                    "environments": {"production": {"required": {"tier": {"pattern": "g.*"}}}},
                },
                (
                    "tags.environments.production.required.tier",
                    "The allowed value 'tin' does not match the pattern 'g.*'.",
                    "Change one of the two: as they stand, the value can never be right.",
                ),
            ),
            (
                {"required": {"tier": {"allowed": []}}},
                (
                    "tags.required.tier.allowed",
                    "No value at all would be allowed.",
                    "List values, or leave allowed out.",
                ),
            ),
            (
                {"required": {"tier": {"allowed": ["Gold", " gold"]}}},
                (
                    "tags.required.tier.allowed",
                    "'Gold' and ' gold' are the same value once normalised.",
                    "Keep one of them, or normalise less.",
                ),
            ),
            (
                {"required": {"tier": {"allowed": ["aws:gold"]}}},
                (
                    "tags.required.tier.allowed",
                    "AWS does not take the value 'aws:gold': the prefix aws: is reserved.",
                    "Allow another value.",
                ),
            ),
            (
                {"required": {"Aws:tier": {}}},
                (
                    "tags.required.Aws:tier",
                    "AWS does not take the key 'Aws:tier': the prefix aws: is reserved.",
                    "Give it another key.",
                ),
            ),
            (
                {"required": {"owner": {}}, "optional": {"owner": {}}},
                (
                    "tags.optional.owner",
                    "owner is both required and optional.",
                    "Name it in one of the two lists.",
                ),
            ),
            (
                {"required": {"cost-center": {}, "CostCenter": {}}},
                (
                    "tags",
                    "'CostCenter' would stand for both cost-center and CostCenter, "
                    "for keys are compared without case and separators.",
                    "Let it stand for one of them.",
                ),
            ),
            (
                {"required": {"owner": {"aliases": ["team"]}, "team": {}}},
                (
                    "tags",
                    "'team' would stand for both team and owner, "
                    "for keys are compared without case and separators.",
                    "Let it stand for one of them.",
                ),
            ),
            (
                {"required": {"owner": {"aliases": ["who"]}, "team": {"aliases": ["WHO"]}}},
                (
                    "tags",
                    "'WHO' would stand for both owner and team, "
                    "for keys are compared without case and separators.",
                    "Let it stand for one of them.",
                ),
            ),
            (
                {"required": {"owner": {"reference": "cost_center"}, "payer": {"reference": "cost_center"}}},
                (
                    "tags",
                    "owner and payer both name the cost center of a resource.",
                    "Keep one of them, or let one be an alias of the other.",
                ),
            ),
            (
                {
                    "required": {"stage": {"reference": "environment", "allowed": ["staging"]}},
                    "environments": {"production": {}},
                },
                (
                    "tags.environments.production",
                    "The tag stage may not be 'production', "
                    "so nothing in production could ever carry the right tags.",
                    "Add production to what stage allows.",
                ),
            ),
            (
                {"normalise": ["case", "umlauts"]},
                (
                    "tags.normalise",
                    "'umlauts' is no way to normalise a value.",
                    "Choose of: case, trim, spaces; or write false.",
                ),
            ),
            (
                {"exempt_types": ["AWS::S3::Bucket"]},
                (
                    "tags.exempt_types",
                    "'AWS::S3::Bucket' is no resource type.",
                    "Write a type such as aws_s3_object, or a beginning with a star such as aws_iam_*.",
                ),
            ),
        ],
    )
    def test_is_refused_with_its_place_its_reason_and_the_fix(
        self, data: object, problem: tuple[str, str, str]
    ) -> None:
        assert read(data)[1] == [problem]

    @pytest.mark.parametrize(("count", "refused"), [(50, False), (51, True)])
    def test_is_also_more_tags_than_a_resource_takes(self, count: int, refused: bool) -> None:
        problems = read({"required": {f"tag{number}": {} for number in range(count)}})[1]
        told = ("tags", "51 tags are more than AWS takes on one resource (50).", "Ask for fewer.")
        assert problems == ([told] if refused else [])

    @pytest.mark.parametrize(
        ("data", "place"),
        [
            ({"requird": {}}, "tags.requird"),
            ({"required": {"a": {"alowed": []}}}, "tags.required.a.alowed"),
            ({"environments": {"production": {"needed": {}}}}, "tags.environments.production.needed"),
            ({"required": {"a": {"pattern": "("}}}, "tags.required.a.pattern"),
            ({"required": {"a": {"reference": "person"}}}, "tags.required.a.reference"),
            ({"required": {"a": {"level": "fatal"}}}, "tags.required.a.level"),
            ({"required": {"a": {"allowed": [1]}}}, "tags.required.a.allowed[0]"),
            ({"required": ["a"]}, "tags.required"),
            ({"unchanged": "sometimes"}, "tags.unchanged"),
            ({"level": 3}, "tags.level"),
        ],
    )
    def test_is_no_other_mistake_which_is_told_by_its_place(self, data: object, place: str) -> None:
        assert [found[0] for found in read(data)[1]] == [place]
