"""A policy in words, and what differs between two."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.domain.policy.document import Policy
from provisioner.rulebook import file as policy_file
from provisioner.rulebook.diff import ChangeKind, diff
from provisioner.rulebook.explain import explain
from provisioner.rulebook.file import Loaded
from provisioner.rulebook.names import environments, groups, unknown_environments, unknown_groups

SHIPPED = (Path(__file__).resolve().parents[2] / "portal" / "policy" / "default.yaml").read_text()
LOADED = policy_file.load(SHIPPED.encode())


def edited(old: str, new: str) -> Loaded:
    assert old in SHIPPED
    return policy_file.load(SHIPPED.replace(old, new).encode())


def made(data: dict[str, object]) -> Loaded:
    """Return a document of any shape, as sections may have it that say more than the shipped policy."""
    return Loaded(Policy(digest="d"), "", data, {})


class TestExplain:
    def test_tells_every_rule_of_the_shipped_policy_with_its_line(self) -> None:
        rules = explain(LOADED)
        lines = SHIPPED.splitlines()
        assert len({rule.key for rule in rules}) == len(rules)
        for rule in rules:
            assert rule.words
            last = rule.key.split(".")[-1]
            assert (rule.name or last.split("[")[0]) in lines[rule.line - 1]
        words = " ".join(rule.words for rule in rules)
        assert "production 300" in words
        assert "criticalities tier-1" in words

    def test_tells_a_rule_of_a_list_by_its_name_level_and_reason(self) -> None:
        (rule,) = explain(
            made(
                {
                    "guardrails": {
                        "rules": [
                            {
                                "rule": "allowed-regions",
                                "level": "hard-mandatory",
                                "with": {"allowed": ["eu-central-1", "eu-west-1"]},
                                "why": "Data stays in the EU.",
                            }
                        ]
                    }
                }
            )
        )
        assert (rule.key, rule.name, rule.level) == (
            "guardrails.rules[allowed-regions]",
            "allowed-regions",
            "hard-mandatory",
        )
        assert rule.words == "with: (allowed eu-central-1, eu-west-1). Why: Data stays in the EU."


class TestDiff:
    @pytest.mark.parametrize(
        ("old", "new", "kind", "key", "before", "after"),
        [
            ('production: "300"', 'production: "500"', "changed", "approvals.rules[cost-limit]",
             "production 300", "production 500"),
            ("allow_same_person: false", "allow_same_person: true", "changed", "approvals.allow_same_person",
             "Nobody decides two steps", "One person may decide several"),
            ("max_days: {}", "max_days: {development: 90}", "added", "time_to_live.max_days.development", "",
             "90 days at most"),
            ("criticalities: [tier-1]", "criticalities: [tier-1, tier-2]", "changed",
             "approvals.rules[production-criticality]", "tier-1", "tier-1, tier-2"),
        ],
    )  # fmt: skip
    def test_tells_what_became_of_a_rule(
        self, old: str, new: str, kind: str, key: str, before: str, after: str
    ) -> None:
        (change,) = diff(LOADED, edited(old, new))
        assert (change.kind.value, change.key) == (kind, key)
        assert before in change.before
        assert after in change.after
        assert bool(change.before) == bool(before)
        assert bool(change.after) == bool(after)

    def test_finds_nothing_where_only_words_around_the_rules_changed(self) -> None:
        assert diff(LOADED, edited("# What FinOps and SRE ask for", "# Their limits")) == ()
        assert diff(LOADED, edited('"300"', "300")) == ()

    def test_tells_a_changed_level_and_a_changed_order(self) -> None:
        first = {"name": "a", "level": "advisory", "groups": ["x"]}
        second = {"name": "b", "level": "advisory", "groups": ["y"]}
        old = made({"approvals": {"rules": [first, second]}})
        harder = made({"approvals": {"rules": [{**first, "level": "hard-mandatory"}, second]}})
        (change,) = diff(old, harder)
        assert (change.before, change.after) == ("advisory: groups: x.", "hard-mandatory: groups: x.")
        (moved,) = diff(old, made({"approvals": {"rules": [second, first]}}))
        assert (moved.kind, moved.before, moved.after) == (ChangeKind.MOVED, "a, b", "b, a")


class TestGroups:
    def test_are_found_wherever_they_are_groups(self) -> None:
        assert {group.name for group in groups(LOADED)} == {"finops", "sre", "platform"}
        data = made(
            {
                "approvals": {
                    "rules": [{"groups": ["finops", {"group": "sre"}, "owner"]}],
                    "override_group": "x",
                }
            }
        )
        assert {group.name for group in groups(data)} == {"finops", "sre", "x"}

    def test_that_do_not_exist_are_named_with_their_line(self) -> None:
        (problem,) = unknown_groups(
            edited("groups: [finops, sre, platform]", "groups: [finops, sre, platform, wizards]"),
            {"sre", "finops", "platform"},
        )
        assert problem.place == "groups[3]"
        assert "groups" in SHIPPED.splitlines()[problem.line - 1]
        assert "wizards" in problem.what
        assert "finops, platform, sre" in problem.fix


class TestEnvironments:
    def test_are_found_as_keys_and_in_lists(self) -> None:
        assert {one.name for one in environments(LOADED)} == {"development", "staging", "production"}
        data = made(
            {
                "guardrails": {
                    "rules": [{"environments": ["a", "*"]}, {"environment": "b"}, {"environments": {"c": 1}}]
                }
            }
        )
        assert {one.name for one in environments(data)} == {"a", "b", "c"}

    def test_that_do_not_exist_are_named_with_what_was_meant(self) -> None:
        changed = edited('production: "', 'prodution: "')
        (problem,) = unknown_environments(changed, {"development", "staging", "production"})
        assert problem.place == "approvals.rules[0].when.delta_above_usd_month.prodution"
        assert "Did you mean production?" in problem.fix
