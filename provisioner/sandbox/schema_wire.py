"""The schema as the bytes of a GetProviderSchema response."""

import json
from typing import Any

from provisioner.sandbox import protobuf, schema

_NESTING = {"single": 1, "list": 2, "set": 3, "map": 4, "group": 5}
# ServerCapabilities: plan_destroy is off (a destroy needs no plan of ours), get_provider_schema_optional is on.
_CAPABILITIES = protobuf.integer(2, 1)


def encode(schemas: schema.Schemas) -> bytes:
    """Encode the whole response."""
    out = protobuf.message(1, _schema(schemas.provider))
    out += b"".join(
        protobuf.map_entry(2, name, _schema(part)) for name, part in sorted(schemas.resources.items())
    )
    out += b"".join(
        protobuf.map_entry(3, name, _schema(part)) for name, part in sorted(schemas.data_sources.items())
    )
    return out + protobuf.message(6, _CAPABILITIES)


def _schema(part: dict[str, Any]) -> bytes:
    return protobuf.integer(1, part.get("version")) + protobuf.message(2, _block(part["block"]))


def _block(block: schema.Block) -> bytes:
    out = b""
    for name, part in sorted(schema.attributes(block).items()):
        out += protobuf.message(2, _attribute(name, part))
    for name, part in sorted(schema.nested_blocks(block).items()):
        out += protobuf.message(
            3,
            protobuf.text(1, name)
            + protobuf.message(2, _block(part["block"]))
            + protobuf.integer(3, _NESTING[part["nesting_mode"]])
            + protobuf.integer(4, part.get("min_items"))
            + protobuf.integer(5, part.get("max_items")),
        )
    return out + protobuf.integer(6, block.get("deprecated"))


def _attribute(name: str, part: dict[str, Any]) -> bytes:
    return (
        protobuf.text(1, name)
        + protobuf.text(2, json.dumps(part["type"], separators=(",", ":")))
        + protobuf.integer(4, part.get("required"))
        + protobuf.integer(5, part.get("optional"))
        + protobuf.integer(6, part.get("computed"))
        + protobuf.integer(7, part.get("sensitive"))
        + protobuf.integer(9, part.get("deprecated"))
        + protobuf.integer(10, part.get("write_only"))
    )
