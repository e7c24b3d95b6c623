"""`manage.py issue_token USERNAME --scope … --days N`: print a new API token, once."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal import tokens


class Command(BaseCommand):
    """Issue an API token; only the token goes to standard output, so that scripts can take it from there."""

    help = "Print a new API token for a user. It is shown once; only a keyed hash of it is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            metavar="SCOPE",
            help=f"may be given several times, or 'all'; one of: {', '.join(tokens.SCOPES)}",
        )
        parser.add_argument("--days", type=int, default=90, help="days until it expires (default 90)")
        parser.add_argument("--name", default="issue_token", help="what the list of tokens calls it")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {options['username']!r}. Make one first.")
        scopes = list(tokens.SCOPES) if "all" in options["scope"] else options["scope"]
        try:
            token, secret = tokens.issue(user, options["name"], scopes, options["days"], now=timezone.now())
        except tokens.InvalidToken as refusal:
            raise CommandError(refusal.detail) from refusal
        self.stdout.write(secret)
        self.stderr.write(f"Expires {token.expires_at:%Y-%m-%d}. Scopes: {', '.join(token.scopes)}.")
