"""Unit tests of policies: what they read, what they compare, and those of the shipped policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provisioner.domain.cost import PriceBook
from provisioner.domain.policy.section import PolicyError
from provisioner.rulebook import file as policy_file
from provisioner.rulebook import unit_test_file, unit_tests
from provisioner.rulebook.unit_tests import Case, Result

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "portal" / "policy" / "default.yaml"
SHIPPED_POLICY = policy_file.read(SHIPPED.read_bytes())
POLICY = policy_file.read(
    b"""
version: 1
approvals:
  rules:
    - {rule: cost-limit, groups: finops, when: {delta_above_usd_month: {production: "300", default: "100"}}}
    - {rule: unpriced, groups: finops, when: {unpriced: true}}
    - {rule: production-criticality, groups: sre, when: {production: true, criticalities: [tier-1]}}
guardrails:
  rules:
    - {rule: no-data-loss, kind: no-data-loss, level: soft-mandatory, override_group: sre, why: Data is lost.}
"""
)
BOOK = PriceBook(region="us-east-1", prices={}, digest="")
BIG = '{environment: production, criticality: tier-3, cost: {usd_month: "400.00"}}'
REPLACED = (
    "{kind: update, environment: staging, cost: {usd_month: '0'}, "
    "resources: [{address: a.b, type: aws_kms_key, action: replace}]}"
)


def run(given: str, expect: str) -> tuple[str, ...]:
    """Return the failures of one test."""
    text = f"tests: [{{name: t, given: {given}, expect: {expect}}}]"
    return results(text)[0].failures


def results(text: str, plans: dict[str, bytes] | None = None) -> list[Result]:
    def plan_of(name: str) -> bytes:
        if name not in (plans or {}):
            raise FileNotFoundError(2, "No such file or directory")
        return (plans or {})[name]

    cases = unit_test_file.read(text.encode(), "tests.yaml", plan_of=plan_of)
    return list(unit_tests.run(cases, POLICY, book=BOOK, taggable=lambda type_: type_.startswith("aws_db")))


class TestTheShippedPolicy:
    CASES = unit_test_file.read_path(SHIPPED.parent / "tests")

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_passes_its_own_tests(self, case: Case) -> None:
        (result,) = unit_tests.run([case], SHIPPED_POLICY, book=BOOK, taggable=lambda _: True)
        assert result.failures == ()


class TestWhatIsCompared:
    @pytest.mark.parametrize(
        ("given", "expect"),
        [
            (BIG, "{approvals: [finops]}"),
            (BIG, "{approvals: [{group: finops}]}"),
            (BIG, "{approvals: [{group: finops, rule: cost-limit, verdict: approve}]}"),
            (
                REPLACED,
                "{findings: [{rule: no-data-loss, level: soft-mandatory}], "
                "approvals: [{group: sre, verdict: override}]}",
            ),
            (
                REPLACED,
                "{findings: [{rule: no-data-loss, level: soft-mandatory, where: a.b, says: LOST}], approvals: [sre]}",
            ),
            ("{environment: production, production: false, criticality: tier-1}", "{}"),
            ("{environment: prod-eu, production: true, criticality: tier-1}", "{approvals: [sre]}"),
        ],
    )
    def test_passes_when_it_fits(self, given: str, expect: str) -> None:
        assert run(given, expect) == ()

    @pytest.mark.parametrize(
        ("given", "expect", "failures"),
        [
            (BIG, "{}", ["unexpected finops asked to approve by cost-limit"]),
            (BIG, "{approvals: [sre]}", ["expected sre asked, but it was not", "unexpected finops asked"]),
            (
                BIG,
                "{approvals: [{group: finops, rule: unpriced}]}",
                ["expected finops asked by the rule unpriced", "unexpected"],
            ),
            (
                BIG,
                "{approvals: [{group: finops, verdict: override}]}",
                ["expected finops asked to override", "unexpected"],
            ),
            (BIG, "{approvals: [finops, finops]}", ["expected finops asked, but it was not"]),
            (REPLACED, "{approvals: [sre]}", ["unexpected soft-mandatory no-data-loss at a.b"]),
            (
                REPLACED,
                "{findings: [{rule: no-data-loss, level: hard-mandatory}], approvals: [sre]}",
                ["expected hard-mandatory no-data-loss at any place", "unexpected soft-mandatory"],
            ),
            (
                REPLACED,
                "{findings: [{rule: no-data-loss, level: soft-mandatory, where: c.d}], approvals: [sre]}",
                ["expected soft-mandatory no-data-loss at c.d", "unexpected"],
            ),
            (
                REPLACED,
                "{findings: [{rule: no-data-loss, level: soft-mandatory, says: sunshine}], approvals: [sre]}",
                ['that says "sunshine", but it did not come', "unexpected"],
            ),
        ],
    )  # fmt: skip
    def test_says_what_does_not_fit_and_nothing_else(
        self, given: str, expect: str, failures: list[str]
    ) -> None:
        found = run(given, expect)
        assert len(found) == len(failures)
        assert all(part in text for part, text in zip(failures, found, strict=True)), found


class TestWhatIsGiven:
    def test_prices_resources_where_no_cost_is_given(self) -> None:
        given = (
            "{environment: staging, resources: [{address: aws_db_instance.x, type: aws_db_instance, "
            "after: {storage_encrypted: true}}]}"
        )
        expected = "{approvals: [{group: finops, rule: unpriced}]}"
        assert run(given, expected) == ()

    def test_gives_resources_the_tags_that_follow_unless_they_set_their_own(self) -> None:
        given = (
            "{environment: staging, service: ads, cost: {usd_month: '0'}, "
            "resources: [{address: aws_db_instance.x, type: aws_db_instance, after: {storage_encrypted: true%s}}]}"
        )
        assert run(given % "", "{}") == ()
        assert run(given % ", tags_all: {service: ads}", "{}")[0].startswith("unexpected hard-mandatory")

    def test_reads_a_plan_file(self) -> None:
        change: dict[str, Any] = {"actions": ["delete"], "before": {}, "after": None, "after_unknown": {}}
        plan = {
            "format_version": "1.2",
            "resource_changes": [
                {"address": "a.b", "mode": "managed", "type": "aws_kms_key", "name": "b", "change": change}
            ],
        }
        text = (
            "tests: [{name: t, given: {environment: staging, plan: p.json, cost: {usd_month: '0'}}, "
            "expect: {findings: [{rule: no-data-loss, level: soft-mandatory}], approvals: [sre]}}]"
        )
        assert results(text, {"p.json": json.dumps(plan).encode()})[0].failures == ()

    @pytest.mark.parametrize(
        ("test", "place", "says"),
        [
            ("{name: t, given: {environment: x}}", "tests[0]", "expect is missing"),
            ("{name: t, given: {}, expect: {}}", "tests[0].given", "environment is missing"),
            ("{name: t, given: {environment: x, size: 1}, expect: {}}", "tests[0].given.size", "not known"),
            ("{name: t, given: {environment: x, kind: remove}, expect: {}}", "tests[0].given.kind", "choices"),
            ("{name: t, given: {environment: x, plan: no.json}, expect: {}}", "tests[0].given.plan", "cannot be read"),
            ("{name: t, given: {environment: x, plan: bad.json}, expect: {}}", "tests[0].given.plan", "no plan"),
            (
                "{name: t, given: {environment: x, plan: bad.json, resources: []}, expect: {}}",
                "tests[0].given.plan",
                "both",
            ),
            (
                "{name: t, given: {environment: x, cost: {usd_month: 4.5}}, expect: {}}",
                "tests[0].given.cost.usd_month",
                "USD",
            ),
            (
                "{name: t, given: {environment: x, facts: {teams: 3}}, expect: {}}",
                "tests[0].given.facts.teams",
                "not known",
            ),
            (
                "{name: t, given: {environment: x}, expect: {findings: [{rule: r, level: error}]}}",
                "tests[0].expect.findings[0].level",
                "choices",
            ),
            (
                "{name: t, given: {environment: x}, expect: {}}, {name: t, given: {environment: x}, expect: {}}",
                "tests[1].name",
                "already",
            ),
        ],
    )  # fmt: skip
    def test_is_refused_with_its_place_when_it_is_wrong(self, test: str, place: str, says: str) -> None:
        with pytest.raises(PolicyError) as caught:
            results(f"tests: [{test}]", {"bad.json": b"[1]"})
        problem = caught.value.problems[0]
        assert (problem.place, problem.line) == (f"tests.yaml: {place}", 1)
        assert says in problem.what

    @pytest.mark.parametrize("raw", [b"\xff", b"tests: [", b"[]", b"tests: 3", b""])
    def test_is_refused_when_it_is_no_file_of_tests(self, raw: bytes) -> None:
        with pytest.raises(PolicyError):
            unit_test_file.read(raw, "tests.yaml", plan_of=lambda name: b"")


class TestReport:
    def test_reads_like_a_test_runner(self) -> None:
        text = (
            "tests:\n"
            "  - {name: good, given: {environment: x}, expect: {}}\n"
            f"  - {{name: bad, given: {BIG}, expect: {{}}}}\n"
        )
        lines = list(unit_tests.report(results(text)))
        assert lines[0] == "ok   tests.yaml:2 good"
        assert lines[1] == "FAIL tests.yaml:3 bad"
        assert lines[2].strip().startswith("unexpected finops asked")
        assert lines[3:] == ["1 passed, 1 failed"]
