"""Decide on an approval step; every decision binds to the digest of the plan that the approver saw."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from provisioner import deciding, notify, selectors
from provisioner.domain.approval import APPROVE, OVERRIDE
from provisioner.domain.errors import FieldError, Refusal
from provisioner.domain.run import RunStatus
from provisioner.domain.separation import Bar, Power
from provisioner.models import ApprovalDecision, ApprovalStep, Run, RunPlan
from provisioner.models.review import DECIDED
from provisioner.services import audit, confirm, overrides, record

REJECT, REQUEST_CHANGES = "reject", "request_changes"
VERDICTS = (APPROVE, OVERRIDE, REJECT, REQUEST_CHANGES)
IN_FAVOUR = (APPROVE, OVERRIDE)
COMMENT_MAX = 4000

_ENDS: Mapping[str, str] = {REJECT: "Rejected", REQUEST_CHANGES: "Changes requested"}


class SelfApproval(Refusal):
    """The person ordered the run, or could only stand in for who did."""

    code = "self_approval"
    status = 403
    title = "You cannot decide on your own order"


class NotAnApprover(Refusal):
    """The person is not in the step's group."""

    code = "not_an_approver"
    status = 403
    title = "You are not an approver of this step"


class SecondStep(Refusal):
    """The person decided another step of the same plan."""

    code = "second_step_same_person"
    status = 403
    title = "Two steps need two people"


class NotWaiting(Refusal):
    """The run does not wait for approval."""

    code = "not_waiting"
    status = 409
    title = "The run does not wait for approval"


class PlanChanged(Refusal):
    """The plan is not the one that the approver saw."""

    code = "plan_changed"
    status = 409
    title = "The plan has changed"


class AlreadyDecided(Refusal):
    """Somebody decided first."""

    code = "already_decided"
    status = 409
    title = "Already decided"


class UnknownStep(Refusal):
    """The run has no such step."""

    code = "unknown_step"
    status = 404
    title = "There is no such step"


class InvalidDecision(Refusal):
    """The decision is incomplete or not what the step needs."""

    code = "invalid_input"
    status = 400
    title = "The decision cannot be taken as it is"


@dataclass(frozen=True)
class Wanted:
    """A decision as it was given. `keep_days`: how long the override stays in force on the workspace, None: once."""

    verdict: str
    comment: str
    plan_digest: str
    keep_days: int | None = None


def decide(
    run_id: uuid.UUID | str,
    *,
    step_id: int,
    verdict: str,
    comment: str,
    plan_digest: str,
    approver: User,
    now: datetime,
    keep_days: int | None = None,
) -> ApprovalDecision:
    """Take one decision; queue the apply when it was the last one in favour, end the run when it is against.

    A person who is in none of the step's groups decides for somebody who delegated to them. Raises the refusals of this
    module and NotVisible. A refused decision is audited too.
    """
    wanted = Wanted(verdict, comment, plan_digest, keep_days)
    try:
        return _decide(run_id, step_id, wanted, approver, now)
    except (SelfApproval, NotAnApprover, SecondStep) as refusal:
        audit.record(
            "approval.refused",
            object_type="run",
            object_id=run_id,
            actor=approver,
            now=now,
            detail={"step": step_id, "verdict": verdict, "code": refusal.code},
        )
        raise


def _decide(
    run_id: uuid.UUID | str, step_id: int, wanted: Wanted, approver: User, now: datetime
) -> ApprovalDecision:
    run = selectors.run_visible(approver, run_id)
    step = ApprovalStep.objects.filter(run=run, pk=step_id).first()
    if step is None:
        raise UnknownStep(f"Run {run.pk} has no approval step {step_id}. Read its steps again.")
    desk = deciding.Desk(approver, now)
    # Who may not decide at all learns that first, whatever else is wrong.
    power = desk.power(step, run, ())
    if isinstance(power, Bar):
        raise barred(power, step)
    _check_words(step, wanted, desk)
    with transaction.atomic():
        locked = Run.objects.select_for_update().get(pk=run.pk)
        step = ApprovalStep.objects.get(pk=step.pk)
        current = RunPlan.objects.filter(run=run).values_list("digest", flat=True).first()
        given = list(
            ApprovalDecision.objects.filter(run=run, plan_digest=step.plan_digest).select_related(
                "step", "approver"
            )
        )
        if step.settled_at is not None:
            raise AlreadyDecided(_who_decided(step, given))
        if wanted.plan_digest != current or step.plan_digest != current:
            raise PlanChanged(
                "The plan was made again since you looked at it, so your decision would bind to another plan. "
                "Look at the new plan and decide on that."
            )
        if locked.status != RunStatus.NEEDS_APPROVAL.value:
            raise NotWaiting(
                f"The run is {locked.status.replace('_', ' ')}. Only a run that waits for approval takes decisions."
            )
        power = desk.power(step, run, given)
        if isinstance(power, Bar):
            raise barred(power, step)
        decision = _store(run, step, wanted, approver, power, now)
        if wanted.verdict in _ENDS:
            _end(run, decision, now)
        else:
            _settle(run, step, given, now)
            confirm.confirm_when_settled(run, current, actor=approver, now=now)
            waits_for = [open_step.who for open_step in confirm.open_steps(run, current).order_by("position")]
            notify.approval_decided(decision, now=now, waits_for=waits_for)
    return decision


def barred(bar: Bar, step: ApprovalStep) -> Refusal:
    """Return the refusal of who may not decide a step."""
    who = step.who
    if bar is Bar.OWN_ORDER:
        return SelfApproval(
            "You ordered this run, so somebody else must decide on it. "
            f"Ask a member of {who}; the run waits in their queue."
        )
    if bar is Bar.DELEGATOR_ORDERED:
        return SelfApproval(
            "You could decide only for somebody who ordered this run themselves, and nobody decides on their own "
            f"order, nor has it decided for them. Ask another member of {who}."
        )
    if bar is Bar.DECIDED_THIS:
        return AlreadyDecided(
            "You, or whom you stand in for, decided this step already. It waits for somebody else of "
            f"{who}; nothing is left to do for you."
        )
    if bar is Bar.DECIDED_OTHER:
        return SecondStep(
            "You, or whom you stand in for, decided another step of this plan. Two steps are asked for so that two "
            f"people look; another member of {who} must decide this one."
        )
    return NotAnApprover(
        f"This step needs a member of {who}, and you are not one; nor has one delegated to you. The run waits in their "
        "queue."
    )


def _who_decided(step: ApprovalStep, given: list[ApprovalDecision]) -> str:
    on_it = [one for one in given if one.step_id == step.pk]
    if not on_it:
        return f"This step needs no decision any more ({step.settled_how.replace('_', ' ')}). Look at the run again."
    names = " and ".join(one.approver.get_username() for one in on_it)
    return f"{names} decided this step already ({on_it[-1].verdict}). Nothing is left to do."


def _store(
    run: Run, step: ApprovalStep, wanted: Wanted, approver: User, power: Power, now: datetime
) -> ApprovalDecision:
    try:
        with transaction.atomic():
            decision = ApprovalDecision.objects.create(
                step=step,
                run=run,
                approver=approver,
                on_behalf_of_id=power.on_behalf_of,
                verdict=wanted.verdict,
                comment=wanted.comment,
                keep_days=wanted.keep_days,
                plan_digest=wanted.plan_digest,
                decided_at=now,
            )
    except IntegrityError as error:
        raise AlreadyDecided("Somebody decided this step a moment ago. Look at the run again.") from error
    audit.record(
        f"approval.{wanted.verdict}",
        object_type="run",
        object_id=run.pk,
        actor=approver,
        now=now,
        detail={
            "step": step.pk,
            "group": power.group,
            "on_behalf_of": None if decision.on_behalf_of is None else decision.on_behalf_of.get_username(),
            "rule": step.rule,
            "plan_digest": wanted.plan_digest,
            "keep_days": wanted.keep_days,
        },
    )
    return decision


def _settle(run: Run, step: ApprovalStep, given: list[ApprovalDecision], now: datetime) -> None:
    """Settle the step when this decision completes its quorum. The caller holds the run's row."""
    so_far = sum(one.step_id == step.pk and one.verdict in IN_FAVOUR for one in given)
    if so_far + 1 >= step.quorum:
        step.settled_at, step.settled_how = now, DECIDED
        step.save(update_fields=["settled_at", "settled_how"])


def _end(run: Run, decision: ApprovalDecision, now: datetime) -> None:
    """End the run: what is rejected, and what is to be changed, is ordered anew."""
    step, said = decision.step, _ENDS[decision.verdict]
    record.finish(
        run,
        RunStatus.NEEDS_APPROVAL,
        RunStatus.REJECTED,
        now=now,
        actor=decision.approver,
        reason=f"{said.lower()} by {step.who}: {decision.comment}",
        fields={"error_summary": f"{said} by {step.who}"[:500], "error_detail": decision.comment},
        keep_open=run.interrupted_at is not None,
    )
    if decision.verdict == REQUEST_CHANGES:
        notify.changes_requested(decision, now=now)
    else:
        notify.approval_decided(decision, now=now)


def _check_words(step: ApprovalStep, wanted: Wanted, desk: deciding.Desk) -> None:
    errors = []
    verdict, comment = wanted.verdict, wanted.comment
    if verdict not in VERDICTS:
        errors.append(FieldError("verdict", "not_allowed", f"The verdict is one of {', '.join(VERDICTS)}."))
    elif verdict == APPROVE and step.verdict_needed == OVERRIDE:
        errors.append(
            FieldError(
                "verdict",
                "override_needed",
                "A guardrail stands in the way of this plan, so it takes an override with a comment, not an approval.",
            )
        )
    elif verdict == OVERRIDE and step.verdict_needed == APPROVE:
        errors.append(
            FieldError(
                "verdict", "nothing_to_override", "No guardrail stands in the way: approve it instead."
            )
        )
    if verdict in (REJECT, OVERRIDE, REQUEST_CHANGES) and not comment.strip():
        wish = "request changes to" if verdict == REQUEST_CHANGES else verdict
        errors.append(
            FieldError("comment", "comment_needed", f"Say why: a comment is needed to {wish} a plan.")
        )
    errors += comment_errors("comment", comment)
    errors += overrides.keep_errors(step, verdict, wanted.keep_days, desk.rules.overrides)
    if errors:
        raise InvalidDecision(" ".join(error.message for error in errors), errors=tuple(errors))


def comment_errors(field: str, comment: str) -> list[FieldError]:
    """Say what keeps a text from being stored."""
    errors = []
    if len(comment) > COMMENT_MAX:
        errors.append(FieldError(field, "too_long", f"The text is longer than {COMMENT_MAX:,} characters."))
    if "\0" in comment:
        errors.append(FieldError(field, "control_characters", "The text holds a NUL. Remove it."))
    return errors
