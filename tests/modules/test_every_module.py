"""What holds for every module of the catalog, with the values that its own manifest gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog.manifest_check import permits
from provisioner.domain.cost import Estimate
from provisioner.domain.guardrails import STATEFUL_TYPES, check_plan
from provisioner.domain.plan import Plan, PlanCounts, ResourceChange, parse_plan
from provisioner.domain.tags import check_tags
from tests.modules.changes import CHANGES
from tests.modules.conftest import MakeWorkspace
from tests.modules.deprecations import deprecated_arguments
from tests.modules.workspace import DEFAULT_TAGS, ROOT, Module, Workspace, leaves

SECRET_NAMES = re.compile(
    r"(^|_)(password|secret_string|secret_binary|auth_token|private_key|secret_access_key|secret_key)(_wo)?$"
)
ANYWHERE = ("0.0.0.0/0", "::/0")
MAX_VISIBLE_PARAMETERS = 8
MAX_FIELDS_TO_FILL_IN = 4  # for a development order: service, environment and name are three of them
MAX_ALARMS = 6  # more of them, and people stop reading
NO_CHANGES = PlanCounts(create=0, update=0, replace=0, delete=0, no_op=0)
TAGGABLE = frozenset(json.loads((ROOT / "provisioner" / "taggable.json").read_text(encoding="utf-8")))
PlanOnly = Callable[[Module], Workspace]


class TestAModulesFiles:
    def test_are_formatted(self, module: Module, terraform: str, environ: Mapping[str, str]) -> None:
        completed = subprocess.run(
            [terraform, "fmt", "-check", "-recursive", "-diff", str(module.path)],
            env=dict(environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert completed.returncode == 0, completed.stdout + completed.stderr

    def test_are_valid_without_a_warning(self, module: Module, plan_only: PlanOnly) -> None:
        outcome = plan_only(module).run("validate", "-json")
        assert outcome.code == 0, outcome.text
        assert json.loads(outcome.text)["diagnostics"] == []

    def test_use_nothing_that_the_provider_deprecates(self, module: Module) -> None:
        assert deprecated_arguments(module.path) == []

    @pytest.mark.thorough
    def test_have_examples_that_plan(
        self, module: Module, terraform: str, environ: Mapping[str, str], tmp_path: Path
    ) -> None:
        copy = tmp_path / module.slug
        shutil.copytree(module.path, copy)
        examples = sorted(path.parent for path in copy.glob("examples/*/main.tf"))
        assert examples
        for example in examples:
            for command in (
                ["init", "-input=false", "-backend=false"],
                ["plan", "-input=false", "-lock=false"],
            ):
                completed = subprocess.run(
                    [terraform, *command],
                    cwd=example,
                    env=dict(environ),
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=60,
                )
                assert completed.returncode == 0, completed.stdout + completed.stderr

    def test_include_what_a_reader_needs(self, module: Module) -> None:
        names = {path.name for path in module.path.iterdir()}
        assert {"main.tf", "variables.tf", "outputs.tf", "versions.tf", "catalog.yaml", "README.md"} <= names


class TestAManifest:
    def test_explains_every_parameter(self, module: Module) -> None:
        shown = [name for name in module.spec.names if name not in module.manifest.hidden]
        assert set(module.manifest.parameters) == set(shown)
        for name, text in module.manifest.parameters.items():
            missing = [key for key in ("label", "group", "help", "example", "consequence") if key not in text]
            assert missing == [], f"{name} lacks {missing}"

    def test_gives_examples_that_the_module_takes(self, module: Module) -> None:
        problems = {
            p.name: p.check(p.example)[1] for p in module.spec if p.name not in module.manifest.hidden
        }
        assert {name: found for name, found in problems.items() if found} == {}

    def test_shows_only_a_few_parameters_at_first(self, module: Module) -> None:
        visible = [name for name, text in module.manifest.parameters.items() if not text.get("advanced")]
        assert 0 < len(visible) <= MAX_VISIBLE_PARAMETERS

    def test_asks_for_hardly_anything(self, module: Module) -> None:
        required = [p.name for p in module.spec if p.required and p.name not in module.manifest.hidden]
        sized = module.manifest.sizes and "development" not in module.manifest.sizes.default
        assert 3 + len(required) + bool(sized) <= MAX_FIELDS_TO_FILL_IN

    def test_gives_each_environment_a_preset_of_its_own(self, module: Module) -> None:
        assert module.environments == ["development", "staging", "production"]
        presets = [sorted(preset.items()) for preset in module.manifest.presets.values()]
        assert all(presets.count(preset) == 1 for preset in presets)

    def test_offers_only_what_its_guardrails_allow(self, module: Module, environment: str, size: str) -> None:
        variables = module.variables(environment, size)
        guardrails = module.manifest.guardrails
        assert [g.rule for g in guardrails if not permits(g, environment, variables[g.parameter])] == []

    def test_tells_how_to_connect_with_outputs_that_exist(self, module: Module) -> None:
        outputs = re.findall(r'^output "(\w+)"', (module.path / "outputs.tf").read_text(), re.MULTILINE)
        named = set(re.findall(r"\{(\w+)\}", module.manifest.connect))
        assert named
        assert named <= set(outputs)


class TestAPlan:
    def test_of_the_largest_size_is_sound(
        self, module: Module, environment: str, largest_size: str, plan_only: PlanOnly
    ) -> None:
        variables = module.variables(environment, largest_size)
        _assert_sound(module, variables, parse_plan(plan_only(module).plan(variables)))


class AnOrder:
    """The life of an order in one environment; a class for each, so that they run side by side."""

    def lives(self, module: Module, environment: str, make_workspace: MakeWorkspace) -> None:
        """Plan, apply, plan again, refuse what is protected, update, announce a replacement, destroy."""
        workspace = make_workspace(module, f"{module.slug}-{environment}")
        variables = module.variables(environment)
        plan = parse_plan(workspace.plan(variables))
        _assert_sound(module, variables, plan)
        _assert_launched_things_are_tagged(plan)
        assert 0 < len(_of_type(plan, "aws_cloudwatch_metric_alarm")) <= MAX_ALARMS or not _alarms_wanted(
            variables
        )
        applied = workspace.apply()
        assert applied.code == 0, applied.text

        again = workspace.is_settled(variables)
        assert again.code == 0, again.text
        assert "Objects have changed outside of Terraform" not in again.text
        assert _secrets(workspace.state()) == []

        protection = module.manifest.protection
        if protection and variables[protection]:
            refused = workspace.plan_and_apply(variables, destroy=True)
            assert refused.code == 1
            assert "protect" in refused.text
            assert workspace.state()["resources"]
            # What is not protected is gone by now; without the protection it all comes back.
            variables = {**variables, protection: False}
            unprotected = workspace.plan_and_apply(variables)
            assert unprotected.code == 0, unprotected.text

        variables = self.update_in_place(module, workspace, variables)
        self.announce_a_replacement(module, workspace, variables)

        destroyed = workspace.plan_and_apply(variables, destroy=True)
        assert destroyed.code == 0, destroyed.text
        assert workspace.state()["resources"] == []

    def update_in_place(
        self, module: Module, workspace: Workspace, variables: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Apply a change that keeps every resource; return the variables that then hold."""
        changes = CHANGES[module.slug]
        changed = {**variables, **changes.in_place}
        plan = parse_plan(workspace.plan(changed))
        verbs = {c.address.removeprefix("module.this."): c.verb for c in plan.changes}
        assert verbs[changes.updated] == "update"
        lasting = [c for c in plan.changes if c.type not in changes.new_versions]
        assert {c.verb for c in lasting} <= {"no-op", "update"}
        assert check_plan(plan, destroying=False) == ()
        applied = workspace.apply()
        assert applied.code == 0, applied.text
        return changed

    def announce_a_replacement(
        self, module: Module, workspace: Workspace, variables: Mapping[str, Any]
    ) -> None:
        """Plan a change that AWS does not take in place: the plan says so, and what holds data asks for an override."""
        changes = CHANGES[module.slug]
        plan = parse_plan(workspace.plan({**variables, **changes.replacing}))
        (change,) = (c for c in plan.changes if c.address == f"module.this.{changes.replaced}")
        assert change.verb == "replace"
        assert change.replace_paths
        findings = {finding.where for finding in check_plan(plan, destroying=False)}
        assert (change.address in findings) == (change.type in STATEFUL_TYPES)


@pytest.mark.thorough
class TestAnOrderInDevelopment(AnOrder):
    def test_lives_through_a_plan_an_apply_an_update_and_a_destroy(
        self, module: Module, make_workspace: MakeWorkspace
    ) -> None:
        self.lives(module, "development", make_workspace)


@pytest.mark.thorough
class TestAnOrderInStaging(AnOrder):
    def test_lives_through_a_plan_an_apply_an_update_and_a_destroy(
        self, module: Module, make_workspace: MakeWorkspace
    ) -> None:
        self.lives(module, "staging", make_workspace)


class TestAnOrderInProduction(AnOrder):
    def test_lives_through_a_plan_an_apply_an_update_and_a_destroy(
        self, module: Module, make_workspace: MakeWorkspace
    ) -> None:
        self.lives(module, "production", make_workspace)


def _alarms_wanted(variables: Mapping[str, Any]) -> bool:
    """Tell whether the environment has alarms at all: a queue of a developer's has none."""
    return bool(variables.get("alarms_enabled", True))


def _of_type(plan: Plan, kind: str) -> list[ResourceChange]:
    return [change for change in plan.after_resources() if change.type == kind]


def _assert_launched_things_are_tagged(plan: Plan) -> None:
    """Look where the provider's default tags do not reach: at what services start or copy by themselves."""
    for group in _of_type(plan, "aws_autoscaling_group"):
        tags = {t["key"]: t for t in _blocks(group, "tag")}
        assert set(DEFAULT_TAGS) <= set(tags)
        assert all(tags[key]["propagate_at_launch"] is True for key in DEFAULT_TAGS)
    for template in _of_type(plan, "aws_launch_template"):
        tagged = {t["resource_type"]: t["tags"] for t in _blocks(template, "tag_specifications")}
        assert {"instance", "volume", "network-interface"} <= set(tagged)
        assert all(DEFAULT_TAGS.items() <= tags.items() for tags in tagged.values())
    for service in _of_type(plan, "aws_ecs_service"):
        assert (service.after or {})["propagate_tags"] == "SERVICE"
        assert (service.after or {})["enable_ecs_managed_tags"] is True
    for database in _of_type(plan, "aws_db_instance"):
        assert (database.after or {})["copy_tags_to_snapshot"] is True
    for backup in _of_type(plan, "aws_backup_plan"):
        assert all(
            DEFAULT_TAGS.items() <= rule["recovery_point_tags"].items() for rule in _blocks(backup, "rule")
        )


def _blocks(change: ResourceChange, name: str) -> list[Mapping[str, Any]]:
    blocks: list[Mapping[str, Any]] = list((change.after or {}).get(name) or [])  # type: ignore[call-overload]
    return blocks


def _assert_sound(module: Module, variables: Mapping[str, Any], plan: Plan) -> None:
    """Hold a first plan against what was promised: it only creates, tags, stays closed and costs what was said."""
    counts = plan.counts()
    assert counts == replace(NO_CHANGES, create=counts.create)
    assert counts.create > 0
    assert check_tags(plan, DEFAULT_TAGS, TAGGABLE.__contains__) == ()
    assert open_to_anyone(plan) == []

    before, planned = module.estimate_before_plan(variables), module.estimate_of_plan(plan)
    assert before.usd_month == planned.usd_month
    assert _components(before) == _components(planned)


def _components(estimate: Estimate) -> tuple[dict[tuple[str, str], Decimal], Counter[tuple[str, str]]]:
    """Sum up what an estimate is made of, priced or not, by kind: addresses differ where a skeleton counts."""
    priced: dict[tuple[str, str], Decimal] = {}
    for item in estimate.line_items:
        kind = (item.component, item.sku_key)
        priced[kind] = priced.get(kind, Decimal(0)) + item.quantity
    return priced, Counter((row.type, row.component) for row in estimate.unpriced)


def open_to_anyone(plan: Plan) -> list[str]:
    """Return the addresses of groups and rules that let the whole internet in, but to a public load balancer."""
    return [
        change.address
        for change in plan.after_resources()
        if change.type in ("aws_security_group", "aws_vpc_security_group_ingress_rule")
        and any(value in ANYWHERE for _, value in leaves(change.after))
        and not _is_https_of_a_public_load_balancer(plan, change)
    ]


def _is_https_of_a_public_load_balancer(plan: Plan, rule: ResourceChange) -> bool:
    """Tell whether a rule opens port 443 alone, of a group of the configuration that is named for a load balancer.

    Which group a rule belongs to is unknown before it is made, so that the address has to tell.
    """
    after = rule.after or {}
    public = any((balancer.after or {}).get("internal") is False for balancer in _of_type(plan, "aws_lb"))
    ports = (after.get("ip_protocol"), after.get("from_port"), after.get("to_port"))
    named = rule.address.endswith("aws_vpc_security_group_ingress_rule.https")
    return public and named and ports == ("tcp", 443, 443)


def _secrets(state: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return where the state holds a value under a name that secrets have."""
    return [
        path
        for path, value in leaves(state["resources"])
        if path and isinstance(value, str) and value and SECRET_NAMES.search(path[-1])
    ]
