"""Decide on an approval step; every decision binds to the digest of the plan that the approver saw."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from provisioner import notify, queue, selectors
from provisioner.domain.approval import OVERRIDE
from provisioner.domain.errors import FieldError, Refusal
from provisioner.domain.run import RunStatus
from provisioner.models import ApprovalDecision, ApprovalStep, Run, RunPlan
from provisioner.services import audit, record, transition

APPROVE, REJECT = "approve", "reject"
VERDICTS = (APPROVE, REJECT, OVERRIDE)
COMMENT_MAX = 4000


class SelfApproval(Refusal):
    """The person ordered the run."""

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


def decide(
    run_id: uuid.UUID | str,
    *,
    step_id: int,
    verdict: str,
    comment: str,
    plan_digest: str,
    approver: User,
    now: datetime,
) -> ApprovalDecision:
    """Take one decision; queue the apply when it was the last one in favour, end the run when it is a rejection.

    Raises the refusals of this module and NotVisible. A refused decision is audited too.
    """
    try:
        return _decide(run_id, step_id, verdict, comment, plan_digest, approver, now)
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
    run_id: uuid.UUID | str,
    step_id: int,
    verdict: str,
    comment: str,
    plan_digest: str,
    approver: User,
    now: datetime,
) -> ApprovalDecision:
    run = selectors.run_visible(approver, run_id)
    step = ApprovalStep.objects.filter(run=run, pk=step_id).first()
    if step is None:
        raise UnknownStep(f"Run {run.pk} has no approval step {step_id}. Read its steps again.")
    _check_person(run, step, approver)
    _check_words(step, verdict, comment)
    with transaction.atomic():
        # The run's row is the lock: two approvers, a cancel and a replan take turns.
        locked = Run.objects.select_for_update(of=("self",)).get(pk=run.pk)
        current = RunPlan.objects.values_list("digest", flat=True).filter(run=run).first()
        earlier = ApprovalDecision.objects.select_related("approver").filter(step=step).first()
        if earlier is not None:
            raise AlreadyDecided(
                f"{earlier.approver.get_username()} decided this step already ({earlier.verdict}). "
                "Nothing is left to do."
            )
        if plan_digest != current or step.plan_digest != current:
            raise PlanChanged(
                "The plan was made again since you looked at it, so your decision would bind to another plan. "
                "Look at the new plan and decide on that."
            )
        if locked.status != RunStatus.NEEDS_APPROVAL.value:
            raise NotWaiting(
                f"The run is {locked.status.replace('_', ' ')}. Only a run that waits for approval takes decisions."
            )
        if ApprovalDecision.objects.filter(run=run, plan_digest=current, approver=approver).exists():
            raise SecondStep(
                "You decided another step of this plan. Two steps are asked for so that two people look; "
                f"another member of {step.group} must decide this one."
            )
        try:
            with transaction.atomic():
                decision = ApprovalDecision.objects.create(
                    step=step,
                    run=run,
                    approver=approver,
                    verdict=verdict,
                    comment=comment,
                    plan_digest=plan_digest,
                    decided_at=now,
                )
        except IntegrityError as error:
            raise AlreadyDecided("Somebody decided this step a moment ago. Look at the run again.") from error
        audit.record(
            f"approval.{verdict}",
            object_type="run",
            object_id=run.pk,
            actor=approver,
            now=now,
            detail={"step": step.pk, "group": step.group, "rule": step.rule, "plan_digest": plan_digest},
        )
        if verdict == REJECT:
            record.finish(
                run,
                RunStatus.NEEDS_APPROVAL,
                RunStatus.REJECTED,
                now=now,
                actor=approver,
                reason=f"{step.group}: {comment}",
                fields={"error_summary": f"Rejected by {step.group}", "error_detail": comment},
            )
        elif not _open_steps(run, plan_digest):
            _confirm(run, approver, now)
        notify.approval_decided(decision, now=now, waits_for=_waits_for(run, plan_digest, verdict))
    return decision


def _check_person(run: Run, step: ApprovalStep, approver: User) -> None:
    if run.requester_id == approver.pk:
        raise SelfApproval(
            "You ordered this run, so somebody else must decide on it. "
            f"Ask a member of {step.group}; the run waits in their queue."
        )
    if step.group not in selectors.groups_of(approver):
        raise NotAnApprover(
            f"This step needs a member of {step.group}, and you are not one. The run waits in their queue."
        )


def _check_words(step: ApprovalStep, verdict: str, comment: str) -> None:
    errors = []
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
    if verdict in (REJECT, OVERRIDE) and not comment.strip():
        errors.append(
            FieldError("comment", "comment_needed", f"Say why: a comment is needed to {verdict} a plan.")
        )
    if len(comment) > COMMENT_MAX:
        errors.append(
            FieldError("comment", "too_long", f"The comment is longer than {COMMENT_MAX:,} characters.")
        )
    if "\0" in comment:
        errors.append(FieldError("comment", "control_characters", "The comment holds a NUL. Remove it."))
    if errors:
        raise InvalidDecision(" ".join(error.message for error in errors), errors=tuple(errors))


def _open_steps(run: Run, plan_digest: str) -> bool:
    return ApprovalStep.objects.filter(run=run, plan_digest=plan_digest, decision__isnull=True).exists()


def _waits_for(run: Run, plan_digest: str, verdict: str) -> list[str]:
    """Return the groups that are still to decide; nobody is when one rejects."""
    waiting = ApprovalStep.objects.filter(run=run, plan_digest=plan_digest, decision__isnull=True)
    return [] if verdict == REJECT else list(waiting.order_by("position").values_list("group", flat=True))


def _confirm(run: Run, approver: User, now: datetime) -> None:
    transition.move(
        run.pk,
        RunStatus.NEEDS_APPROVAL,
        RunStatus.CONFIRMED,
        now=now,
        actor=approver,
        reason="every step is decided in favour",
    )
    transition.move(run.pk, RunStatus.CONFIRMED, RunStatus.APPLY_QUEUED, now=now, reason="waits for a worker")
    queue.ring(queue.APPLY, run.pk)
