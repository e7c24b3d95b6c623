"""Where a plan's resources are written: which modules are somebody else's, and which provider makes what.

https://developer.hashicorp.com/terraform/internals/json-format#configuration-representation
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from provisioner.domain.plan import ResourceChange

# One call of an address such as module.vpc["a"].module.this[0]
_CALL = re.compile(r'module\.([A-Za-z_][A-Za-z0-9_-]*)(?:\[(?:\d+|"(?:[^"\\]|\\.)*")\])?(?:\.|$)')

_TAG_VARIABLES = ("tags", "default_tags", "additional_tags", "extra_tags")


@dataclass(frozen=True)
class ModuleCall:
    """One call of a module. `path` is its address without indexes; `tags_variable` takes tags, if one does."""

    path: str
    source: str
    tags_variable: str = ""

    @property
    def outside(self) -> bool:
        """Whether the module comes from a registry, a repository or an archive, so that it is not edited in place."""
        return bool(self.source) and not self.source.startswith(("./", "../", "/"))


@dataclass(frozen=True)
class Layout:
    """How the configuration of a plan is laid out; empty where the plan does not carry it."""

    calls: Mapping[str, ModuleCall] = field(default_factory=dict)  # by path
    providers: Mapping[tuple[str, str, str], str] = field(default_factory=dict)  # by module path, type, name
    default_tags: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict
    )  # by provider, where spelt out

    def outside_call(self, change: ResourceChange) -> ModuleCall | None:
        """Return the outermost call on the way to the resource whose module is not edited in place."""
        path = ""
        for name in _CALL.findall(change.module_address):
            path = f"{path}.module.{name}".lstrip(".")
            call = self.calls.get(path)
            if call is not None and call.outside:
                return call
        return None

    def provider_of(self, change: ResourceChange) -> str:
        """Return the provider as the configuration names it, such as aws or aws.replica."""
        # module.a:aws.replica is the name that module a has for it
        return self._provider_key(change).rpartition(":")[2] or _local_name(change.provider)

    def default_tags_of(self, change: ResourceChange) -> Mapping[str, str]:
        """Return the default_tags of the resource's provider that the root module spells out."""
        return self.default_tags.get(self._provider_key(change), {})

    def _provider_key(self, change: ResourceChange) -> str:
        path = ".".join(f"module.{name}" for name in _CALL.findall(change.module_address))
        return self.providers.get((path, change.type, change.name), "")


def layout(document: Mapping[str, object]) -> Layout:
    """Read the layout from the `configuration` of a plan document."""
    configuration = document.get("configuration")
    root = configuration.get("root_module") if isinstance(configuration, Mapping) else None
    calls: dict[str, ModuleCall] = {}
    providers: dict[tuple[str, str, str], str] = {}
    for path, module in _modules(root, calls):
        resources = module.get("resources")
        for resource in resources if isinstance(resources, list) else ():
            if isinstance(resource, Mapping) and resource.get("mode", "managed") == "managed":
                key = (path, str(resource.get("type")), str(resource.get("name")))
                providers[key] = str(resource.get("provider_config_key", ""))
    return Layout(calls, providers, _default_tags(configuration))


def _default_tags(configuration: object) -> dict[str, Mapping[str, str]]:
    configured = configuration.get("provider_config") if isinstance(configuration, Mapping) else None
    found: dict[str, Mapping[str, str]] = {}
    for name, provider in configured.items() if isinstance(configured, Mapping) else ():
        node: object = provider
        for step in ("expressions", "default_tags", 0, "tags", "constant_value"):
            if isinstance(node, list) and step == 0 and node:
                node = node[0]
            else:
                node = node.get(step) if isinstance(node, Mapping) else None
        if isinstance(node, Mapping):
            found[str(name)] = {str(key): str(value) for key, value in node.items() if value is not None}
    return found


def _modules(root: object, calls: dict[str, ModuleCall]) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield every module with its path; note each call on the way."""
    waiting: list[tuple[str, object]] = [("", root)]
    while waiting:
        path, module = waiting.pop()
        if not isinstance(module, Mapping):
            continue
        yield path, module
        called = module.get("module_calls")
        for name, call in called.items() if isinstance(called, Mapping) else ():
            if isinstance(call, Mapping):
                inner = f"{path}.module.{name}".lstrip(".")
                calls[inner] = ModuleCall(inner, str(call.get("source", "")), _tags_variable(call))
                waiting.append((inner, call.get("module")))


def _tags_variable(call: Mapping[str, object]) -> str:
    module = call.get("module")
    variables = module.get("variables") if isinstance(module, Mapping) else None
    if isinstance(variables, Mapping):
        return next((name for name in _TAG_VARIABLES if name in variables), "")
    return ""


def _local_name(provider: str) -> str:
    return provider.rpartition("/")[2] or "aws"
