"""What a changed policy would have decided on the newest runs, against what the policy in force says to them.

Both policies judge the same things: the stored, redacted plan (the parameters, where a run was never planned), the
stored estimate, and the facts of the organisation as they are known now, since those of the day are not kept. So what
differs is the policy's doing alone. Orders that were refused before they became runs are not kept either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db.models import QuerySet

from catalog import manifest as catalog_manifest
from provisioner import selectors
from provisioner.domain import judging
from provisioner.domain import plan as plans
from provisioner.domain.approval import StepSpec
from provisioner.domain.cost import Estimate, Unpriced
from provisioner.domain.errors import Refusal
from provisioner.domain.finding import Finding
from provisioner.domain.judging import Judgement
from provisioner.domain.plan import PlanFormatError
from provisioner.domain.policy.document import Policy
from provisioner.domain.run import RunKind
from provisioner.models import Run
from provisioner.services import judge, lifecycle, policies

log = structlog.get_logger(__name__)

LAST = 200
LAST_MAX = 2000
WAIT_S = 20.0  # for a page and a call of the API
_CHUNK = 25


class SeesTooLittle(Refusal):
    """The person sees the runs of few teams, and may not have the portal judge everybody's."""

    code = "approvers_only"
    status = 403
    title = "Only platform, finops and sre try out policies"


@dataclass(frozen=True)
class LevelChange:
    """A finding that stays, at another level."""

    rule: str
    where: str
    before: str
    after: str


@dataclass(frozen=True)
class Effect:
    """One run under both policies. `planned` False: it was judged by its parameters alone."""

    run: Run
    planned: bool
    before: Judgement
    after: Judgement

    @property
    def newly_refused(self) -> bool:
        """Whether only the changed policy refuses it."""
        return self.after.refused and not self.before.refused

    @property
    def newly_allowed(self) -> bool:
        """Whether only the policy in force refuses it."""
        return self.before.refused and not self.after.refused

    @property
    def newly_asked(self) -> tuple[StepSpec, ...]:
        """The steps of groups that only the changed policy asks, or asks for another verdict."""
        return _more(_asked(self.before), _asked(self.after))

    @property
    def no_longer_asked(self) -> tuple[StepSpec, ...]:
        """The steps of groups that only the policy in force asks, or asks for another verdict."""
        return _more(_asked(self.after), _asked(self.before))

    @property
    def new_findings(self) -> tuple[Finding, ...]:
        """The findings that only the changed policy has."""
        have = _by_place(self.before.findings)
        return tuple(found for place, found in _by_place(self.after.findings).items() if place not in have)

    @property
    def gone_findings(self) -> tuple[Finding, ...]:
        """The findings that only the policy in force has."""
        have = _by_place(self.after.findings)
        return tuple(found for place, found in _by_place(self.before.findings).items() if place not in have)

    @property
    def levels(self) -> tuple[LevelChange, ...]:
        """The findings of both whose level differs."""
        before = _by_place(self.before.findings)
        return tuple(
            LevelChange(found.rule, found.where, before[place].level.value, found.level.value)
            for place, found in _by_place(self.after.findings).items()
            if place in before and before[place].level != found.level
        )

    @property
    def differs(self) -> bool:
        """Whether the two policies decide otherwise on it."""
        return bool(
            self.newly_refused
            or self.newly_allowed
            or self.newly_asked
            or self.no_longer_asked
            or self.new_findings
            or self.gone_findings
            or self.levels
        )


@dataclass
class DryRun:
    """The effects so far, with their counts; `stopped` says why it ended before all were looked at."""

    looked_at: int = 0
    newly_refused: int = 0
    newly_allowed: int = 0
    newly_asked: dict[str, int] = field(default_factory=dict)  # by group
    no_longer_asked: dict[str, int] = field(default_factory=dict)
    levels_changed: int = 0
    differing: list[Effect] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # ids of runs, with the reason
    stopped: str = ""

    def add(self, effect: Effect) -> None:
        """Count one run in."""
        self.looked_at += 1
        if not effect.differs:
            return
        self.newly_refused += effect.newly_refused
        self.newly_allowed += effect.newly_allowed
        self.levels_changed += bool(effect.levels)
        for step in effect.newly_asked:
            self.newly_asked[step.group] = self.newly_asked.get(step.group, 0) + 1
        for step in effect.no_longer_asked:
            self.no_longer_asked[step.group] = self.no_longer_asked.get(step.group, 0) + 1
        self.differing.append(effect)


def dry_run(
    candidate: Policy,
    in_force: Policy,
    *,
    runs: QuerySet[Run],
    last: int = LAST,
    now: datetime,
    clock: Callable[[], float],
    budget_s: float,
    on_effect: Callable[[Effect], None] | None = None,
) -> DryRun:
    """Judge the newest `last` of `runs` by both policies, one after the other, for at most `budget_s`.

    `clock` is monotonic, in seconds. `on_effect` is told of each run as soon as it is judged.
    """
    result = DryRun()
    end = clock() + budget_s
    newest = selectors.without_checks(runs)[: min(last, LAST_MAX)]
    for run in newest.iterator(chunk_size=_CHUNK):
        if clock() > end:
            result.stopped = (
                f"It was stopped after {budget_s:g} s; the newest {result.looked_at} runs were judged."
            )
            break
        try:
            effect = _effect(run, candidate, in_force, now)
        except Exception as error:  # one old run must not hide what becomes of the others
            log.warning("policy.dry_run_skipped", run_id=str(run.pk), error=repr(error))
            result.unreadable.append(f"{run.pk}: {_said(error)}")
            continue
        result.add(effect)
        if on_effect is not None:
            on_effect(effect)
    return result


def for_person(
    text: str, *, person: User, last: int = LAST, now: datetime, clock: Callable[[], float]
) -> DryRun:
    """Dry-run a text against the policy in force, as long as somebody waits for the answer.

    Raises SeesTooLittle and InvalidPolicy.
    """
    if not selectors.groups_of(person) & selectors.SEES_ALL:
        raise SeesTooLittle(
            "A dry run judges the runs of every team, so it is for those who decide about them. Ask one of platform, "
            "finops or sre for it; /policy/ says what holds now."
        )
    candidate = policies.refuse_bad(text)
    _, in_force = policies.in_force()
    return dry_run(
        candidate.policy,
        in_force.policy,
        runs=selectors.runs_visible_to(person),
        last=last,
        now=now,
        clock=clock,
        budget_s=WAIT_S,
    )


@dataclass(frozen=True)
class Stored:
    """A run as it can be judged again by any policy: its plan where it has one, else its parameters."""

    planned: bool
    judged_by: Callable[[Policy], Judgement]


def stored(run: Run, *, now: datetime) -> Stored:
    """Read what is kept of a run, once for all policies. Raises PlanFormatError and what a sealed plan raises."""
    manifest = catalog_manifest.from_json(run.item_version.manifest)
    workspace = run.workspace
    context = judge.context_of(
        RunKind(run.kind),
        item=workspace.item,
        version=run.item_version,
        service=workspace.service,
        environment=workspace.environment,
        region=manifest.region,
        requester=run.requester,
        workspace=workspace,
        ttl_days=run.request.ttl_days,
        now=now,
    )
    kept = getattr(run, "estimate", None)
    said_before = tuple(found for found in selectors.findings_of(run) if found.rule == lifecycle.RULE)
    tools = judge.tools_for(manifest, run_id=str(run.pk))
    document = selectors.plan_document(run)
    plan = None if document is None else plans.parse_plan(document)
    promised, sources = judge.skeleton(manifest, run.variables), judge.sources(manifest, run.variables)

    def by_parameters(policy: Policy) -> Judgement:
        return judging.judge_parameters(
            run.variables,
            promised,
            context=context,
            policy=policy,
            rules=judge.parameter_rules(manifest),
            said_before=said_before,
            sources=sources,
            tools=tools,
        )

    def by_plan(policy: Policy) -> Judgement:
        assert plan is not None
        return judging.judge_plan(
            plan,
            parameters=run.variables,
            context=context,
            policy=policy,
            rules=judge.parameter_rules(manifest),
            expected_tags=run.tags,
            said_before=said_before,
            before_usd_month=Decimal(0) if kept is None else kept.usd_month - kept.delta_usd_month,
            resources=promised,
            sources=sources,
            document=document,
            tools=tools,
            estimated=None if kept is None else _estimate(kept.usd_month, kept.unpriced),
        )

    return Stored(plan is not None, by_parameters if plan is None else by_plan)


def _effect(run: Run, candidate: Policy, in_force: Policy, now: datetime) -> Effect:
    found = stored(run, now=now)
    return Effect(run, found.planned, found.judged_by(in_force), found.judged_by(candidate))


def _estimate(usd_month: Decimal, unpriced: list[Mapping[str, Any]]) -> Estimate:
    """Return the stored estimate as far as rules look at it: its sum and what is unpriced."""
    names = {one.name for one in fields(Unpriced)}
    return Estimate(
        line_items=(),
        unpriced=tuple(
            Unpriced(**{key: value for key, value in row.items() if key in names}) for row in unpriced
        ),
        usd_month=usd_month,
    )


def _by_place(findings: Iterable[Finding]) -> dict[tuple[str, str, int], Finding]:
    """Name each finding by its rule, its place, and how many of that rule stand there before it."""
    found: dict[tuple[str, str, int], Finding] = {}
    seen: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        place = (finding.rule, finding.where)
        found[(*place, seen[place])] = finding
        seen[place] += 1
    return found


def _asked(said: Judgement) -> tuple[StepSpec, ...]:
    """Return who would be asked: nobody about what is refused."""
    return () if said.refused else said.steps


def _more(some: tuple[StepSpec, ...], others: tuple[StepSpec, ...]) -> tuple[StepSpec, ...]:
    have = {(step.group, step.verdict_needed) for step in some}
    return tuple(step for step in others if (step.group, step.verdict_needed) not in have)


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, PlanFormatError) else f"{type(error).__name__}: {error}"[:200]


def documents(result: DryRun) -> dict[str, Any]:
    """Return a dry run as JSON values."""
    return {
        "looked_at": result.looked_at,
        "differing": len(result.differing),
        "newly_refused": result.newly_refused,
        "newly_allowed": result.newly_allowed,
        "newly_asked": result.newly_asked,
        "no_longer_asked": result.no_longer_asked,
        "levels_changed": result.levels_changed,
        "unreadable": result.unreadable,
        "stopped": result.stopped,
        "facts": "as known now",
        "runs": [document(effect) for effect in result.differing],
    }


def document(effect: Effect) -> dict[str, Any]:
    """Return one run's effect as JSON values."""
    run = effect.run
    return {
        "run_id": str(run.pk),
        "name": run.workspace.name,
        "kind": run.kind,
        "item": run.workspace.item.slug,
        "environment": run.workspace.environment.slug,
        "service": run.workspace.service.slug,
        "created_at": run.created_at,
        "judged": "plan" if effect.planned else "parameters",
        "judged_then_by": run.policy_digest,
        "newly_refused": effect.newly_refused,
        "newly_allowed": effect.newly_allowed,
        "newly_asked": [_step(step) for step in effect.newly_asked],
        "no_longer_asked": [_step(step) for step in effect.no_longer_asked],
        "new_findings": [_finding(finding) for finding in effect.new_findings],
        "gone_findings": [_finding(finding) for finding in effect.gone_findings],
        "levels": [
            {"rule": one.rule, "where": one.where, "before": one.before, "after": one.after}
            for one in effect.levels
        ],
    }


def _step(step: StepSpec) -> dict[str, str]:
    return {
        "group": step.group,
        "rule": step.rule,
        "reason": step.reason,
        "verdict_needed": step.verdict_needed,
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "rule": finding.rule,
        "level": finding.level.value,
        "where": finding.where,
        "what": finding.what,
        "fix": finding.fix,
    }
