"""`manage.py sandbox COMMAND …`: the sandbox's own command line, for the sandbox of this installation."""

import os
import subprocess
import sys
from argparse import REMAINDER, ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Hand everything to `python -m provisioner.sandbox` in a process of its own: nobody imports it."""

    help = (
        "Look into the sandbox cloud of this installation and make it misbehave: `manage.py sandbox --help`."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("words", nargs=REMAINDER, metavar="COMMAND …")

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command; its options are not Django's, so that Django reads none of them."""
        try:
            sys.exit(run(argv[2:]))
        except CommandError as error:
            self.stderr.write(str(error))
            sys.exit(error.returncode)

    def handle(self, *args: str, **options: Any) -> None:
        """Run the command for `call_command`."""
        code = run(options["words"])
        if code:
            raise CommandError(f"The sandbox's command ended with {code}.", returncode=code)


def run(words: list[str]) -> int:
    """Run a command of the sandbox and return its exit code. Raises CommandError where there is no sandbox."""
    if settings.DRAWBRIDGE_TARGET != "sandbox":
        raise CommandError(
            f"This installation provisions on {settings.DRAWBRIDGE_TARGET} (DRAWBRIDGE_TARGET): it has no sandbox."
        )
    environment = {**os.environ, "DRAWBRIDGE_SANDBOX_HOME": str(settings.DRAWBRIDGE_SANDBOX_HOME)}
    argv = [sys.executable, "-m", "provisioner.sandbox", *words]
    return subprocess.run(argv, cwd=settings.BASE_DIR, env=environment, check=False).returncode
