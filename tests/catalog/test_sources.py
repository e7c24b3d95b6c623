"""Modules come from Git repositories too: one commit, read without trusting it, recorded on what it published."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from catalog.git import GitLimits, checked_out
from catalog.models import CatalogItem, CatalogItemVersion
from catalog.sources import (
    Credentials,
    FolderSource,
    GitSource,
    UnfitSource,
    clean_url,
    git_source,
    read_sources,
)
from catalog.yaml_file import UnreadableFile

from .conftest import MODULES
from .git_host import PASSWORD, USER, serving

FILES_ALLOWED = GitLimits(timeout_s=60, max_bytes=1024 * 1024, allow_file=True)


class Repository:
    """A bare repository, and a working copy to fill it from."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.bare = folder / "modules.git"
        self.git("init", "--quiet", "--initial-branch=main", str(self.work), cwd=folder)
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare), cwd=folder)

    @property
    def url(self) -> str:
        return self.bare.as_uri()

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "protocol.file.allow=always"]
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        completed = subprocess.run(
            ["git", *identity, *arguments],
            cwd=cwd or self.work,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return completed.stdout.strip()

    def add_module(self, slug: str = "bucket", under: str = "modules", text: str = "") -> None:
        folder = self.work / under / slug
        shutil.copytree(MODULES / "bucket", folder, dirs_exist_ok=True)
        (folder / "main.tf").write_text((MODULES / "bucket" / "main.tf").read_text() + text)

    def commit(self, branch: str = "main") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "change")
        self.git("push", "--quiet", "--force", str(self.bare), f"HEAD:refs/heads/{branch}")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    found = Repository(tmp_path)
    found.add_module()
    return found


@pytest.fixture
def empty_tmp(tmp_path_factory, monkeypatch) -> Path:
    """The folder for temporary files, of this test alone."""
    path = tmp_path_factory.mktemp("tmp")
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


def read(source: GitSource, limits: GitLimits = FILES_ALLOWED) -> dict[str, bytes]:
    with checked_out(source, limits) as checkout:
        return {
            path.relative_to(checkout.path).as_posix(): b"" if path.is_symlink() else path.read_bytes()
            for path in sorted(checkout.path.rglob("*"))
            if path.is_symlink() or path.is_file()
        }


def refusal(source: GitSource, limits: GitLimits = FILES_ALLOWED) -> str:
    with pytest.raises(UnfitSource) as caught, checked_out(source, limits):
        pass
    return str(caught.value)


class TestAddresses:
    @pytest.mark.parametrize(
        ("url", "clean"),
        [
            ("https://git.example.com/a/b.git", "https://git.example.com/a/b.git"),
            ("https://git.example.com:8443/a", "https://git.example.com:8443/a"),
            ("ssh://git@git.example.com/a/b.git", "ssh://git@git.example.com/a/b.git"),
            ("git@git.example.com:a/b.git", "ssh://git@git.example.com/a/b.git"),
            ("file:///srv/git/a.git", "file:///srv/git/a.git"),
        ],
    )
    def test_are_taken(self, url, clean):
        assert clean_url(url) == (clean, None)

    def test_give_their_credentials_away_only_to_git(self):
        clean, credentials = clean_url("https://me:hunter%402@git.example.com/a.git")
        assert clean == "https://git.example.com/a.git"
        assert credentials == Credentials("me", "hunter@2")
        assert "hunter" not in repr(git_source("https://me:hunter2@git.example.com/a.git", "main"))

    @pytest.mark.parametrize(
        "url",
        [
            "", "-u", "--upload-pack=touch /tmp/x", "ext::sh -c touch% /tmp/x", "ext::sh", "fd::17",
            "https::ext::x", "http://git.example.com/hunter2", "git://git.example.com/a", "/srv/git/a.git", "a.git",
            "ssh://-oProxyCommand=id/hunter2", "ssh://git@-oProxyCommand/x", "-oProxyCommand@host:x", "git@host:/x:y",
            "ssh://git:hunter2@git.example.com/a", "https://git.example.com/a?private_token=hunter2",
            "https://git.example.com/a#hunter2", "https://git.example.com/a b", "https://git.example.com",
            "https://git.example.com/\nx", "https://git.example.com:x/hunter2", "file://host/a", "file:a",
            "https://[hunter2/a", "https://gït.example.com/a", "ssh://git.example.com/-x", "host:path",
            "https://git.example.com/" + "a" * 500,
        ],
    )  # fmt: skip
    def test_of_other_kinds_are_refused_without_being_repeated(self, url):
        with pytest.raises(UnfitSource) as caught:
            clean_url(url)
        assert "hunter2" not in str(caught.value)

    @pytest.mark.parametrize(
        "ref",
        ["", "-x", "--upload-pack=id", "a b", "a..b", "a:b", "+main", "a~1", "a^{tree}", "@{u}", "a.lock", "a/", "/a",
         "a//b", "a\n", "refs/heads/*", "a/.b"],
    )  # fmt: skip
    def test_take_only_plain_refs(self, ref):
        with pytest.raises(UnfitSource, match="branch, tag or full commit id"):
            git_source("https://git.example.com/a", ref)

    @pytest.mark.parametrize("ref", ["main", "v1.2.0", "feature/x-1", "refs/tags/v1", "a" * 40, "1.0+build"])
    def test_take_branches_tags_and_commits(self, ref):
        assert git_source("https://git.example.com/a", ref).ref == ref

    @pytest.mark.parametrize("subpath", ["../x", "a/../../x", "-x", "a/-x", ".git", "a:b", "a\nb"])
    def test_take_only_folders_inside(self, subpath):
        with pytest.raises(UnfitSource, match="no folder inside a repository"):
            git_source("https://git.example.com/a", "main", subpath)

    def test_name_the_source_whatever_the_ref(self):
        first = git_source("https://me:x@git.example.com/a", "v1", "/terraform/./modules/")
        assert first.name == "https://git.example.com/a//terraform/modules"
        assert git_source("https://git.example.com/a", "v2", "terraform/modules").name == first.name


class TestASourcesFile:
    def test_names_folders_and_repositories(self):
        text = """\
- name: platform
  url: https://git.example.com/platform/modules.git
  ref: v1.4.0
  subpath: modules
- {name: data, path: /srv/modules}
"""
        url = "https://git.example.com/platform/modules.git"
        assert read_sources(text, "s.yaml") == (
            GitSource("platform", url, "v1.4.0", "modules"),
            FolderSource("data", Path("/srv/modules")),
        )

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("name: x\n", "s.yaml:1: must be a list of sources"),
            ("- x\n", "s.yaml:1: [0]: must have a name"),
            ("- {name: x, path: /a}\n- {name: x, path: /b}\n", "s.yaml:2: [1].name: the name x is taken"),
            ("- {name: local, path: /a}\n", "s.yaml:1: [0].name: the name local is taken"),
            ("- {name: A B, path: /a}\n", "s.yaml:1: [0].name: a source needs a name"),
            ("- {path: /a}\n", "s.yaml:1: [0].name: a source needs a name"),
            ("- {name: x}\n", "s.yaml:1: [0]: a source has either a url"),
            ("- {name: x, path: /a, url: https://h/a}\n", "s.yaml:1: [0]: a source has either a url"),
            ("- {name: x, path: a}\n", "s.yaml:1: [0].path: the path of a folder must be absolute"),
            ("- {name: x, path: /a, ref: main}\n", "s.yaml:1: [0].path: ref and subpath belong to a url"),
            ("- {name: x, url: https://h/a}\n", "s.yaml:1: [0]: a url needs a ref"),
            ("- name: x\n  url: https://h/a\n  ref: 1.2\n", "s.yaml:3: [0].ref: must be text; put it in quotes"),
            ("- {name: x, url: https://h/a, reff: m}\n", "s.yaml:1: [0].reff: there is no such key; did you mean ref?"),
            ("- {name: x, url: 'ext::sh', ref: main}\n", "s.yaml:1: [0]: an address must not begin with"),
            ("- [\n", "s.yaml:2: is no valid YAML"),
        ],
    )  # fmt: skip
    def test_is_refused_with_the_line(self, text, problem):
        with pytest.raises(UnreadableFile) as caught:
            read_sources(text, "s.yaml")
        assert str(caught.value).startswith(problem)


class TestCheckedOut:
    def test_reads_the_folder_of_a_branch_a_tag_and_a_commit(self, repository, empty_tmp):
        first = repository.commit()
        repository.git("tag", "-a", "v1", "-m", "v1")
        repository.git("push", "--quiet", str(repository.bare), "v1")
        repository.add_module(text="# second\n")
        second = repository.commit()
        for ref, commit in (("main", second), ("v1", first), ("refs/heads/main", second), (second, second)):
            with checked_out(git_source(repository.url, ref, "modules"), FILES_ALLOWED) as checkout:
                assert checkout.path.name == "modules"
                main = (checkout.path / "bucket" / "main.tf").read_text()
                assert ("# second" in main) == (commit == second)
                origin = checkout.origin
            assert (origin.git_commit, origin.git_ref, origin.git_subpath) == (commit, ref, "modules")
            assert origin.git_url == repository.url
        assert list(empty_tmp.iterdir()) == []

    def test_fetches_no_history(self, repository, empty_tmp):
        (repository.work / "old.bin").write_bytes(random.Random(1).randbytes(3 * 1024 * 1024))
        repository.commit()
        (repository.work / "old.bin").unlink()
        repository.commit()
        assert "modules/bucket/main.tf" in read(git_source(repository.url, "main"))

    @pytest.mark.parametrize("where", ["modules", ""])
    def test_stops_fetching_what_is_too_large(self, repository, empty_tmp, where):
        (repository.work / "huge.bin").write_bytes(random.Random(1).randbytes(3 * 1024 * 1024))
        repository.commit()
        text = refusal(git_source(repository.url, "main", where))
        assert text.startswith(f"{repository.url} is larger than 1 MiB at main; ")
        assert "DRAWBRIDGE_GIT_MAX_MIB" in text
        assert list(empty_tmp.iterdir()) == []

    def test_stops_before_unpacking_what_was_small_only_on_the_way(self, repository, empty_tmp):
        (repository.work / "zeros.bin").write_bytes(bytes(8 * 1024 * 1024))
        repository.commit()
        assert "is larger than 1 MiB" in refusal(git_source(repository.url, "main"))
        assert "is larger" not in str(read(git_source(repository.url, "main", "modules")).keys())

    def test_stops_at_a_tree_that_unfolds_without_end(self, repository, empty_tmp):
        blob = repository.git("hash-object", "-w", "catalog.yaml", cwd=repository.work / "modules" / "bucket")
        tree = f"100644 blob {blob}\ta\n"
        for _ in range(9):
            completed = subprocess.run(
                ["git", "mktree"], cwd=repository.work, input=tree, text=True, capture_output=True, check=True
            )
            tree = "".join(f"040000 tree {completed.stdout.strip()}\t{letter}\n" for letter in "abcdefghij")
        commit = repository.git("commit-tree", completed.stdout.strip(), "-m", "bomb")
        repository.git("push", "--quiet", str(repository.bare), f"{commit}:refs/heads/bomb")
        assert "is larger than 1 MiB" in refusal(git_source(repository.url, "bomb"))

    def test_says_what_is_missing(self, repository, empty_tmp):
        repository.commit()
        assert "cannot fetch nowhere of" in refusal(git_source(repository.url, "nowhere"))
        assert "has no folder terraform" in refusal(git_source(repository.url, "main", "terraform"))
        assert "cannot fetch main of" in refusal(git_source(f"{repository.url}x", "main"))
        assert list(empty_tmp.iterdir()) == []

    def test_refuses_files_as_a_transport_unless_allowed(self, repository):
        repository.commit()
        text = refusal(git_source(repository.url, "main"), GitLimits())
        assert "DRAWBRIDGE_GIT_ALLOW_FILE" in text

    def test_is_stopped_when_the_host_does_not_answer(self, repository, tmp_path, monkeypatch, empty_tmp):
        """An ssh that never answers stands for the host."""
        commands = tmp_path / "bin"
        commands.mkdir()
        (commands / "ssh").write_text("#!/bin/sh\nexec cat > /dev/null\n")
        (commands / "ssh").chmod(0o755)
        monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
        limits = GitLimits(timeout_s=0.5)
        text = refusal(git_source("git@git.example.com:a.git", "main"), limits)
        assert text.startswith(
            "cannot fetch main of ssh://git@git.example.com/a.git: Git was stopped after 0.5 s"
        )
        assert list(empty_tmp.iterdir()) == []

    def test_never_shows_a_password(self, tmp_path, monkeypatch, empty_tmp):
        """A git that prints all that it knows stands for one that is careless."""
        commands = tmp_path / "bin"
        commands.mkdir()
        script = '#!/bin/sh\ncase "$*" in *init*) exit 0 ;; esac\necho "$*" > "$HOME/../argv"\n'
        script += 'echo "fatal: $DRAWBRIDGE_GIT_PASSWORD at $(sh $GIT_ASKPASS Password)" >&2\nexit 128\n'
        (commands / "git").write_text(script)
        (commands / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
        text = refusal(git_source("https://me:hunter2@git.example.com/a.git", "main"))
        assert text == "cannot fetch main of https://git.example.com/a.git: fatal: … at …"
        assert "hunter2" not in (empty_tmp / "argv").read_text()

    def test_runs_nothing_of_the_repository_or_the_user(self, repository, tmp_path, monkeypatch, empty_tmp):
        canary = tmp_path / "canary"
        config = tmp_path / "gitconfig"
        config.write_text(f'[filter "x"]\n\tsmudge = touch {canary}\n[core]\n\tfsmonitor = touch {canary}\n')
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
        monkeypatch.setenv("GIT_DIR", "/nowhere")
        (repository.work / ".gitattributes").write_text("*.tf filter=x\n*.lfs filter=lfs\n")
        pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
        (repository.work / "a.lfs").write_text(pointer)
        for hook in ("post-checkout", "reference-transaction"):
            path = repository.bare / "hooks" / hook
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"#!/bin/sh\ntouch {canary}\n")
            path.chmod(0o755)
        monkeypatch.delenv("GIT_DIR")
        repository.commit()
        canary.unlink(missing_ok=True)  # the push ran the receiving side's hook
        monkeypatch.setenv("GIT_DIR", "/nowhere")
        assert read(git_source(repository.url, "main"))["a.lfs"].decode() == pointer
        assert not canary.exists()

    def test_leaves_submodules_out_and_links_lead_nowhere(self, repository, empty_tmp):
        (repository.work / "modules" / "bucket" / "secret.tf").symlink_to("/etc/passwd")
        commit = repository.commit()
        repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},modules/sub")
        (repository.work / ".gitmodules").write_text(
            '[submodule "sub"]\n\tpath = modules/sub\n\turl = ext::id\n'
        )
        repository.git("add", ".gitmodules")
        repository.git("commit", "--quiet", "-m", "submodule")
        repository.git("push", "--quiet", str(repository.bare), "HEAD:refs/heads/main")
        with checked_out(git_source(repository.url, "main", "modules"), FILES_ALLOWED) as checkout:
            link = checkout.path / "bucket" / "secret.tf"
            assert link.is_symlink()
            assert not link.exists()
            assert [path.name for path in checkout.path.iterdir()] == ["bucket"]


class TestOverHttps:
    @pytest.fixture
    def host(self, repository, tmp_path, monkeypatch, empty_tmp):
        repository.commit()
        with serving(tmp_path, tmp_path) as (address, trusted):
            monkeypatch.setenv("GIT_SSL_CAINFO", str(trusted))
            for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
                monkeypatch.delenv(name, raising=False)
            yield address

    def source(self, host: str, password: str, path: str = "/modules.git") -> GitSource:
        return git_source(f"https://{USER}:{quote(password, safe='')}@{host}{path}", "main", "modules")

    def test_signs_in_with_what_the_address_held(self, host):
        source = self.source(host, PASSWORD)
        limits = GitLimits(timeout_s=60)
        assert "bucket/main.tf" in read(source, limits)
        with checked_out(source, limits) as checkout:
            assert checkout.origin.git_url == f"https://{host}/modules.git"

    def test_does_not_ask_anybody_when_that_is_wrong(self, host):
        text = refusal(self.source(host, "wrong-password"), GitLimits(timeout_s=60))
        assert text.startswith(f"cannot fetch main of https://{host}/modules.git: ")
        assert "Authentication failed" in text
        assert "wrong-password" not in text
        text = refusal(git_source(f"https://{host}/modules.git", "main"), GitLimits(timeout_s=60))
        assert "cannot fetch main of" in text

    def test_does_not_follow_a_redirect(self, host):
        text = refusal(self.source(host, PASSWORD, "/moved/modules.git"), GitLimits(timeout_s=60))
        assert "unable to update url base from redirection" in text or "302" in text


@pytest.mark.django_db
class TestSync:
    @pytest.fixture(autouse=True)
    def _settings(self, settings, empty_tmp):
        settings.DRAWBRIDGE_GIT_ALLOW_FILE = True
        settings.DRAWBRIDGE_GIT_MAX_MIB = 1
        self.tmp = empty_tmp

    def sync(self, *arguments, **options) -> int:
        try:
            call_command("sync_catalog", *arguments, **options)
        except SystemExit as error:
            return int(str(error.code))
        return 0

    def test_publishes_a_commit_and_records_it(self, repository, client, django_user_model):
        commit = repository.commit()
        assert self.sync(git=repository.url, ref="main", subpath="modules") == 0
        version = CatalogItemVersion.objects.get()
        assert (version.git_url, version.git_ref, version.git_subpath, version.git_commit) == (
            repository.url, "main", "modules", commit,
        )  # fmt: skip
        assert version.item.source == f"{repository.url}//modules"
        assert list(self.tmp.iterdir()) == []
        client.force_login(django_user_model.objects.create_user("u"))
        page = client.get(reverse("catalog-item", args=["bucket"])).content.decode()
        assert commit[:12] in page
        assert repository.url in page

    def test_keeps_the_commit_that_published_a_version(self, repository):
        first = repository.commit()
        self.sync(git=repository.url, ref="main", subpath="modules")
        (repository.work / "unrelated").write_text("x")
        assert repository.commit() != first
        assert self.sync(git=repository.url, ref="main", subpath="modules") == 0
        assert CatalogItemVersion.objects.get().git_commit == first

    def test_refuses_the_unsafe_of_a_repository_by_file_and_line(self, repository, capsys):
        repository.add_module(
            "other", text='resource "terraform_data" "y" {\n  provisioner "local-exec" {\n  }\n}\n'
        )
        repository.commit()
        assert self.sync(git=repository.url, ref="main", subpath="modules") == 1
        output = capsys.readouterr()
        assert output.out == "published bucket@1.0.0\n"
        assert "modules/other/main.tf:5: a provisioner (local-exec)" in output.err

    def sources(self, tmp_path, settings, *entries) -> None:
        (tmp_path / "sources.yaml").write_text("".join(f"- {{{entry}}}\n" for entry in entries))
        settings.DRAWBRIDGE_CATALOG_SOURCES = str(tmp_path / "sources.yaml")
        settings.DRAWBRIDGE_MODULES_DIR = tmp_path / "local"
        (tmp_path / "local").mkdir()

    def test_refuses_a_slug_of_another_source_and_names_both(self, repository, tmp_path, settings, capsys):
        repository.commit()
        url = f"url: '{repository.url}', ref: main, subpath: modules"
        self.sources(tmp_path, settings, f"name: platform, {url}", f"name: data, {url}")
        assert self.sync() == 1
        output = capsys.readouterr()
        assert output.out == "published bucket@1.0.0\n"
        assert (
            "modules/bucket: the source data has a module bucket, and so has the source platform"
            in output.err
        )
        assert CatalogItem.objects.get().source == "platform"
        assert self.sync(source="data", adopt=True) == 0
        assert CatalogItem.objects.get().source == "data"
        assert self.sync(source="platform") == 1

    def test_loads_the_rest_when_a_repository_cannot_be_reached(self, repository, tmp_path, settings, capsys):
        repository.commit()
        self.sources(
            tmp_path, settings, "name: gone, url: 'file:///nowhere/at-all.git', ref: main",
            f"name: platform, url: '{repository.url}', ref: main, subpath: modules",
        )  # fmt: skip
        shutil.copytree(MODULES / "bucket", tmp_path / "local" / "pail")
        CatalogItem.objects.create(
            slug="kept", name="n", summary="s", category="c", owner="o", created_at="2026-01-01T00:00Z", source="gone"
        )  # fmt: skip
        assert self.sync(retire_missing=True) == 1
        output = capsys.readouterr()
        assert output.out == "published pail@1.0.0\npublished bucket@1.0.0\n"
        assert self.sync(source="local") == 0  # asks no host
        assert output.err.startswith("source gone: cannot fetch main of file:///nowhere/at-all.git: ")
        assert CatalogItem.objects.get(slug="kept").retired_at is None

    def test_retires_only_what_the_same_source_published(self, repository, modules, capsys):
        repository.add_module("other")
        repository.commit()
        (modules / "bucket").rename(modules / "pail")
        self.sync(path=modules)
        self.sync(git=repository.url, ref="main", subpath="modules")
        shutil.rmtree(repository.work / "modules" / "other")
        repository.commit()
        capsys.readouterr()
        assert self.sync(git=repository.url, ref="main", subpath="modules", retire_missing=True) == 0
        assert capsys.readouterr().out == "unchanged bucket@1.0.0\nretired   other\n"
        # Nobody offers it any more, so another source may.
        shutil.copytree(MODULES / "bucket", modules / "other")
        assert self.sync(path=modules) == 0
        assert CatalogItem.objects.get(slug="other", retired_at=None).source == "local"

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"git": "ext::sh -c id", "ref": "main"}, "spaces or other characters"),
            ({"git": "ext::id", "ref": "main"}, "transport helper"),
            ({"git": "https://h/a", "ref": "--upload-pack=id"}, "no branch, tag or full commit id"),
            ({"git": "https://h/a"}, "--git needs --ref"),
            ({"ref": "main"}, "belong to --git"),
            ({"source": "x"}, "there is no source x"),
            ({"adopt": True}, "--adopt needs one source"),
        ],
    )
    def test_refuses_arguments_that_make_no_sense(self, options, reason):
        with pytest.raises(CommandError, match=reason):
            self.sync(**options)

    def test_names_the_line_of_a_broken_sources_file(self, tmp_path, settings):
        self.sources(tmp_path, settings, "name: x")
        with pytest.raises(CommandError, match=r"sources\.yaml:1: \[0\]: a source has either"):
            self.sync()
        settings.DRAWBRIDGE_CATALOG_SOURCES = str(tmp_path / "nowhere.yaml")
        with pytest.raises(CommandError, match="cannot be read"):
            self.sync()
