"""Entry point of the stand-in provider: `python -m provisioner.sandbox` and the script the mirror's wrapper runs.

Terraform starts the provider several times in each run, so the `serve` path imports as little as it can and runs
isolated (`python -I -S`): the wrapper names the directories to import from.
"""

import os
import sys


def _start() -> int:
    arguments = sys.argv[1:]
    if not __package__:  # run as a script by the wrapper
        here = os.path.dirname(os.path.abspath(__file__))
        sys.path.insert(0, os.path.dirname(os.path.dirname(here)))
    if arguments[:1] == ["serve"]:
        sys.path.extend(arguments[1:])
        from provisioner.sandbox import serve

        return serve.main()
    from provisioner.sandbox import cli

    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(_start())
