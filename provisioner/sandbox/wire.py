"""A socket, with or without TLS, that one thread reads while others write.

OpenSSL does not allow that on one connection, and a lock around a blocking read would keep writers waiting: so the
socket does not block, and the reader waits for data outside the lock.
"""

import select
import socket
import ssl
import threading

_READ_BYTES = 1 << 16
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Wire:
    """Bytes to and from one peer."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._lock = threading.Lock()

    def receive(self) -> bytes:
        """Wait for data; b"" when the peer has closed the connection."""
        while True:
            try:
                with self._lock:
                    return self._socket.recv(_READ_BYTES)
            except _NOT_NOW:
                select.select([self._socket], [], [])
            except ConnectionError:
                return b""

    def send(self, data: bytes) -> None:
        """Send everything. Raises OSError when the peer is gone."""
        rest = memoryview(data)
        with self._lock:
            while rest:
                try:
                    rest = rest[self._socket.send(rest) :]
                except _NOT_NOW:
                    select.select([], [self._socket], [])
