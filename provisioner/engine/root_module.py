"""The root module around a catalog module: a call, a backend, a provider. Values are in a tfvars file."""

import json
from collections.abc import Mapping
from typing import Any

from provisioner.engine.module_interface import ModuleInterface
from provisioner.engine.types import EngineFailure, RunSpec

MODULE_NAME = "this"
REGION_VARIABLE = "drawbridge_region"
TAGS_VARIABLE = "drawbridge_default_tags"


def root_module(interface: ModuleInterface, variable_names: list[str]) -> str:
    """Return the text of main.tf.json. It holds names only, never a value.

    Raises EngineFailure for a variable that the module does not declare: Terraform would only warn.
    """
    unknown = [name for name in variable_names if name not in interface.variables]
    if unknown:
        raise EngineFailure(
            "The module has no such variable",
            f"The run gives {', '.join(map(repr, unknown))}, which the module does not declare. It declares"
            f" {', '.join(sorted(interface.variables)) or 'none'}. Order the item again with the parameters"
            " of this version.",
            permanent=True,
        )
    variables: dict[str, dict[str, Any]] = {name: _declaration(interface, name) for name in variable_names}
    document: dict[str, Any] = {
        "terraform": {"backend": {"http": {}}},
        "module": {
            MODULE_NAME: {"source": "./module"} | {name: f"${{var.{name}}}" for name in variable_names}
        },
    }
    if interface.uses_aws:
        variables |= {REGION_VARIABLE: {"type": "string"}, TAGS_VARIABLE: {"type": "map(string)"}}
        document["terraform"]["required_providers"] = {"aws": {"source": "hashicorp/aws"}}
        document["provider"] = {
            "aws": {
                "region": f"${{var.{REGION_VARIABLE}}}",
                "default_tags": {"tags": f"${{var.{TAGS_VARIABLE}}}"},
            }
        }
    if variables:
        document["variable"] = variables
    if interface.outputs:
        document["output"] = {
            name: {"value": f"${{module.{MODULE_NAME}.{name}}}"} | ({"sensitive": True} if sensitive else {})
            for name, sensitive in interface.outputs.items()
        }
    return json.dumps(document, indent=1)


def variable_values(interface: ModuleInterface, spec: RunSpec) -> str:
    """Return the text of terraform.tfvars.json, the only way for a value to reach Terraform."""
    values: dict[str, object] = dict(spec.variables)
    if interface.uses_aws:
        values |= {REGION_VARIABLE: spec.region, TAGS_VARIABLE: dict(spec.default_tags)}
    return json.dumps(values)


def sensitive_values(interface: ModuleInterface, variables: Mapping[str, object]) -> list[object]:
    """Return the given values of the module's sensitive variables."""
    return [value for name, value in variables.items() if interface.variables.get(name)]


def _declaration(interface: ModuleInterface, name: str) -> dict[str, Any]:
    declared: dict[str, Any] = {}
    if interface.variables[name]:
        declared["sensitive"] = True
    if name in interface.ephemeral:
        declared["ephemeral"] = True
    return declared
