"""Everything the run page shows, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from provisioner import deciding, price_books, selectors
from provisioner.domain.approval import OVERRIDE
from provisioner.domain.cost_change import CostStatus
from provisioner.domain.errors import Refusal
from provisioner.domain.log import LogEntry
from provisioner.domain.plan import AttributeDiff, ResourceChange, attribute_diff
from provisioner.domain.run import CANCELABLE, DISCARDABLE, RETRYABLE, TERMINAL, RunKind, RunStatus
from provisioner.domain.separation import Bar, Power
from provisioner.models import ApprovalDecision, ApprovalStep, Run, RunTransition
from provisioner.services.approve import IN_FAVOUR, REQUEST_CHANGES
from provisioner.web import queue, timeline
from provisioner.web.recovery_words import recovery_words

LOG_PAGE_LINES = 500
_LOUD_FIRST = {"delete": 0, "replace": 1, "forget": 2, "update": 3, "create": 4}


@dataclass(frozen=True)
class ChangeRow:
    """A resource that the plan changes, with its attributes."""

    change: ResourceChange
    attributes: tuple[AttributeDiff, ...]

    @property
    def drastic(self) -> bool:
        """Whether something that exists is destroyed."""
        return self.change.verb in ("delete", "replace")


@dataclass
class StepRow:
    """An approval step with everything that belongs in front of whoever decides, and whether the reader may."""

    step: ApprovalStep
    given: tuple[ApprovalDecision, ...] = ()
    others: tuple[ApprovalStep, ...] = ()  # further open steps of the same plan
    power: Power | Bar = Bar.NOT_A_MEMBER
    on_behalf_of: User | None = None
    expires_at: datetime | None = None
    waits: bool = True
    keep_days_max: int = 0  # 0: an override of it holds for one run
    # What the reader typed and why it was refused, when their decision did not go through.
    comment: str = ""
    keep_days: str = ""
    refusals: list[str] = field(default_factory=list)

    @property
    def decidable(self) -> bool:
        """Whether the reader may decide it now."""
        return self.waits and isinstance(self.power, Power)

    @property
    def in_favour(self) -> int:
        """How many decided in favour so far."""
        return sum(decision.verdict in IN_FAVOUR for decision in self.given)

    @property
    def why_not(self) -> str:
        """Why the reader may not decide; empty when nothing but their group bars them."""
        return "" if isinstance(self.power, Power) else WHY_NOT.get(self.power, "")


WHY_NOT: Mapping[Bar, str] = {
    Bar.OWN_ORDER: "You ordered this, so somebody else decides.",
    Bar.DELEGATOR_ORDERED: "Who delegated to you ordered this, so somebody else decides.",
    Bar.DECIDED_THIS: "You, or whom you stand in for, decided already; it takes somebody else too.",
    Bar.DECIDED_OTHER: "You, or whom you stand in for, decided another step of this plan, so somebody else decides.",
}


def queue_rows(steps: Sequence[ApprovalStep], desk: deciding.Desk) -> list[StepRow]:
    """Return rows for steps that wait."""
    return [
        StepRow(
            step=one.step,
            given=one.given,
            others=one.others,
            power=one.power,
            on_behalf_of=one.on_behalf_of,
            expires_at=one.expires_at,
            keep_days_max=keep_days_max(one.step, desk),
        )
        for one in deciding.waiting(steps, desk)
    ]


def keep_days_max(step: ApprovalStep, desk: deciding.Desk) -> int:
    """Return for how many days an override of the step may stay in force; 0: for its run alone."""
    rules = desk.rules.overrides
    once = step.verdict_needed != OVERRIDE or rules.once_only.issuperset(step.rule.split(", "))
    return 0 if once else rules.max_days


def run_context(run: Run, user: User) -> dict[str, Any]:
    """Return the context of runs/run.html and of the partials in it that change while the run moves."""
    transitions = list(RunTransition.objects.filter(run=run).select_related("actor").order_by("sequence"))
    status = RunStatus(run.status)
    steps = step_rows(run, user)
    stored = selectors.plan_of(run)
    plan = selectors.plan_view(run)
    said = said_context(run, user, steps, "" if stored is None else stored.digest)
    progress = selectors.progress_of(run, stored) if status is RunStatus.APPLYING else None
    owner = selectors.owns(user, run.workspace.service)
    queued = queue.run_context(run)
    estimate = getattr(run, "estimate", None)
    return {
        **queued,
        **said,
        "run": run,
        "workspace": run.workspace,
        "terminal": status in TERMINAL,
        "stages": timeline.stages(status, transitions),
        "history": timeline.entries(transitions),
        "steps": steps,
        "plan": plan,
        "counts": None if plan is None else plan.counts(),
        "changes": [] if plan is None else change_rows(plan.changes),
        "findings": selectors.findings_of(run),
        "estimate": estimate,
        "price_book": None if estimate is None else price_books.of_digest(estimate.price_book_digest),
        "compared": compares(run),
        "can_cancel": owner and status in CANCELABLE and status not in DISCARDABLE,
        "can_discard": owner and status in DISCARDABLE,
        "can_retry": owner and status in RETRYABLE,
        "stopping": run.stop_requested_at is not None and status not in TERMINAL,
        "progress": progress,
        "recovery": recovery_words(run),
        "seen": seen(run, len(transitions), steps, progress, len(said["comments"]) + len(said["glass_parts"]))
        + queue.seen(queued["standing"]),
    }


def compares(run: Run) -> bool:
    """Tell whether the run's estimate has something that was there before, so that statuses say something."""
    estimate = getattr(run, "estimate", None)
    return estimate is not None and any(row["status"] != CostStatus.ADDED for row in estimate.changes)


def seen(
    run: Run,
    transitions: int,
    steps: list[StepRow],
    progress: selectors.Progress | None,
    said: int,
) -> str:
    """Name what the page shows, so that a poll that would change nothing is answered with nothing."""
    decided = sum(len(row.given) for row in steps)
    escalated = "e" if any(row.step.escalated_to for row in steps) else ""
    stopping = "s" if run.stop_requested_at is not None else ""
    done = "" if progress is None else f".{progress.done}"
    taken = "t" if "ended" in run.recovery else ""
    return f"{transitions}.{len(steps)}.{decided}.{said}{escalated}{stopping}{taken}{done}"


def step_rows(run: Run, user: User) -> list[StepRow]:
    """Return the steps of the run's current plan."""
    steps = selectors.steps_of(run)
    for step in steps:
        step.run = run
    if run.status != RunStatus.NEEDS_APPROVAL:
        return [StepRow(step, tuple(step.decisions.all()), waits=False) for step in steps]
    desk = deciding.Desk(user, timezone.now())
    rows = {row.step.pk: row for row in queue_rows(steps, desk)}
    for step in steps:
        rows[step.pk].waits = step.settled_at is None
    return list(rows.values())


def said_context(run: Run, user: User, steps: list[StepRow], digest: str) -> dict[str, Any]:
    """Return what was said and done around the decisions: comments, break-glass, overrides that the plan relies on."""
    parts = list(run.glass_breaks.filter(plan_digest=digest).select_related("person")) if steps else []
    desk = deciding.Desk(user, timezone.now())
    glass = desk.rules.break_glass
    waiting = run.status == RunStatus.NEEDS_APPROVAL
    asked_to_change = [
        decision for row in steps for decision in row.given if decision.verdict == REQUEST_CHANGES
    ]
    return {
        "comments": list(run.comments.select_related("author")),
        "plan_digest": digest,
        "glass": glass,
        "glass_parts": parts,
        "can_break_glass": waiting
        and desk.may_break(run)
        and user.pk not in {part.person_id for part in parts},
        "override_uses": list(deciding.uses_in(run, digest)) if digest else [],
        "change_request": asked_to_change[0] if asked_to_change else None,
        "reorder_url": reorder_url(run)
        if asked_to_change and selectors.owns(user, run.workspace.service)
        else "",
    }


def reorder_url(run: Run) -> str:
    """Return where the run can be ordered again with other parameters; empty for what has none."""
    if run.kind == RunKind.PROVISION:
        place = reverse("order", args=[run.workspace.item.slug])
    elif run.kind == RunKind.UPDATE:
        place = reverse("workspace-update", args=[run.workspace_id])
    elif run.kind == RunKind.UPGRADE:
        return reverse("workspace-upgrade", args=[run.workspace_id])
    else:
        return ""
    return f"{place}?from={run.pk}"


def change_rows(changes: tuple[ResourceChange, ...]) -> list[ChangeRow]:
    """Return the resources that change, what destroys first."""
    changing = [change for change in changes if change.changes_something]
    changing.sort(key=lambda change: (_LOUD_FIRST.get(change.verb, 9), change.address))
    return [ChangeRow(change, attribute_diff(change)) for change in changing]


def log_context(run: Run, after: int) -> dict[str, Any]:
    """Return the context of runs/_log.html: the lines after a sequence and where the next ones begin.

    An archived log that cannot be read is told in its place: the rest of the page does not depend on it.
    """
    lines: list[LogEntry] = []
    refusal = None
    try:
        lines = selectors.log_lines(run, after=after, limit=LOG_PAGE_LINES)
    except Refusal as unreadable:
        refusal = unreadable
    log_after = lines[-1].sequence if lines else after
    return {
        "run": run,
        "lines": lines,
        "log_after": log_after,
        "log_full": refusal is None and log_after < run.log_last_sequence,
        "log_first": after == 0,
        "log_refusal": refusal,
        "terminal": RunStatus(run.status) in TERMINAL,
    }
