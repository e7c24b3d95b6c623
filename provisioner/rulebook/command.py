"""The command `drawbridge-policy`: check the plan of any pipeline, without a server."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TextIO

from catalog import yaml_file
from provisioner.domain.context import Context
from provisioner.domain.cost import PriceBook, PriceBookError, parse_price_book
from provisioner.domain.organisation import Organisation
from provisioner.domain.policy.document import Policy
from provisioner.domain.policy.section import PolicyError
from provisioner.domain.tags_modules import Layout
from provisioner.rulebook import (
    file,
    organisation_file,
    plan_file,
    report_json,
    report_junit,
    report_sarif,
    report_text,
)
from provisioner.rulebook.checker import Checker, needs_document
from provisioner.rulebook.plan_file import ReadPlan, UnreadablePlan
from provisioner.rulebook.report import FailOn, Report
from provisioner.rulebook.source import NoSource, fetch
from provisioner.rulebook.source_lines import SourceLines
from provisioner.rulebook.version import NAME, VERSION

PASSED, FOUND, CANNOT_JUDGE = 0, 1, 2
POLICY, ORGANISATION = "DRAWBRIDGE_POLICY", "DRAWBRIDGE_ORGANISATION"
DEFAULT_REGION = "us-east-1"
FORMATS = ("text", "json", "sarif", "junit")
_PRICES_MAX_BYTES = 64 * 1024 * 1024


class CannotJudge(Exception):
    """Nothing was judged; the text says why and what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 passed, 1 findings at or above the limit, 2 cannot judge."""
    wanted = _arguments().parse_args(argv)
    try:
        report, layout = _check(wanted)
        _write(wanted, report, layout)
    except (CannotJudge, NoSource, UnreadablePlan) as error:
        sys.stderr.write(f"{NAME}: {error}\n")
        return CANNOT_JUDGE
    except PolicyError as error:
        lines = "".join(f"  {problem}\n" for problem in error.problems)
        sys.stderr.write(f"{NAME}: {wanted.reading} cannot be used.\n{lines}")
        return CANNOT_JUDGE
    except MemoryError:
        sys.stderr.write(f"{NAME}: The plan does not fit into this machine's memory. Plan a part of it.\n")
        return CANNOT_JUDGE
    return PASSED if report.passed else FOUND


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=NAME,
        description="Check Terraform plans by the policy of a Drawbridge portal: tags, guardrails, cost.",
        epilog="Exit codes: 0 passed, 1 findings at or above --fail-on, 2 nothing could be judged.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{NAME} {VERSION}")
    check = parser.add_subparsers(dest="command", required=True, metavar="COMMAND").add_parser(
        "check", help="check a plan", allow_abbrev=False
    )
    add = check.add_argument
    add("plan", metavar="PLAN", help="output of terraform show -json PLANFILE; - reads standard input")
    add("--policy", metavar="FILE|URL", help=f"policy (default: ${POLICY}, else the shipped one)")
    add("--policy-digest", metavar="SHA256", help="refuse a policy of any other content")
    add(
        "--organisation", metavar="FILE|URL", help=f"services, teams, cost centers (default: ${ORGANISATION})"
    )
    add("--environment", help="environment that the plan is for (default: each resource's own tag)")
    add("--production", action="store_true", help="the environment is a production one")
    add("--service", help="service that the plan is for (default: each resource's own tag)")
    add("--prices", metavar="FILE|URL", help="price book (CSV); shows what the plan costs")
    add("--region", help=f"region of the prices (default: the provider's, else {DEFAULT_REGION})")
    add("--format", choices=list(FORMATS), help="text (default), json, sarif or junit")
    add("--configuration", metavar="DIR", help="folder of the root module: reports name file and line")
    add("--output", metavar="FILE", help="write the report there, its last line to standard error")
    add(
        "--fail-on",
        choices=[each.value for each in FailOn],
        help="lowest level that ends with 1 (default: soft)",
    )
    add("--baseline", metavar="FILE|URL", help="an earlier --format json: what it has does not count")
    add("--max-mib", type=_positive, metavar="N", help="refuse larger plans (default: %(default)s)")
    check.set_defaults(
        **dict.fromkeys(
            (
                "policy_digest",
                "environment",
                "service",
                "prices",
                "region",
                "output",
                "baseline",
                "configuration",
            ),
            "",
        ),
        policy=os.environ.get(POLICY, ""),
        organisation=os.environ.get(ORGANISATION, ""),
        format="text",
        fail_on=FailOn.SOFT.value,
        max_mib=plan_file.MAX_BYTES // 1024**2,
    )
    return parser


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1_000_000):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of MiB from 1 to 1000000")
    return int(text)


def _check(wanted: argparse.Namespace) -> tuple[Report, Layout]:
    if wanted.configuration and not Path(wanted.configuration).is_dir():
        raise CannotJudge(
            f"{wanted.configuration} is no folder. Name the root module's with --configuration."
        )
    wanted.reading = f"The policy {wanted.policy}" if wanted.policy else "The shipped policy"
    policy = _policy(wanted.policy, wanted.policy_digest)
    organisation = _organisation(wanted)
    baseline: frozenset[str] = frozenset()
    if wanted.baseline:
        raw = fetch(wanted.baseline, max_bytes=plan_file.MAX_BYTES)
        try:
            baseline = report_json.fingerprints(raw.decode("utf-8", "replace"))
        except ValueError as error:
            raise CannotJudge(f"The baseline {wanted.baseline} cannot be used. {error}") from None
    read = _plan(wanted.plan, wanted.max_mib * 1024**2, whole=needs_document(policy))
    region = wanted.region or read.region or DEFAULT_REGION
    context = _context(wanted, organisation, region)
    checker = Checker(
        policy=policy,
        taggable=_taggable().__contains__,
        organisation=organisation,
        book=_prices(wanted.prices, region),
        on_broken=_tell_broken,
    )
    report = checker.check(read, context, fail_on=FailOn(wanted.fail_on), baseline=baseline)
    return report, read.layout


def _policy(place: str, digest: str) -> Policy:
    raw = fetch(place, max_bytes=yaml_file.MAX_FILE_BYTES) if place else shipped_policy()
    here = Path(place)
    policy = file.read(raw, beside=here.parent if here.is_file() else None)
    if digest and policy.digest != digest.lower():
        raise CannotJudge(
            f"The policy's SHA-256 is {policy.digest}, not {digest}. "
            "Look at what has changed in it, then name the new digest."
        )
    return policy


def shipped_policy() -> bytes:
    """Return the policy that is shipped: beside this module in the distribution, else the portal's own."""
    inside = resources.files("provisioner.rulebook") / "default.yaml"
    if inside.is_file():
        return inside.read_bytes()
    return (Path(__file__).parents[2] / "portal" / "policy" / "default.yaml").read_bytes()


def _taggable() -> frozenset[str]:
    return frozenset(json.loads((resources.files("provisioner") / "taggable.json").read_text("utf-8")))


def _organisation(wanted: argparse.Namespace) -> Organisation | None:
    if not wanted.organisation:
        return None
    wanted.reading = f"The organisation {wanted.organisation}"
    found = organisation_file.read(fetch(wanted.organisation, max_bytes=organisation_file.MAX_BYTES))
    for noun, name, names in (
        ("environment", wanted.environment, found.environments),
        ("service", wanted.service, found.services),
    ):
        if name and name not in names:
            raise CannotJudge(f"There is no {noun} {name!r} in the organisation. Correct --{noun}.")
    return found


def _context(wanted: argparse.Namespace, organisation: Organisation | None, region: str) -> Context:
    facts = None if organisation is None else organisation.services.get(wanted.service)
    return Context(
        service=wanted.service,
        team="" if facts is None else facts.team,
        cost_center="" if facts is None else facts.cost_center,
        criticality="" if facts is None else facts.criticality,
        environment=wanted.environment,
        is_production=wanted.production,
        region=region,
    )


def _plan(place: str, max_bytes: int, *, whole: bool) -> ReadPlan:
    if place == "-":
        return plan_file.read(sys.stdin.buffer, max_bytes=max_bytes, whole=whole)
    try:
        with Path(place).open("rb") as stream:
            return plan_file.read(stream, max_bytes=max_bytes, whole=whole)
    except OSError as error:
        raise CannotJudge(f"{place} cannot be read: {error.strerror}.") from None


def _prices(place: str, region: str) -> PriceBook | None:
    if not place:
        return None
    try:
        return parse_price_book(fetch(place, max_bytes=_PRICES_MAX_BYTES).decode("utf-8"), region)
    except (PriceBookError, UnicodeDecodeError) as error:
        raise CannotJudge(f"The price book {place} cannot be used: {error}") from None


def _tell_broken(rule: str, error: Exception) -> None:
    sys.stderr.write(f"{NAME}: the rule {rule} broke: {type(error).__name__}: {error}\n")


def _write(wanted: argparse.Namespace, report: Report, layout: Layout) -> None:
    colour = not wanted.output and _takes_colour(sys.stdout)
    lines = SourceLines(Path(wanted.configuration), layout) if wanted.configuration else None
    plan_name = "plan.json" if wanted.plan == "-" else wanted.plan
    renderers: dict[str, Callable[[Report], str]] = {
        "text": partial(report_text.render, colour=colour, lines=lines),
        "json": report_json.render,
        "sarif": partial(report_sarif.render, plan_name=plan_name, lines=lines),
        "junit": report_junit.render,
    }
    raw = renderers[wanted.format](report).encode("utf-8", "backslashreplace")
    if not wanted.output:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.buffer.write(raw)
            sys.stdout.buffer.flush()
        return
    try:
        Path(wanted.output).write_bytes(raw)
    except OSError as error:
        raise CannotJudge(f"{wanted.output} cannot be written: {error.strerror}.") from None
    sys.stderr.write(f"{report_text.summary(report)}\n")


def _takes_colour(stream: TextIO) -> bool:
    """Whether to colour: on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
