"""Modules are published once per content and never changed."""

from __future__ import annotations

import io
import os
import re
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from catalog import manifest as manifests
from catalog import selectors
from catalog.content import UnfitContent, module_digest, module_digest_of_content, pack_module
from catalog.models import CatalogItem, CatalogItemVersion, Environment, Service, Team
from catalog.readme import render_readme
from catalog.sync import sync_catalog

from .conftest import MODULES, NOW

LATER = NOW + timedelta(days=1)


def edit(modules: Path, old: str, new: str, file: str = "catalog.yaml") -> None:
    path = modules / "bucket" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def raise_version(modules: Path, version: str) -> None:
    path = modules / "bucket" / "catalog.yaml"
    path.write_text(re.sub(r"version: [0-9][^,\n]*", f"version: {version}", path.read_text()))


class TestPackModule:
    def test_depends_on_names_and_bytes_alone(self, modules, tmp_path):
        first = pack_module(modules / "bucket")
        for path in (modules / "bucket").iterdir():
            os.utime(path, (1, 1))
            path.chmod(0o755)
        (modules / "bucket" / ".terraform").mkdir()
        (modules / "bucket" / ".terraform" / "x").write_text("x")
        (modules / "bucket" / ".terraform.lock.hcl").write_text("x")
        (modules / "bucket" / "terraform.tfstate").write_text("secret")
        second = pack_module(modules / "bucket")
        assert second.content == first.content
        assert second.module_digest == first.module_digest == module_digest_of_content(first.content)
        assert re.fullmatch("[0-9a-f]{64}", first.module_digest)

    def test_sees_every_change_of_bytes_and_names(self):
        digests = {
            module_digest(files)
            for files in ({"a": b"1"}, {"a": b"2"}, {"b": b"1"}, {"a": b"1", "b": b""}, {"a/b": b"1"}, {})
        }
        assert len(digests) == 6

    def test_refuses_links(self, modules):
        (modules / "bucket" / "link.tf").symlink_to("/etc/passwd")
        with pytest.raises(UnfitContent, match="links are not allowed"):
            pack_module(modules / "bucket")

    def test_refuses_special_files(self, modules):
        os.mkfifo(modules / "bucket" / "pipe.tf")
        with pytest.raises(UnfitContent, match="only plain files"):
            pack_module(modules / "bucket")

    def test_refuses_what_is_too_large(self, modules):
        (modules / "bucket" / "big.bin").write_bytes(b"\0" * (6 * 1024 * 1024))
        with pytest.raises(UnfitContent, match="5 MiB"):
            pack_module(modules / "bucket")

    def test_refuses_names_that_are_not_plain(self, modules):
        (modules / "bucket" / "a\nb.tf").write_text("")
        with pytest.raises(UnfitContent, match="name"):
            pack_module(modules / "bucket")

    def test_refuses_archives_that_hold_anything_else(self):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            member = tarfile.TarInfo("link")
            member.type = tarfile.SYMTYPE
            member.linkname = "/etc/passwd"
            archive.addfile(member)
        with pytest.raises(UnfitContent, match="plain files"):
            module_digest_of_content(packed.getvalue())
        with pytest.raises(UnfitContent, match="cannot be read"):
            module_digest_of_content(b"no archive")


@pytest.mark.django_db
class TestSyncCatalog:
    def test_publishes_a_module(self, modules):
        report = sync_catalog(modules, NOW)
        assert (report.created, report.unchanged, report.refused) == (("bucket@1.0.0",), (), ())
        version = CatalogItemVersion.objects.get()
        assert version.published_at == NOW
        assert module_digest_of_content(bytes(version.content)) == version.module_digest
        assert version.readme.startswith("# Bucket")
        assert manifests.from_json(version.manifest).name == version.item.name == "Bucket"

    def test_changes_nothing_the_second_time(self, modules):
        sync_catalog(modules, NOW)
        before = list(CatalogItem.objects.values()), list(CatalogItemVersion.objects.values())
        report = sync_catalog(modules, LATER)
        assert (report.created, report.unchanged, report.refused) == ((), ("bucket@1.0.0",), ())
        assert before == (list(CatalogItem.objects.values()), list(CatalogItemVersion.objects.values()))

    @pytest.mark.parametrize("file", ["catalog.yaml", "main.tf", "README.md"])
    def test_refuses_changed_content_under_a_published_version(self, modules, file):
        sync_catalog(modules, NOW)
        digest = CatalogItemVersion.objects.get().module_digest
        path = modules / "bucket" / file
        path.write_text(path.read_text() + "\n# changed\n")
        (problem,) = sync_catalog(modules, LATER).refused
        assert str(problem).startswith(
            "terraform_modules/bucket/catalog.yaml:8: version: 1.0.0 is already published"
        )
        assert "raise the version" in problem.reason
        assert CatalogItemVersion.objects.get().module_digest == digest

    def test_publishes_the_next_version_beside_the_first(self, modules):
        sync_catalog(modules, NOW)
        raise_version(modules, "1.1.0")
        edit(modules, "summary: A bucket for objects.", "summary: A better bucket.")
        assert sync_catalog(modules, LATER).created == ("bucket@1.1.0",)
        item = CatalogItem.objects.get()
        assert item.summary == "A better bucket."
        assert item.created_at == NOW
        assert [v.version for v in selectors.versions_of(item)] == ["1.1.0", "1.0.0"]

    def test_shows_the_newest_version_when_an_older_one_is_published_later(self, modules):
        raise_version(modules, "2.0.0")
        sync_catalog(modules, NOW)
        raise_version(modules, "1.0.1")
        edit(modules, "summary: A bucket for objects.", "summary: An old bucket.")
        assert sync_catalog(modules, LATER).created == ("bucket@1.0.1",)
        assert CatalogItem.objects.get().summary == "A bucket for objects."

    def test_loads_the_good_and_reports_the_broken(self, modules):
        (modules / "broken").mkdir()
        (modules / "broken" / "catalog.yaml").write_text("schema: drawbridge/v1\nname: [\n")
        (modules / "broken" / "variables.tf").write_text('variable "x" {\n  type = strin\n}\n')
        (modules / "no_manifest").mkdir()
        (modules / "_shared").mkdir()
        (modules / ".git").mkdir()
        report = sync_catalog(modules, NOW)
        assert report.created == ("bucket@1.0.0",)
        assert [(p.file.removeprefix("terraform_modules/"), p.line) for p in report.refused] == [
            ("broken/catalog.yaml", 3),
            ("broken/variables.tf", 1),
            ("no_manifest", 0),
        ]
        assert CatalogItem.objects.count() == 1

    @pytest.mark.parametrize(
        ("file", "content", "reason"),
        [
            ("extra.tf", b'\nvariable "more" {\n}\n', "variable more must be declared in variables.tf"),
            ("extra.tf.json", b"{}", "Terraform JSON"),
            ("README.md", b"\xff\xfe", "not UTF-8"),
            ("catalog.yaml", b"\xff", "not UTF-8"),
            ("README.md", b"a\0b", "NUL"),
        ],
    )
    def test_refuses_files_that_it_cannot_take(self, modules, file, content, reason):
        (modules / "bucket" / file).write_bytes(content)
        report = sync_catalog(modules, NOW)
        assert report.created == ()
        assert reason in report.refused[0].reason
        assert report.refused[0].file == f"terraform_modules/bucket/{file}"

    def test_refuses_a_folder_without_variables(self, modules):
        (modules / "bucket" / "variables.tf").unlink()
        (problem,) = sync_catalog(modules, NOW).refused
        assert str(problem).startswith("terraform_modules/bucket/variables.tf: is missing; declare")

    def test_refuses_environments_that_do_not_exist(self, modules):
        Environment.objects.create(slug="development", name="Development")
        report = sync_catalog(modules, NOW)
        assert report.created == ()
        assert all("there is no environment production" in p.reason for p in report.refused)
        Environment.objects.create(slug="production", name="Production")
        assert sync_catalog(modules, NOW).created == ("bucket@1.0.0",)

    def test_says_when_the_folder_is_missing(self, tmp_path):
        (problem,) = sync_catalog(tmp_path / "nowhere", NOW).refused
        assert "there is no such folder" in problem.reason

    def test_retires_only_when_asked_and_takes_back(self, modules):
        sync_catalog(modules, NOW)
        (modules / "bucket").rename(modules / "_bucket")
        assert sync_catalog(modules, LATER).retired == ()
        assert sync_catalog(modules, LATER, retire_missing=True).retired == ("bucket",)
        assert sync_catalog(modules, LATER, retire_missing=True).retired == ()
        assert selectors.item_by_slug("bucket") is None
        (modules / "_bucket").rename(modules / "bucket")
        assert sync_catalog(modules, LATER).unchanged == ("bucket@1.0.0",)
        assert selectors.item_by_slug("bucket") is not None

    def test_publishes_the_shipped_modules(self):
        report = sync_catalog(MODULES.parents[2] / "terraform_modules", NOW)
        assert report.refused == ()
        assert any(name.startswith("postgres@") for name in report.created)


@pytest.mark.django_db
class TestCommand:
    def test_prints_what_it_published(self, modules, capsys):
        call_command("sync_catalog", path=modules)
        assert capsys.readouterr().out == "published bucket@1.0.0\n"

    def test_exits_with_1_and_names_file_and_line(self, modules, capsys):
        edit(modules, "lifecycle: published", "lifecycle: done")
        with pytest.raises(SystemExit) as caught:
            call_command("sync_catalog", path=modules)
        assert caught.value.code == 1
        assert (
            "terraform_modules/bucket/catalog.yaml:6: lifecycle: 'done' is not one of"
            in capsys.readouterr().err
        )


@pytest.mark.django_db
class TestSelectors:
    def version(self, item, version):
        number = CatalogItemVersion.objects.count()
        return CatalogItemVersion.objects.create(
            item=item, version=version, module_digest=f"{number:064x}", manifest={}, parameter_spec={},
            content=b"", published_at=NOW,
        )  # fmt: skip

    def item(self, slug="thing", **fields):
        return CatalogItem.objects.create(
            slug=slug, name=slug, summary="s", category="c", owner="o", created_at=NOW, **fields
        )

    def test_orders_versions_as_numbers(self):
        item = self.item()
        for version in ("1.9.0", "1.10.0", "1.2.0", "2.0.0-rc.1"):
            self.version(item, version)
        assert selectors.latest_version(item).version == "1.10.0"
        assert [v.version for v in selectors.versions_of(item)] == ["2.0.0-rc.1", "1.10.0", "1.9.0", "1.2.0"]
        assert selectors.find_version(item).version == "1.10.0"
        assert selectors.find_version(item, "1.2.0").version == "1.2.0"
        assert selectors.find_version(item, "9.9.9") is None

    def test_offers_a_prerelease_only_when_there_is_nothing_else(self):
        item = self.item()
        assert selectors.latest_version(item) is None
        self.version(item, "2.0.0-rc.1")
        assert selectors.latest_version(item).version == "2.0.0-rc.1"

    def test_lists_published_items_with_few_queries(self, django_assert_num_queries):
        for number in range(5):
            self.version(self.item(f"thing-{number}"), "1.0.0")
        self.item("empty")
        self.version(self.item("old", retired_at=NOW), "1.0.0")
        with django_assert_num_queries(2):
            found = [
                (item.slug, selectors.latest_version(item).version) for item in selectors.published_items()
            ]
        assert [slug for slug, _ in found] == [f"thing-{n}" for n in range(5)]

    @pytest.mark.parametrize(
        "fields",
        [{"version": "one"}, {"version": "1.0.0\n"}, {"module_digest": "x"}, {"module_digest": "A" * 64}],
    )
    def test_is_guarded_by_the_database(self, fields):
        version = self.version(self.item(), "1.0.0")
        with pytest.raises(IntegrityError), transaction.atomic():
            CatalogItemVersion.objects.filter(pk=version.pk).update(**fields)

    @pytest.mark.parametrize("slug", ["", "A", "a b", "-a", "a-", "a\n", "ä"])
    def test_takes_only_slugs(self, slug):
        with pytest.raises(IntegrityError), transaction.atomic():
            Team.objects.create(slug=slug, name="x")

    def test_takes_only_known_criticalities(self, org):
        with pytest.raises(IntegrityError), transaction.atomic():
            Service.objects.filter(slug="orders").update(criticality="tier-9")


class TestRenderReadme:
    def test_moves_headings_down_and_renders_tables(self):
        html = render_readme("# One\n\n###### Six\n\n| a | b |\n|---|---|\n| 1 | `2` |\n")
        assert "<h2>One</h2>" in html
        assert "<h6>Six</h6>" in html
        assert "<td><code>2</code></td>" in html

    @pytest.mark.parametrize(
        "text",
        [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "[x](javascript:alert(1))",
            "[x](data:text/html,hi)",
            "![x](https://evil.example/pixel.png)",
            '<a href="x" onclick="y">z</a>',
            "<style>*{}</style>",
        ],
    )
    def test_drops_what_is_dangerous(self, text):
        html = render_readme(text)
        assert not re.search(r"<(script|img|style)|<[^>]*(javascript:|data:|onclick|onerror)", html)

    def test_marks_links_as_foreign(self):
        assert 'rel="nofollow noopener noreferrer"' in render_readme("[x](https://example.com)")
