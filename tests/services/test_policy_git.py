"""A policy from a Git repository: what a look at it brings, and what stays when it cannot be had."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured

from provisioner import policy, policy_store, tasks
from provisioner.models import PolicyStanding, PolicyVersion
from provisioner.services import doctor, policies
from tests.conftest import Organisation

SHIPPED = Path(configured.DRAWBRIDGE_POLICY_FILE).read_text()
CHANGED = SHIPPED.replace('"300"', '"500"')


def now() -> datetime:
    return datetime.now(UTC)


class Repository:
    """A repository on this machine whose folder `rules` holds the policy."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=Ada Rules", "-c", "user.email=ada@example.com")
        return subprocess.run(
            ["git", "-C", str(self.path), *who, *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, text: str | bytes, name: str = "rules/policy.yaml") -> str:
        file = self.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "change the rules")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(org: Organisation, tmp_path: Path, settings: Any) -> Repository:
    (tmp_path / "repository").mkdir()
    found = Repository(tmp_path / "repository")
    settings.DRAWBRIDGE_POLICY_SOURCE = "git"
    settings.DRAWBRIDGE_POLICY_GIT_URL = f"file://{found.path}"
    settings.DRAWBRIDGE_POLICY_GIT_PATH = "rules/policy.yaml"
    settings.DRAWBRIDGE_GIT_ALLOW_FILE = True
    return found


class TestRefresh:
    @pytest.mark.parametrize("path", ["rules/policy.yaml", "rules"])
    def test_puts_a_new_commit_into_force_and_says_whose_it_is(
        self, repository: Repository, settings: Any, path: str
    ) -> None:
        settings.DRAWBRIDGE_POLICY_GIT_PATH = path
        commit = repository.commit(CHANGED)
        seen = policies.refresh(now=now())
        assert (seen.changed, seen.problems) == (True, ())
        assert policy.current().digest == seen.digest
        version = PolicyVersion.objects.get(digest=seen.digest)
        assert (version.source, version.origin["commit"], version.origin["author"]) == (
            "git",
            commit,
            "Ada Rules",
        )
        assert not policies.refresh(now=now()).changed

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (SHIPPED.replace("criticalities:", "criticality:"), "not known"),
            ("approvals: [", "no valid YAML"),
            (b"\xff\xfe", "not UTF-8"),
            (SHIPPED + "#" * 10_000_000, "at most"),
            (SHIPPED.replace("recovery_group: sre", "recovery_group: wizards"), "no group wizards"),
        ],
    )
    def test_leaves_the_last_good_one_in_force(
        self, repository: Repository, text: str | bytes, says: str
    ) -> None:
        repository.commit(CHANGED)
        good = policies.refresh(now=now()).digest
        commit = repository.commit(text)
        seen = policies.refresh(now=now())
        assert (seen.digest, seen.changed) == (good, False)
        assert any(says in problem.what for problem in seen.problems)
        standing = PolicyStanding.objects.get()
        assert standing.refused["origin"]["commit"] == commit
        assert [one for one in doctor.examine() if one.check == "a policy that is refused"]
        repository.commit(CHANGED)
        assert policies.refresh(now=now()).problems == ()
        assert PolicyStanding.objects.get().refused == {}

    @pytest.mark.parametrize(
        "what", ["gone", "no such ref", "no such folder", "no address", "file addresses"]
    )
    def test_keeps_the_last_good_one_while_the_repository_cannot_be_read(
        self, repository: Repository, settings: Any, what: str
    ) -> None:
        repository.commit(CHANGED)
        good = policies.refresh(now=now()).digest
        if what == "gone":
            repository.path.rename(repository.path.with_name("elsewhere"))
        elif what == "no such ref":
            settings.DRAWBRIDGE_POLICY_GIT_REF = "v9"
        elif what == "no such folder":
            settings.DRAWBRIDGE_POLICY_GIT_PATH = "limits/policy.yaml"
        elif what == "no address":
            settings.DRAWBRIDGE_POLICY_GIT_URL = ""
        else:
            settings.DRAWBRIDGE_GIT_ALLOW_FILE = False
        seen = policies.refresh(now=now())
        assert (seen.digest, len(seen.problems)) == (good, 1)
        assert policy.current().digest == good
        assert PolicyStanding.objects.get().refused["problems"]

    def test_is_what_the_beat_asks_for(self, repository: Repository, settings: Any) -> None:
        repository.commit(CHANGED)
        assert settings.CELERY_BEAT_SCHEDULE["refresh-policy"]["task"] == tasks.refresh_policy.name
        tasks.refresh_policy()
        assert policy.current().digest == policy_store.digest_of(CHANGED)

    def test_leaves_what_an_operator_put_into_force_until_the_repository_changes(
        self, repository: Repository
    ) -> None:
        repository.commit(CHANGED)
        first = policies.refresh(now=now())
        standing = policy_store.in_force()
        assert standing is not None
        by_hand = policy_store.keep(SHIPPED + "# by hand\n", source="edited", origin={}, now=now())
        policies.activate(
            by_hand, instead_of=standing.version_id, reason="the limit was a mistake", now=now()
        )
        assert policies.refresh(now=now()).digest == by_hand.digest
        repository.commit(CHANGED + "# later\n")
        assert policies.refresh(now=now()).digest not in (by_hand.digest, first.digest)

    def test_begins_with_the_shipped_policy_where_the_repository_was_never_read(
        self, repository: Repository
    ) -> None:
        seen = policies.refresh(now=now())  # an empty repository
        assert seen.digest == policy_store.digest_of(SHIPPED)
        assert seen.problems
