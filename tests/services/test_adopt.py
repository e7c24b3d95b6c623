"""Taking over a state: what becomes of it, what is refused, and that nothing half-done stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog.models import CatalogItemVersion
from provisioner import selectors
from provisioner.domain.run import RunStatus
from provisioner.models import AuditEvent, Request, Run, StateVersion, Workspace
from provisioner.services import adopt, submit, system
from provisioner.services.ask import Ask, InvalidAsk, NotYourService
from tests.conftest import Organisation
from tests.services.conftest import now

pytestmark = pytest.mark.django_db(transaction=True)

AWS = 'provider["registry.terraform.io/hashicorp/aws"]'


def resource(type_: str = "aws_sqs_queue", name: str = "this", **fields: Any) -> dict[str, Any]:
    return {
        "mode": "managed",
        "type": type_,
        "name": name,
        "provider": AWS,
        "instances": [
            {"schema_version": 0, "attributes": {"id": f"{type_}-{name}", "arn": f"arn:{type_}:{name}"}}
        ],
        **fields,
    }


def state(*resources: dict[str, Any], **fields: Any) -> bytes:
    document = {
        "version": 4, "terraform_version": "1.9.0", "serial": 7, "lineage": "11111111-2222-3333-4444-555555555555",
        "outputs": {"password": {"value": "canary", "type": "string", "sensitive": True}},
        "resources": list(resources or [resource()]), **fields,
    }  # fmt: skip
    return json.dumps(document).encode()


Adopt = Callable[..., Run]


@pytest.fixture
def take(org: Organisation, postgres: CatalogItemVersion) -> Adopt:
    """Return a function that takes a state over as the developer's queue."""

    def act(
        content: bytes | None = None, *, module: str = "", requester: str = "developer", **words: Any
    ) -> Run:
        ask = Ask(
            **{
                "item": "message-queue",
                "service": "orders",
                "environment": "development",
                "name": "orders-queue",
                **words,
            }
        )
        user = system.account() if requester == "portal" else org.users[requester]
        return adopt.adopt_state(
            ask, state() if content is None else content, module_address=module, requester=user, now=now()
        )

    return act


def nothing_is_left() -> bool:
    return not any(model.objects.exists() for model in (Workspace, Run, Request, StateVersion))


def stored(run: Run) -> dict[str, Any]:
    version = selectors.newest_state(run.workspace_id)
    assert version is not None
    return dict(json.loads(selectors.state_content(version)))


class TestAStateThatIsTakenOver:
    def test_becomes_a_workspace_with_an_update_to_come(self, take: Adopt) -> None:
        run = take(justification="It is ours.")
        workspace = run.workspace
        assert (run.kind, run.status) == ("update", RunStatus.PLAN_QUEUED)
        assert run.variables["name"] == "orders-queue"
        assert workspace.applied_at is not None
        assert workspace.variables == run.variables
        assert workspace.tags["service"] == "orders"
        assert [row.address for row in workspace.resources.all()] == ["module.this.aws_sqs_queue.this"]
        assert AuditEvent.objects.filter(action="workspace.adopted", object_id=workspace.pk).exists()

    def test_keeps_its_lineage_and_raises_its_serial(self, take: Adopt) -> None:
        document = stored(take())
        assert (document["serial"], document["lineage"]) == (8, "11111111-2222-3333-4444-555555555555")
        assert document["outputs"] == {}, "those of another root module go, secrets among them"

    def test_moves_resources_and_dependencies_and_leaves_data_sources_out(self, take: Adopt) -> None:
        instance = {
            "index_key": 0,
            "attributes": {"id": "x"},
            "dependencies": ["aws_sqs_queue.this", "data.aws_region.current"],
        }
        document = stored(
            take(
                state(
                    resource(),
                    resource("aws_cloudwatch_metric_alarm", instances=[instance]),
                    resource("aws_region", "current", mode="data"),
                )
            )
        )
        assert [(one["module"], one["type"]) for one in document["resources"]] == [
            ("module.this", "aws_sqs_queue"),
            ("module.this", "aws_cloudwatch_metric_alarm"),
        ]
        assert document["resources"][1]["instances"][0]["dependencies"] == ["module.this.aws_sqs_queue.this"]

    def test_is_taken_from_a_module_of_it(self, take: Adopt) -> None:
        provider = 'module.queues["a"].' + AWS
        content = state(resource(module='module.queues["a"]', provider=provider))
        [moved] = stored(take(content, module='module.queues["a"]'))["resources"]
        assert (moved["module"], moved["provider"]) == ("module.this", AWS)

    def test_is_ordered_by_the_portal_for_any_service(self, take: Adopt) -> None:
        assert take(requester="portal").requester == system.account()


class TestAStateIsRefused:
    @pytest.mark.parametrize(
        ("content", "module", "said"),
        [
            (b"{", "", "no Terraform state"),
            (b"[]", "", "no Terraform state"),
            (state(version=3), "", "only version 4"),
            (state(lineage=""), "", "no lineage"),
            (state(serial=-1), "", "serial"),
            (json.dumps({"encrypted_data": "x", "serial": 1, "lineage": "x"}).encode(), "", "encrypted"),
            (state(resource("aws_region", mode="data")), "", "holds no resources"),
            (state(resource("aws_vpc")), "", "the module has no aws_vpc"),
            (state(resource(name="mine")), "", "terraform state mv"),
            (state(resource(module="module.other")), "", "calls no module other"),
            (state(resource(module="module.a"), resource(module="module.b")), "module.a", "not in module.a"),
            (state(), "module.a", "not in module.a"),
            (state(), "a b", "no module address"),
            (state(resource(provider=f"{AWS}.west")), "", "configuration west"),
            (state(resource(provider="provider.aws")), "", "0.13"),
            (state(resource(provider='provider["registry.terraform.io/evil/aws"]')), "", "evil/aws"),
        ],
    )
    def test_that_cannot_be_this_items(self, content: bytes, module: str, said: str, take: Adopt) -> None:
        with pytest.raises(adopt.StateNotTaken, match=said):
            take(content, module=module)
        assert nothing_is_left()

    def test_when_a_workspace_has_it_already(self, take: Adopt) -> None:
        take()
        with pytest.raises(
            adopt.StateNotTaken, match=r"belongs to the workspace orders-queue .* same lineage"
        ):
            take(name="another-queue")
        with pytest.raises(adopt.StateNotTaken, match="arn:aws_sqs_queue:this belongs to the workspace"):
            take(state(lineage="66666666-2222-3333-4444-555555555555"), name="another-queue")
        assert Workspace.objects.count() == Run.objects.count() == StateVersion.objects.count() == 1

    def test_when_the_name_is_taken(self, take: Adopt) -> None:
        take()
        other = state(resource(name="dead_letter"), lineage="66666666-2222-3333-4444-555555555555")
        with pytest.raises(submit.NameTaken):
            take(other)
        assert StateVersion.objects.count() == 1

    def test_when_the_parameters_are_refused(self, take: Adopt) -> None:
        with pytest.raises(InvalidAsk):
            take(parameters={"no_such": 1})
        with pytest.raises(InvalidAsk):
            take(item="no-such")
        assert nothing_is_left()

    def test_when_a_guardrail_refuses_them(self, take: Adopt) -> None:
        with pytest.raises(submit.GuardrailRefused):
            take(
                state(resource("aws_db_instance")),
                item="postgres",
                parameters={"instance_class": "db.r6g.16xlarge"},
            )
        assert nothing_is_left()

    def test_to_whoever_does_not_own_the_service(self, take: Adopt) -> None:
        with pytest.raises(NotYourService):
            take(requester="outsider")
        assert nothing_is_left()

    def test_when_it_is_too_large(self, take: Adopt, settings: Any) -> None:
        settings.DRAWBRIDGE_STATE_MAX_BYTES = 100
        with pytest.raises(adopt.StateNotTaken, match="larger than 100 bytes"):
            take()


class TestTheCommand:
    ARGUMENTS = (
        "--item=message-queue",
        "--service=orders",
        "--environment=development",
        "--name=orders-queue",
    )

    def test_says_what_is_wrong_with_each_field(
        self, org: Organisation, postgres: CatalogItemVersion, tmp_path: Path
    ) -> None:
        file, parameters = tmp_path / "a.tfstate", tmp_path / "p.json"
        file.write_bytes(state())
        parameters.write_text('{"no_such": 1}')
        with pytest.raises(CommandError, match="no_such: is no parameter of message-queue"):
            call_command("import_state", str(file), *self.ARGUMENTS, f"--parameters={parameters}")
        with pytest.raises(CommandError, match="no active user"):
            call_command("import_state", str(file), *self.ARGUMENTS, "--as=nobody")
        with pytest.raises(CommandError, match="cannot be read"):
            call_command("import_state", str(tmp_path / "none"), *self.ARGUMENTS)
        with pytest.raises(CommandError, match=r'has no version "9\.9\.9"'):
            call_command("import_state", str(file), *self.ARGUMENTS, "--version=9.9.9")
        assert nothing_is_left()

    def test_prints_the_workspace_and_what_comes_next(
        self, org: Organisation, postgres: CatalogItemVersion, tmp_path: Path
    ) -> None:
        file, said, told = tmp_path / "a.tfstate", StringIO(), StringIO()
        file.write_bytes(state())
        call_command("import_state", str(file), *self.ARGUMENTS, stdout=said, stderr=told)
        run = Run.objects.get()
        assert said.getvalue().strip() == str(run.workspace_id)
        assert str(run.pk) in told.getvalue()
