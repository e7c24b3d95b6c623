"""How runs end, or do not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from provisioner.domain.notification import Fact, Message
from provisioner.domain.run import RunKind
from provisioner.models import Run
from provisioner.notify.outbox import Recipients, tell
from provisioner.notify.words import (
    about_run,
    kind_of,
    link,
    named,
    owners,
    plan_digest,
    run_changes,
    run_cost,
    run_facts,
    run_findings,
    where,
)


def run_applied(run: Run, *, now: datetime) -> None:
    """Say that a run is in place."""
    workspace = run.workspace
    tell(
        owners(workspace.service, run.requester),
        Message(
            event="run.applied",
            subject=f"The {kind_of(run)} of {workspace.name} is applied",
            about=about_run(run),
            link=link("The run", "run", run.pk),
            paragraphs=(f"The {kind_of(run)} of {named(workspace)} is in place.",),
            facts=run_facts(run),
            cost=run_cost(run),
            changes=run_changes(run),
            more_links=(link("The workspace", "workspace", workspace.pk),),
        ),
        now=now,
    )


def run_errored(run: Run, *, summary: str, detail: str = "", refused: bool = False, now: datetime) -> None:
    """Say that a run failed, or that a guardrail refused its plan. Drift checks are left to their page."""
    if run.kind == RunKind.DRIFT_CHECK.value:
        return
    workspace = run.workspace
    how = "was refused by the policy" if refused else "failed"
    tell(
        owners(workspace.service, run.requester),
        Message(
            event="run.errored",
            subject=f"The {kind_of(run)} of {workspace.name} {how}",
            about=about_run(run),
            link=link("The run", "run", run.pk),
            paragraphs=tuple(text for text in (summary, detail[:1500] if refused else "") if text),
            facts=run_facts(run),
            cost=run_cost(run) if refused else None,
            findings=run_findings(run) if refused else (),
        ),
        now=now,
    )


def plan_expired(run: Run, *, days: int, now: datetime) -> None:
    """Say that nobody decided on a plan in time."""
    workspace = run.workspace
    tell(
        owners(workspace.service, run.requester),
        Message(
            event="run.expired",
            subject=f"The plan for {workspace.name} has expired",
            about=about_run(run),
            link=link("Retry it", "run", run.pk),
            paragraphs=(
                f"The {kind_of(run)} of {named(workspace)} waited {days} days for its approval, and nobody decided. "
                "Nothing was changed.",
                "Retry it to have it planned and asked for anew.",
            ),
            facts=where(workspace)[1:],
            cost=run_cost(run),
            changes=run_changes(run),
        ),
        now=now,
    )


def apply_interrupted(run: Run, *, group: str, reasons: Iterable[str], now: datetime) -> None:
    """Say that an apply was cut short and that somebody must decide how it goes on."""
    workspace = run.workspace
    tell(
        Recipients(
            people=(run.requester,),
            teams=(workspace.service.owner_team,),
            groups=(group,),
            members_of=(group,),
        ),
        Message(
            event="run.interrupted",
            subject=f"The {kind_of(run)} of {workspace.name} was interrupted",
            about=about_run(run),
            link=link("What is left, and what may be left behind", "run", run.pk),
            paragraphs=(
                f"The {kind_of(run)} of {named(workspace)} did not finish.",
                f"A member of {group} decides how it goes on.",
            ),
            facts=(*where(workspace)[1:], Fact("Decided by", group)),
            reasons=tuple(reasons),
            changes=run_changes(run),
            occasion=plan_digest(run),
            urgent=True,
        ),
        now=now,
    )
