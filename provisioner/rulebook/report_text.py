"""A report for people: by resource, with what, why and the fix; instances that share a finding are one entry."""

from __future__ import annotations

import re
from collections.abc import Iterator

from provisioner.domain.finding import Finding, Level
from provisioner.rulebook.report import Report, plural, printable

_INDEX = re.compile(r'\[(?:\d+|"(?:[^"\\]|\\.)*")\]')
_COLOURS = {Level.HARD_MANDATORY: "31", Level.SOFT_MANDATORY: "33", Level.ADVISORY: "36"}
_NAMED = 3  # instances that are named; the others are counted


def render(report: Report, *, colour: bool = False) -> str:
    """Return the report as text. `colour`: with the escape codes of a terminal."""
    lines: list[str] = []
    for addresses, findings in _grouped(report.fresh):
        lines += [_bold(_head(addresses), colour)]
        for finding in findings:
            lines += [f"  {_level(finding.level, colour)}  {printable(finding.rule)}"]
            lines += [f"    what  {printable(finding.what)}", f"    why   {printable(finding.why)}"]
            lines += [f"    fix   {printable(finding.fix)}"]
        lines += [""]
    return "\n".join([*lines, *_cost(report), _summary(report, colour)]) + "\n"


def summary(report: Report) -> str:
    """Return the last line of the report."""
    return _summary(report, colour=False)


def _grouped(findings: tuple[Finding, ...]) -> Iterator[tuple[list[str], list[Finding]]]:
    """Fold what is the same in several instances of one resource, then put together what is about the same ones."""
    folded: dict[tuple[object, ...], tuple[list[str], Finding]] = {}
    for finding in findings:
        kind = _INDEX.sub("[*]", finding.where)
        key = (kind, finding.rule, finding.level, finding.what, finding.why, finding.fix)
        folded.setdefault(key, ([], finding))[0].append(finding.where)
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for addresses, finding in folded.values():
        groups.setdefault(tuple(addresses), []).append(finding)
    for together, found in groups.items():
        yield list(together), found


def _head(addresses: list[str]) -> str:
    if len(addresses) == 1:
        return printable(addresses[0])
    named = ", ".join(printable("".join(_INDEX.findall(address))) for address in addresses[:_NAMED])
    more = f" and {len(addresses) - _NAMED:,} more" if len(addresses) > _NAMED else ""
    return f"{printable(_INDEX.sub('[*]', addresses[0]))}  {len(addresses):,} instances: {named}{more}"


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
