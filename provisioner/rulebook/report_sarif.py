"""A report as SARIF 2.1.0, for code scanning. https://docs.oasis-open.org/sarif/sarif/v2.1.0/"""

from __future__ import annotations

import json
from urllib.parse import quote

from provisioner.domain.finding import Finding, Level
from provisioner.domain.tags_finding import TagFinding
from provisioner.rulebook.report import Report, rules_of
from provisioner.rulebook.rule_texts import text_of
from provisioner.rulebook.source_lines import Line, SourceLines
from provisioner.rulebook.version import NAME, VERSION

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Level.HARD_MANDATORY: "error", Level.SOFT_MANDATORY: "warning", Level.ADVISORY: "note"}
FINGERPRINT = "drawbridgeFinding/v1"


def document(
    report: Report, *, plan_name: str = "plan.json", lines: SourceLines | None = None
) -> dict[str, object]:
    """Return the report as a SARIF log.

    A plan has no lines of source: the address is the logical location. Code scanning shows only results with a
    physical one, which is the block in the configuration where `lines` finds it, else the plan's file.
    """
    first = rules_of(report.findings)
    order = {rule: index for index, rule in enumerate(first)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": NAME,
                        "version": VERSION,
                        "rules": [_rule(rule, finding) for rule, finding in first.items()],
                    }
                },
                "automationDetails": {"id": f"{NAME}/{report.environment or 'any'}/"},
                "columnKind": "unicodeCodePoints",
                "results": [
                    _result(
                        finding,
                        order[finding.rule],
                        name,
                        name in report.baseline,
                        _place(finding, plan_name, lines),
                    )
                    for finding, name in zip(report.findings, report.fingerprints, strict=True)
                ],
                "properties": {"policyDigest": report.policy_digest},
            }
        ],
    }


def render(report: Report, *, plan_name: str = "plan.json", lines: SourceLines | None = None) -> str:
    """Return the report as the text of a SARIF file."""
    return json.dumps(document(report, plan_name=plan_name, lines=lines), indent=2) + "\n"


def _rule(rule: str, finding: Finding) -> dict[str, object]:
    text = text_of(finding)
    return {
        "id": rule,
        "shortDescription": {"text": text.title},
        "fullDescription": {"text": text.text},
        "help": {"text": f"{text.text} {finding.why}", "markdown": f"{text.text}\n\n{finding.why}"},
        "defaultConfiguration": {"level": _LEVELS[finding.level]},
        "properties": {"tags": ["tags" if isinstance(finding, TagFinding) else "guardrail"]},
    }


def _place(finding: Finding, plan_name: str, lines: SourceLines | None) -> Line:
    found = None if lines is None else lines.line_of(finding.where)
    return found or Line(plan_name, 1)


def _result(finding: Finding, index: int, name: str, known: bool, place: Line) -> dict[str, object]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.level],
        "message": {"text": f"{finding.where}: {finding.what} {finding.fix}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(place.file, safe="/:")},
                    "region": {"startLine": place.number},
                },
                "logicalLocations": [{"fullyQualifiedName": finding.where, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {FINGERPRINT: name},
        "baselineState": "unchanged" if known else "new",
        "properties": {"level": finding.level.value, "why": finding.why, "suggested": finding.suggested},
    }
