"""`manage.py import_prices` and `manage.py prices`, as an operator uses them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from provisioner import price_books
from provisioner.models import PriceBookVersion
from tests.conftest import Organisation
from tests.prices import shipped
from tests.prices.offers import PriceList, database
from tests.prices.test_fetch import ADDRESS, Server, server  # noqa: F401  (fixture)

pytestmark = pytest.mark.django_db
REGION = "us-east-1"


def run(*argv: object) -> str:
    out = io.StringIO()
    call_command(*map(str, argv), stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def loaded() -> None:
    run("prices", "load")


class TestImporting:
    def test_reports_and_stores_and_puts_in_force(
        self, loaded: None, org: Organisation, tmp_path: Path
    ) -> None:
        shipped.write(tmp_path)
        said = run("import_prices", tmp_path, "--activate", "--reason", "monthly", "--as", "platform")
        assert "AmazonRDS 20261120180000, published 2026-11-20T18:00:00Z" in said
        assert "Against us-east-1 version 1:" in said
        assert "us-east-1 version 2\nIt is in force." in said
        version = price_books.version(REGION, 2)
        assert (version.imported_by, version.is_active) == (org.platform, True)
        assert "has the same content already" in run("import_prices", tmp_path)

    def test_says_the_largest_changes_first_and_what_goes(self, loaded: None, tmp_path: Path) -> None:
        rows = [
            database("A", "db.m7g.large", "0.2"),
            database("B", "db.m7g.xlarge", "0.674"),
            database("C", "db.m6g.large", "0.159"),
        ]
        PriceList("AmazonRDS", rows).write(tmp_path)
        said = run("import_prices", tmp_path, "--dry-run")
        lines = [line.strip() for line in said.splitlines()]
        at = lines.index("Changed, the largest first: 2")
        assert lines[at + 1].startswith("rds postgresql.db.m7g.xlarge.single-az  0.337 -> 0.674  (+100.0 %)")
        assert lines[at + 2].startswith("rds postgresql.db.m7g.large.single-az  0.168 -> 0.2  (+19.0 %)")
        assert any(line.startswith("Removed: ") for line in lines)
        assert "No open workspace has an estimate that this book could change." in said
        assert said.endswith("Nothing was stored.\n")
        assert PriceBookVersion.objects.count() == 1

    def test_without_activation_tells_how_to_put_it_in_force(self, loaded: None, tmp_path: Path) -> None:
        shipped.write(tmp_path)
        assert "manage.py prices activate us-east-1 2" in run("import_prices", tmp_path)
        assert price_books.version(REGION, 1).is_active

    def test_fetches_from_a_server(self, server: Server, tmp_path: Path) -> None:  # noqa: F811
        server.answers[ADDRESS] = (
            200,
            {},
            PriceList("AmazonRDS", [database("A", "db.m7g.large", "0.2")]).json(),
        )
        argv = (
            "import_prices",
            "--fetch",
            "--region",
            REGION,
            "--base-url",
            server.url,
            "--offer",
            "AmazonRDS",
        )
        assert "us-east-1 version 1" in run(*argv)
        assert price_books.version(REGION, 1).source == "AWS price list AmazonRDS 20261120180000"

    @pytest.mark.parametrize(
        ("argv", "text"),
        [
            ((), "Give price lists on disk, or --fetch"),
            (("--fetch",), "needs the --region"),
            (("x", "--fetch", "--region", REGION), "Give price lists on disk, or --fetch"),
            (("/nowhere",), "no such file"),
            (("--fetch", "--region", REGION, "--base-url", "http://127.0.0.1:9"), "could not be fetched"),
            (("/nowhere", "--mapping", "/nowhere.toml"), "The mapping nowhere.toml cannot be used"),
        ],
    )
    def test_is_refused_in_words(self, argv: tuple[str, ...], text: str) -> None:
        with pytest.raises(CommandError, match=text):
            run("import_prices", *argv)
        assert not PriceBookVersion.objects.exists()

    def test_by_nobody_is_refused(self, tmp_path: Path) -> None:
        shipped.write(tmp_path)
        with pytest.raises(CommandError, match="no active user 'ghost'"):
            run("import_prices", tmp_path, "--as", "ghost")
        assert not PriceBookVersion.objects.exists()


class TestPrices:
    def test_lists_shows_and_compares_versions(self, loaded: None, tmp_path: Path) -> None:
        PriceList("AmazonRDS", [database("A", "db.m7g.large", "0.2")]).write(tmp_path)
        run("import_prices", tmp_path, "--activate", "--keep-missing")
        listed = run("prices", "list").splitlines()
        assert [("in force" in line) for line in listed] == [True, False]
        shown = run("prices", "show", REGION, "rds", "postgresql.db.m7g.large.single-az").splitlines()
        assert shown[0].startswith(
            "version 2 in force: 0.2 USD per hour, since 2026-11-01, AWS price list AmazonRDS"
        )
        assert shown[1].startswith("version 1: 0.168 USD per hour, since 2026-04, second-hand")
        assert "0.168 -> 0.2  (+19.0 %)" in run("prices", "diff", REGION, 1, 2)
        assert "No price changes" in run("prices", "diff", REGION, 1, 1)

    def test_goes_back_to_an_earlier_version(self, loaded: None, tmp_path: Path) -> None:
        shipped.write(tmp_path)
        run("import_prices", tmp_path, "--activate")
        run("prices", "activate", REGION, 1, "--reason", "wrong", "--dry-run")
        assert price_books.version(REGION, 2).is_active
        assert "us-east-1 version 1 is in force." in run("prices", "activate", REGION, 1, "--reason", "wrong")
        assert price_books.activations(REGION)[0].is_rollback

    @pytest.mark.parametrize(
        "argv",
        [("show", REGION, "rds", "x"), ("diff", REGION, 1, 9), ("activate", REGION, 9, "--reason", "r")],
    )
    def test_says_what_is_not_there(self, argv: tuple[object, ...], loaded: None) -> None:
        with pytest.raises(CommandError, match=r"There is no version|has a price for"):
            run("prices", *argv)

    def test_names_the_line_of_a_file_that_cannot_be_read(self, settings: object, tmp_path: Path) -> None:
        (tmp_path / f"{REGION}.csv").write_text("nothing\n")
        settings.DRAWBRIDGE_PRICES_DIR = tmp_path  # type: ignore[attr-defined]
        with pytest.raises(CommandError, match="line 1: the columns are not"):
            run("prices", "load")
