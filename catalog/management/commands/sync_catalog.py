"""`manage.py sync_catalog`: publish the modules of a folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from catalog.sync import sync_catalog


class Command(BaseCommand):
    """Publish every module that has a catalog.yaml; exit with 1 when one was refused."""

    help = "Publish the modules of a folder as catalog item versions. Safe to repeat; exits with 1 when one is refused."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        default = Path(settings.DRAWBRIDGE_MODULES_DIR)
        parser.add_argument(
            "--path", type=Path, default=default, help=f"folder of the modules (default: {default})"
        )
        parser.add_argument(
            "--retire-missing", action="store_true", help="no longer offer items whose folder is gone"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        report = sync_catalog(
            options["path"].resolve(), timezone.now(), retire_missing=options["retire_missing"]
        )
        for name in report.created:
            self.stdout.write(f"published {name}")
        for name in report.unchanged:
            self.stdout.write(f"unchanged {name}")
        for slug in report.retired:
            self.stdout.write(f"retired   {slug}")
        for problem in report.refused:
            self.stderr.write(str(problem))
        if report.refused:
            self.stderr.write(f"{len(report.refused)} problem(s); what was published before stays as it is.")
            sys.exit(1)
