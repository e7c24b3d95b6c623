"""Cut a stream of bytes into lines in bounded memory, whatever a process writes."""

from collections.abc import Callable
from dataclasses import dataclass

MAX_LINE_BYTES = 1024 * 1024
TAIL_BYTES = 64 * 1024


@dataclass(frozen=True)
class Line:
    """One line without its end. Of a line longer than the limit, `data` is the head and `tail` the end."""

    data: bytes
    size: int
    tail: bytes = b""

    @property
    def is_cut(self) -> bool:
        return self.size > len(self.data)


class LineSplitter:
    """Feed chunks, get lines. Keeps at most MAX_LINE_BYTES and TAIL_BYTES (and one chunk) in memory."""

    def __init__(self, on_line: Callable[[Line], None], max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._on_line = on_line
        self._max = max_line_bytes
        self._head = bytearray()
        self._tail = bytearray()
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            self._add(chunk[start:end])
            self._emit()
            start = end + 1
        self._add(chunk[start:])

    def close(self) -> None:
        """Deliver a last line that has no end."""
        if self._size:
            self._emit()

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        room = self._max - len(self._head)
        self._head += part[:room]
        if len(part) > room:
            self._tail += part[room:]
            if len(self._tail) > 2 * TAIL_BYTES:
                del self._tail[:-TAIL_BYTES]

    def _emit(self) -> None:
        data, tail, size = bytes(self._head), bytes(self._tail[-TAIL_BYTES:]), self._size
        self._head.clear()
        self._tail.clear()
        self._size = 0
        self._on_line(Line(data.removesuffix(b"\r"), size - data.endswith(b"\r"), tail))


class Collector:
    """Keep a stream whole, up to a limit; `overflowed` says that there was more."""

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._data = bytearray()
        self.overflowed = False

    def feed(self, chunk: bytes) -> None:
        room = self._max - len(self._data)
        self._data += chunk[:room]
        self.overflowed = self.overflowed or len(chunk) > room

    def close(self) -> None:
        """Nothing is pending: every chunk is kept at once."""

    @property
    def data(self) -> bytes:
        return bytes(self._data)
