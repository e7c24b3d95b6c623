"""A report for people: by resource, with what, why and the fix; instances that share a finding are one entry."""

from __future__ import annotations

from provisioner.domain.finding import Level
from provisioner.rulebook.report import Report, plural, printable
from provisioner.rulebook.source_lines import SourceLines

_COLOURS = {Level.HARD_MANDATORY: "31", Level.SOFT_MANDATORY: "33", Level.ADVISORY: "36"}


def render(report: Report, *, colour: bool = False, lines: SourceLines | None = None) -> str:
    """Return the report as text. `colour`: with the escape codes of a terminal; `lines`: with the file and line."""
    text: list[str] = []
    for group in report.groups():
        text += [_bold(printable(group.title), colour)]
        place = None if lines is None else lines.line_of(group.addresses[0])
        text += [f"  {printable(place.file)}:{place.number}"] if place else []
        for finding in group.findings:
            text += [f"  {_level(finding.level, colour)}  {printable(finding.rule)}"]
            text += [f"    what  {printable(finding.what)}", f"    why   {printable(finding.why)}"]
            text += [f"    fix   {printable(finding.fix)}"]
        text += [""]
    return "\n".join([*text, *_cost(report), _summary(report, colour)]) + "\n"


def summary(report: Report) -> str:
    """Return the last line of the report."""
    return _summary(report, colour=False)


def _level(level: Level, colour: bool) -> str:
    return f"\x1b[{_COLOURS[level]}m{level.value}\x1b[0m" if colour else level.value


def _bold(text: str, colour: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if colour else text


def _cost(report: Report) -> list[str]:
    if report.cost is None:
        return []
    estimate, delta = report.cost.estimate, report.cost.delta_usd_month
    text = f"Cost: {estimate.usd_month:,} USD a month at list price in {report.cost.region} ({delta:+,} by this plan)"
    if estimate.usage_based:
        text += f"; {plural(len(estimate.usage_based), 'part')} by usage"
    if estimate.without_price:
        text += f"; {len(estimate.without_price):,} without a price"
    return [f"{text}.", ""]


def _summary(report: Report, colour: bool) -> str:
    counts = report.counts()
    found = ", ".join(f"{counts[level]:,} {level.value}" for level in reversed(Level) if counts[level])
    verdict = "Passed" if report.passed else "Failed"
    if colour:
        verdict = f"\x1b[1;{'32' if report.passed else '31'}m{verdict}\x1b[0m"
    where = f"{plural(report.resources, 'resource')} in the plan, tags of {len(report.checked):,} checked"
    known = len(report.findings) - len(report.fresh)
    in_baseline = f" {known:,} known from the baseline." if known else ""
    return (
        f"{verdict}: {found or 'nothing found'}; {where}.{in_baseline} "
        f"Policy {report.policy_digest[:12]}, fails on {report.fail_on.value}."
    )
