"""How a plan's configuration is laid out: whose modules, which providers, which default_tags."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.domain.plan import ResourceChange, parse_plan
from provisioner.domain.tags_modules import Layout, ModuleCall, layout
from tests.domain.documents import change, plan_of


def resource(name: str = "this", **fields: object) -> dict[str, object]:
    return {"mode": "managed", "type": "aws_sqs_queue", "name": name, "provider_config_key": "aws", **fields}


def configuration(**root: Any) -> dict[str, object]:
    return {"configuration": {"root_module": root}}


def planned(module: str = "", name: str = "this") -> ResourceChange:
    entry = {"module_address": module, "name": name} if module else {"name": name}
    document = plan_of(change(["create"], after={}, kind="aws_sqs_queue", entry=entry))
    return parse_plan(document).changes[0]


NESTED = configuration(
    resources=[resource(), resource("other", provider_config_key="aws.replica")],
    module_calls={
        "own": {
            "source": "./own",
            "module": {
                "resources": [resource(provider_config_key="own:aws.east")],
                "module_calls": {"deep": {"source": "acme/queue/aws", "module": {"resources": [resource()]}}},
            },
        },
        "X": {"source": "acme/x/aws"},
        "theirs": {
            "source": "git::https://git.example.com/queue.git?ref=v1",
            "module": {
                "variables": {"name": {}, "tags": {}},
                "module_calls": {"inner": {"source": "./inner", "module": {}}},
            },
        },
    },
)


class TestALayout:
    def test_knows_every_call_by_its_path(self) -> None:
        assert layout(NESTED).calls == {
            "module.own": ModuleCall("module.own", "./own"),
            "module.own.module.deep": ModuleCall("module.own.module.deep", "acme/queue/aws"),
            "module.X": ModuleCall("module.X", "acme/x/aws"),
            "module.theirs": ModuleCall(
                "module.theirs", "git::https://git.example.com/queue.git?ref=v1", "tags"
            ),
            "module.theirs.module.inner": ModuleCall("module.theirs.module.inner", "./inner"),
        }

    @pytest.mark.parametrize(
        ("source", "outside"),
        [
            ("./a", False),
            ("../a", False),
            ("/srv/a", False),
            ("", False),
            ("terraform-aws-modules/vpc/aws", True),
            ("registry.example.com/a/b/c", True),
            ("git@git.example.com:a.git", True),
            ("https://example.com/a.zip", True),
            ("s3::https://s3.example.com/a.zip", True),
        ],
    )
    def test_tells_modules_that_are_not_edited_in_place(self, source: str, outside: bool) -> None:
        assert ModuleCall("module.a", source).outside is outside

    @pytest.mark.parametrize(
        ("address", "path"),
        [
            ("", None),
            ("module.own", None),
            ("module.own.module.deep", "module.own.module.deep"),
            ('module.own["a.b"].module.deep[0]', "module.own.module.deep"),
            ('module.theirs["module.own"]', "module.theirs"),
            ("module.theirs[0].module.inner", "module.theirs"),
            ("module.unknown", None),
            ("module.X", "module.X"),
        ],
    )
    def test_finds_the_outermost_such_call_above_a_resource(self, address: str, path: str | None) -> None:
        call = layout(NESTED).outside_call(planned(address))
        assert (None if call is None else call.path) == path

    @pytest.mark.parametrize(
        ("module", "name", "provider"),
        [
            ("", "this", "aws"),
            ("", "other", "aws.replica"),
            ('module.own["a"]', "this", "aws.east"),
            ("", "nobody", "aws"),
        ],
    )
    def test_names_the_provider_of_a_resource(self, module: str, name: str, provider: str) -> None:
        assert layout(NESTED).provider_of(planned(module, name)) == provider

    def test_names_it_by_its_address_where_the_plan_has_no_configuration(self) -> None:
        assert Layout().provider_of(planned()) == "aws"
        bare = parse_plan(plan_of({**change(["create"], after={}), "provider_name": ""})).changes[0]
        assert Layout().provider_of(bare) == "aws"

    @pytest.mark.parametrize(
        "variables",
        [{"default_tags": {}}, {"additional_tags": {}}, {"extra_tags": {}}, {"tags": {}, "extra_tags": {}}],
    )
    def test_knows_the_variable_that_takes_tags(self, variables: dict[str, object]) -> None:
        calls = {"a": {"source": "x/y/z", "module": {"variables": variables}}}
        assert layout(configuration(module_calls=calls)).calls["module.a"].tags_variable == next(
            iter(variables)
        )

    def test_knows_default_tags_that_are_spelt_out(self) -> None:
        document = configuration(resources=[resource(), resource("other", provider_config_key="aws.replica")])
        expressions = {"default_tags": [{"tags": {"constant_value": {"service": "orders", "none": None}}}]}
        document["configuration"]["provider_config"] = {  # type: ignore[index]
            "aws": {"expressions": expressions},
            "aws.replica": {"expressions": {"default_tags": [{"tags": {"references": ["local.tags"]}}]}},
            "aws.empty": {"expressions": {"default_tags": []}},
            "aws.odd": {"expressions": {"default_tags": {"tags": {"constant_value": {"a": "b"}}}}},
        }
        found = layout(document)
        assert found.default_tags == {"aws": {"service": "orders"}}
        assert found.default_tags_of(planned()) == {"service": "orders"}
        assert found.default_tags_of(planned(name="other")) == {}

    @pytest.mark.parametrize(
        "document",
        [
            {},
            {"configuration": None},
            {"configuration": []},
            configuration(module_calls=[], resources={}),
            configuration(
                module_calls={"a": None}, resources=["x", {"mode": "data", "type": "t", "name": "n"}]
            ),
            {"configuration": {"provider_config": [], "root_module": 3}},
        ],
    )
    def test_of_a_configuration_that_is_none_is_empty(self, document: dict[str, object]) -> None:
        assert layout(document) == Layout()
