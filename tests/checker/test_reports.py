"""Reports of a check as text, JSON, SARIF and JUnit."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from provisioner.domain.cost import Estimate, LineItem, Unpriced
from provisioner.domain.finding import Finding, Level
from provisioner.domain.tags_finding import TagFinding
from provisioner.rulebook import report_json, report_junit, report_sarif, report_text
from provisioner.rulebook.report import CostOfPlan, FailOn, Report
from provisioner.rulebook.rule_texts import TEXTS

HARD, SOFT, ADVISORY = Level.HARD_MANDATORY, Level.SOFT_MANDATORY, Level.ADVISORY
SCHEMA = json.loads((Path(__file__).parent / "sarif.schema.json").read_text())


def missing(where: str, **fields: Any) -> TagFinding:
    fields = {
        "rule": "required-tags",
        "level": HARD,
        "what": "The tag a is missing.",
        "tags": ("a",),
        **fields,
    }
    return TagFinding(where=where, why="It is read.", fix="Add a.", suggested={"a": "x"}, **fields)


LOSS = Finding(
    rule="no-data-loss",
    level=SOFT,
    where="aws_db_instance.db",
    what="The plan would delete aws_db_instance.db.",
    why="It holds data.",
    fix="Undo it.",
    override_group="sre",
)
REPORT = Report(
    findings=(
        missing('aws_sqs_queue.q["a"]'),
        missing('aws_sqs_queue.q["b"]'),
        LOSS,
        missing("plan", rule="own rule", level=ADVISORY, what="Look at it.", tags=()),
    ),
    resources=5,
    checked=('aws_sqs_queue.q["a"]', 'aws_sqs_queue.q["b"]', "aws_db_instance.db", "aws_s3_bucket.clean"),
    policy_digest="0123456789abcdef",
    terraform_version="1.11.4",
    environment="production",
    service="orders",
)
COST = CostOfPlan(
    "us-east-1",
    "feed",
    Estimate(
        line_items=tuple(
            LineItem("aws_db_instance.db", part, "sku", Decimal(1), "h", Decimal(2), usd, "test")
            for part, usd in (("instance", Decimal("1234.5")), ("storage", Decimal("0.005")))
        ),
        unpriced=(
            Unpriced("aws_sqs_queue.q", "aws_sqs_queue", "requests", "Usage based.", usage_based=True),
            Unpriced("aws_x.y", "aws_x", "", "No model."),
        ),
        usd_month=Decimal("1234.51"),
    ),
    delta_usd_month=Decimal("-10.00"),
)


def parsed(xml: str) -> ElementTree.Element:
    return ElementTree.fromstring(xml)  # noqa: S314 - our own


class TestAReport:
    @pytest.mark.parametrize(
        ("fail_on", "levels", "passed"),
        [
            (FailOn.HARD, [HARD], False),
            (FailOn.HARD, [SOFT, ADVISORY], True),
            (FailOn.SOFT, [SOFT], False),
            (FailOn.SOFT, [ADVISORY], True),
            (FailOn.ADVISORY, [ADVISORY], False),
            (FailOn.ADVISORY, [], True),
        ],
    )
    def test_fails_from_the_limit_on(self, fail_on: FailOn, levels: list[Level], passed: bool) -> None:
        findings = tuple(missing(f"a.{level}", level=level) for level in levels)
        assert replace(REPORT, findings=findings, fail_on=fail_on).passed is passed

    def test_names_findings_by_what_they_are_about_and_not_by_their_text(self) -> None:
        other = replace(REPORT, findings=tuple(replace(f, what="Other.", fix="x") for f in REPORT.findings))
        assert other.fingerprints == REPORT.fingerprints
        assert len(set(REPORT.fingerprints)) == 4
        assert all(len(name) == 32 for name in REPORT.fingerprints)

    def test_tells_two_findings_of_one_rule_on_one_resource_apart(self) -> None:
        two = replace(
            REPORT, findings=(LOSS, replace(LOSS, what="Another."), missing("x"), missing("x", tags=("b",)))
        )
        assert len(set(two.fingerprints)) == 4
        assert two.fingerprints[0] == REPORT.fingerprints[2]

    def test_counts_only_what_its_baseline_does_not_have(self) -> None:
        known = replace(REPORT, baseline=frozenset(REPORT.fingerprints[:3]))
        assert known.fresh == REPORT.findings[3:]
        assert known.passed
        assert known.counts() == {ADVISORY: 1, SOFT: 0, HARD: 0}
        assert not replace(REPORT, baseline=frozenset(REPORT.fingerprints[1:])).passed


class TestText:
    def test_is_grouped_by_resource_with_what_why_and_fix(self) -> None:
        assert report_text.render(replace(REPORT, cost=COST)) == (
            'aws_sqs_queue.q[*]  2 instances: ["a"], ["b"]\n'
            "  hard-mandatory  required-tags\n"
            "    what  The tag a is missing.\n"
            "    why   It is read.\n"
            "    fix   Add a.\n"
            "\n"
            "aws_db_instance.db\n"
            "  soft-mandatory  no-data-loss\n"
            "    what  The plan would delete aws_db_instance.db.\n"
            "    why   It holds data.\n"
            "    fix   Undo it.\n"
            "\n"
            "plan\n"
            "  advisory  own rule\n"
            "    what  Look at it.\n"
            "    why   It is read.\n"
            "    fix   Add a.\n"
            "\n"
            "Cost: 1,234.51 USD a month at list price in us-east-1 (-10.00 by this plan); 1 part by usage; "
            "1 without a price.\n"
            "\n"
            "Failed: 2 hard-mandatory, 1 soft-mandatory, 1 advisory; 5 resources in the plan, tags of 4 checked. "
            "Policy 0123456789ab, fails on soft.\n"
        )

    def test_of_nothing_is_one_line(self) -> None:
        clean = replace(REPORT, findings=(), resources=1, checked=(), fail_on=FailOn.HARD)
        assert report_text.render(clean) == (
            "Passed: nothing found; 1 resource in the plan, tags of 0 checked. Policy 0123456789ab, fails on hard.\n"
        )

    def test_counts_instances_beyond_three(self) -> None:
        findings = tuple(missing(f"module.m[{number}].aws_x.y") for number in range(1200))
        head = report_text.render(replace(REPORT, findings=findings)).splitlines()[0]
        assert head == "module.m[*].aws_x.y  1,200 instances: [0], [1], [2] and 1,197 more"

    def test_says_what_the_baseline_has(self) -> None:
        known = replace(REPORT, baseline=frozenset(REPORT.fingerprints))
        assert report_text.render(known) == (
            "Passed: nothing found; 5 resources in the plan, tags of 4 checked. 4 known from the baseline. "
            "Policy 0123456789ab, fails on soft.\n"
        )

    def test_is_coloured_only_when_asked(self) -> None:
        coloured = report_text.render(REPORT, colour=True)
        assert "\x1b[31mhard-mandatory\x1b[0m" in coloured
        assert "\x1b[1;31mFailed\x1b[0m" in coloured
        assert "\x1b[1;32mPassed\x1b[0m" in report_text.render(replace(REPORT, findings=()), colour=True)
        assert "\x1b" not in report_text.render(REPORT)

    def test_lets_no_text_of_a_plan_speak_to_the_terminal(self) -> None:
        hostile = "x\x1b[2J\n::error::y\u202e\x00"
        found = missing(f"aws_x.y[{json.dumps(hostile)}]", what=hostile, tags=(hostile,))
        text = report_text.render(replace(REPORT, findings=(found,)))
        assert "what  x\\u001b[2J\\u000a::error::y\\u202e\\u0000\n" in text
        assert not any(line.lstrip().startswith("::") for line in text.splitlines())
        assert text.replace("\n", "").isprintable()


class TestJson:
    def test_holds_everything(self) -> None:
        document = report_json.document(
            replace(REPORT, cost=COST, baseline=frozenset(REPORT.fingerprints[3:]))
        )
        findings = document.pop("findings")
        assert document == {
            "format_version": "1",
            "passed": False,
            "fail_on": "soft",
            "policy_digest": "0123456789abcdef",
            "terraform_version": "1.11.4",
            "environment": "production",
            "service": "orders",
            "summary": {
                "resources": 5,
                "checked": 4,
                "hard_mandatory": 2,
                "soft_mandatory": 1,
                "advisory": 0,
                "in_baseline": 1,
            },
            "cost": {
                "region": "us-east-1",
                "price_book_digest": "feed",
                "usd_month": "1234.51",
                "delta_usd_month": "-10.00",
                "resources": [{"address": "aws_db_instance.db", "usd_month": "1234.50"}],
                "unpriced": [
                    {
                        "address": "aws_sqs_queue.q",
                        "type": "aws_sqs_queue",
                        "component": "requests",
                        "reason": "Usage based.",
                        "usage_based": True,
                    },
                    {
                        "address": "aws_x.y",
                        "type": "aws_x",
                        "component": "",
                        "reason": "No model.",
                        "usage_based": False,
                    },
                ],
            },
        }
        assert isinstance(findings, list)
        assert findings[0] == {
            "rule": "required-tags",
            "level": "hard-mandatory",
            "where": 'aws_sqs_queue.q["a"]',
            "what": "The tag a is missing.",
            "why": "It is read.",
            "fix": "Add a.",
            "suggested": {"a": "x"},
            "override_group": None,
            "tags": ["a"],
            "fingerprint": REPORT.fingerprints[0],
            "in_baseline": False,
        }
        assert [(f["override_group"], f["tags"], f["in_baseline"]) for f in findings[2:]] == [
            ("sre", [], False),
            (None, [], True),
        ]

    def test_is_what_a_baseline_is_read_from(self) -> None:
        assert report_json.fingerprints(report_json.render(REPORT)) == frozenset(REPORT.fingerprints)
        assert json.loads(report_json.render(REPORT))["cost"] is None

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"findings": [1]}', '{"findings": 1}', "[" * 100_000])
    def test_of_something_else_is_no_baseline(self, text: str) -> None:
        with pytest.raises(ValueError, match="no report of this checker"):
            report_json.fingerprints(text)


class TestSarif:
    def test_keeps_to_the_standards_schema(self) -> None:
        for report in (
            REPORT,
            replace(REPORT, findings=()),
            replace(REPORT, baseline=frozenset(REPORT.fingerprints)),
        ):
            jsonschema.Draft7Validator(SCHEMA).validate(json.loads(report_sarif.render(report)))

    def test_points_each_result_to_its_rule_and_its_address(self) -> None:
        document: Any = report_sarif.document(REPORT, plan_name="out/a plan.json")
        (run,) = document["runs"]
        assert run["automationDetails"] == {"id": "drawbridge-policy/production/"}
        rules = run["tool"]["driver"]["rules"]
        assert [(rule["id"], rule["defaultConfiguration"]["level"]) for rule in rules] == [
            ("required-tags", "error"),
            ("no-data-loss", "warning"),
            ("own rule", "note"),
        ]
        assert [(r["ruleId"], rules[r["ruleIndex"]]["id"], r["level"]) for r in run["results"]] == [
            ("required-tags", "required-tags", "error"),
            ("required-tags", "required-tags", "error"),
            ("no-data-loss", "no-data-loss", "warning"),
            ("own rule", "own rule", "note"),
        ]
        assert run["results"][0] == {
            "ruleId": "required-tags",
            "ruleIndex": 0,
            "level": "error",
            "message": {"text": 'aws_sqs_queue.q["a"]: The tag a is missing. Add a.'},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": "out/a%20plan.json"},
                        "region": {"startLine": 1},
                    },
                    "logicalLocations": [{"fullyQualifiedName": 'aws_sqs_queue.q["a"]', "kind": "resource"}],
                }
            ],
            "partialFingerprints": {"drawbridgeFinding/v1": REPORT.fingerprints[0]},
            "baselineState": "new",
            "properties": {"level": "hard-mandatory", "why": "It is read.", "suggested": {"a": "x"}},
        }

    def test_explains_every_rule(self) -> None:
        document: Any = report_sarif.document(REPORT)
        rules = document["runs"][0]["tool"]["driver"]["rules"]
        assert rules[0]["shortDescription"] == {"text": TEXTS["required-tags"].title}
        assert rules[0]["help"]["text"] == f"{TEXTS['required-tags'].text} It is read."
        assert rules[2]["shortDescription"] == {"text": "The rule own rule of the policy"}
        assert rules[2]["fullDescription"] == {"text": "It is read."}

    def test_says_what_was_there_before(self) -> None:
        document: Any = report_sarif.document(replace(REPORT, baseline=frozenset(REPORT.fingerprints[:1])))
        assert [result["baselineState"] for result in document["runs"][0]["results"]] == ["unchanged"] + [
            "new"
        ] * 3


class TestJunit:
    def test_has_a_case_for_each_finding_and_each_clean_resource(self) -> None:
        suites = parsed(report_junit.render(REPORT))
        totals = {"name": "drawbridge-policy", "tests": "5", "failures": "3", "errors": "0"}
        assert suites.attrib == totals
        (suite,) = suites
        assert suite.attrib == {**totals, "skipped": "0", "time": "0"}
        cases = [(case.get("classname"), case.get("name"), [child.tag for child in case]) for case in suite]
        assert cases == [
            ("required-tags", 'aws_sqs_queue.q["a"]', ["failure"]),
            ("required-tags", 'aws_sqs_queue.q["b"]', ["failure"]),
            ("no-data-loss", "aws_db_instance.db", ["failure"]),
            ("own rule", "plan", ["system-out"]),
            ("tags", "aws_s3_bucket.clean", []),
        ]
        failure = suite[0][0]
        assert failure.attrib == {"type": "hard-mandatory", "message": "The tag a is missing."}
        assert failure.text == "[hard-mandatory] The tag a is missing.\nWhy: It is read.\nFix: Add a."
        assert suite[3][0].text == "[advisory] Look at it.\nWhy: It is read.\nFix: Add a."

    def test_fails_only_from_the_limit_on_and_leaves_out_the_baseline(self) -> None:
        hard = parsed(report_junit.render(replace(REPORT, fail_on=FailOn.HARD)))
        assert hard.get("failures") == "2"
        known = replace(REPORT, baseline=frozenset(REPORT.fingerprints[:1]))
        suites = parsed(report_junit.render(known))
        assert (suites.get("tests"), suites.get("failures")) == ("5", "2")

    def test_is_xml_whatever_an_address_holds(self) -> None:
        hostile = 'x<&>"\x00\x1b\ud800\ufffe😀'
        suites = parsed(
            report_junit.render(replace(REPORT, findings=(missing(hostile, what=hostile),), checked=()))
        )
        shown = 'x<&>"\\u0000\\u001b\\ud800\\ufffe😀'
        assert suites[0][0].get("name") == shown
        assert suites[0][0][0].get("message") == shown
