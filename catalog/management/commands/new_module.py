"""`manage.py new_module`: write the folder of a new golden path."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from catalog.skeleton import CannotWrite, write_module


class Command(BaseCommand):
    """Write a module that passes every check of the catalog, to be changed into what it should become."""

    help = "Write terraform_modules/NAME: a small module with manifest, README, example, tests and dashboard."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        default = Path(settings.DRAWBRIDGE_MODULES_DIR)
        parser.add_argument("name", help="slug of the catalog item: lower-case letters, digits and hyphens")
        parser.add_argument("--category", default="other", help="category in the catalog (default: other)")
        parser.add_argument(
            "--owner", default="platform", help="team that answers for it (default: platform)"
        )
        parser.add_argument(
            "--path", type=Path, default=default, help=f"folder to write it into (default: {default})"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            folder = write_module(
                options["path"], options["name"], category=options["category"], owner=options["owner"]
            )
        except CannotWrite as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"wrote {folder}")
        self.stdout.write(
            "Change it into what it should become, then publish it: python manage.py sync_catalog"
        )
