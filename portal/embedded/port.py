"""Say whether the portal's port is free, before anything is installed or started.

Standard library only: `make` runs it with the system's Python, before .venv exists.
"""

import socket
import sys

HOST = "127.0.0.1"


def problem_with(text: str, host: str = HOST) -> str:
    """Return why the portal cannot listen on port `text`, or an empty string when it can."""
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 1 <= port <= 65535:
        return f"PORT is {text!r}, which is not a port number. Use one from 1 to 65535: PORT=8010."
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the web server binds: a connection that still lingers from the last start is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return f"Port {port} needs more rights than this user has. Use one above 1023: PORT=8010."
        except OSError as error:
            return (
                f"Port {port} on {host} is taken by another program ({error.strerror}). "
                "If that is Drawbridge itself, use it or stop it with Ctrl-C in its terminal; "
                f"otherwise start on another port: PORT={port + 10 if port < 65000 else 8010}."
            )
    return ""


def free_port(host: str = HOST) -> int:
    """Return a port that nothing listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    reason = problem_with(sys.argv[1])
    sys.exit(reason or 0)
