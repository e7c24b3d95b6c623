"""`manage.py prices`: list versions of price books, show rows with their history, compare, put in force."""

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from provisioner import policy, price_books
from provisioner.domain import price_import_diff
from provisioner.domain.errors import Refusal
from provisioner.domain.price_import import plain
from provisioner.domain.price_import_diff import BookDiff, Change
from provisioner.domain.pricing import PriceBookError
from provisioner.models import PriceRow
from provisioner.services import prices, prices_impact

SHOWN = 20


class Command(BaseCommand):
    """Look at price books, and choose the one in force."""

    help = (
        "List the versions of price books, show a price with its history, compare versions, put one in force."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        acts.add_parser(
            "load", help="put the price files that come with Drawbridge on record (safe to repeat)"
        )
        listed = acts.add_parser("list", help="the versions of a region, or of all")
        listed.add_argument("--region", default="")
        shown = acts.add_parser("show", help="one price and what it was in earlier versions")
        shown.add_argument("region")
        shown.add_argument("service")
        shown.add_argument("sku_key")
        compared = acts.add_parser("diff", help="what is between two versions")
        compared.add_argument("region")
        compared.add_argument("before", type=int)
        compared.add_argument("after", type=int)
        compared.add_argument(
            "--all", action="store_true", help=f"every row, not the first {SHOWN} of each kind"
        )
        put = acts.add_parser("activate", help="put a version in force, also an earlier one")
        put.add_argument("region")
        put.add_argument("number", type=int)
        put.add_argument("--reason", required=True, help="for the record")
        put.add_argument("--as", dest="username", help="who decides (default: nobody by name)")
        put.add_argument(
            "--dry-run", action="store_true", help="only say what it would do to open workspaces"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['act']}")(options)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal
        except PriceBookError as error:
            raise CommandError(f"A price file cannot be read: {error}") from error

    def _load(self, options: dict[str, Any]) -> None:
        for version in prices.load_shipped(now=timezone.now()):
            self.stdout.write(f"{version}: {version.row_count} rows")

    def _list(self, options: dict[str, Any]) -> None:
        for version in price_books.versions(options["region"]):
            mark = "in force" if version.is_active else ""
            self.stdout.write(
                f"{version.region:<15} {version.number:>4}  {version.imported_at:%Y-%m-%d %H:%M}  "
                f"{version.row_count:>6} rows  {version.digest[:12]}  {mark:<8}  {version.source}"
            )

    def _show(self, options: dict[str, Any]) -> None:
        for row in price_books.history(options["region"], options["service"], options["sku_key"]):
            self.stdout.write(_row(row))

    def _diff(self, options: dict[str, Any]) -> None:
        books = [
            price_books.book_rows(price_books.version(options["region"], options[which]))
            for which in ("before", "after")
        ]
        for line in diff_lines(price_import_diff.diff(*books), None if options["all"] else SHOWN):
            self.stdout.write(line)

    def _activate(self, options: dict[str, Any]) -> None:
        region = options["region"]
        version = price_books.version(region, options["number"])
        present = price_books.active(region)
        impact = prices_impact.of(region, policy.price_book(region), policy.version_price_book(version))
        self.stdout.write(impact.sentence)
        if options["dry_run"]:
            return
        prices.put_in_force(
            region,
            version.number,
            replacing=None if present is None else present.number,
            actor=actor_named(options["username"]),
            reason=options["reason"],
            now=timezone.now(),
        )
        self.stdout.write(f"{version} is in force.")


def actor_named(username: str | None) -> User | None:
    """Return the user of a name. Raises CommandError when there is none that is active."""
    if username is None:
        return None
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no active user {username!r}.")
    return user


def diff_lines(diff: BookDiff, shown: int | None) -> Iterable[str]:
    """Say what is between two books, line by line; `shown` rows of each kind, None for all."""
    if diff.is_empty:
        yield f"No price changes ({diff.same} rows are the same)."
        return
    yield f"Same price: {diff.same}"
    for title, changes in (
        ("Changed, the largest first", diff.changed),
        ("New", diff.added),
        ("Removed", diff.removed),
    ):
        yield f"{title}: {len(changes)}"
        for change in changes[:shown]:
            yield f"  {_change(change)}"
        if shown is not None and len(changes) > shown:
            yield f"  and {len(changes) - shown} more"


def _change(change: Change) -> str:
    key = f"{change.row.service} {change.row.sku_key}"
    if change.before is None or change.after is None:
        return f"{key}  {plain(change.row.price_usd)} per {change.row.unit}"
    percent = f"  ({change.percent_text})" if change.percent_text else ""
    unit = (
        ""
        if change.before.unit == change.after.unit
        else f"  per {change.before.unit} -> {change.after.unit}"
    )
    return f"{key}  {plain(change.before.price_usd)} -> {plain(change.after.price_usd)}{percent}{unit}"


def _row(row: PriceRow) -> str:
    mark = " in force" if row.version.is_active else ""
    lines = [
        f"version {row.version.number}{mark}: {plain(row.price_usd)} USD per {row.unit}, since {row.effective_date}, "
        f"{row.source}"
    ]
    lines += [f"    {tier['from']} to {tier['to']}: {tier['price_usd']}" for tier in row.tiers]
    return "\n".join(lines)
