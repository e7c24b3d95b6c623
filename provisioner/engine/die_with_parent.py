"""Ask the kernel for a signal when the parent dies, then become the given command.

Stands in for `setpriv --pdeathsig` where util-linux is missing. Run as a script with the standard library
only: `die_with_parent.py SIGNAL COMMAND [ARGUMENT ...]`, SIGNAL without its SIG.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.Signals[f"SIG{sys.argv[1]}"], 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("The parent ended before the command was started.")
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - argv comes from process.py


if __name__ == "__main__":
    main()
