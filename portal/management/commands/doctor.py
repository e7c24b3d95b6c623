"""`manage.py doctor`: list what does not fit together, and what to do."""

import json
import os
import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from provisioner.services import doctor
from provisioner.services.doctor import CloudObject


class Command(BaseCommand):
    """Look for what a restored backup, a lost key or a sweep that stands still leaves behind. Changes nothing."""

    help = (
        "List what does not fit together in the database, and between it and the sandbox cloud, each with what to do. "
        "Ends with 1 when something is found."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        heading, found = "", 0
        for trouble in doctor.examine(cloud_objects()):
            if trouble.check != heading:
                heading = trouble.check
                self.stdout.write(f"{heading[0].upper()}{heading[1:]}")
            self.stdout.write(f"  - {trouble.what}\n    {trouble.fix}")
            found += 1
        if found:
            self.stderr.write(f"{found} found.")
            sys.exit(1)
        self.stdout.write("Everything fits together.")


def cloud_objects() -> list[CloudObject]:
    """Return what exists in the sandbox cloud; nothing where the target is an account, which nobody lists here."""
    home = settings.DRAWBRIDGE_SANDBOX_HOME
    if settings.DRAWBRIDGE_TARGET != "sandbox" or not (home / "cloud.db").exists():
        return []
    listed = subprocess.run(
        [sys.executable, "-m", "provisioner.sandbox", "list", "--home", str(home), "--json"],
        cwd=settings.BASE_DIR,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    return [doctor.object_from(json.loads(line)) for line in listed.splitlines() if line.strip()]
