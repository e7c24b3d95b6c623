"""The tag policy on plans: whole findings, for everything that it can say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from provisioner.domain.finding import Finding, Level
from provisioner.domain.organisation import Organisation, ServiceFacts
from provisioner.domain.plan import parse_plan
from provisioner.domain.policy.tag_rules import Reference, TagKey, TagPolicy, Unchanged
from provisioner.domain.tags_finding import WHY, TagFinding
from provisioner.domain.tags_modules import Layout, ModuleCall
from provisioner.domain.tags_policy import Asked, TagCheck, check_plan
from tests.domain.documents import change, plan_of

HARD, SOFT, ADVISORY = Level.HARD_MANDATORY, Level.SOFT_MANDATORY, Level.ADVISORY
WHERE = "aws_db_instance.this"
ORGANISATION = Organisation(
    services={
        "orders": ServiceFacts("shop", "cc-100", "tier-1"),
        "ledger": ServiceFacts("payments", "cc-200", "tier-2"),
    },
    teams=frozenset({"shop", "payments"}),
    cost_centers=frozenset({"cc-100", "cc-200"}),
    environments=frozenset({"staging", "production"}),
)
TAGS = {
    "service": "orders",
    "team-owner": "shop",
    "cost-center": "cc-100",
    "environment": "production",
    "criticality": "tier-1",
}
TAGGABLE = {"aws_db_instance", "aws_sqs_queue", "aws_s3_object", "aws_launch_template"}


def judge(*changes: dict[str, object], **fields: Any) -> TagCheck:
    fields.setdefault("policy", TagPolicy())
    fields.setdefault("organisation", ORGANISATION)
    return check_plan(parse_plan(plan_of(*changes)), taggable=TAGGABLE.__contains__, **fields)


def check(tags: Mapping[str, object], **fields: Any) -> tuple[Finding, ...]:
    return judge(change(["create"], after={"tags_all": dict(tags)}), **fields).findings


def told(findings: tuple[Finding, ...]) -> list[tuple[str, Level, str]]:
    return [(finding.rule, finding.level, finding.what) for finding in findings]


def without(*keys: str) -> dict[str, str]:
    return {key: value for key, value in TAGS.items() if key not in keys}


class TestRequiredTags:
    def test_that_are_all_there_are_nothing_to_speak_of(self) -> None:
        assert judge(change(["create"], after={"tags_all": {**TAGS, "Name": "x"}})) == TagCheck((), (WHERE,))

    def test_that_are_missing_are_named_together(self) -> None:
        assert check(without("cost-center", "criticality")) == (
            TagFinding(
                rule="required-tags",
                level=HARD,
                where=WHERE,
                what="The tags cost-center and criticality are missing.",
                why=WHY,
                fix="Add cost-center and criticality to the default_tags of the provider aws, or to the tags of "
                'aws_db_instance.this. Here: cost-center = "cc-100". Here: criticality = "tier-1".',
                suggested={"cost-center": "cc-100", "criticality": "tier-1"},
                tags=("cost-center", "criticality"),
            ),
        )

    @pytest.mark.parametrize("empty", ["", "  ", None])
    def test_that_are_empty_are_missing(self, empty: str | None) -> None:
        assert check({**TAGS, "service": empty}) == (
            TagFinding(
                rule="required-tags",
                level=HARD,
                where=WHERE,
                what="The tag service is missing.",
                why=WHY,
                fix="Add service to the default_tags of the provider aws, or to the tags of aws_db_instance.this.",
                tags=("service",),
            ),
        )

    def test_of_several_levels_are_named_by_level_with_the_policys_own_reason(self) -> None:
        policy = TagPolicy(
            keys=(
                TagKey("a", level=SOFT, why="A is read."),
                TagKey("b"),
                TagKey("c", level=SOFT, why="C is."),
            )
        )
        found = check({}, policy=policy)
        assert [(f.level, f.what, f.why, f.fix.partition(" to ")[0]) for f in found] == [
            (SOFT, "The tags a and c are missing.", "A is read.", "Add a and c"),
            (HARD, "The tag b is missing.", WHY, "Add b"),
        ]

    def test_that_are_optional_may_be_missing_and_must_be_right(self) -> None:
        policy = TagPolicy(keys=(TagKey("note", required=False, allowed=("x",)),))
        assert check({}, policy=policy) == ()
        assert told(check({"note": "y"}, policy=policy)) == [
            ("tag-values", HARD, 'The tag note is "y", which is not allowed.')
        ]

    def test_are_those_of_the_environment_that_is_asked_for_or_named_in_the_tag(self) -> None:
        environment = TagKey("environment", reference=Reference.ENVIRONMENT, aliases=("env",))
        policy = TagPolicy(keys=(environment,), environments={"production": (environment, TagKey("pager"))})
        missing = [("required-tags", HARD, "The tag pager is missing.")]
        assert told(check({"environment": "production"}, policy=policy)) == missing
        assert told(check({"environment": "Production "}, policy=policy))[1:] == missing
        assert told(check({"env": "production"}, policy=policy))[1:] == missing
        assert told(check({"environment": "staging"}, policy=policy)) == []
        asked = Asked(environment="production")
        assert told(check({}, policy=policy, asked=asked)) == [
            ("required-tags", HARD, "The tags environment and pager are missing.")
        ]

    def test_are_not_asked_of_exempt_types(self) -> None:
        for exempt in ("aws_db_instance", "aws_db_*"):
            policy = TagPolicy(exempt_types=("aws_sqs_queue", exempt))
            assert judge(change(["create"], after={}), policy=policy) == TagCheck((), ())
        assert len(check({}, policy=TagPolicy(exempt_types=("aws_db", "aws_db_instance_")))) == 1


class TestKeys:
    @pytest.mark.parametrize("written", ["CostCenter", "cost_center", "cost-centre", "Cost Centre"])
    def test_that_mean_a_required_one_are_renamed(self, written: str) -> None:
        assert check({**without("cost-center"), written: "cc-100"}) == (
            TagFinding(
                rule="tag-keys",
                level=HARD,
                where=WHERE,
                what=f'The tag "{written}" stands for cost-center, which is missing.',
                why=f"Keys count as they are written, so nothing that reads cost-center finds it. {WHY}",
                fix='Rename it: cost-center = "cc-100".',
                suggested={"cost-center": "cc-100"},
                tags=("cost-center",),
            ),
        )

    def test_that_mean_one_have_their_value_judged_too(self) -> None:
        assert told(check({**without("cost-center"), "CostCenter": "cc-200"})) == [
            ("tag-keys", HARD, 'The tag "CostCenter" stands for cost-center, which is missing.'),
            (
                "tag-references",
                HARD,
                'The tag cost-center is "cc-200", but the cost center of the service "orders" is "cc-100".',
            ),
        ]

    def test_that_mean_one_that_is_there_are_left_alone(self) -> None:
        assert check({**TAGS, "owner": "somebody", "CostCenter": "x"}) == ()

    def test_that_are_empty_or_another_tags_own_stand_for_nothing(self) -> None:
        assert told(check({**without("cost-center"), "CostCenter": " "})) == [
            ("required-tags", HARD, "The tag cost-center is missing.")
        ]
        policy = TagPolicy(keys=(TagKey("a", aliases=("b",)), TagKey("b")))
        assert told(check({"b": "x"}, policy=policy)) == [("required-tags", HARD, "The tag a is missing.")]


class TestValues:
    @pytest.mark.parametrize(
        ("key", "value", "finding"),
        [
            (
                TagKey("tier", allowed=("gold", "silver")),
                "golde",
                (
                    'The tag tier is "golde", which is not allowed.',
                    'Write tier = "gold", or another of: gold, silver.',
                    "gold",
                ),
            ),
            (
                TagKey("tier", allowed=("tier-1", "tier-2")),
                "tier-9",
                ('The tag tier is "tier-9", which is not allowed.', "Write one of: tier-1, tier-2.", None),
            ),
            (
                TagKey("tier", pattern="[a-z]+"),
                "abc1",
                (
                    'The tag tier is "abc1", which does not match "[a-z]+".',
                    'Write a value that matches "[a-z]+" as a whole.',
                    None,
                ),
            ),
            (
                TagKey("tier", allowed=("a", "bb"), pattern="b*"),
                "a",
                (
                    'The tag tier is "a", which does not match "b*".',
                    "Write one of: a, bb.",
                    None,
                ),
            ),
        ],
    )
    def test_that_are_not_allowed_are_told_with_a_better_one(
        self, key: TagKey, value: str, finding: tuple[str, str, str | None]
    ) -> None:
        what, fix, suggested = finding
        assert check({"tier": value}, policy=TagPolicy(keys=(key,))) == (
            TagFinding(
                rule="tag-values",
                level=HARD,
                where=WHERE,
                what=what,
                why=WHY,
                fix=fix,
                suggested=suggested,
                tags=("tier",),
            ),
        )

    def test_have_the_level_and_the_reason_of_their_key(self) -> None:
        policy = TagPolicy(keys=(TagKey("tier", allowed=("x",), level=SOFT, why="It is read."),))
        assert [(f.level, f.why) for f in check({"tier": "y"}, policy=policy)] == [(SOFT, "It is read.")]

    @pytest.mark.parametrize(
        ("key", "value", "normal"),
        [
            (TagKey("tier", allowed=("tier-1",)), " Tier 1 ", "tier-1"),
            (TagKey("tier", allowed=("Top Secret",)), "top-secret", "Top Secret"),
            (TagKey("tier", pattern="[a-z-]+"), "A B", "a-b"),
            (TagKey("tier", reference=Reference.TEAM), "Shop", "shop"),
        ],
    )
    def test_that_are_right_once_normalised_are_accepted_with_advice(
        self, key: TagKey, value: str, normal: str
    ) -> None:
        assert check({"tier": value}, policy=TagPolicy(keys=(key,))) == (
            TagFinding(
                rule="tag-normal-form",
                level=ADVISORY,
                where=WHERE,
                what=f'The tag tier is "{value}"; its normal form is "{normal}".',
                why="Reports group by the exact text, so two spellings of one value are two lines.",
                fix=f'Write tier = "{normal}".',
                suggested=normal,
                tags=("tier",),
            ),
        )

    def test_that_are_wrong_even_once_normalised_are_not_accepted(self) -> None:
        policy = TagPolicy(keys=(TagKey("tier", allowed=("tier-1",)),))
        assert told(check({"tier": "Gold Star"}, policy=policy)) == [
            ("tag-values", HARD, 'The tag tier is "Gold Star", which is not allowed.')
        ]

    @pytest.mark.parametrize(
        ("value", "allowed", "nearest"),
        [
            ("producton", ("production", "staging"), "production"),
            ("Producton ", ("production", "staging"), "production"),
            ("abcdefghij", ("abcdefgxyz",), "abcdefgxyz"),  # seven letters of ten
            ("abcdefghij", ("abcdefwxyz",), None),  # six
            ("tier-9", ("tier-1", "tier-2", "tier-3"), None),
            ("tier-12", ("tier-1", "tier-123", "other"), "tier-123"),
            ("x" * 100 + "y" * 200, ("x" * 100,), "x" * 100),
        ],
    )
    def test_are_told_the_one_that_is_meant(
        self, value: str, allowed: tuple[str, ...], nearest: str | None
    ) -> None:
        found = check({"tier": value}, policy=TagPolicy(keys=(TagKey("tier", allowed=allowed),)))
        assert [f.suggested for f in found if f.rule == "tag-values"] == [nearest]

    def test_are_taken_as_they_are_where_the_policy_does_not_normalise(self) -> None:
        policy = TagPolicy(keys=(TagKey("tier", allowed=("tier-1",)),), normalise=frozenset())
        assert told(check({"tier": "Tier-1"}, policy=policy)) == [
            ("tag-values", HARD, 'The tag tier is "Tier-1", which is not allowed.')
        ]

    def test_of_any_kind_pass_where_nothing_is_asked_of_them(self) -> None:
        assert check({"tier": "ANY thing"}, policy=TagPolicy(keys=(TagKey("tier"),))) == ()

    def test_that_are_too_long_are_not_held_against_a_pattern(self) -> None:
        policy = TagPolicy(keys=(TagKey("tier", pattern="a{256}"),))
        assert check({"tier": "a" * 256}, policy=policy) == ()
        assert [f.rule for f in check({"tier": "a" * 257}, policy=policy)] == ["tag-limits"]
        assert [f.rule for f in check({"tier": "b" * 256}, policy=policy)] == ["tag-values"]

    def test_that_are_long_are_shown_short(self) -> None:
        policy = TagPolicy(keys=(TagKey("tier", allowed=("x",)),))
        assert (
            check({"tier": "ö" * 78}, policy=policy)[0].what
            == f'The tag tier is "{"ö" * 78}", which is not allowed.'
        )
        assert check({"tier": "ö" * 79}, policy=policy)[0].what == (
            f'The tag tier is "{"ö" * 75}...", which is not allowed.'
        )
        assert check({"tier": "y" * 200}, policy=policy)[0].what == (
            f'The tag tier is "{"y" * 75}...", which is not allowed.'
        )


class TestReferences:
    @pytest.mark.parametrize(
        ("tags", "what", "fix", "suggested"),
        [
            (
                {**TAGS, "service": "order"},
                'The tag service is "order", and there is no such service in the organisation.',
                'Write service = "orders".',
                "orders",
            ),
            (
                {**TAGS, "service": "zebra"},
                'The tag service is "zebra", and there is no such service in the organisation.',
                "Name one that exists, or have this one registered with the portal first.",
                None,
            ),
            (
                {**TAGS, "environment": "prod"},
                'The tag environment is "prod", and there is no such environment in the organisation.',
                "Name one that exists, or have this one registered with the portal first.",
                None,
            ),
            (
                {**TAGS, "team-owner": "payments"},
                'The tag team-owner is "payments", but the team of the service "orders" is "shop".',
                'Write team-owner = "shop".',
                "shop",
            ),
            (
                {**TAGS, "cost-center": "cc-200"},
                'The tag cost-center is "cc-200", but the cost center of the service "orders" is "cc-100".',
                'Write cost-center = "cc-100".',
                "cc-100",
            ),
            (
                {**TAGS, "criticality": "tier-2"},
                'The tag criticality is "tier-2", but the criticality of the service "orders" is "tier-1".',
                'Write criticality = "tier-1".',
                "tier-1",
            ),
        ],
    )
    def test_exist_and_fit_together(
        self, tags: dict[str, str], what: str, fix: str, suggested: str | None
    ) -> None:
        assert check(tags) == (
            TagFinding(
                rule="tag-references",
                level=HARD,
                where=WHERE,
                what=what,
                why=WHY,
                fix=fix,
                suggested=suggested,
                tags=(next(key for key in TAGS if TAGS[key] != tags[key]),),
            ),
        )

    @pytest.mark.parametrize(
        ("key", "reference", "value"),
        [("team-owner", Reference.TEAM, "nobody"), ("cost-center", Reference.COST_CENTER, "cc-9")],
    )
    def test_exist_by_themselves_where_no_service_is_named(
        self, key: str, reference: Reference, value: str
    ) -> None:
        noun = reference.value.replace("_", " ")
        policy = TagPolicy(keys=(TagKey(key, reference=reference),))
        assert [f.what for f in check({key: value}, policy=policy)] == [
            f'The tag {key} is "{value}", and there is no such {noun} in the organisation.'
        ]
        assert check({key: TAGS[key]}, policy=policy) == ()

    def test_go_by_the_service_in_its_normal_form_or_under_another_key(self) -> None:
        wrong = {**TAGS, "team-owner": "payments"}
        for named in ({"service": "Orders"}, {"service": "", "app": "orders"}):
            assert [f.what for f in check({**wrong, **named}) if f.rule == "tag-references"] == [
                'The tag team-owner is "payments", but the team of the service "orders" is "shop".'
            ]

    def test_go_by_a_service_that_is_written_in_capitals(self) -> None:
        organisation = Organisation(
            services={"Orders API": ServiceFacts("shop", "cc-100", "tier-1")},
            teams=frozenset({"shop", "payments"}),
        )
        policy = TagPolicy(
            keys=(TagKey("service", reference=Reference.SERVICE), TagKey("team", reference=Reference.TEAM))
        )
        found = check({"service": "Orders API", "team": "payments"}, policy=policy, organisation=organisation)
        assert [f.what for f in found] == [
            'The tag team is "payments", but the team of the service "Orders API" is "shop".'
        ]

    def test_go_by_what_the_check_was_asked_for(self) -> None:
        asked = Asked(service="ledger", environment="staging")
        found = check({**TAGS, "team-owner": "payments"}, asked=asked)
        assert [(f.what, f.fix, f.suggested) for f in found] == [
            (
                'The tag service is "orders", but the check was asked for "ledger".',
                'Write service = "ledger".',
                "ledger",
            ),
            (
                'The tag cost-center is "cc-100", but the cost center of the service "ledger" is "cc-200".',
                'Write cost-center = "cc-200".',
                "cc-200",
            ),
            (
                'The tag environment is "production", but the check was asked for "staging".',
                'Write environment = "staging".',
                "staging",
            ),
            (
                'The tag criticality is "tier-1", but the criticality of the service "ledger" is "tier-2".',
                'Write criticality = "tier-2".',
                "tier-2",
            ),
        ]

    def test_are_given_with_what_is_missing_when_the_check_was_asked_for_them(self) -> None:
        (finding,) = check({}, asked=Asked(service="ledger", environment="staging"))
        assert finding.suggested == {
            "service": "ledger",
            "team-owner": "payments",
            "cost-center": "cc-200",
            "environment": "staging",
            "criticality": "tier-2",
        }

    def test_are_not_judged_without_an_organisation_and_this_is_said_once(self) -> None:
        tags = {**TAGS, "service": "anything", "team-owner": "anybody"}
        row = change(["create"], after={"tags_all": tags})
        result = judge(row, {**row, "address": "aws_db_instance.other"}, organisation=None)
        assert result.findings == (
            TagFinding(
                rule="tags-not-judged",
                level=ADVISORY,
                where="plan",
                what="Whether what service, team-owner, cost-center and environment name exists, and fits together, "
                "was not judged.",
                why="The organisation's services, teams and cost centers are not known here.",
                fix="Let the portal check the plan (POST /api/v1/tag-policy/check/), "
                "or give the checker --organisation.",
                tags=("service", "team-owner", "cost-center", "environment"),
            ),
        )
        assert result.checked == (WHERE, "aws_db_instance.other")

    def test_that_are_not_judged_are_those_of_the_environment(self) -> None:
        team = TagKey("team", reference=Reference.TEAM)
        policy = TagPolicy(keys=(), environments={"production": (team,)})
        found = check({"team": "x"}, policy=policy, organisation=None, asked=Asked(environment="production"))
        assert [f.what for f in found] == [
            "Whether what team name exists, and fits together, was not judged."
        ]

    def test_are_not_missed_where_none_are_asked_for_or_nothing_was_checked(self) -> None:
        assert check({"a": "x"}, policy=TagPolicy(keys=(TagKey("a"),)), organisation=None) == ()
        assert judge(organisation=None) == TagCheck((), ())

    def test_that_were_asked_for_hold_without_an_organisation_too(self) -> None:
        found = check(TAGS, organisation=None, asked=Asked(environment="staging"))
        assert told(found)[0] == (
            "tag-references",
            HARD,
            'The tag environment is "production", but the check was asked for "staging".',
        )


class TestUnknownTags:
    def unknown(self, after: object, unknown: object) -> list[tuple[str, Level, str, tuple[str, ...]]]:
        found = judge(change(["create"], after=after, after_unknown=unknown)).findings
        return [(f.rule, f.level, f.what, f.tags) for f in found if isinstance(f, TagFinding)]

    def test_are_advised_about_as_a_whole(self) -> None:
        assert self.unknown({}, {"tags_all": True, "tags": True}) == [
            (
                "tags-unknown",
                ADVISORY,
                "Terraform knows the tags service, team-owner, cost-center, environment and criticality only after "
                "the apply, so what stands there could not be checked.",
                tuple(TAGS),
            )
        ]

    def test_are_advised_about_by_key(self) -> None:
        assert self.unknown({"tags_all": without("service")}, {"tags_all": {"service": True}}) == [
            (
                "tags-unknown",
                ADVISORY,
                "Terraform knows the tag service only after the apply, so what stands there could not be checked.",
                ("service",),
            )
        ]
        row = change(["create"], after={}, after_unknown={"tags_all": True})
        assert judge(row).findings[0].fix == (
            "Make the tags of this resource from values that are known at plan time."
        )

    def test_do_not_hide_what_is_known_beside_them(self) -> None:
        own = {**without("service", "criticality"), "team-owner": "payments"}
        found = self.unknown({"tags": own}, {"tags_all": True, "tags": {"service": True}})
        assert [(rule, tags) for rule, _, _, tags in found] == [("tags-unknown", ("service", "criticality"))]
        wrong = self.unknown(
            {"tags": {**TAGS, "criticality": "tier-9"}}, {"tags_all": True, "tags": {"x": True}}
        )
        assert [(rule, tags) for rule, _, _, tags in wrong] == [("tag-values", ("criticality",))]

    def test_are_nothing_where_all_that_is_asked_for_is_known(self) -> None:
        assert self.unknown({"tags": TAGS}, {"tags_all": True, "tags": {"Topic": True}}) == []

    def test_that_are_optional_are_advised_about_only_when_they_are_there(self) -> None:
        policy = TagPolicy(keys=(TagKey("note", required=False),))
        rows = [
            change(["create"], after={}, after_unknown={"tags_all": unknown})
            for unknown in (True, {"note": True})
        ]
        assert [[f.rule for f in judge(row, policy=policy).findings] for row in rows] == [
            [],
            ["tags-unknown"],
        ]

    def test_do_not_take_an_alias_for_what_is_to_come(self) -> None:
        after = {"tags_all": {**without("service"), "app": "x"}}
        assert [row[0] for row in self.unknown(after, {"tags_all": {"service": True}})] == ["tags-unknown"]


class TestLimits:
    @pytest.mark.parametrize(
        ("tags", "level", "what", "fix", "keys"),
        [
            (
                {"k" * 129: "x"},
                SOFT,
                f'AWS does not take the key "{"k" * 75}...": it has 129 characters, more than 128.',
                "Give the tag another key.",
                ("k" * 129,),
            ),
            (
                {"aws:k": "x"},
                SOFT,
                'AWS does not take the key "aws:k": the prefix aws: is reserved.',
                "Give the tag another key.",
                ("aws:k",),
            ),
            (
                {"k": "v" * 257},
                SOFT,
                'AWS does not take the value of the tag "k": it has 257 characters, more than 256.',
                "Give the tag another value.",
                ("k",),
            ),
            (
                {f"k{number}": "x" for number in range(51)},
                SOFT,
                "It would carry 51 tags; AWS takes 50 on this type.",
                "Take away tags that nobody reads.",
                (),
            ),
        ],
    )
    def test_of_aws_are_kept(
        self, tags: dict[str, str], level: Level, what: str, fix: str, keys: tuple[str, ...]
    ) -> None:
        policy = TagPolicy(keys=(), level=SOFT)
        why = "AWS refuses such a tag when the plan is applied, after other resources have been made."
        assert check(tags, policy=policy) == (
            TagFinding(rule="tag-limits", level=level, where=WHERE, what=what, why=why, fix=fix, tags=keys),
        )

    def test_of_single_services_are_advice(self) -> None:
        assert check({"k": "50% (half)"}, policy=TagPolicy(keys=())) == (
            TagFinding(
                rule="tag-limits",
                level=ADVISORY,
                where=WHERE,
                what='The tag "k" holds "%", "(", ")".',
                why="EC2 takes any character in tags, but other services of AWS refuse these.",
                fix="Keep to letters, digits, spaces and . : / = + - @ _ in keys and values.",
                tags=("k",),
            ),
        )

    def test_are_met_exactly_without_a_word(self) -> None:
        tags = {f"k{number}": "x" for number in range(48)}
        assert check({**tags, "k" * 128: "v" * 256, "": None}, policy=TagPolicy(keys=())) == ()

    def test_count_what_is_unknown_and_not_what_aws_sets_itself(self) -> None:
        policy = TagPolicy(keys=())
        tags = {f"k{number}": "x" for number in range(50)}
        assert [
            f.tags for f in check({**tags, "aws:a": "x"}, policy=policy) if isinstance(f, TagFinding)
        ] == [("aws:a",)]
        row = change(["create"], after={"tags_all": tags}, after_unknown={"tags_all": {"later": True}})
        assert [f.what[:25] for f in judge(row, policy=policy).findings] == ["It would carry 51 tags; A"]

    @pytest.mark.parametrize(("count", "found"), [(10, 0), (11, 1)])
    def test_of_objects_are_narrower(self, count: int, found: int) -> None:
        tags = {f"k{number}": "x" for number in range(count)}
        row = change(["create"], after={"tags_all": tags}, kind="aws_s3_object")
        assert len(judge(row, policy=TagPolicy(keys=())).findings) == found


class TestWhereToWrite:
    def fix(self, layout: Layout, module: str) -> str:
        row = change(["create"], after={}, kind="aws_sqs_queue", entry={"module_address": module})
        return (
            judge(row, policy=TagPolicy(keys=(TagKey("a"), TagKey("b"), TagKey("c"))), layout=layout)
            .findings[0]
            .fix
        )

    def test_is_the_provider_or_the_resource(self) -> None:
        layout = Layout({"module.own": ModuleCall("module.own", "./own")}, {
            ("module.own", "aws_sqs_queue", "this"): "aws.east"
        })  # fmt: skip
        assert self.fix(layout, "module.own[0]") == (
            "Add a, b and c to the default_tags of the provider aws.east, or to the tags of aws_sqs_queue.this."
        )

    def test_is_the_provider_or_the_call_of_a_module_from_elsewhere(self) -> None:
        layout = Layout({"module.q": ModuleCall("module.q", "acme/queue/aws", "extra_tags")})
        assert self.fix(layout, 'module.q["x"]') == (
            "module.q comes from acme/queue/aws and is not edited here: add a, b and c to the default_tags of the "
            "provider aws, or pass extra_tags to module.q."
        )

    def test_is_the_provider_alone_where_such_a_module_takes_no_tags(self) -> None:
        layout = Layout({"module.q": ModuleCall("module.q", "acme/queue/aws")})
        assert self.fix(layout, "module.q") == (
            "module.q comes from acme/queue/aws and is not edited here: add a, b and c to the default_tags of the "
            "provider aws."
        )


class TestWhichResources:
    ONE = TagPolicy(keys=(TagKey("a"),))

    @pytest.mark.parametrize("actions", [["create"], ["update"], ["delete", "create"], ["create", "delete"]])
    def test_are_looked_at_when_they_exist_after_the_apply(self, actions: list[str]) -> None:
        assert told(judge(change(actions, {}, {}), policy=self.ONE).findings) == [
            ("required-tags", HARD, "The tag a is missing.")
        ]

    @pytest.mark.parametrize(
        "row",
        [
            change(["delete"], {}),
            change(["delete"], {}, entry={"deposed": "0a1b2c3d"}),
            change(["forget"], {}),
            change(["create"], after={}, kind="aws_kms_alias"),
            change(["read"], after={}, entry={"mode": "data"}),
        ],
    )
    def test_are_passed_over_when_they_go_or_take_no_tags(self, row: dict[str, object]) -> None:
        assert judge(row, policy=self.ONE) == TagCheck((), ())

    @pytest.mark.parametrize(
        ("after", "unknown"), [({"tags_all": {}}, {}), ({}, {"tags_all": {}}), ({"tags_all": None}, {})]
    )
    def test_of_types_newer_than_the_schema_are_known_by_tags_all(
        self, after: object, unknown: object
    ) -> None:
        row = change(["create"], after=after, after_unknown=unknown, kind="aws_new_thing")
        assert [f.what for f in judge(row, policy=self.ONE).findings] == ["The tag a is missing."]

    def test_of_another_cloud_are_said_not_to_be_judged(self) -> None:
        kinds = ["google_b", "azurerm_a", "google_b", "azurerm_c", "azurerm_d"]
        rows = [change(["create"], after={"labels": {}}, kind=kind) for kind in kinds]
        rows += [
            change(["create"], after={}, kind="random_id"),
            change(["create"], after={"tags": {}}, kind="aws_x"),
        ]
        assert judge(*rows, policy=self.ONE) == TagCheck(
            (
                TagFinding(
                    rule="tags-not-judged",
                    level=ADVISORY,
                    where="plan",
                    what="Tags were not judged for 5 of the resources: "
                    "azurerm_a, azurerm_c, azurerm_d and 1 more types.",
                    why="Only what the AWS provider makes is checked.",
                    fix="Look at them yourself.",
                ),
            ),
            (),
        )
        assert judge(*rows[:2], change(["create"], after={"tags": {}}, kind="x_z"), policy=self.ONE).findings[
            0
        ].what == ("Tags were not judged for 3 of the resources: azurerm_a, google_b, x_z.")
        (finding,) = judge(rows[0], policy=self.ONE).findings
        assert finding.what == "Tags were not judged for 1 of the resources: google_b."

    @pytest.mark.parametrize(
        ("unchanged", "expected"),
        [
            (Unchanged.SAME, [(HARD, "The tag a is missing.")]),
            (
                Unchanged.ADVISORY,
                [(ADVISORY, "The tag a is missing. The plan does not change this resource.")],
            ),
            (Unchanged.IGNORE, []),
        ],
    )
    def test_that_stay_as_they_are_weigh_less(
        self, unchanged: Unchanged, expected: list[tuple[Level, str]]
    ) -> None:
        policy = TagPolicy(keys=(TagKey("a"),), unchanged=unchanged)
        result = judge(change(["no-op"], {}, {}), policy=policy)
        assert [(f.level, f.what) for f in result.findings] == expected
        assert result.checked == (WHERE,)

    def test_that_are_imported_or_moved_weigh_in_full(self) -> None:
        for row in (
            change(["no-op"], {}, {}, importing={"id": "x"}),
            change(["no-op"], {}, {}, entry={"previous_address": "aws_db_instance.old"}),
        ):
            assert [f.level for f in judge(row, policy=self.ONE).findings] == [HARD]
