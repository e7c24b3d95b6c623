"""The GetProviderSchema response, computed once and kept beside the cloud."""

import os
import zlib

from provisioner.sandbox import files

_SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "aws-schema.json.gz")


def response(home: str) -> bytes:
    """Return the response's bytes, from the cache under home where a current one is there."""
    with open(_SCHEMA, "rb") as file:
        checksum = zlib.crc32(file.read())
    cached = os.path.join(home, f"schema-{checksum:08x}.bin")
    try:
        with open(cached, "rb") as file:
            return file.read()
    except FileNotFoundError:
        pass
    from provisioner.sandbox import schema, schema_wire

    encoded = schema_wire.encode(schema.Schemas(_SCHEMA))
    files.write_private(cached, encoded)
    return encoded
