"""Check the plans of other pipelines against the portal's policy."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from portal.cli.documents import PlanReport
from portal.cli.failures import Misuse, Shown
from portal.cli.root import drawbridge
from portal.cli.session import Session, command, common
from portal.cli.terminal import harmless, styled
from portal.cli.views.findings import costs, findings, heading
from portal.cli.wording import monthly

_FORMATS = ("table", "json", "sarif", "junit", "text")


@common
@drawbridge.group("policy")
def policy() -> None:
    """The limits of FinOps and SRE."""


@command(policy, "check")
@click.argument("plan", metavar="PLAN.json")
@click.option("--service", "-s", help="Service that the plan is for (default: each resource's own tag).")
@click.option(
    "--environment", "-e", help="Environment that the plan is for (default: each resource's own tag)."
)
@click.option("--region", help="Region of the prices.")
@click.option(
    "--fail-on", metavar="LEVEL", help="Lowest level that ends with 1 (the portal's default: soft)."
)
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Write the report in this form.")
def policy_check(
    session: Session,
    plan: str,
    service: str | None,
    environment: str | None,
    region: str | None,
    fail_on: str | None,
    form: str | None,
) -> None:
    """Check PLAN.json, the output of `terraform show -json`, by tags, guardrails and cost; - reads standard input.

    Ends with 1 when there are findings that are not let through.
    """
    content = _read(plan)
    client = session.client()
    query = {"service": service, "environment": environment, "region": region, "fail_on": fail_on}
    report = client.check_plan(content, **query)
    wanted = form or session.output
    if wanted == "json":
        session.terminal.json(report.document)
    elif wanted == "table":
        _show(session, report)
    else:
        written = client.check_plan_as(wanted, content, **query)
        session.terminal.raw(harmless(written, lines=True) if session.terminal.out.is_terminal else written)
    if not report.passed:
        raise Shown("The plan does not pass the policy")


def _read(name: str) -> bytes:
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise Misuse(f"{harmless(name)} cannot be read", why=error.strerror or "") from None
    if not content.lstrip()[:1] == b"{":
        raise Misuse(
            f"{harmless(name)} is no plan as JSON",
            fix="Write it with: terraform show -json PLANFILE > plan.json",
        )
    return content


def _show(session: Session, report: PlanReport) -> None:
    terminal, summary = session.terminal, report.summary
    if report.passed:
        terminal.say(styled(f"{terminal.sign('ok')} The plan passes the policy", "good"))
    else:
        terminal.say(styled(f"{terminal.sign('bad')} The plan does not pass the policy", "bad"))
    terminal.say(
        styled(
            f"  {summary.resources} resources: {summary.hard_mandatory} hard-mandatory, "
            f"{summary.soft_mandatory} soft-mandatory, {summary.advisory} advisory findings",
            "label",
        )
    )
    if report.findings:
        heading(terminal, "Findings")
        findings(terminal, report.findings)
    if report.cost is not None:
        heading(
            terminal,
            f"Cost: {monthly(report.cost.usd_month)} ({monthly(report.cost.delta_usd_month, sign=True)} by this plan)",
        )
        costs(terminal, (), report.cost.unpriced)
