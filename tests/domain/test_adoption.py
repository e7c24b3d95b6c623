"""Taking over a state from elsewhere: the same objects at the workspace's addresses, or a reason why not."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.domain.adoption import Held, NotAdoptable, adopt

PROVIDERS = ("hashicorp/aws", "hashicorp/random")
AWS = 'provider["registry.terraform.io/hashicorp/aws"]'


def row(module: str = "", kind: str = "aws_db_instance", name: str = "this", **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider": AWS,
        "instances": [{"attributes": {"id": "db-1"}}],
        **fields,
    }
    return {"module": module, **made} if module else made


def state(*resources: Any, **fields: Any) -> dict[str, Any]:
    return {
        "version": 4,
        "terraform_version": "1.9.0",
        "serial": 7,
        "lineage": "l-1",
        "outputs": {"x": 1},
        "resources": list(resources),
        "check_results": [1],
        **fields,
    }


class TestAState:
    def test_keeps_its_lineage_and_its_objects_and_rises_by_one(self) -> None:
        adopted = adopt(state(row(), row(mode="data", kind="aws_vpc")), "", PROVIDERS)
        assert adopted.document == {
            "version": 4,
            "terraform_version": "1.9.0",
            "serial": 8,
            "lineage": "l-1",
            "outputs": {},
            "resources": [{**row("module.this")}],
            "check_results": None,
        }
        assert adopted.resources == (Held((), "aws_db_instance", "this", "aws_db_instance.this"),)

    def test_without_a_version_of_terraform_says_none(self) -> None:
        assert adopt(state(row(), terraform_version=None), "", PROVIDERS).document["terraform_version"] == ""

    @pytest.mark.parametrize(
        ("module", "wanted", "moved", "calls"),
        [
            ("", "", "module.this", ()),
            ("module.db", "", "module.this.module.db", ("db",)),
            ("module.db", "module.db", "module.this", ()),
            (
                'module.db["a.b"].module.inner[0]',
                'module.db["a.b"]',
                "module.this.module.inner[0]",
                ("inner",),
            ),
            ("module.a.module.b", "module.a", "module.this.module.b", ("b",)),
        ],
    )
    def test_moves_into_the_module_of_the_workspace(
        self, module: str, wanted: str, moved: str, calls: tuple[str, ...]
    ) -> None:
        adopted = adopt(state(row(module)), wanted, PROVIDERS)
        assert adopted.document["resources"] == [row(moved)]
        address = f"{module}.aws_db_instance.this".lstrip(".")
        assert adopted.resources == (Held(calls, "aws_db_instance", "this", address),)

    def test_moves_dependencies_too_without_those_on_data_and_elsewhere(self) -> None:
        dependencies = [
            "module.db.aws_kms_key.this",
            "module.db.data.aws_vpc.this",
            "module.db.module.net.data.aws_vpc.this",
            "module.other.aws_kms_key.this",
            "module.db",
        ]
        moved = adopt(
            state(row("module.db", instances=[{"dependencies": dependencies}, {"dependencies": "none"}, 3])),
            "module.db",
            PROVIDERS,
        )
        assert moved.document["resources"] == [
            row(
                "module.this",
                instances=[{"dependencies": ["module.this.aws_kms_key.this"]}, {"dependencies": []}],
            )
        ]

    @pytest.mark.parametrize(
        "provider",
        [
            AWS,
            'module.db.provider["registry.terraform.io/hashicorp/aws"]',
            'provider["registry.opentofu.org/hashicorp/random"]',
            'provider["registry.terraform.io/Hashicorp/AWS"]',
            'provider["terraform.io/builtin/terraform"]',
        ],
    )
    def test_names_its_providers_as_the_root_does(self, provider: str) -> None:
        found = adopt(state(row(provider=provider)), "", PROVIDERS).document["resources"]
        assert isinstance(found, list)
        assert found[0]["provider"] == provider[provider.index('provider["') :]


class TestARefusal:
    @pytest.mark.parametrize(
        ("resources", "wanted", "said"),
        [
            ([], "", "The state holds no resources"),
            (None, "", "The state holds no resources"),
            ([row(mode="data")], "", "The state holds no resources"),
            (
                [row(name=f"n{i}") for i in range(7)],
                "module.db",
                "not in module.db: aws_db_instance.n0, aws_db_instance.n1, aws_db_instance.n2, aws_db_instance.n3, "
                "aws_db_instance.n4 and 2 more.",
            ),
            ([row("module.dbx")], "module.db", "not in module.db: module.dbx.aws_db_instance.this."),
            (
                [row(provider="")],
                "",
                "aws_db_instance.this belongs to no provider, which is no provider address",
            ),
            ([row(provider="provider.aws")], "", "belongs to provider.aws, which is no provider address"),
            ([row(provider=f"{AWS}.west")], "", "belongs to the provider configuration west"),
            (
                [row(provider='provider["registry.terraform.io/acme/aws"]')],
                "",
                "belongs to the provider registry.terraform.io/acme/aws, which modules may not use here "
                "(hashicorp/aws, hashicorp/random)",
            ),
        ],
    )
    def test_says_what_is_in_the_way_and_what_to_do(self, resources: Any, wanted: str, said: str) -> None:
        with pytest.raises(NotAdoptable) as raised:
            adopt(
                state(*(resources or ()), **({"resources": None} if resources is None else {})),
                wanted,
                PROVIDERS,
            )
        assert said in str(raised.value)
