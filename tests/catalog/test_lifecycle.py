"""A version's lifecycle moves forward without new content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from catalog import selectors
from catalog.content import pack_module
from catalog.lifecycle import Deprecation, Standing, without_lifecycle
from catalog.manifest_check import read_manifest
from catalog.models import CatalogItem, CatalogItemVersion
from catalog.safety import Rules
from catalog.sync import SyncReport, sync_catalog
from catalog.variables import read_variables

from .conftest import MODULES, NOW
from .test_sync import edit, raise_version

LATER = NOW + timedelta(days=1)
YAML = (MODULES / "bucket" / "catalog.yaml").read_text()
VARIABLES = read_variables((MODULES / "bucket" / "variables.tf").read_text())
GOOD = "deprecation: {since: 2026-11-01, until: 2027-01-31, successor: bucket@1.1.0, reason: It leaks.}"

CODE = """\
resource "terraform_data" "code" {
  provisioner "local-exec" {
    command = "true"
  }
}
"""


def stand(modules: Path, lifecycle: str, *more: str) -> None:
    """Write another lifecycle into the bucket's manifest, with further lines after it."""
    path = modules / "bucket" / "catalog.yaml"
    kept = without_lifecycle(path.read_text())
    line = "\n".join([f"lifecycle: {lifecycle}", *more])
    path.write_text(kept.replace("version:", f"{line}\nmaturity: production\nversion:", 1))


def version(number: str = "1.0.0") -> CatalogItemVersion:
    return CatalogItemVersion.objects.get(item__slug="bucket", version=number)


def sync(modules: Path) -> SyncReport:
    return sync_catalog(modules, LATER)


class TestTheManifest:
    def read(self, old: str, new: str) -> list[str]:
        read = read_manifest(YAML.replace(old, new), VARIABLES, slug="bucket")
        return [str(problem) for problem in read.problems]

    def test_says_how_a_version_stands(self):
        text = YAML.replace("lifecycle: published", f"lifecycle: deprecated\n{GOOD}").replace(
            "version: 1.0.0", "version: 1.2.0\nearlier_versions:\n  1.1.0: {lifecycle: retired}", 1
        )
        text = text.replace("{version: 1.0.0, notes", "{version: 1.2.0, notes")
        manifest = read_manifest(text, VARIABLES, slug="bucket").manifest
        assert manifest is not None
        deprecation = Deprecation(date(2026, 11, 1), date(2027, 1, 31), "bucket@1.1.0", "It leaks.")
        assert manifest.standing == Standing("deprecated", "production", deprecation)
        assert manifest.earlier_versions == {"1.1.0": Standing("retired")}

    @pytest.mark.parametrize(
        ("lines", "line", "reason"),
        [
            ("lifecycle: deprecated", 6, "deprecated needs a deprecation"),
            (f"lifecycle: published\n{GOOD}", 7, "the version is published"),
            (f"lifecycle: draft\n{GOOD}", 7, "the version is draft"),
            (f"lifecycle: retired\n{GOOD.replace('2026-11-01', '2026-02-30')}", 7, "no date of the calendar"),
            (f"lifecycle: retired\n{GOOD.replace('2027-01', '2025-01')}", 7, "lies before since"),
            (f"lifecycle: retired\n{GOOD.replace('2027-01-31', 'soon')}", 7, "'soon' does not match"),
            (f"lifecycle: retired\n{GOOD.replace('@1.1.0', '@1.0.0')}", 7, "is its own successor"),
            (f"lifecycle: retired\n{GOOD.replace('@1.1.0', '')}", 7, "is this item itself; name a version"),
            (f"lifecycle: retired\n{GOOD.replace('@1.1.0', '@one')}", 7, "one is no semantic version"),
            (f"lifecycle: retired\n{GOOD.replace(', reason: It leaks.', '')}", 7, "missing reason"),
            ("lifecycle: published\nearlier_versions: {1.0.0: {lifecycle: retired}}", 7, "not earlier than"),
            ("lifecycle: published\nearlier_versions: {one: {lifecycle: retired}}", 7, "one is no semantic"),
            ("lifecycle: published\nearlier_versions: {0.9.0: {lifecycle: draft}}", 7, "'draft' is not one of"),
            ("lifecycle: published\nearlier_versions: {0.9.0: {lifecycle: deprecated}}", 7, "needs a deprecation"),
            ("lifecycle: production", 6, "write `lifecycle: published` and `maturity: production`"),
        ],
    )  # fmt: skip
    def test_names_the_line_of_what_is_wrong(self, lines: str, line: int, reason: str):
        (problem,) = self.read("lifecycle: published", lines)
        assert problem.startswith(f"catalog.yaml:{line}: ")
        assert reason in problem


class TestWithoutLifecycle:
    @pytest.mark.parametrize(
        "lines",
        [
            "lifecycle: draft # not yet\n",
            f"lifecycle: deprecated\n{GOOD}\n",
            "lifecycle: deprecated\ndeprecation:\n  since: 2026-01-01\n  reason: >-\n    long\n    text\n",
            "lifecycle: retired\nearlier_versions:\n  1.0.0:\n    lifecycle: retired\nmaturity: experimental\n",
        ],
    )
    def test_leaves_the_rest_as_it_is(self, lines: str):
        before, after = "name: Bucket # a name\n# about the owner\n", "# about the version\nversion: 1.0.0\n"
        assert without_lifecycle(before + lines + after) == before + after

    def test_keeps_keys_of_that_name_deeper_down(self):
        text = "parameters:\n  lifecycle: {label: x}\nversion: 1.0.0\n"
        assert without_lifecycle(text) == text


@pytest.mark.django_db
class TestSync:
    def test_deprecates_a_published_version_without_new_content(self, modules):
        sync_catalog(modules, NOW)
        before = CatalogItemVersion.objects.values("module_digest", "content", "published_at").get()
        stand(modules, "deprecated", GOOD)
        report = sync(modules)
        assert (report.moved, report.refused, report.unchanged) == (("bucket@1.0.0 is deprecated",), (), ())
        stored = version()
        assert stored.standing.deprecation == Deprecation(
            date(2026, 11, 1), date(2027, 1, 31), "bucket@1.1.0", "It leaks."
        )
        assert stored.item.lifecycle == "deprecated"
        assert before == CatalogItemVersion.objects.values("module_digest", "content", "published_at").get()
        assert sync(modules).unchanged == ("bucket@1.0.0",)

    def test_refuses_other_content_together_with_another_lifecycle(self, modules):
        sync_catalog(modules, NOW)
        stand(modules, "deprecated", GOOD)
        edit(modules, "summary: A bucket for objects.", "summary: A better bucket.")
        (problem,) = sync(modules).refused
        assert "raise the version" in problem.reason
        assert version().lifecycle == "published"

    @pytest.mark.parametrize(
        ("first", "then"), [("published", "draft"), ("deprecated", "published"), ("retired", "deprecated")]
    )
    def test_moves_forward_only(self, modules, first, then):
        def lines(lifecycle: str) -> list[str]:
            return [GOOD] if lifecycle == "deprecated" else []

        stand(modules, first, *lines(first))
        sync_catalog(modules, NOW)
        stand(modules, then, *lines(then))
        (problem,) = sync(modules).refused
        assert str(problem).startswith("terraform_modules/bucket/catalog.yaml:6: lifecycle:")
        assert f"bucket@1.0.0 is already {first}" in problem.reason
        assert version().lifecycle == first

    def test_lets_maturity_change_either_way(self, modules):
        sync_catalog(modules, NOW)
        edit(modules, "maturity: production", "maturity: experimental")
        assert sync(modules).moved == ("bucket@1.0.0 is experimental",)
        assert CatalogItem.objects.get().maturity == "experimental"

    def test_shows_a_draft_only_where_drafts_are_asked_for_and_lets_it_change(self, modules):
        stand(modules, "draft")
        assert sync_catalog(modules, NOW).created == ("bucket@1.0.0",)
        assert selectors.item_by_slug("bucket") is None
        assert selectors.item_by_slug("bucket", drafts=True) is not None
        digest = version().module_digest
        edit(modules, "summary: A bucket for objects.", "summary: A better bucket.")
        assert sync(modules).moved == ("bucket@1.0.0 is rewritten and draft",)
        assert version().module_digest != digest
        assert CatalogItem.objects.get().summary == "A better bucket."
        stand(modules, "published")
        assert sync(modules).moved == ("bucket@1.0.0 is published",)
        assert version().published_at == LATER
        assert selectors.item_by_slug("bucket") is not None

    def test_keeps_offering_the_release_beside_a_draft(self, modules):
        sync_catalog(modules, NOW)
        raise_version(modules, "2.0.0")
        stand(modules, "draft")
        edit(modules, "summary: A bucket for objects.", "summary: A better bucket.")
        sync(modules)
        item = selectors.item_by_slug("bucket")
        assert item is not None
        assert item.summary == "A bucket for objects."
        assert [v.version for v in selectors.versions_of(item)] == ["1.0.0"]
        assert selectors.find_version(item, "2.0.0") is None
        assert selectors.outdated_versions() == {}

    def test_moves_the_earlier_versions_that_a_later_manifest_names(self, modules):
        sync_catalog(modules, NOW)
        raise_version(modules, "1.1.0")
        stand(
            modules,
            "published",
            f"earlier_versions: {{1.0.0: {{lifecycle: deprecated, {GOOD}}}, 0.1.0: {{lifecycle: retired}}}}",
        )
        report = sync(modules)
        assert (report.created, report.moved) == (("bucket@1.1.0",), ("bucket@1.0.0 is deprecated",))
        assert version("1.0.0").successor == "bucket@1.1.0"
        assert CatalogItem.objects.get().lifecycle == "published"
        assert selectors.outdated_versions() == {version("1.0.0").pk: "1.1.0"}
        assert sync(modules).unchanged == ("bucket@1.1.0",)

    def test_takes_the_earlier_versions_along_when_the_newest_is_given_up(self, modules):
        sync_catalog(modules, NOW)
        raise_version(modules, "1.1.0")
        sync(modules)
        stand(modules, "retired", GOOD.replace("bucket@1.1.0", "object-store"))
        assert sync(modules).moved == ("bucket@1.1.0 is retired", "bucket@1.0.0 is retired")
        item = CatalogItem.objects.get()
        assert (item.lifecycle, item.retired_at) == ("retired", LATER)
        assert selectors.item_by_slug("bucket") is None

    def test_leaves_the_earlier_version_that_is_to_be_ordered_instead(self, modules):
        sync_catalog(modules, NOW)
        raise_version(modules, "1.1.0")
        sync(modules)
        stand(modules, "deprecated", GOOD.replace("@1.1.0", "@1.0.0"))
        assert sync(modules).moved == ("bucket@1.1.0 is deprecated",)
        item = selectors.item_by_slug("bucket")
        assert item is not None
        assert selectors.latest_version(item) == version("1.0.0")

    def test_knows_the_content_of_a_manifest_that_had_the_old_words(self, modules):
        sync_catalog(modules, NOW)
        path = modules / "bucket" / "catalog.yaml"
        text = path.read_text()
        path.write_text(text.replace("lifecycle: published\nmaturity: production", "lifecycle: production"))
        packed = pack_module(modules / "bucket")
        CatalogItemVersion.objects.update(content=packed.content, module_digest=packed.module_digest)
        path.write_text(text)
        assert sync(modules).unchanged == ("bucket@1.0.0",)
        assert version().module_digest == packed.module_digest

    def test_deprecates_what_stricter_rules_would_no_longer_publish(self, modules):
        sync_catalog(modules, NOW, rules=Rules(allow_code=True))
        path = modules / "bucket" / "main.tf"
        raise_version(modules, "1.1.0")
        path.write_text(path.read_text() + CODE)
        assert sync_catalog(modules, NOW, rules=Rules(allow_code=True)).refused == ()
        stand(modules, "deprecated", GOOD.replace("@1.1.0", "@1.0.0"))
        assert sync(modules).moved == ("bucket@1.1.0 is deprecated",)
        raise_version(modules, "1.2.0")
        assert "provisioner" in str(sync(modules).refused)

    def test_tells_the_command_line_what_moved(self, modules, capsys):
        sync_catalog(modules, NOW)
        stand(modules, "deprecated", GOOD)
        call_command("sync_catalog", path=modules)
        assert capsys.readouterr().out == "moved     bucket@1.0.0 is deprecated\n"

    def test_is_guarded_by_the_database(self, modules):
        sync_catalog(modules, NOW)
        for fields in ({"lifecycle": "deprecated"}, {"lifecycle": "done"}, {"maturity": "done"}):
            with pytest.raises(IntegrityError), transaction.atomic():
                CatalogItemVersion.objects.update(**fields)


@pytest.fixture
def migrate(transactional_db: None) -> Iterator[Callable[[str], Any]]:
    """Return a function that migrates the catalog and returns the apps of then; all is there again afterwards."""

    def to(name: str) -> Any:
        executor = MigrationExecutor(connection)
        targets = [("catalog", name)]
        executor.migrate(targets)
        return executor.loader.project_state(targets).apps

    yield to
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.mark.thorough
class TestTheMigration:
    OLD, NEW = "0002_origins_of_versions", "0004_known_lifecycles_and_maturities"

    def test_keeps_what_the_old_words_said_and_can_write_them_again(self, migrate):
        old = migrate(self.OLD)
        for number, word in enumerate(("experimental", "production", "deprecated")):
            item = old.get_model("catalog", "CatalogItem").objects.create(
                slug=word, name=word, summary="s", category="c", owner="o", lifecycle=word, created_at=NOW
            )
            old.get_model("catalog", "CatalogItemVersion").objects.create(
                item=item, version="1.0.0", module_digest=f"{number:064x}", parameter_spec={},
                manifest={"name": word, "lifecycle": word}, content=b"content", published_at=NOW,
            )  # fmt: skip
        new = migrate(self.NEW).get_model("catalog", "CatalogItemVersion").objects
        found = new.order_by("pk").values_list("lifecycle", "maturity", "item__lifecycle", "item__maturity")
        assert list(found) == [
            ("published", "experimental") * 2,
            ("published", "production") * 2,
            ("deprecated", "production") * 2,
        ]
        deprecated = new.get(lifecycle="deprecated")
        assert (deprecated.deprecated_since, deprecated.manifest) == (NOW.date(), {"name": "deprecated"})
        assert bytes(deprecated.content) == b"content"
        again = migrate(self.OLD).get_model("catalog", "CatalogItemVersion").objects.order_by("pk")
        words = ["experimental", "production", "deprecated"]
        assert [version.manifest["lifecycle"] for version in again] == words
        assert [version.item.lifecycle for version in again] == words
        again.all().delete()
