"""The provider's schema: loading it, and walking values along its blocks."""

import gzip
import json
import os
from typing import Any

from provisioner.sandbox import values

Block = dict[str, Any]

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "aws-schema.json.gz")


class Schemas:
    """The schemas of the provider, resources and data sources, as `terraform providers schema -json` shows them."""

    def __init__(self, path: str = PATH) -> None:
        with gzip.open(path, "rb") as file:
            document = json.loads(file.read())
        (schemas,) = document["provider_schemas"].values()
        self.provider: dict[str, Any] = schemas["provider"]
        self.resources: dict[str, dict[str, Any]] = schemas["resource_schemas"]
        self.data_sources: dict[str, dict[str, Any]] = schemas["data_source_schemas"]

    def resource(self, type_name: str) -> Block:
        """Return the block of a resource type."""
        block: Block = self.resources[type_name]["block"]
        return block

    def data_source(self, type_name: str) -> Block:
        """Return the block of a data source type."""
        block: Block = self.data_sources[type_name]["block"]
        return block


def attributes(block: Block) -> dict[str, dict[str, Any]]:
    """Return a block's attributes by name."""
    found: dict[str, dict[str, Any]] = block.get("attributes", {})
    return found


def nested_blocks(block: Block) -> dict[str, dict[str, Any]]:
    """Return a block's nested blocks by name."""
    found: dict[str, dict[str, Any]] = block.get("block_types", {})
    return found


def is_taggable(block: Block) -> bool:
    """Say whether the type takes tags."""
    return "tags_all" in attributes(block)


def secret_attributes(block: Block) -> frozenset[str]:
    """Name the attributes whose values never reach the disk: sensitive and write-only ones."""
    return frozenset(n for n, a in attributes(block).items() if a.get("sensitive") or a.get("write_only"))


def conform(block: Block, value: dict[str, Any] | None) -> dict[str, Any]:
    """Return an object of exactly the block's type: missing parts filled with null, unknown names dropped."""
    value = value or {}
    out = {name: values.conform(part["type"], value.get(name)) for name, part in attributes(block).items()}
    for name, part in nested_blocks(block).items():
        inner, mode = value.get(name), part["nesting_mode"]
        if mode == "single":
            out[name] = None if inner is None else conform(part["block"], inner)
        elif values.is_unknown(inner):
            out[name] = inner
        else:
            out[name] = [conform(part["block"], item) for item in inner or []]
    return out


def comparable(block: Block, value: Any) -> Any:
    """Return a form of a block's value that is equal exactly for equal values."""
    if value is None or values.is_unknown(value):
        return values.comparable("dynamic", value)
    out = {name: values.comparable(part["type"], value.get(name)) for name, part in attributes(block).items()}
    for name, part in nested_blocks(block).items():
        inner = value.get(name)
        if isinstance(inner, list):
            items = [comparable(part["block"], item) for item in inner]
            if part["nesting_mode"] == "set":
                items.sort(key=lambda item: json.dumps(item, sort_keys=True))
            out[name] = items
        else:
            out[name] = comparable(part["block"], inner)
    return out


def same(block: Block, name: str, left: dict[str, Any], right: dict[str, Any]) -> bool:
    """Compare one attribute or nested block of two objects."""
    if name in attributes(block):
        return values.same(attributes(block)[name]["type"], left.get(name), right.get(name))
    part = nested_blocks(block)[name]
    only = {"block_types": {name: part}}
    return bool(comparable(only, left) == comparable(only, right))
