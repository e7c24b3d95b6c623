# ruff: noqa: E501  (tables: a row a line)
from dataclasses import replace

import pytest

from provisioner.domain.context import Context
from provisioner.domain.guardrails_sizes import SIZES, Size, nearest_size, parse
from tests.domain.documents import resource
from tests.domain.guardrail_rows import CONTEXT, advice, has, later, matter, objects, rule, say, soft

DB = "aws_db_instance"
HERE = "aws_db_instance.this"
SMALL = {"allowed": ["db.t4g.medium", "db.t4g.large"]}
# How each type spells the size it has, where that is not one attribute.
BLOCKS = {
    "broker_node_group_info.*.instance_type": {"broker_node_group_info": [{"instance_type": "m5.large"}]},
    "cluster_config.*.instance_type": {"cluster_config": [{"instance_type": "m5.large"}]},
    "instance_types.*": {"instance_types": ["m5.large"]},
}


class TestAllowedSizes:
    @pytest.mark.parametrize(
        ("attributes", "unknown", "expected"),
        [
            ({"instance_class": "db.t4g.medium"}, {}, ()),
            ({"instance_class": "db.t4g.large"}, {}, ()),
            ({"instance_class": None}, {}, ()),
            (
                {"instance_class": "db.r6g.xlarge"},
                {},
                (
                    objects(
                        f"instance_class of {HERE} is db.r6g.xlarge, but production allows only: "
                        "db.t4g.medium, db.t4g.large.",
                        "Choose db.t4g.large.",
                        where=HERE,
                        suggested="db.t4g.large",
                    ),
                ),
            ),
            ({}, {"instance_class": True}, (later("instance_class", HERE),)),
            ({"instance_class": "(sensitive)"}, {}, (later("instance_class", HERE),)),
        ],
    )
    def test_judges_a_plan(self, attributes: dict, unknown: dict, expected: tuple) -> None:
        assert say(rule("allowed-sizes", SMALL), matter(has(DB, unknown=unknown, **attributes))) == expected

    def test_judges_a_parameter_where_it_is_typed(self) -> None:
        order = matter(
            promises=[resource(DB, instance_class="db.r6g.large")],
            sources={HERE: {("instance_class",): "class"}},
            plan=False,
        )
        assert say(soft("allowed-sizes", SMALL), order) == (
            objects(
                "class is db.r6g.large, but production allows only: db.t4g.medium, db.t4g.large.",
                "Choose db.t4g.large. Or ask sre to override.",
                where="class",
                suggested="db.t4g.large",
                level="soft-mandatory",  # type: ignore[arg-type]
                group="sre",
            ),
        )

    def test_says_nothing_of_what_a_promise_does_not_say(self) -> None:
        assert say(rule("allowed-sizes", SMALL), matter(promises=[resource(DB)], plan=False)) == ()

    def test_lists_what_is_allowed_where_nothing_is_nearest(self) -> None:
        (found,) = say(
            rule("allowed-sizes", {"allowed": ["db.t4g.*", "db.r6g.*"]}),
            matter(has(DB, instance_class="db.m5.large")),
        )
        assert (found.fix, found.suggested) == ("Choose one of: db.t4g.*, db.r6g.*.", None)

    @pytest.mark.parametrize(("environment", "count"), [("production", 1), ("staging", 0), ("other", 0)])
    def test_takes_the_list_of_the_environment(self, environment: str, count: int) -> None:
        by_environment = rule(
            "allowed-sizes", {"allowed": {"production": ["a.small"], "staging": ["db.m5.*"]}}
        )
        what = matter(
            has(DB, instance_class="db.m5.large"), context=replace(CONTEXT, environment=environment)
        )
        assert len(say(by_environment, what)) == count

    @pytest.mark.parametrize(("types", "count"), [(["aws_instance"], 0), ([DB], 1)])
    def test_looks_at_the_types_it_is_told(self, types: list[str], count: int) -> None:
        told = rule("allowed-sizes", {**SMALL, "types": types})
        assert len(say(told, matter(has(DB, instance_class="db.x.large")))) == count

    @pytest.mark.parametrize("type_", sorted(SIZES))
    def test_knows_where_every_type_has_its_size(self, type_: str) -> None:
        path = SIZES[type_].path
        attributes = BLOCKS.get(path, {path: "m5.large"})
        (found,) = say(rule("allowed-sizes", {"allowed": ["m5.small"]}), matter(has(type_, **attributes)))
        spelled = path.replace(".*", "[0]")
        assert found.what == f"{spelled} of {type_}.this is m5.large, but production allows only: m5.small."
        assert found.suggested == "m5.small"

    @pytest.mark.parametrize("type_", ["aws_eks_node_group", "aws_opensearch_domain"])
    def test_says_nothing_of_a_block_that_is_not_there(self, type_: str) -> None:
        assert say(rule("allowed-sizes", SMALL), matter(has(type_))) == ()

    def test_says_nothing_of_other_types(self) -> None:
        assert say(rule("allowed-sizes", SMALL), matter(has("aws_eip", instance_class="x"))) == ()


class TestNearestSize:
    @pytest.mark.parametrize(
        ("name", "allowed", "nearest"),
        [
            ("m5.2xlarge", ("m5.large", "m5.xlarge"), "m5.xlarge"),
            ("m5.nano", ("m5.large", "m5.micro"), "m5.micro"),
            ("m5.large", ("t3.medium", "t3.xlarge"), "t3.medium"),  # as far: the smaller
            ("m5.large", ("t3.medium", "m5.xlarge"), "m5.xlarge"),  # as far: the same family
            ("m5.4xlarge", ("m5.2xlarge", "m5.8xlarge"), "m5.2xlarge"),
            ("db.m5.large", ("m5.large",), None),
            ("m5.large.search", ("m5.large", "r5.small.search"), "r5.small.search"),
            ("m5.large", ("m5.*", "m?.small", "m[5].nano"), None),
            ("db.serverless", ("db.m5.large",), None),
            ("m5.large", ("db.serverless", "m5"), None),
            ("m5.metal", ("m5.large",), None),
            ("m5.large", (), None),
        ],
    )
    def test_is(self, name: str, allowed: tuple[str, ...], nearest: str | None) -> None:
        assert nearest_size(name, allowed) == nearest

    @pytest.mark.parametrize(
        ("name", "size", "rank"),
        [
            ("db.r6g.large", Size("db", "r6g", "large", ""), 4),
            ("cache.t4g.micro", Size("cache", "t4g", "micro", ""), 1),
            ("m5.xlarge", Size("", "m5", "xlarge", ""), 5),
            ("m5.2xlarge", Size("", "m5", "2xlarge", ""), 7),
            ("m5.24xlarge", Size("", "m5", "24xlarge", ""), 29),
            ("r6g.large.search", Size("", "r6g", "large", "search"), 4),
            ("t3.nano", Size("", "t3", "nano", ""), 0),
            ("db.serverless", Size("db", "serverless", "", ""), -1),
            ("db", Size("", "db", "", ""), -1),
            ("m5.metal", Size("", "m5", "metal", ""), -1),
            ("m5.1234xlarge", Size("", "m5", "1234xlarge", ""), -1),
        ],
    )
    def test_takes_a_name_apart(self, name: str, size: Size, rank: int) -> None:
        assert parse(name) == size
        assert parse(name).rank == rank
        assert parse(name).in_family(size.family) == name


class TestInstanceFamily:
    @pytest.mark.parametrize(
        ("with_", "value", "what", "fix", "suggested"),
        [
            (
                {"allowed": ["t4g", "r6g"]},
                "db.m5.large",
                "but production allows only the families: t4g, r6g.",
                "Choose one of the families: t4g, r6g.",
                None,
            ),
            ({"allowed": ["r6g"]}, "db.m5.large", "but production allows only the families: r6g.", "Choose db.r6g.large.", "db.r6g.large"),
            ({"allowed": ["r6*"]}, "db.m5.large", "but production allows only the families: r6*.", "Choose one of the families: r6*.", None),
            ({"forbidden": ["m5"]}, "db.m5.large", "but production forbids the family m5.", "Choose another family.", None),
            ({"forbidden": ["m*"], "instead": {"m5": "m7g"}}, "db.m5.large", "but production forbids the family m5.", "Choose db.m7g.large.", "db.m7g.large"),
            ({"allowed": {"production": ["t3", "m6g"]}, "instead": {"m5": "m6g"}}, "db.m5.xlarge", "but production allows only the families: t3, m6g.", "Choose db.m6g.xlarge.", "db.m6g.xlarge"),
        ],
    )  # fmt: skip
    def test_finds(self, with_: dict, value: str, what: str, fix: str, suggested: str | None) -> None:
        found = say(rule("instance-family", with_), matter(has(DB, instance_class=value)))
        assert found == (
            objects(f"instance_class of {HERE} is {value}, {what}", fix, where=HERE, suggested=suggested),
        )

    @pytest.mark.parametrize(
        ("with_", "value"),
        [
            ({"allowed": ["t4g", "m*"]}, "db.m5.large"),
            ({"forbidden": ["m5"]}, "db.m5d.large"),
            ({"allowed": {"staging": ["t4g"]}}, "db.m5.large"),
            ({"allowed": ["t4g"], "types": ["aws_instance"]}, "db.m5.large"),
            ({"allowed": ["t4g"]}, 7),
        ],
    )
    def test_takes(self, with_: dict, value: object) -> None:
        assert say(rule("instance-family", with_), matter(has(DB, instance_class=value))) == ()

    def test_says_what_is_not_known(self) -> None:
        unknown = matter(has(DB, unknown={"instance_class": True}))
        assert say(rule("instance-family", {"allowed": ["m5"]}), unknown) == (later("instance_class", HERE),)

    def test_judges_a_parameter(self) -> None:
        order = matter(
            promises=[resource(DB, instance_class="db.m5.large")],
            sources={HERE: {("instance_class",): "class"}},
            plan=False,
        )
        (found,) = say(rule("instance-family", {"allowed": ["t4g"]}), order)
        assert (found.where, found.suggested) == ("class", "db.t4g.large")


class TestAllowedRegions:
    EU = {"allowed": ["eu-*", "us-west-2"]}

    @pytest.mark.parametrize("plan", [True, False])
    def test_judges_the_order(self, plan: bool) -> None:
        assert say(rule("allowed-regions", self.EU), matter(plan=plan)) == (
            objects(
                "The region is us-east-1, but production allows only: eu-*, us-west-2.",
                "Order it in one of: eu-*, us-west-2.",
                where="region",
            ),
        )

    @pytest.mark.parametrize("region", ["eu-central-1", "us-west-2"])
    def test_takes_an_allowed_one(self, region: str) -> None:
        here = replace(CONTEXT, region=region)
        what = matter(has(DB, region=region, availability_zone=f"{region}a"), context=here)
        assert say(rule("allowed-regions", self.EU), what) == ()

    @pytest.mark.parametrize(
        "attributes",
        [
            {"region": "us-east-1"},
            {"availability_zone": "us-east-1a"},
            {"region": "", "availability_zone": "us-east-1a"},
        ],
    )
    def test_judges_a_resource_that_lies_elsewhere(self, attributes: dict) -> None:
        what = matter(has(DB, **attributes), context=replace(CONTEXT, region="eu-west-1"))
        assert say(rule("allowed-regions", self.EU), what) == (
            objects(
                f"{HERE} lies in us-east-1, but production allows only: eu-*, us-west-2.",
                "Place it in one of: eu-*, us-west-2.",
                where=HERE,
            ),
        )

    def test_says_a_wrong_region_of_the_order_once(self) -> None:
        what = matter(has(DB, region="us-east-1"), has("aws_eip", region="us-east-1"))
        assert [found.where for found in say(rule("allowed-regions", self.EU), what)] == ["region"]

    @pytest.mark.parametrize("zone", ["us-east-1", "local", 7, None])
    def test_says_that_no_region_is_known(self, zone: object) -> None:
        what = matter(has(DB, availability_zone=zone), context=Context(environment="production"))
        assert say(rule("allowed-regions", self.EU), what) == (
            advice(
                "Neither the order nor a resource says its region, so a-rule could not be judged.",
                "Say the region, or set it on the resources.",
                where="region",
            ),
        )

    def test_takes_the_resources_word_where_the_order_says_nothing(self) -> None:
        what = matter(has(DB, region="eu-west-1"), context=Context())
        assert say(rule("allowed-regions", self.EU), what) == ()

    def test_is_about_named_environments(self) -> None:
        assert say(rule("allowed-regions", {"allowed": {"staging": ["eu-west-1"]}}), matter()) == ()
