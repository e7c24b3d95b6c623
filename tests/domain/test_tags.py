import pytest

from provisioner.domain.finding import Finding, Level
from provisioner.domain.plan import parse_plan
from provisioner.domain.tags import PROVENANCE, REQUIRED, check_tags, derive_tags
from tests.domain.documents import change, load, plan_of


def derived() -> dict[str, str]:
    return derive_tags(
        service="orders",
        team="shop",
        cost_center="cc-100",
        environment="production",
        criticality="tier-1",
        workspace_id="ws-1",
        request_id="rq-1",
        item="postgres",
        version="1.0.0",
    )


TAGS = derived()
WHY = (
    "Cost showback, ownership and incident routing read these tags; "
    "a resource without them belongs to nobody."
)
UNKNOWN_TEAM = {"tags_all": {"team-owner": True}}
TAGGABLE = {"aws_db_instance", "aws_kms_key", "aws_db_proxy", "aws_sns_topic", "aws_security_group"}


def check(*changes: dict[str, object]) -> list[tuple[str, Level, str]]:
    findings = check_tags(parse_plan(plan_of(*changes)), TAGS, TAGGABLE.__contains__)
    return [(f.where, f.level, f.what) for f in findings]


class TestDeriveTags:
    def test_sets_every_required_and_provenance_tag(self) -> None:
        tags = derived()
        assert set(tags) == {*REQUIRED, *PROVENANCE}
        assert tags["managed-by"] == "drawbridge"
        assert tags["catalog-item"] == "postgres@1.0.0"
        assert tags["drawbridge-request"] == "rq-1"

    def test_sets_each_to_what_it_stands_for(self) -> None:
        assert derived() == {
            "service": "orders",
            "team-owner": "shop",
            "cost-center": "cc-100",
            "environment": "production",
            "criticality": "tier-1",
            "managed-by": "drawbridge",
            "drawbridge-workspace": "ws-1",
            "drawbridge-request": "rq-1",
            "catalog-item": "postgres@1.0.0",
        }


class TestCheckTags:
    def test_passes_a_real_plan_whose_provider_sets_default_tags(self) -> None:
        findings = check_tags(parse_plan(load("postgres.json")), TAGS, TAGGABLE.__contains__)
        assert [f for f in findings if f.level != Level.ADVISORY] == []

    def test_passes_extra_tags(self) -> None:
        assert check(change(["create"], after={"tags_all": {**TAGS, "more": "x"}})) == []

    def test_refuses_a_missing_tag(self) -> None:
        tags = {key: value for key, value in TAGS.items() if key != "cost-center"}
        assert check(change(["create"], after={"tags_all": tags})) == [
            ("aws_db_instance.this", Level.HARD_MANDATORY, "The tag cost-center is missing.")
        ]

    def test_refuses_an_empty_and_a_wrong_tag_and_suggests_the_right_one(self) -> None:
        tags = {**TAGS, "service": "", "team-owner": "others"}
        document = plan_of(change(["update"], {}, {"tags_all": tags}))
        findings = check_tags(parse_plan(document), TAGS, TAGGABLE.__contains__)
        assert [(f.what, f.suggested) for f in findings] == [
            ("The tag service is missing.", "orders"),
            ("The tag team-owner is 'others', not 'shop'.", "shop"),
        ]

    def test_says_of_each_tag_what_why_and_the_fix(self) -> None:
        document = plan_of(
            change(["create"], after={"tags_all": {"service": "x"}}, after_unknown=UNKNOWN_TEAM)
        )
        expected = {"service": "orders", "team-owner": "shop", "criticality": "tier-1"}
        fix = (
            "Leave the tag to the provider's default_tags: remove it from the resource in the module, and do not set "
            "the provider's ignore_tags for it. Expected: "
        )
        common = {"rule": "required-tags", "where": "aws_db_instance.this", "why": WHY}
        assert check_tags(parse_plan(document), expected, TAGGABLE.__contains__) == (
            Finding(
                **common,
                level=Level.HARD_MANDATORY,
                what="The tag service is 'x', not 'orders'.",
                fix=f"{fix}service = orders.",
                suggested="orders",
            ),
            Finding(
                **common,
                level=Level.ADVISORY,
                what="Terraform knows the tag team-owner only after the apply, so it could not be checked.",
                fix="Make the tags of this resource from values that are known at plan time.",
            ),
            Finding(
                **common,
                level=Level.HARD_MANDATORY,
                what="The tag criticality is missing.",
                fix=f"{fix}criticality = tier-1.",
                suggested="tier-1",
            ),
        )

    def test_says_that_all_tags_are_unknown(self) -> None:
        document = plan_of(change(["create"], after={}, after_unknown={"tags_all": True}))
        (finding,) = check_tags(parse_plan(document), TAGS, TAGGABLE.__contains__)
        assert finding.what == "Terraform knows its tags only after the apply, so it could not be checked."

    @pytest.mark.parametrize("tags_all", [None, [], "x", {}])
    def test_refuses_a_resource_without_tags(self, tags_all: object) -> None:
        assert len(check(change(["create"], after={"tags_all": tags_all}))) == len(TAGS)

    @pytest.mark.parametrize("unknown", [{"tags_all": True}, True])
    def test_only_advises_when_the_tags_are_not_known_yet(self, unknown: object) -> None:
        findings = check(change(["create"], after={"id": "x"}, after_unknown=unknown))
        assert [(where, level) for where, level, _ in findings] == [("aws_db_instance.this", Level.ADVISORY)]

    def test_only_advises_for_the_one_tag_that_is_not_known_yet(self) -> None:
        tags = {key: value for key, value in TAGS.items() if key != "service"}
        unknown = {"tags_all": {"service": True}}
        findings = check(change(["create"], after={"tags_all": tags}, after_unknown=unknown))
        assert [(level, "service" in what) for _, level, what in findings] == [(Level.ADVISORY, True)]

    def test_looks_also_at_resources_that_do_not_change(self) -> None:
        assert len(check(change(["no-op"], {}, {}))) == len(TAGS)

    def test_does_not_look_at_types_without_tags_nor_at_what_goes(self) -> None:
        assert check(change(["create"], after={}, kind="aws_kms_alias"), change(["delete"], {})) == []
