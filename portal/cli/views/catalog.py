"""The catalog and dry runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text

from portal.cli.documents import Evaluation, Item, ItemDetail, UpgradeEvaluation
from portal.cli.terminal import Terminal, harmless, joined, styled
from portal.cli.views.findings import costs, field_problems, findings, heading
from portal.cli.wording import monthly, value_text, with_use

_CHOICES_SHOWN = 8


def items(terminal: Terminal, rows: Iterable[Item]) -> None:
    """Write the golden paths."""
    terminal.table(
        ["ITEM", "VERSION", "CATEGORY", "WHAT IT IS"],
        [(styled(row.slug, "head"), row.latest_version, row.category, _summary(row)) for row in rows],
    )


def _summary(row: Item) -> Text:
    parts: list[str | Text] = []
    if row.deprecation is not None:
        parts.append(styled("deprecated ", "warn"))
    elif row.lifecycle and row.lifecycle != "published":
        parts.append(styled(f"{row.lifecycle} ", "warn"))
    if row.maturity == "experimental":
        parts.append(styled("experimental ", "warn"))
    return joined(*parts, row.summary)


def item(terminal: Terminal, found: ItemDetail, schema: Mapping[str, Any], environment: str) -> None:
    """Write one golden path with its parameters as they are in an environment."""
    terminal.say(styled(found.name, "head"), styled(f"  {found.slug} {found.latest_version}", "label"))
    terminal.prose(found.summary)
    if found.deprecation is not None:
        gone = found.deprecation
        until = f" Until {gone.until}." if gone.until else ""
        instead = f" Order {gone.successor} instead." if gone.successor else ""
        terminal.prose(styled(f"Deprecated since {gone.since}. {gone.reason}{until}{instead}", "warn"))
    terminal.say("")
    terminal.facts(
        [
            ("Owner", found.owner),
            ("Region", found.region),
            ("Category", found.category),
            ("Maturity", found.maturity),
            ("Versions", ", ".join(version.version for version in found.versions)),
        ]
    )
    heading(terminal, "Environments")
    terminal.table(
        ["", "ENVIRONMENT", "SIZES", "DEFAULT"],
        [
            ("", row.slug, ", ".join(row.sizes) or "none", row.default_size or "")
            for row in found.environments
        ],
    )
    heading(terminal, f"Parameters in {environment}")
    groups: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for name, about in _properties(schema):
        groups.setdefault(str(_extra(about).get("group") or ""), []).append((name, about))
    required = schema.get("required")
    needed = set(required) if isinstance(required, list) else set()
    for group, members in groups.items():
        if group:
            terminal.say(styled(f"  {group}", "label"))
        for name, about in members:
            _parameter(terminal, name, about, needed=name in needed)
    if found.approvals:
        heading(terminal, "Who may be asked")
        for hint in found.approvals:
            terminal.prose(f"{terminal.sign('dot')} {hint.text}", indent=2)
    heading(terminal, "Order it")
    terminal.say(
        f"  drawbridge evaluate {found.slug} --service SERVICE --environment {environment} --name NAME"
    )
    terminal.say(
        f"  drawbridge order {found.slug} --service SERVICE --environment {environment} --name NAME --wait"
    )


def _parameter(terminal: Terminal, name: str, about: Mapping[str, Any], *, needed: bool) -> None:
    default = "" if "default" not in about else f" = {value_text(about['default'])}"
    unit = str(_extra(about).get("unit") or "")
    terminal.say(
        styled(f"    {name}", "head"),
        styled(default, "good"),
        f" {unit}" if unit and default else "",
        styled(f"  {_kind(about)}", "label"),
        styled("  required", "warn") if needed else "",
    )
    terminal.prose(str(about.get("description") or ""), indent=6)
    for limit in limits(about):
        terminal.prose(styled(limit, "label"), indent=6)


def limits(about: Mapping[str, Any]) -> list[str]:
    """Return what may stand in a parameter, as words."""
    found = []
    choices = about.get("enum")
    if isinstance(choices, list):
        shown = ", ".join(value_text(choice) for choice in choices[:_CHOICES_SHOWN])
        more = len(choices) - _CHOICES_SHOWN
        found.append(f"One of: {shown}{f' and {more} more' if more > 0 else ''}")
    least, most = about.get("minimum"), about.get("maximum")
    if least is not None and most is not None:
        found.append(f"From {least} to {most}")
    elif least is not None or most is not None:
        found.append(f"At least {least}" if least is not None else f"At most {most}")
    pattern = about.get("pattern")
    if isinstance(pattern, str) and not isinstance(choices, list):
        found.append(f"Matches {pattern}")
    rules = _extra(about).get("guardrails")
    for rule in rules if isinstance(rules, list) else []:
        if isinstance(rule, Mapping) and rule.get("why"):
            found.append(f"Why: {rule['why']}")
    return found


def evaluation(terminal: Terminal, found: Evaluation, given: Mapping[str, Any]) -> None:
    """Write what an order with the parameters `given` would get, cost and need."""
    if found.orderable:
        verdict = styled(f"{terminal.sign('ok')} This can be ordered", "good")
    else:
        verdict = styled(f"{terminal.sign('bad')} This cannot be ordered as it is", "bad")
    terminal.say(verdict, styled(f"  {found.item} {found.version}, {found.environment}", "label"))
    if isinstance(found, UpgradeEvaluation):
        _upgrade(terminal, found)
    if found.problems:
        heading(terminal, "To correct")
        field_problems(terminal, found.problems)
    if found.findings:
        heading(terminal, "Findings")
        findings(terminal, found.findings)
    heading(terminal, f"Cost: {with_use(monthly(found.estimate_usd_month), found.usage_usd_month)}")
    costs(terminal, found.line_items, found.unpriced)
    heading(terminal, "Who will be asked")
    for step in found.approvals_expected:
        verb = "overrides" if step.verdict_needed == "override" else "approves"
        groups = " or ".join((step.group, *step.others))
        many = f" ({step.quorum} people)" if step.quorum > 1 else ""
        terminal.prose(
            joined(f"{terminal.sign('dot')} ", styled(groups, "head"), f" {verb}{many}: {step.reason}"),
            indent=2,
        )
    if not found.approvals_expected:
        terminal.prose("Nobody, unless the plan itself gives a reason.", indent=2)
    heading(terminal, "Parameters")
    own = {name: value for name, value in found.parameters.items() if name in given or name == "size"}
    terminal.facts(((name, value_text(value)) for name, value in own.items()), indent=2)
    more = len(found.parameters) - len(own)
    if more:
        terminal.say(styled(f"  {more} are filled in; --json has all", "label"))
    heading(terminal, "Tags")
    terminal.facts(found.tags.items(), indent=2)


def _upgrade(terminal: Terminal, found: UpgradeEvaluation) -> None:
    terminal.say(
        f"  {found.from_version} {terminal.sign('to')} {found.version}, "
        f"{monthly(found.delta_usd_month, sign=True)} against the present estimate"
    )
    for change in found.changelog:
        terminal.prose(joined(styled(f"{change.version}: ", "head"), change.notes), indent=2)
    for row in found.differences:
        kept = " (yours is kept)" if row.kept else ""
        terminal.prose(
            f"{row.difference} {row.name}: {json_text(row.before)} {terminal.sign('to')} {json_text(row.after)}{kept}",
            indent=2,
        )


def json_text(value: object) -> str:
    """Return a value as JSON on one line."""
    return harmless(json.dumps(value, ensure_ascii=False))


def _properties(schema: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        yield from ((str(name), about) for name, about in properties.items() if isinstance(about, Mapping))


def _extra(about: Mapping[str, Any]) -> Mapping[str, Any]:
    extra = about.get("x-drawbridge")
    return extra if isinstance(extra, Mapping) else {}


def _kind(about: Mapping[str, Any]) -> str:
    kind = about.get("type")
    return " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind or "any value")
