"""`manage.py import_prices`: make a new version of a price book from AWS's price lists."""

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from provisioner.domain.errors import Refusal
from provisioner.domain.price_import import PriceListRefused
from provisioner.management.commands.prices import SHOWN, actor_named, diff_lines
from provisioner.price_lists import fetch
from provisioner.services import prices_import
from provisioner.services.prices_import import Draft


class Command(BaseCommand):
    """Read price lists from disk or from AWS, say what they change, and store what they say."""

    help = (
        "Make a new version of a region's price book from AWS's price lists "
        "(offers/v1.0/aws/<Service>/current/<region>/index.json or .csv, also gzipped). "
        "Nothing is stored when anything is refused; without --activate the book in "
        "force stays in force."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "places", nargs="*", type=Path, metavar="PATH", help="a price list, or a folder of them"
        )
        parser.add_argument("--region", default="", help="default: the one that the folders are named after")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and store nothing")
        parser.add_argument("--activate", action="store_true", help="put the new version in force")
        parser.add_argument("--reason", default="", help="why it is put in force, for the record")
        parser.add_argument("--as", dest="username", help="who imports (default: nobody by name)")
        parser.add_argument(
            "--mapping", type=Path, default=prices_import.MAPPING, help="other rules than the shipped"
        )
        parser.add_argument("--sha256", metavar="HEX", help="what the one file must have as its SHA-256")
        parser.add_argument(
            "--leave-out",
            action="append",
            default=[],
            metavar="SERVICE/KEY",
            help="read no price for this key (repeatable)",
        )
        parser.add_argument(
            "--keep-missing",
            action="store_true",
            help="keep rows of the book in force that the lists do not have",
        )
        parser.add_argument(
            "--fetch", action="store_true", help="fetch the lists over the network (needs --region)"
        )
        parser.add_argument(
            "--base-url",
            default=fetch.BASE_URL,
            metavar="URL",
            help=f"fetch from here (default: {fetch.BASE_URL})",
        )
        parser.add_argument(
            "--offer",
            action="append",
            default=[],
            metavar="CODE",
            help="fetch this list (repeatable; default: all that the mapping reads)",
        )
        parser.add_argument(
            "--max-bytes", type=int, default=fetch.MAX_BYTES, help="of all that is fetched (default: 8 GiB)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["fetch"] == bool(options["places"]):
            raise CommandError("Give price lists on disk, or --fetch with --region.")
        if options["fetch"] and not options["region"]:
            raise CommandError("--fetch needs the --region whose price lists are to be fetched.")
        try:
            with tempfile.TemporaryDirectory(prefix="price-lists-") as folder:
                made = self._draft(options, Path(folder))
            self._say(made)
            if options["dry_run"]:
                self.stdout.write("Nothing was stored.")
                return
            version, is_new = prices_import.store(
                made,
                actor=actor_named(options["username"]),
                activate=options["activate"],
                reason=options["reason"],
                now=timezone.now(),
            )
        except (Refusal, PriceListRefused) as refusal:
            raise CommandError(f"{refusal} The price book in force stays in force.") from refusal
        self.stdout.write(f"{version}" if is_new else f"{version} has the same content already.")
        if version.is_active:
            self.stdout.write("It is in force.")
        else:
            self.stdout.write(
                f"To put it in force: manage.py prices activate {version.region} {version.number} --reason '…'"
            )

    def _draft(self, options: dict[str, Any], folder: Path) -> Draft:
        mapping = prices_import.rules(options["mapping"])
        places = options["places"]
        if options["fetch"]:
            fetch.fetch(
                options["offer"] or prices_import.offers(mapping),
                options["region"],
                folder,
                base_url=options["base_url"],
                max_bytes=options["max_bytes"],
                tell=self.stderr.write,
            )
            places = [folder]
        return prices_import.draft(
            places,
            region=options["region"],
            mapping=mapping,
            sha256=options["sha256"],
            leave_out=frozenset(options["leave_out"]),
            keep_missing=options["keep_missing"],
            tell=self.stderr.write,
        )

    def _say(self, made: Draft) -> None:
        for one in made.lists:
            tally = one.tally
            self.stdout.write(
                f"{one.name}: {one.price_list.offer} {one.price_list.version}, published {one.price_list.published}\n"
                f"  products {tally.products:,}, on-demand rates {tally.rates:,}, rows {tally.rows:,}"
                + (f", further products at the same price {tally.same_price:,}" if tally.same_price else "")
            )
            for reason, count in tally.unmapped.most_common(SHOWN):
                self.stdout.write(f"  not mapped: {count:,} {reason}")
        against = "the file that comes with Drawbridge" if made.base is None else str(made.base)
        self.stdout.write(
            f"\nThe book of {made.region} would have {len(made.rows):,} rows, {made.kept:,} of them kept. "
            f"Against {against}:"
        )
        for line in diff_lines(made.diff, SHOWN):
            self.stdout.write(line)
        self.stdout.write(made.impact().sentence)
