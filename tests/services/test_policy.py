"""The policy file: what an edit does, and what it leaves behind in the database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.exceptions import ImproperlyConfigured

from provisioner import policy, policy_store
from provisioner.models import AuditEvent, PolicyActivation, PolicyStanding, PolicyVersion
from provisioner.services import doctor, policies
from tests.conftest import Organisation

SHIPPED = Path(configured.DRAWBRIDGE_POLICY_FILE).read_text()
CHANGED = SHIPPED.replace("recovery_group: sre", "recovery_group: platform")
SMALL = """---
version: 1
approvals:
  rules:
  - {rule: cost-limit, groups: finops, when: {delta_above_usd_month: "100"}}

time_to_live:
  max_days: {}
"""
BAD = {
    "broken YAML": "approvals: [",
    "no section": "approvals: {}",
    "a NUL": "\x00",
    "a float for money": SHIPPED.replace('"300"', "0.1"),
    "an unknown key": SHIPPED + "\nquotas: {}\n",
    "an alias bomb": "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "ten megabytes": SHIPPED + "#" * 10_000_000,
    "a group that nobody has": SHIPPED.replace("recovery_group: sre", "recovery_group: wizards"),
    "no UTF-8": "version: 1\n# \udcff",
}  # fmt: skip


@pytest.fixture
def file(org: Organisation, tmp_path: Path, settings: Any) -> Path:
    """Return a policy file of the test's own, which is in force."""
    path = tmp_path / "policy.yaml"
    path.write_text(SHIPPED)
    settings.DRAWBRIDGE_POLICY_FILE = path
    policy.current()
    return path


@pytest.fixture(autouse=True)
def _own_process() -> Iterator[None]:
    """Look at files as a process does that has just begun."""
    policy._looked.clear()
    yield
    policy._looked.clear()


def backdate(path: Path) -> None:
    """Make a file look as if it had been written long ago."""
    os.utime(path, (1, 1))


class TestAnEdit:
    def test_is_seen_at_once(self, file: Path) -> None:
        before = policy.current()
        file.write_text(CHANGED)
        after = policy.current()
        assert (before.approvals.recovery_group, after.approvals.recovery_group) == ("sre", "platform")
        assert PolicyStanding.objects.get().version.digest == after.digest
        assert [row.previous_id is None for row in PolicyActivation.objects.all()] == [False, True]
        event = AuditEvent.objects.get(action="policy.activate")
        assert (event.object_id, event.detail["previous"]) == (after.digest, before.digest)

    @pytest.mark.parametrize("what", BAD)
    def test_that_cannot_be_used_leaves_the_one_before_it_in_force(self, file: Path, what: str) -> None:
        before = policy.current()
        file.write_bytes(BAD[what].encode("utf-8", "surrogateescape"))
        assert policy.current() == before
        assert policy.current() == before  # noted once, however often it is looked at
        refused = PolicyStanding.objects.get().refused
        assert refused["origin"] == {"path": str(file)}
        assert all(problem["what"] and problem["fix"] for problem in refused["problems"])
        assert AuditEvent.objects.filter(action="policy.refused").count() == 1
        found = [trouble for trouble in doctor.examine() if trouble.check == "a policy that is refused"]
        assert len(found) == 1
        assert str(file) in found[0].what
        file.write_text(SHIPPED)
        assert policy.current().digest == before.digest
        assert PolicyStanding.objects.get().refused == {}
        assert PolicyVersion.objects.count() == 1

    def test_says_where_it_is_wrong(self, file: Path) -> None:
        file.write_text(SHIPPED.replace("criticalities: [tier-1]", "criticality: [tier-1]"))
        policy.current()
        problems = PolicyStanding.objects.get().refused["problems"]
        line = next(i for i, text in enumerate(SHIPPED.splitlines(), 1) if "criticalities: [" in text)
        assert ("approvals.rules[2].when.criticality", line) in [(p["place"], p["line"]) for p in problems]

    def test_that_cannot_be_read_and_has_none_before_it_is_said(
        self, org: Organisation, tmp_path: Path, settings: Any
    ) -> None:
        settings.DRAWBRIDGE_POLICY_FILE = tmp_path / "policy.yaml"
        settings.DRAWBRIDGE_POLICY_FILE.write_text("approvals: [")
        with pytest.raises(ImproperlyConfigured, match="cannot be used"):
            policy.current()

    def test_that_takes_an_earlier_one_back_comes_into_force_again(self, file: Path) -> None:
        for text in (CHANGED, SHIPPED, CHANGED):
            file.write_text(text)
            assert policy.current().digest == policy_store.digest_of(text)
        assert PolicyVersion.objects.count() == 2
        assert PolicyActivation.objects.count() == 4

    def test_is_not_taken_from_a_machine_that_is_behind(self, file: Path) -> None:
        """Another process with the older file, written long before the newer one came into force."""
        file.write_text(CHANGED)
        newest = policy.current()
        policy._looked.clear()
        file.write_text(SHIPPED)
        backdate(file)
        assert policy.current() == newest
        assert PolicyActivation.objects.count() == 2
        assert "a policy file that is behind" in {trouble.check for trouble in doctor.examine()}


class TestAFolder:
    @pytest.fixture
    def folder(self, org: Organisation, tmp_path: Path, settings: Any) -> Path:
        (tmp_path / "a.yaml").write_text(SMALL)
        settings.DRAWBRIDGE_POLICY_FILE = tmp_path
        return tmp_path

    def test_is_one_policy(self, folder: Path) -> None:
        text = (folder / "a.yaml").read_text()
        cut = text.index("\ntime_to_live:")
        (folder / "a.yaml").write_text(text[:cut])
        (folder / "b.yml").write_text(text[cut:].replace("max_days: {}", "max_days: {development: 9}"))
        (folder / "notes.txt").write_text("not read")
        assert policy.current().lifetime.max_days == {"development": 9}
        stored = PolicyVersion.objects.get()
        assert policy_store.loaded(stored.digest).policy == policy.current()
        (folder / "b.yml").write_text(text[cut:])
        assert policy.current().lifetime.max_days == {}

    @pytest.mark.parametrize(
        ("name", "text", "place", "line", "says"),
        [
            ("b.yaml", "# twice\napprovals: {}\n", "b.yaml: approvals", 2, "stands in a.yaml already"),
            ("b.yaml", "\nguardrail: {}\n", "b.yaml: guardrail", 2, "not known"),
            ("b.yaml", "- a\n", "b.yaml", 1, "no mapping"),
            ("b.yaml", "x: [", "b.yaml", 1, "no valid YAML"),
            ("b.yaml", "{usage: {}}\n", "", 0, "one after the other"),
        ],
    )
    def test_names_the_file_and_line_of_a_problem(
        self, folder: Path, name: str, text: str, place: str, line: int, says: str
    ) -> None:
        before = policy.current()
        (folder / name).write_text(text)
        assert policy.current() == before
        problem = PolicyStanding.objects.get().refused["problems"][0]
        if place:
            assert (problem["place"], problem["line"]) == (place, line)
        assert says in problem["what"]


class TestWhatIsInForce:
    def test_stays_what_the_database_says_where_people_edit_it(self, file: Path, settings: Any) -> None:
        settings.DRAWBRIDGE_POLICY_SOURCE = "edited"
        before = policy.current()
        file.write_text(CHANGED)
        assert policy.current() == before

    def test_is_not_changed_by_a_process_that_is_set_to_another_source(
        self, file: Path, settings: Any
    ) -> None:
        settings.DRAWBRIDGE_POLICY_SOURCE = "edited"
        file.write_text("approvals: [")
        assert policies.refresh(now=datetime.now(UTC), switch=True).problems == ()
        settings.DRAWBRIDGE_POLICY_SOURCE = "file"
        before = policy.current()
        file.write_text(CHANGED)
        assert policy.current() == before
        (problem,) = policies.refresh(now=datetime.now(UTC)).problems
        assert "comes from the source edited" in problem.what
        assert "a policy from another source" in {trouble.check for trouble in doctor.examine()}

    def test_is_what_the_file_says_once_somebody_switches_to_it(self, file: Path, settings: Any) -> None:
        settings.DRAWBRIDGE_POLICY_SOURCE = "edited"
        policies.refresh(now=datetime.now(UTC), switch=True)
        version = policy_store.keep(CHANGED, source="edited", origin={}, now=datetime.now(UTC))
        standing = policy_store.in_force()
        assert standing is not None
        policies.activate(version, instead_of=standing.version_id, reason="x", now=datetime.now(UTC))
        settings.DRAWBRIDGE_POLICY_SOURCE = "file"
        backdate(file)  # the shipped text, which was in force before
        assert policy.current().digest == version.digest
        assert policies.refresh(now=datetime.now(UTC), switch=True).changed
        assert policy.current().digest == policy_store.digest_of(SHIPPED)

    def test_forgets_a_refused_edit_of_the_file_where_people_edit_it(self, file: Path, settings: Any) -> None:
        file.write_text("approvals: [")
        policy.current()
        assert PolicyStanding.objects.get().refused
        settings.DRAWBRIDGE_POLICY_SOURCE = "edited"
        assert policies.refresh(now=datetime.now(UTC), switch=True).problems == ()
        assert PolicyStanding.objects.get().refused == {}

    def test_begins_with_the_file_where_people_edit_it(
        self, org: Organisation, tmp_path: Path, settings: Any
    ) -> None:
        settings.DRAWBRIDGE_POLICY_SOURCE = "edited"
        assert policy.current().digest == policy_store.digest_of(SHIPPED)

    def test_is_never_a_part_of_what_this_portal_cannot_read(self, file: Path, settings: Any) -> None:
        settings.DRAWBRIDGE_POLICY_SOURCE = "edited"
        version = policy_store.keep("version: 9\n", source="edited", origin={}, now=datetime.now(UTC))
        PolicyStanding.objects.update(version=version)
        with pytest.raises(ImproperlyConfigured, match="cannot be read by this version of the portal"):
            policy.current()


class TestAFileThatThePolicyNames:
    def test_is_a_part_of_it_and_an_edit_of_it_is_seen(self, file: Path) -> None:
        beside = file.parent / "rego"
        beside.mkdir()
        (beside / "own.rego").write_text(
            'package main\n\nimport rego.v1\n\ndeny contains "one" if { false }\n'
        )
        rule = "guardrails:\n  rules:\n    - {rule: own, kind: rego, level: advisory, why: Ours., with: {file: rego}}\n"
        file.write_text(SHIPPED.replace("guardrails:\n  rules:\n", rule, 1))
        before = policy.current()
        assert "own" in {one.rule for one in before.guardrails.rules}
        (beside / "own.rego").write_text(
            'package main\n\nimport rego.v1\n\ndeny contains "another" if { false }\n'
        )
        after = policy.current()
        assert after.digest != before.digest
        assert "another" in str(next(one for one in after.guardrails.rules if one.rule == "own"))
