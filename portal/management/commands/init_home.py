"""`manage.py init_home`: make this installation's folder and secrets, once."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.embedded import home


class Command(BaseCommand):
    help = "Make DRAWBRIDGE_HOME and the secrets in it. What exists is kept; secrets are never printed."
    requires_system_checks = []

    def handle(self, *args: object, **options: object) -> None:
        """Make what is missing and name it."""
        try:
            made = home.make_home(settings.DRAWBRIDGE_HOME)
        except home.HomeUnusable as error:
            raise CommandError(str(error)) from error
        if made:
            self.stdout.write(f"Made {settings.DRAWBRIDGE_HOME} with this installation's secrets")
