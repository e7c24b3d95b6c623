"""`manage.py rotate_keys [--check]`: wrap every sealed value by the newest encryption key."""

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from provisioner import crypto
from provisioner.services import seals


class Command(BaseCommand):
    """Rotate the encryption keys; safe while runs go on, and can be stopped and begun again."""

    help = (
        "Wrap the data key of every sealed value by the first key of DRAWBRIDGE_ENCRYPTION_KEYS. The others may be "
        "taken away afterwards. Ends with 1 when something is left under another key."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; count values by key")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            self._check()
            return
        done = seals.rotate()
        for label, count in sorted(done.rewrapped.items()):
            self.stdout.write(f"{count:>8}  {label}: wrapped by {done.key_id}")
        for label, count in sorted(done.written_meanwhile.items()):
            self.stdout.write(f"{count:>8}  {label}: written anew meanwhile")
        if not done.rewrapped:
            self.stdout.write(f"Nothing to do: everything is wrapped by {done.key_id}.")
        for reason in done.failed:
            self.stderr.write(f"not rotated: {reason}")
        if done.failed:
            raise CommandError(
                f"{len(done.failed)} values stay as they are. Keep every old key until each of them is explained."
            )

    def _check(self) -> None:
        known = [entry.partition(":")[0] for entry in settings.DRAWBRIDGE_ENCRYPTION_KEYS]
        first = crypto.first_key_id()
        total: Counter[str] = Counter()
        for label, counts in seals.usage().items():
            for key_id, count in sorted(counts.items()):
                self.stdout.write(f"{count:>8}  {label}: {key_id or 'no sealed value'}")
            total += counts
        for key_id in known:
            what = "seals" if key_id == first else "needed" if total[key_id] else "may be taken away"
            self.stdout.write(f"{total[key_id]:>8}  key {key_id}: {what}")
        left = sum(count for key_id, count in total.items() if key_id != first)
        if left:
            raise CommandError(f"{left} values are not wrapped by {first}: run rotate_keys without --check.")
