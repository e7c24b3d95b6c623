"""`manage.py seed_demo`: make the demo organisation."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.demo import organisation


class Command(BaseCommand):
    help = "Make the demo organisation: teams, services, environments and users. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--force", action="store_true", help="also where orders reach a real account (needs --password)"
        )
        parser.add_argument("--password", default="", help="password of the users that are made")

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, unless a well-known password would open a real account."""
        password = options["password"]
        if settings.DRAWBRIDGE_TARGET != "sandbox" and not (options["force"] and password):
            raise CommandError(
                f"DRAWBRIDGE_TARGET is {settings.DRAWBRIDGE_TARGET!r}: the demo users could order real "
                "infrastructure, and their password is public. Set DRAWBRIDGE_TARGET=sandbox, or give "
                "--force together with a --password of your own."
            )
        for login in organisation.seed(password or organisation.DEMO_PASSWORD):
            self.stdout.write(f"{login.username:<10} {login.part}")
