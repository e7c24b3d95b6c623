"""The provider process: handshake with Terraform, serving, and leaving nothing behind.

The handshake is printed before the slow imports, so that Terraform connects while they are loaded.
"""

import contextlib
import gc
import os
import signal
import socket
import sys
import threading
from typing import Any, NoReturn

from provisioner.sandbox import certificate, files

_COOKIE = ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
_DIRECTORY_PREFIX = "drawbridge-sandbox-"
_SOCKET = "plugin"
_PATH_BYTES = 100  # what the address of a Unix socket has room for, on every system
_PARENT_CHECK_S = 0.5


def main() -> int:
    """Serve Terraform until it says shutdown or is gone; return an exit code only for a refusal to start."""
    if os.environ.get(_COOKIE[0]) != _COOKIE[1]:
        print(
            "This is a Terraform provider plugin. Terraform starts it; it is not run by hand.",
            file=sys.stderr,
        )
        return 1
    home = os.environ.get("DRAWBRIDGE_SANDBOX_HOME")
    if not home:
        print(
            "DRAWBRIDGE_SANDBOX_HOME is not set: the sandbox provider does not know where its objects live."
            " Set it to the directory given to `python -m provisioner.sandbox install --home`.",
            file=sys.stderr,
        )
        return 1
    gc.disable()  # the process lives for seconds and what it makes is small
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Terraform gets it too, and sends Stop
    process = Process(home)
    signal.signal(signal.SIGTERM, lambda *_: process.end())
    process.run(os.environ.get("PLUGIN_CLIENT_CERT", ""))
    return 0


class Process:
    """The socket, its directory and the watch over Terraform."""

    def __init__(self, home: str) -> None:
        os.umask(0o077)
        files.make_private_directory(home)
        self._home = home
        self._parent = os.getppid()
        self._directory = _make_directory()
        self._path = os.path.join(self._directory, _SOCKET)

    def run(self, client_certificate: str) -> NoReturn:
        """Listen, announce, serve each connection in a thread."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self._path)
        listener.listen(8)
        threading.Thread(target=self._watch_parent, daemon=True).start()
        pair = certificate.ensure(self._home) if client_certificate else ""
        shown = certificate.handshake_form(pair) if pair else ""
        print(f"1|5|unix|{self._path}|grpc|{shown}", flush=True)
        tls = _server_tls(pair, client_certificate) if pair else None
        from provisioner.sandbox import rpc, transport, wire

        shared = rpc.Shared(self._home)

        def serve(plain: socket.socket) -> None:
            try:
                sock = tls.wrap_socket(plain, server_side=True) if tls else plain
                transport.Connection(wire.Wire(sock), rpc.Provider(shared), self.end).serve()
            except OSError as error:
                print(f"sandbox provider: connection lost: {error}", file=sys.stderr)
            if os.getppid() != self._parent:
                self.end()

        while True:
            plain, _ = listener.accept()
            threading.Thread(target=serve, args=(plain,), daemon=True).start()

    def end(self) -> NoReturn:
        """Remove the socket and stop at once; what the cloud file holds is committed."""
        _remove_directory(self._directory)
        os._exit(0)

    def _watch_parent(self) -> None:
        """End when Terraform is gone, however it went; first clear up after providers that were killed."""
        _remove_orphaned_directories(os.path.dirname(self._directory))
        pause = threading.Event()
        while os.getppid() == self._parent:
            pause.wait(_PARENT_CHECK_S)
        self.end()


def _server_tls(pair: str, client_certificate: str) -> Any:
    """Return a TLS context that takes exactly Terraform's own certificate."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    context.set_alpn_protocols(["h2"])
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=client_certificate)
    return context


def _make_directory() -> str:
    """Make a directory for the socket that only this user may enter, named after this process."""
    name = f"{_DIRECTORY_PREFIX}{os.getpid()}-{os.urandom(4).hex()}"
    parent = os.environ.get("TMPDIR", "")
    if not parent or len(os.path.join(parent, name, _SOCKET)) > _PATH_BYTES:
        parent = "/tmp"  # noqa: S108 (a fresh directory of mode 0700 in it)
    path = os.path.join(parent, name)
    os.mkdir(path, 0o700)
    return path


def _remove_directory(path: str) -> None:
    for remove, name in ((os.unlink, os.path.join(path, _SOCKET)), (os.rmdir, path)):
        with contextlib.suppress(OSError):
            remove(name)


def _remove_orphaned_directories(parent: str) -> None:
    """Remove the socket directories of this user's providers that no longer run."""
    with os.scandir(parent) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(_DIRECTORY_PREFIX)]
    for name in names:
        number = name.removeprefix(_DIRECTORY_PREFIX).partition("-")[0]
        path = os.path.join(parent, name)
        try:
            if number.isdigit() and os.stat(path).st_uid == os.getuid():
                os.kill(int(number), 0)
        except ProcessLookupError:
            _remove_directory(path)
        except OSError:
            pass
