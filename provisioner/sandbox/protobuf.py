"""The few parts of the protobuf wire format that the plugin protocol needs."""

Message = dict[int, list[int | bytes]]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def varint(number: int) -> bytes:
    """Encode an integer; a negative one as its 64-bit two's complement."""
    if number < 0:
        number += 1 << 64
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def message(field: int, data: bytes) -> bytes:
    """Encode an embedded message (or bytes) that is written even when empty."""
    return varint(field << 3 | _BYTES) + varint(len(data)) + data


def text(field: int, value: str | bytes) -> bytes:
    """Encode a string or bytes field; left out when empty, as proto3 does."""
    data = value.encode() if isinstance(value, str) else value
    return message(field, data) if data else b""


def integer(field: int, value: int | bool | None) -> bytes:
    """Encode an integer, enum or bool field; left out when zero."""
    return varint(field << 3 | _VARINT) + varint(int(value)) if value else b""


def map_entry(field: int, key: str, value: bytes) -> bytes:
    """Encode one entry of a map<string, message> field."""
    return message(field, message(1, key.encode()) + message(2, value))


def parse(data: bytes) -> Message:
    """Decode a message into its fields' values in wire order. Raises ValueError on a malformed one."""
    fields: Message = {}
    position, end = 0, len(data)
    while position < end:
        key, position = _read_varint(data, position)
        wire = key & 7
        value: int | bytes
        if wire == _VARINT:
            value, position = _read_varint(data, position)
        elif wire == _BYTES:
            size, position = _read_varint(data, position)
            value, position = data[position : position + size], position + size
        elif wire == _FIXED64:
            value, position = data[position : position + 8], position + 8
        elif wire == _FIXED32:
            value, position = data[position : position + 4], position + 4
        else:
            raise ValueError(f"protobuf wire type {wire} is not used by the plugin protocol")
        if position > end:
            raise ValueError("protobuf message is cut short")
        fields.setdefault(key >> 3, []).append(value)
    return fields


def last_bytes(fields: Message, field: int) -> bytes:
    """Return a bytes field's value, b"" when absent."""
    value = fields[field][-1] if field in fields else b""
    return value if isinstance(value, bytes) else b""


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if position >= len(data):
            raise ValueError("protobuf varint is cut short")
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7
