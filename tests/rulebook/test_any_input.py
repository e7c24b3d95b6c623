"""Whatever stands in a policy file: a policy, or a PolicyError that says where; never anything else."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.domain.policy.document import Policy
from provisioner.domain.policy.section import PolicyError, Problem
from provisioner.rulebook import file as policy_file
from provisioner.rulebook import unit_test_file
from provisioner.rulebook.diff import diff
from provisioner.rulebook.explain import explain
from provisioner.rulebook.file import Loaded
from provisioner.rulebook.names import environments, groups

SHIPPED = (Path(__file__).resolve().parents[2] / "portal" / "policy" / "default.yaml").read_bytes()
KEYS = st.sampled_from(["rule", "name", "level", "why", "groups", "environments", "max_days", "x"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
SECTIONS = st.dictionaries(st.sampled_from(["tags", "guardrails", "approvals", "more"]), VALUES, max_size=3)


def problems_of(read: Callable[[], object]) -> tuple[Problem, ...] | None:
    """Return what a reader objects to, None when it takes what it reads."""
    try:
        read()
    except PolicyError as error:
        return error.problems
    return None


def takes(raw: bytes) -> bool:
    """Tell whether bytes are a policy; a refusal has a reason and a fix."""
    problems = problems_of(lambda: policy_file.load(raw))
    assert problems is None or problems
    assert all(problem.what and problem.fix and problem.line >= 0 for problem in problems or ())
    return problems is None


class TestAnyBytes:
    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=200) | st.text(string.printable, max_size=200).map(str.encode))
    def test_are_a_policy_or_refused(self, raw: bytes) -> None:
        takes(raw)

    @settings(max_examples=100, deadline=None)
    @given(st.integers(0, len(SHIPPED) - 1), st.binary(max_size=4), st.integers(0, 40))
    def test_put_into_the_shipped_policy_leave_one_or_are_refused(
        self, at: int, new: bytes, gone: int
    ) -> None:
        takes(SHIPPED[:at] + new + SHIPPED[at + gone :])

    @settings(max_examples=50, deadline=None)
    @given(
        st.binary(max_size=200)
        | st.text(string.printable, max_size=200).map(lambda t: b"tests: " + t.encode())
    )
    def test_are_unit_tests_or_refused(self, raw: bytes) -> None:
        problems = problems_of(lambda: unit_test_file.read(raw, "tests.yaml", plan_of=lambda name: b"{}"))
        assert problems is None or problems

    @pytest.mark.parametrize("deep", [b"[" * 5000, b"a: " * 400, b"? " * 500, b"- " * 3000])
    def test_that_are_nested_deeply_are_refused(self, deep: bytes) -> None:
        assert not takes(deep)


class TestAnySections:
    @settings(max_examples=100, deadline=None)
    @given(SECTIONS, SECTIONS)
    def test_are_told_in_words_and_compared(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        before, after = (Loaded(Policy(digest="d"), "", data, {}) for data in (old, new))
        assert all(rule.words and rule.title for rule in explain(before))
        assert diff(before, before) == ()
        if {rule.key: (rule.level, rule.words) for rule in explain(before)} != {
            rule.key: (rule.level, rule.words) for rule in explain(after)
        }:
            assert diff(before, after)
        groups(before)
        environments(before)
