"""A report as JSON: the shape that the API answers in, and what --baseline reads."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict
from decimal import Decimal

from provisioner.domain.finding import Level
from provisioner.domain.tags_finding import TagFinding
from provisioner.rulebook.report import CostOfPlan, Report

FORMAT_VERSION = "1"


def document(report: Report) -> dict[str, object]:
    """Return the report as JSON values; money is decimal text."""
    counts = report.counts()
    return {
        "format_version": FORMAT_VERSION,
        "passed": report.passed,
        "fail_on": report.fail_on.value,
        "policy_digest": report.policy_digest,
        "terraform_version": report.terraform_version,
        "environment": report.environment,
        "service": report.service,
        "summary": {
            "resources": report.resources,
            "checked": len(report.checked),
            "hard_mandatory": counts[Level.HARD_MANDATORY],
            "soft_mandatory": counts[Level.SOFT_MANDATORY],
            "advisory": counts[Level.ADVISORY],
            "in_baseline": len(report.findings) - len(report.fresh),
        },
        "findings": [
            {
                "rule": finding.rule,
                "level": finding.level.value,
                "where": finding.where,
                "what": finding.what,
                "why": finding.why,
                "fix": finding.fix,
                "suggested": finding.suggested,
                "override_group": finding.override_group,
                "tags": list(finding.tags) if isinstance(finding, TagFinding) else [],
                "fingerprint": name,
                "in_baseline": name in report.baseline,
            }
            for finding, name in zip(report.findings, report.fingerprints, strict=True)
        ],
        "cost": None if report.cost is None else _cost(report.cost),
    }


def render(report: Report) -> str:
    """Return the report as the text of a JSON file."""
    return json.dumps(document(report), indent=2, default=str) + "\n"


def fingerprints(text: str) -> frozenset[str]:
    """Return the fingerprints in an earlier report. Raises ValueError when it is none."""
    try:
        findings = json.loads(text)["findings"]
        return frozenset(str(finding["fingerprint"]) for finding in findings)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("This is no report of this checker: write one with --format json.") from None


def _cost(cost: CostOfPlan) -> dict[str, object]:
    by_resource: defaultdict[str, Decimal] = defaultdict(Decimal)
    for item in cost.estimate.line_items:
        by_resource[item.address] += item.usd_month
    return {
        "region": cost.region,
        "price_book_digest": cost.price_book_digest,
        "usd_month": f"{cost.estimate.usd_month:f}",
        "delta_usd_month": f"{cost.delta_usd_month:f}",
        "resources": [
            {"address": address, "usd_month": f"{usd_month.quantize(Decimal('0.01')):f}"}
            for address, usd_month in by_resource.items()
        ],
        "unpriced": [asdict(row) for row in cost.estimate.unpriced],
    }
