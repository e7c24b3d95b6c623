"""Which parameter of the catalog module sets an attribute, read from a plan's `configuration`.

https://developer.hashicorp.com/terraform/internals/json-format#configuration-representation
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from provisioner.domain.plan_json import Path

# One call of an address such as module.this.module.db["a"].aws_db_instance.this[0]
_MODULE = re.compile(r'module\.([A-Za-z_][A-Za-z0-9_-]*)(\[(?:\d+|"(?:[^"\\]|\\.)*")\])?(?:\.|$)')


@dataclass(frozen=True)
class Setter:
    """A parameter that alone is named where an attribute is set; `steps` is that attribute.

    It may be shorter than the path that was asked for: `tags = var.tags` sets every key at once. Terraform tells
    which names an expression holds and not what it does with them, so `var.a` and `var.a * 2` look alike here.
    """

    parameter: str
    steps: Path


def setter_of(
    document: Mapping[str, object], module_address: str, type_: str, name: str, path: Path
) -> Setter | None:
    """Return the one parameter of the catalog module behind an attribute of a resource, or None.

    None too where the expression names anything else beside it, or where the configuration cannot be followed.
    `document` is a plan; parameters are the variables of the module that the root module calls.
    """
    calls = [match[1] for match in _MODULE.finditer(module_address)]
    configuration = document.get("configuration")
    module = configuration.get("root_module") if isinstance(configuration, Mapping) else None
    expressions: list[object] = []  # of each call on the way to the resource
    for call_name in calls:
        known = module.get("module_calls") if isinstance(module, Mapping) else None
        call = known.get(call_name) if isinstance(known, Mapping) else None
        if not isinstance(call, Mapping):
            return None
        expressions.append(call.get("expressions"))
        module = call.get("module")
    resource = _resource(module, type_, name)
    if resource is None or not expressions:
        return None
    found = _expression(resource.get("expressions"), path)
    if found is None:
        return None
    variable, depth = _variable(found[0]), found[1]
    # The last call's variables are given by the call before it, up to the catalog module's own.
    for given in reversed(expressions[1:]):
        if variable is None:
            return None
        variable = _variable(given.get(variable) if isinstance(given, Mapping) else None)
    return None if variable is None else Setter(variable, path[:depth])


def is_set(
    document: Mapping[str, object], module_address: str, type_: str, name: str, attribute: str
) -> bool:
    """Tell whether the configuration says anything of a resource's attribute or block."""
    module: object = document.get("configuration")
    module = module.get("root_module") if isinstance(module, Mapping) else None
    for match in _MODULE.finditer(module_address):
        known = module.get("module_calls") if isinstance(module, Mapping) else None
        call = known.get(match[1]) if isinstance(known, Mapping) else None
        module = call.get("module") if isinstance(call, Mapping) else None
    resource = _resource(module, type_, name)
    expressions = None if resource is None else resource.get("expressions")
    return isinstance(expressions, Mapping) and attribute in expressions


def _resource(module: object, type_: str, name: str) -> Mapping[str, object] | None:
    resources = module.get("resources") if isinstance(module, Mapping) else None
    for resource in resources if isinstance(resources, list) else ():
        if (
            isinstance(resource, Mapping)
            and resource.get("mode", "managed") == "managed"
            and (resource.get("type"), resource.get("name")) == (type_, name)
        ):
            return resource
    return None


def _expression(expressions: object, path: Path) -> tuple[Mapping[str, object], int] | None:
    """Walk blocks down to the attribute that has an expression; return it with how many steps led to it."""
    node = expressions
    for depth, step in enumerate(path, start=1):
        if isinstance(node, Mapping) and isinstance(step, str):
            node = node.get(step)
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
        elif isinstance(node, Mapping) and step == 0:
            pass  # a block that may be there once is an object here and a list in the values
        else:
            return None
        if isinstance(node, Mapping) and _is_leaf(node):
            return node, depth
    return None


def _is_leaf(node: Mapping[str, object]) -> bool:
    """Tell an expression from a block, whose attributes are objects themselves."""
    return isinstance(node.get("references"), list) or "constant_value" in node


def _variable(expression: object) -> str | None:
    """Return the variable that an expression names, when it names nothing else."""
    references = expression.get("references") if isinstance(expression, Mapping) else None
    if not isinstance(references, list) or len(references) != 1:
        return None
    prefix, _, name = str(references[0]).partition(".")
    return name if prefix == "var" and name and "." not in name and "[" not in name else None
