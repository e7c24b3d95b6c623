"""Findings, costs and failures, as a person reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from portal.cli.documents import FieldProblem, Finding, LineItem, Unpriced
from portal.cli.failures import Failure, Refused
from portal.cli.terminal import Terminal, harmless, joined, styled
from portal.cli.wording import monthly, value_text

_LEVELS = {"hard-mandatory": ("bad", "bad"), "soft-mandatory": ("warn", "warn"), "advisory": ("dot", "label")}
_LINE_ITEMS_SHOWN = 12
# From here on a table of costs has room for quantities.
_WIDE = 100


def heading(terminal: Terminal, text: str, *, err: bool = False) -> None:
    """Write a heading after an empty line."""
    terminal.say("", err=err)
    terminal.say(styled(text, "head"), err=err)


def findings(terminal: Terminal, rows: Iterable[Finding], *, err: bool = False) -> None:
    """Write findings, the binding ones first."""
    order = list(_LEVELS)
    told: set[str] = set()
    known = sorted(rows, key=lambda row: order.index(row.level) if row.level in order else len(order))
    for row in known:
        sign, style = _LEVELS.get(row.level, ("dot", "label"))
        terminal.say(
            styled(f"  {terminal.sign(sign, err=err)} ", style),
            styled(row.where or row.rule, "head"),
            styled(f"  {row.level}", style),
            styled(f"  {row.rule}", "label") if row.where else "",
            err=err,
        )
        terminal.prose(row.what, indent=4, err=err)
        if row.why and row.why not in told:
            terminal.prose(styled(row.why, "label"), indent=4, err=err)
            told.add(row.why)  # the same reason is behind many findings of one rule
        if row.fix:
            terminal.prose(
                joined(styled(f"{terminal.sign('to', err=err)} ", "good"), row.fix), indent=4, err=err
            )
        if row.suggested is not None and not _said(row.suggested, row.fix):
            terminal.prose(joined("Nearest allowed value: ", value_text(row.suggested)), indent=4, err=err)
        if row.level == "soft-mandatory" and row.override_group:
            terminal.prose(styled(f"{row.override_group} may override this.", "label"), indent=4, err=err)


def _said(suggested: Any, text: str) -> bool:
    values = suggested.values() if isinstance(suggested, Mapping) else [suggested]
    return all(value_text(value) in text for value in values)


def field_problems(terminal: Terminal, rows: Iterable[FieldProblem], *, err: bool = False) -> None:
    """Write what is wrong with single fields."""
    for row in rows:
        name = row.field or "The whole"
        mark = styled(f"{terminal.sign('bad', err=err)} {name}: ", "bad")
        terminal.prose(joined(mark, row.message), indent=2, err=err)


def costs(terminal: Terminal, items: Sequence[LineItem], unpriced: Sequence[Unpriced]) -> None:
    """Write what the sum is made of, dearest first, and what has no price."""
    if items:
        rows = _grouped(items)
        wide = terminal.out.width >= _WIDE
        terminal.table(
            ["", "USD/MONTH", "FOR", *(["HOW MUCH"] if wide else []), "RESOURCE"],
            [
                ("", f"{amount:,.2f}", component, *([much] if wide else []), where)
                for amount, component, much, where in rows[:_LINE_ITEMS_SHOWN]
            ],
            right=["USD/MONTH"],
            cut=["RESOURCE"],
        )
        rest = rows[_LINE_ITEMS_SHOWN:]
        if rest:
            total = sum((amount for amount, *_ in rest), Decimal(0))
            terminal.say(
                styled(f"  and {len(rest)} smaller, together {monthly(total)}; --json has all", "label")
            )
    by_use = list(dict.fromkeys(row.component for row in unpriced if row.usage_based))
    if by_use:
        terminal.prose(styled(f"Paid by use, and so not in the sum: {', '.join(by_use)}", "label"), indent=2)
    for row in unpriced:
        if not row.usage_based:
            mark = styled(f"{terminal.sign('warn')} no price is known: ", "warn")
            terminal.prose(joined(mark, f"{short(row.address)}, {row.component}. {row.reason}"), indent=2)


def _grouped(items: Sequence[LineItem]) -> list[tuple[Decimal, str, str, str]]:
    """Return (USD a month, component, how much, resource); what is priced alike is one row."""
    alike: dict[tuple[str, str, str, str], list[LineItem]] = {}
    for item in items:
        if item.status == "removed":
            continue
        kind = short(item.address).partition(".")[0]
        alike.setdefault((kind, item.component, item.quantity, item.unit_price_usd), []).append(item)
    rows = []
    for (kind, component, quantity, price), members in alike.items():
        count = len(members)
        much = f"{quantity} {members[0].unit} at {price}"
        rows.append(
            (
                sum(map(_amount, members), Decimal(0)),
                f"{component}{' (assumed use)' if members[0].usage_based else ''}{f' x {count}' if count > 1 else ''}",
                much if count == 1 else f"{count} x {much}",
                short(members[0].address) if count == 1 else kind,
            )
        )
    return sorted(rows, reverse=True)


def short(address: str) -> str:
    """Return a resource's address without the module that all of an order's resources are in."""
    return address.removeprefix("module.this.")


def failure(terminal: Terminal, error: Failure, *, as_json: bool) -> None:
    """Write to standard error what went wrong, why, and what to do."""
    if as_json:
        terminal.stderr.write(_json_of(error))
        return
    tail = ""
    if isinstance(error, Refused):
        tail = f"  {error.status} {error.problem_code}".rstrip()
    terminal.say(
        styled(f"{terminal.sign('bad', err=True)} {error.what}", "bad"), styled(tail, "label"), err=True
    )
    # A refusal by guardrails says the same again in each finding.
    if error.why and not (isinstance(error, Refused) and error.findings):
        terminal.prose(error.why, indent=2, err=True)
    if isinstance(error, Refused):
        field_problems(terminal, (row for row in error.errors if row.message not in error.why), err=True)
        findings(terminal, error.findings, err=True)
        advice = _advice(error)
        if advice:
            terminal.prose(
                joined(styled(f"{terminal.sign('to', err=True)} ", "good"), advice), indent=2, err=True
            )
        if error.request_id and error.status >= 500:
            terminal.prose(
                styled(f"For the operators: request {error.request_id}", "label"), indent=2, err=True
            )
    if error.fix:
        terminal.prose(
            joined(styled(f"{terminal.sign('to', err=True)} ", "good"), error.fix), indent=2, err=True
        )


def _advice(error: Refused) -> str:
    """Return what to do in terms of this client, where the portal speaks in terms of its API."""
    if error.problem_code in ("invalid_token", "not_authenticated"):
        return "Make a new token on the portal's page /tokens/, then: drawbridge login URL."
    if error.problem_code == "scope_missing":
        return "Make a token with that scope on the portal's page /tokens/, then: drawbridge login URL."
    run = error.problem.get("run_id")
    if isinstance(run, str):
        return f"Look at that run: drawbridge runs show {harmless(run)[:40]}"
    return ""


def _json_of(error: Failure) -> str:
    return json.dumps({"exit_code": int(error.exit_code), **error.document()}, indent=2) + "\n"


def _amount(item: LineItem) -> Decimal:
    try:
        return Decimal(item.usd_month)
    except ArithmeticError:
        return Decimal(0)
