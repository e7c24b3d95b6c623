"""A report as JUnit XML, for pipelines that show tests: a case for each finding, and for each resource without any."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from provisioner.domain.finding import Finding
from provisioner.rulebook.report import Report
from provisioner.rulebook.version import NAME

CLEAN = "tags"  # class name of the cases of resources without a finding


def render(report: Report) -> str:
    """Return the report as XML: what fails the check is a failure; other findings pass with their text as output."""
    with_findings = {finding.where for finding in report.fresh}
    clean = [address for address in report.checked if address not in with_findings]
    failures = sum(report.fails(finding) for finding in report.fresh)
    totals = {"tests": str(len(report.fresh) + len(clean)), "failures": str(failures), "errors": "0"}
    suites = Element("testsuites", {"name": NAME, **totals})
    suite = SubElement(suites, "testsuite", {"name": NAME, **totals, "skipped": "0", "time": "0"})
    for finding in report.fresh:
        case = SubElement(suite, "testcase", _case(finding.where, finding.rule))
        if report.fails(finding):
            failure = SubElement(
                case, "failure", {"type": finding.level.value, "message": _xml(finding.what)}
            )
            failure.text = _told(finding)
        else:
            SubElement(case, "system-out").text = _told(finding)
    for address in clean:
        SubElement(suite, "testcase", _case(address, CLEAN))
    indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(suites, encoding="unicode") + "\n"


def _case(address: str, rule: str) -> dict[str, str]:
    return {"classname": _xml(rule), "name": _xml(address), "time": "0"}


def _told(finding: Finding) -> str:
    lines = (f"[{finding.level.value}] {finding.what}", f"Why: {finding.why}", f"Fix: {finding.fix}")
    return "\n".join(_xml(line) for line in lines)


def _xml(text: str) -> str:
    """Return a text without the characters that XML 1.0 does not have."""
    return "".join(
        char
        if char in "\t\n\r" or "\x20" <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char > "\uffff"
        else f"\\u{ord(char):04x}"
        for char in text
    )
