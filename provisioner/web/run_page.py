"""Everything the run page shows, read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User

from provisioner import price_books, selectors
from provisioner.domain.cost_change import CostStatus
from provisioner.domain.errors import Refusal
from provisioner.domain.log import LogEntry
from provisioner.domain.plan import AttributeDiff, ResourceChange, attribute_diff
from provisioner.domain.run import CANCELABLE, DISCARDABLE, RETRYABLE, TERMINAL, RunStatus
from provisioner.models import ApprovalDecision, ApprovalStep, Run, RunTransition
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
    """An approval step, its decision, and whether the reader may decide it now."""

    step: ApprovalStep
    decision: ApprovalDecision | None
    decidable: bool
    # What the reader typed and why it was refused, when their decision did not go through.
    comment: str = ""
    refusals: list[str] = field(default_factory=list)


def run_context(run: Run, user: User) -> dict[str, Any]:
    """Return the context of runs/run.html and of the partials in it that change while the run moves."""
    transitions = list(RunTransition.objects.filter(run=run).select_related("actor").order_by("sequence"))
    status = RunStatus(run.status)
    steps = step_rows(run, user)
    plan = selectors.plan_view(run)
    progress = selectors.progress_of(run, selectors.plan_of(run)) if status is RunStatus.APPLYING else None
    owner = selectors.owns(user, run.workspace.service)
    queued = queue.run_context(run)
    estimate = getattr(run, "estimate", None)
    return {
        **queued,
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
        "seen": seen(run, len(transitions), steps, progress) + queue.seen(queued["standing"]),
    }


def compares(run: Run) -> bool:
    """Tell whether the run's estimate has something that was there before, so that statuses say something."""
    estimate = getattr(run, "estimate", None)
    return estimate is not None and any(row["status"] != CostStatus.ADDED for row in estimate.changes)


def seen(run: Run, transitions: int, steps: list[StepRow], progress: selectors.Progress | None) -> str:
    """Name what the page shows, so that a poll that would change nothing is answered with nothing."""
    decided = sum(row.decision is not None for row in steps)
    stopping = "s" if run.stop_requested_at is not None else ""
    done = "" if progress is None else f".{progress.done}"
    taken = "t" if "ended" in run.recovery else ""
    return f"{transitions}.{len(steps)}.{decided}{stopping}{taken}{done}"


def step_rows(run: Run, user: User) -> list[StepRow]:
    """Return the steps of the run's current plan."""
    waiting = run.status == RunStatus.NEEDS_APPROVAL
    rows = []
    for step in selectors.steps_of(run):
        step.run = run
        decision = getattr(step, "decision", None)
        rows.append(
            StepRow(step, decision, waiting and decision is None and selectors.can_decide(user, step))
        )
    return rows


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
