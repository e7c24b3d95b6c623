"""Further versions of the shipped Postgres, for tests of lifecycles and upgrades."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from catalog.models import CatalogItem, CatalogItemVersion
from tests.conftest import NOW

Change = Callable[[dict[str, Any], dict[str, Any]], None]


def next_version(
    version: CatalogItemVersion, number: str, change: Change | None = None, **columns: Any
) -> CatalogItemVersion:
    """Store another version with the same module. `change(manifest, parameters by name)` edits what it says."""
    manifest = copy.deepcopy(version.manifest)
    manifest["version"] = number
    manifest["changelog"] = [
        {"version": number, "notes": f"What {number} brings."},
        *manifest.get("changelog", []),
    ]
    by_name = {p["name"]: copy.deepcopy(p) for p in version.parameter_spec["parameters"]}
    if change is not None:
        change(manifest, by_name)
    return CatalogItemVersion.objects.create(
        item=version.item,
        version=number,
        manifest=manifest,
        parameter_spec={"parameters": list(by_name.values())},
        content=version.content,
        readme=version.readme,
        published_at=NOW,
        **{"module_digest": f"{CatalogItemVersion.objects.count():064x}", **columns},
    )


def stand(version: CatalogItemVersion, lifecycle: str, **columns: Any) -> None:
    """Let a version stand somewhere else, and its item with it when it has no other."""
    CatalogItemVersion.objects.filter(pk=version.pk).update(lifecycle=lifecycle, **columns)
    if version.item.versions.count() == 1:
        CatalogItem.objects.filter(pk=version.item_id).update(
            lifecycle=lifecycle, retired_at=NOW if lifecycle == "retired" else None
        )


def without_retention(manifest: dict[str, Any], parameters: dict[str, Any]) -> None:
    """Take backup_retention_days away and bring a required parameter and another default."""
    parameters.pop("backup_retention_days")
    manifest["parameters"].pop("backup_retention_days", None)
    for values in manifest["presets"].values():
        values.pop("backup_retention_days", None)
    manifest["guardrails"] = [g for g in manifest["guardrails"] if g["parameter"] != "backup_retention_days"]
    new = copy.deepcopy(parameters["database_name"])
    parameters["contact"] = {**new, "name": "contact", "label": "Contact", "constraints": []}
    parameters["contact"].pop("default", None)
    parameters["database_name"]["default"] = "main"
