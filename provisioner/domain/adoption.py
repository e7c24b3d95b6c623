"""Turn a state that Terraform kept elsewhere into the state of a workspace: the same objects, at other addresses."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

# module.this is what the generated root module calls the catalog's module (engine/root_module.py).
TARGET = "module.this"
BUILT_IN_PROVIDER = "terraform.io/builtin/terraform"
_PUBLIC_REGISTRIES = ("registry.terraform.io/", "registry.opentofu.org/")
_PROVIDER = re.compile(r'(?:module\..+\.)?provider\["([^"]+)"\](?:\.([A-Za-z_][A-Za-z0-9_-]*))?')
_CALL = re.compile(r'module\.([A-Za-z_][A-Za-z0-9_-]*)(?:\[(?:\d+|"(?:[^"\\]|\\.)*")\])?')
MODULE_ADDRESS = re.compile(rf"{_CALL.pattern}(?:\.{_CALL.pattern})*")
_SHOWN = 5


class NotAdoptable(ValueError):
    """The state cannot become a workspace's; the text says why and what to do."""


@dataclass(frozen=True)
class Held:
    """A resource of the state: the modules it is in, seen from the module that is taken over, and what it is."""

    calls: tuple[str, ...]
    type: str
    name: str
    address: str  # where the state has it


@dataclass(frozen=True)
class Adopted:
    """The state as the workspace's first, with one resource or more."""

    document: Mapping[str, object]
    resources: tuple[Held, ...]


def adopt(document: Mapping[str, object], module_address: str, providers: Collection[str]) -> Adopted:
    """Move the resources at `module_address` ("" for the root) to the address that the portal's root module has.

    The lineage stays, so that the state is known again, and the serial rises. Data sources, outputs and check results
    are left out: the next plan reads them anew. `providers` are those that modules may use, such as hashicorp/aws.
    `document` is one that `state.parse_state` takes. Raises NotAdoptable.
    """
    kept, held, elsewhere = [], [], []
    for resource in _list(document.get("resources")):
        if resource.get("mode") != "managed":
            continue
        module, type_, name = (str(resource.get(key) or "") for key in ("module", "type", "name"))
        address = f"{module}.{type_}.{name}".lstrip(".")
        inside = _inside(module, module_address)
        if inside is None:
            elsewhere.append(address)
            continue
        calls = tuple(match[1] for match in _CALL.finditer(inside))
        held.append(Held(calls, type_, name, address))
        kept.append(
            {
                **resource,
                "module": f"{TARGET}.{inside}" if inside else TARGET,
                "provider": _provider(str(resource.get("provider") or ""), address, providers),
                "instances": [_instance(one, module_address) for one in _list(resource.get("instances"))],
            }
        )
    if elsewhere:
        where = module_address or "the root"
        raise NotAdoptable(
            f"The state holds resources that are not in {where}: {_some(elsewhere)}. A workspace is one module; move "
            "the others to a state of their own first (terraform state mv -state-out=…), or name the module with "
            "--module."
        )
    if not kept:
        raise NotAdoptable(
            "The state holds no resources, so there is nothing to take over. Order the item anew."
        )
    serial = document["serial"]
    assert isinstance(serial, int)
    return Adopted(
        document={
            "version": 4,
            "terraform_version": document.get("terraform_version") or "",
            "serial": serial + 1,
            "lineage": document["lineage"],
            "outputs": {},
            "resources": kept,
            "check_results": None,
        },
        resources=tuple(held),
    )


def _inside(module: str, wanted: str) -> str | None:
    """Return a module address seen from the wanted module, or None when it is elsewhere."""
    if not wanted:
        return module
    if module == wanted:
        return ""
    return module.removeprefix(f"{wanted}.") if module.startswith(f"{wanted}.") else None


def _provider(address: str, resource: str, providers: Collection[str]) -> str:
    match = _PROVIDER.fullmatch(address)
    if match is None:
        raise NotAdoptable(
            f"{resource} belongs to {address or 'no provider'}, which is no provider address of Terraform 0.13 or "
            "newer. Apply it once with a current Terraform, or use terraform state replace-provider."
        )
    source, alias = match[1], match[2]
    if alias:
        raise NotAdoptable(
            f"{resource} belongs to the provider configuration {alias}, perhaps of another region or account, and "
            "a workspace has one configuration. Such resources cannot be taken over."
        )
    name = source.lower()
    for registry in _PUBLIC_REGISTRIES:
        name = name.removeprefix(registry)
    if name != BUILT_IN_PROVIDER and name not in providers:
        raise NotAdoptable(
            f"{resource} belongs to the provider {source}, which modules may not use here "
            f"({', '.join(sorted(providers))}). If it is another name of one of them, use terraform state "
            "replace-provider."
        )
    return f'provider["{source}"]'


def _instance(instance: Mapping[str, object], wanted: str) -> dict[str, object]:
    """Give an instance whose dependencies are at their new addresses; those on data sources and others are dropped."""
    moved = dict(instance)
    if "dependencies" in moved:
        dependencies = moved["dependencies"]
        moved["dependencies"] = [
            f"{TARGET}.{inside}"
            for one in (dependencies if isinstance(dependencies, list) else ())
            if (inside := _inside(str(one), wanted)) and not _is_data(inside)
        ]
    return moved


def _is_data(address: str) -> bool:
    return address.startswith("data.") or ".data." in address


def _list(value: object) -> list[Mapping[str, object]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
