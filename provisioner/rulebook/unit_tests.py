"""Unit tests of a policy, in YAML: what is given, and what the policy must say to it, nothing else.

    tests:
      - name: a large database in production asks finops
        given: {environment: production, item: postgres, service: orders, team: payments, criticality: tier-3,
                cost: {usd_month: "412.60"}}
        expect: {approvals: [{group: finops, rule: cost-limit}]}

docs/policy.md describes the format. Imports no Django: the offline checker runs them too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from provisioner.domain import judging
from provisioner.domain.approval import StepSpec
from provisioner.domain.context import Context
from provisioner.domain.cost import Estimate, PriceBook
from provisioner.domain.finding import Finding
from provisioner.domain.judging import Judgement, Tools
from provisioner.domain.plan import Plan
from provisioner.domain.policy.document import Policy
from provisioner.rulebook import own_rules


@dataclass(frozen=True)
class Given:
    """What a test is about. Neither `plan` nor `resources`: an order before it is planned."""

    context: Context
    parameters: Mapping[str, object] = field(default_factory=dict)
    plan: Plan | None = None
    document: Mapping[str, object] | None = None  # the plan as Rego policies read it
    tags: Mapping[str, str] = field(default_factory=dict)
    estimate: Estimate | None = None
    before_usd_month: Decimal = Decimal(0)


@dataclass(frozen=True)
class ExpectedFinding:
    """A finding that must come; an empty `where` stands for any place, an empty `says` for any words."""

    rule: str
    level: str
    where: str = ""
    says: str = ""

    def fits(self, finding: Finding) -> bool:
        """Tell whether a finding is this one."""
        return (
            finding.rule == self.rule
            and finding.level.value == self.level
            and self.where in ("", finding.where)
            and self.says.lower() in f"{finding.what} {finding.why} {finding.fix}".lower()
        )

    def __str__(self) -> str:
        says = f' that says "{self.says}"' if self.says else ""
        return f"{self.level} {self.rule} at {self.where or 'any place'}{says}"


@dataclass(frozen=True)
class ExpectedStep:
    """A group that must be asked; empty texts stand for any rule and any verdict."""

    group: str
    rule: str = ""
    verdict: str = ""

    def fits(self, step: StepSpec) -> bool:
        """Tell whether a step is this one."""
        return (
            step.group == self.group
            and (not self.rule or self.rule in step.rule.split(", "))
            and self.verdict in ("", step.verdict_needed)
        )

    def __str__(self) -> str:
        rule = f" by the rule {self.rule}" if self.rule else ""
        return f"{self.group} asked{rule}{f' to {self.verdict}' if self.verdict else ''}"


@dataclass(frozen=True)
class Case:
    """One test as it is written."""

    name: str
    file: str
    line: int
    given: Given
    findings: tuple[ExpectedFinding, ...] = ()
    approvals: tuple[ExpectedStep, ...] = ()


@dataclass(frozen=True)
class Result:
    """What became of a test; no failure: it passed."""

    case: Case
    failures: tuple[str, ...]


def run(
    cases: Iterable[Case], policy: Policy, *, book: PriceBook, taggable: Callable[[str], bool]
) -> Iterator[Result]:
    """Judge what each test gives by the policy, and compare strictly: what is not expected is a failure too."""
    broken: list[str] = []

    def on_broken(rule: str, error: Exception) -> None:
        broken.append(f"the rule {rule} broke: {error!r}")

    tools = Tools(
        book=book,
        taggable=taggable,
        on_broken=on_broken,
        evaluate=own_rules.evaluate,
        expression=own_rules.evaluate.holds,
    )
    for case in cases:
        broken.clear()
        said = _judge(case.given, policy, tools)
        yield Result(case, (*broken, *_compare(case, said)))


def _judge(given: Given, policy: Policy, tools: Tools) -> Judgement:
    if given.plan is None:
        return judging.judge_parameters(
            given.parameters,
            (),
            context=given.context,
            policy=policy,
            rules=(),
            before_usd_month=given.before_usd_month,
            tools=tools,
            estimated=given.estimate,
        )
    return judging.judge_plan(
        given.plan,
        parameters=given.parameters,
        context=given.context,
        policy=policy,
        rules=(),
        expected_tags=given.tags,
        before_usd_month=given.before_usd_month,
        document=given.document,
        tools=tools,
        estimated=given.estimate,
    )


def _compare(case: Case, said: Judgement) -> Iterator[str]:
    findings = list(said.findings)
    for expected in case.findings:
        found = next((finding for finding in findings if expected.fits(finding)), None)
        if found is None:
            yield f"expected {expected}, but it did not come"
        else:
            findings.remove(found)
    for finding in findings:
        yield f"unexpected {finding.level.value} {finding.rule} at {finding.where}: {finding.what}"
    steps = list(said.steps)
    for wanted in case.approvals:
        step = next((step for step in steps if wanted.fits(step)), None)
        if step is None:
            yield f"expected {wanted}, but it was not"
        else:
            steps.remove(step)
    for step in steps:
        yield f"unexpected {step.group} asked to {step.verdict_needed} by {step.rule}: {step.reason}"


def report(results: Sequence[Result]) -> Iterator[str]:
    """Say line by line what became of tests, as a test runner does; the last line counts."""
    for result in results:
        case = result.case
        yield f"{'FAIL' if result.failures else 'ok  '} {case.file}:{case.line} {case.name}"
        for failure in result.failures:
            yield f"       {failure}"
    failed = sum(bool(result.failures) for result in results)
    yield f"{len(results) - failed} passed, {failed} failed"
