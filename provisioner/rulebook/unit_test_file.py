"""Read unit tests of a policy from YAML; docs/policy.md describes the format."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

from catalog.yaml_file import UnreadableFile, read_document
from provisioner.domain import plan as plans
from provisioner.domain import tags
from provisioner.domain.approval import APPROVE, OVERRIDE
from provisioner.domain.context import Context, Facts
from provisioner.domain.cost import Estimate, Unpriced
from provisioner.domain.finding import Level
from provisioner.domain.plan import PlanFormatError
from provisioner.domain.policy.section import PolicyError, Problem, Reading, Section
from provisioner.domain.run import RunKind
from provisioner.rulebook.unit_tests import Case, ExpectedFinding, ExpectedStep, Given

ENDINGS = (".yaml", ".yml")
PRODUCTION = "production"
ACTIONS: Mapping[str, list[str]] = {
    "create": ["create"],
    "update": ["update"],
    "delete": ["delete"],
    "replace": ["delete", "create"],
    "no-op": ["no-op"],
}
_WORDS = (
    "item",
    "version",
    "service",
    "team",
    "cost_center",
    "environment",
    "criticality",
    "region",
    "requester",
)
_GIVEN = (
    *_WORDS,
    "production",
    "kind",
    "ttl_days",
    "facts",
    "parameters",
    "plan",
    "resources",
    "tags",
    "cost",
)


def read(raw: bytes, name: str, *, plan_of: Callable[[str], bytes]) -> tuple[Case, ...]:
    """Read a file of tests; `plan_of` gives the bytes of a plan file that one names. Raises PolicyError."""
    try:
        located = read_document(raw.decode("utf-8"), name)
    except UnicodeDecodeError:
        raise PolicyError(Problem(name, 0, "The file is not UTF-8.", "Save it as UTF-8.")) from None
    except UnreadableFile as error:
        raise PolicyError(
            *(Problem(name, found.line, f"The file {found.reason}.", "Mend it.") for found in error.problems)
        ) from None
    reading = Reading(located.lines)
    root = Section(located.data, (), reading)
    root.keys("tests", required=["tests"])
    cases = tuple(_case(test, name, plan_of) for test in root.at("tests").items())
    names = [case.name for case in cases]
    for index, case in enumerate(cases):
        if case.name in names[:index]:
            root.at("tests").at(index).at("name").problem(
                f"There is a test {case.name} already.", "Name it otherwise."
            )
    if reading.problems:
        raise PolicyError(
            *(Problem(f"{name}: {one.place}", one.line, one.what, one.fix) for one in reading.problems)
        )
    return cases


def read_path(path: Path) -> tuple[Case, ...]:
    """Read the tests of a file, or of every YAML file in a folder. Raises PolicyError."""
    files = sorted(one for one in path.iterdir() if one.suffix in ENDINGS) if path.is_dir() else [path]
    cases: list[Case] = []
    problems: list[Problem] = []
    for file in files:
        try:
            cases.extend(read(file.read_bytes(), file.name, plan_of=_beside(file)))
        except OSError as error:
            problems.append(Problem(str(file), 0, f"It cannot be read: {error.strerror}.", "Name another."))
        except PolicyError as error:
            problems.extend(error.problems)
    if problems:
        raise PolicyError(*problems)
    return tuple(cases)


def _case(test: Section, file: str, plan_of: Callable[[str], bytes]) -> Case:
    test.keys("name", "given", "expect", required=["name", "given", "expect"])
    expect = test.at("expect")
    expect.keys("findings", "approvals")
    return Case(
        name=test.at("name").text("(unnamed)"),
        file=file,
        line=test.reading.line_of(test.place),
        given=_given(test.at("given"), plan_of),
        findings=tuple(_expected_finding(one) for one in expect.at("findings").items()),
        approvals=tuple(_expected_step(one) for one in expect.at("approvals").items()),
    )


def _expected_finding(part: Section) -> ExpectedFinding:
    part.keys("rule", "level", "where", "says", required=["rule", "level"])
    return ExpectedFinding(
        rule=part.at("rule").text(),
        level=part.at("level").choice(*(level.value for level in Level), default=Level.ADVISORY.value),
        where=part.at("where").text(),
        says=part.at("says").text(),
    )


def _expected_step(part: Section) -> ExpectedStep:
    if isinstance(part.value, str):
        return ExpectedStep(part.text())
    part.keys("group", "rule", "verdict", required=["group"])
    return ExpectedStep(
        group=part.at("group").text(),
        rule=part.at("rule").text(),
        verdict=part.at("verdict").choice(APPROVE, OVERRIDE),
    )


def _given(part: Section, plan_of: Callable[[str], bytes]) -> Given:
    part.keys(*_GIVEN, required=["environment"])
    words = {name: part.at(name).text() for name in _WORDS}
    context = Context(
        **words,
        kind=RunKind(
            part.at("kind").choice(*(kind.value for kind in RunKind), default=RunKind.PROVISION.value)
        ),
        is_production=part.at("production").flag(words["environment"] == PRODUCTION),
        ttl_days=part.at("ttl_days").days() or None,
        ttl_known=True,
        facts=_facts(part.at("facts")),
    )
    wanted = {key: tag.text() for key, tag in part.at("tags").each()} or _derived(context)
    document = None
    if part.at("plan").present and part.at("resources").present:
        part.at("plan").problem("The test has both a plan and resources.", "Keep one of them.")
    elif part.at("plan").present:
        document = _plan_file(part.at("plan"), plan_of)
    elif part.at("resources").present:
        document = _inline_plan(part.at("resources"), wanted)
    cost = part.at("cost")
    cost.keys("usd_month", "before_usd_month", "unpriced", required=["usd_month"] if cost.present else [])
    return Given(
        context=context,
        parameters=dict(part.at("parameters").fields()),
        plan=None if document is None else plans.parse_plan(document),
        document=document,
        tags=wanted,
        estimate=_estimate(cost) if cost.present else None,
        before_usd_month=cost.at("before_usd_month").usd(Decimal(0)) or Decimal(0),
    )


def _derived(context: Context) -> dict[str, str]:
    """Return the tags that follow from the context, as far as it says anything."""
    values = {
        "service": context.service,
        "team-owner": context.team,
        "cost-center": context.cost_center,
        "environment": context.environment,
        "criticality": context.criticality,
    }
    return {key: values[key] for key in tags.REQUIRED if values.get(key)}


def _facts(part: Section) -> Facts:
    kinds = {one.name: str(one.type) for one in fields(Facts)}
    part.keys(*kinds)
    values: dict[str, object] = {}
    for name, inner in part.each():
        kind = kinds.get(name, "")
        if kind.startswith("bool"):
            values[name] = inner.flag()
        elif kind.startswith("int"):
            values[name] = inner.whole()
        elif kind.startswith("Decimal"):
            values[name] = inner.usd()
    return Facts(**values)  # type: ignore[arg-type]


def _estimate(cost: Section) -> Estimate:
    return Estimate(
        line_items=(),
        unpriced=tuple(
            Unpriced(
                address=address,
                type=address.split(".")[0],
                component="",
                reason="given as unpriced",
                usage_based=False,
            )
            for address in cost.at("unpriced").names()
        ),
        usd_month=cost.at("usd_month").usd(Decimal(0)) or Decimal(0),
    )


def _plan_file(part: Section, plan_of: Callable[[str], bytes]) -> dict[str, object] | None:
    name = part.text()
    if not name:
        return None
    try:
        document = dict(plans.read_document(plan_of(name)))
        plans.parse_plan(document)
    except OSError as error:
        part.problem(
            f"The plan file {name} cannot be read: {error.strerror}.", "Name a file beside the test."
        )
    except PlanFormatError as error:
        part.problem(f"The plan file {name} is no plan: {error}", "Give the output of terraform show -json.")
    else:
        return document
    return None


def _inline_plan(part: Section, wanted: Mapping[str, str]) -> dict[str, object] | None:
    """Make a plan of resources; each gets the tags that default_tags would set, unless it sets tags_all itself."""
    before = len(part.reading.problems)
    changes = []
    for one in part.items():
        one.keys("address", "type", "action", "before", "after", required=["address", "type"])
        verb = one.at("action").choice(*ACTIONS, default="create")
        after = None if verb == "delete" else {"tags_all": dict(wanted), **one.at("after").fields()}
        prior = None if verb == "create" else {"tags_all": dict(wanted), **one.at("before").fields()}
        address, type_ = one.at("address").text("unnamed.unnamed"), one.at("type").text("unnamed")
        changes.append(
            {
                "address": address,
                "mode": "managed",
                "type": type_,
                "name": address.rsplit(".", 1)[-1],
                "change": {"actions": ACTIONS[verb], "before": prior, "after": after, "after_unknown": {}},
            }
        )
    if len(part.reading.problems) > before:
        return None
    document: dict[str, object] = json.loads(
        json.dumps({"format_version": "1.2", "resource_changes": changes})
    )
    try:
        plans.parse_plan(document)
    except PlanFormatError as error:
        part.problem(f"The resources make no plan: {error}", "Mend them.")
        return None
    return document


def _beside(file: Path) -> Callable[[str], bytes]:
    return lambda name: (file.parent / name).read_bytes()
