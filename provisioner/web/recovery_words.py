"""An interrupted apply, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from provisioner.domain.run import RunStatus
from provisioner.models import Run
from provisioner.services.recover import Ended, Verdict

_TERRAFORM: Mapping[Ended, str] = {
    Ended.NEVER_BEGAN: "Terraform had not begun, and cannot begin any more: nothing was made.",
    Ended.BY_ITSELF: "Terraform ended by itself and saved its state, which knows all that was made.",
    Ended.UNKNOWN: "Terraform did not end by itself: what it was making at that moment may be in no state.",
}
_NEXT: Mapping[Verdict, str] = {
    Verdict.CONTINUES: "What is left is a part of what was agreed to, at no higher cost, so it goes on by itself.",
    Verdict.FINISHED: "Nothing was left to do.",
    Verdict.ASKS: "A person decides: the plan below is what is left. Rejecting or discarding it keeps what was made.",
    Verdict.GAVE_UP: "It is not tried again by itself.",
}


@dataclass(frozen=True)
class RecoveryWords:
    """What the run page says about the interruption."""

    what: str
    terraform: str
    next: str
    reasons: tuple[str, ...]
    suspects: tuple[Mapping[str, Any], ...]
    command: str


def recovery_words(run: Run) -> RecoveryWords | None:
    """Return the words, or None when nothing was cut short."""
    if run.interrupted_at is None and not run.recovery:
        return None
    known = run.recovery
    made = known.get("made")
    if earlier := known.get("inherited_from"):
        return RecoveryWords(
            what=f"Run {earlier} of this workspace did not finish its apply.",
            terraform="What it made may be in no state: look before anything is made a second time.",
            next=_NEXT[Verdict.ASKS] if run.status == RunStatus.NEEDS_APPROVAL else "",
            reasons=(),
            suspects=tuple(known["suspects"]),
            command=_command(run),
        )
    what = f"Worker {run.recovery.get('worker') or run.worker} did not finish the apply."
    if made is not None:
        what += f" {made} resource{'' if made == 1 else 's'} of the workspace {'is' if made == 1 else 'are'} recorded."
    if "ended" in known:
        terraform = _TERRAFORM[Ended(known["ended"])]
    else:
        terraform = "Its Terraform has time to save its state; then what is left is planned."
    verdict = known.get("verdict")
    following = _NEXT[Verdict(verdict)] if verdict else ""
    if verdict == Verdict.ASKS and run.status != RunStatus.NEEDS_APPROVAL:
        following = ""
    return RecoveryWords(
        what=what,
        terraform=terraform,
        next=following,
        reasons=tuple(known.get("reasons", ())),
        suspects=tuple(known.get("suspects", ())),
        command=_command(run),
    )


def _command(run: Run) -> str:
    if settings.DRAWBRIDGE_TARGET == "sandbox":
        return f"python manage.py sandbox list --workspace {run.workspace_id}"
    return (
        "aws resourcegroupstaggingapi get-resources "
        f"--tag-filters Key=drawbridge-workspace,Values={run.workspace_id}"
    )
