import pytest

from provisioner.domain.finding import Level
from provisioner.domain.plan import parse_plan
from provisioner.domain.tags import PROVENANCE, REQUIRED, check_tags, derive_tags
from tests.domain.documents import change, load, plan_of

TAGS = derive_tags(
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
TAGGABLE = {"aws_db_instance", "aws_kms_key", "aws_db_proxy", "aws_sns_topic", "aws_security_group"}


def check(*changes: dict[str, object]) -> list[tuple[str, Level, str]]:
    findings = check_tags(parse_plan(plan_of(*changes)), TAGS, TAGGABLE.__contains__)
    return [(f.where, f.level, f.what) for f in findings]


class TestDeriveTags:
    def test_sets_every_required_and_provenance_tag(self) -> None:
        assert set(TAGS) == {*REQUIRED, *PROVENANCE}
        assert TAGS["managed-by"] == "drawbridge"
        assert TAGS["catalog-item"] == "postgres@1.0.0"
        assert TAGS["drawbridge-request"] == "rq-1"


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
