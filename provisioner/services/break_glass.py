"""The emergency path: several people have a plan applied before it is approved, and it is reviewed afterwards."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from provisioner import deciding, notify, selectors
from provisioner.domain.approval import INTERRUPTED
from provisioner.domain.errors import FieldError, Refusal
from provisioner.domain.policy.approval_rules import BreakGlass
from provisioner.domain.run import RunStatus
from provisioner.domain.separation import Bar, Power
from provisioner.models import DueReview, GlassBreak, Run, RunPlan
from provisioner.models.review import ACKNOWLEDGED, BROKEN, OBJECTED
from provisioner.services import audit, confirm
from provisioner.services.approve import (
    AlreadyDecided,
    NotAnApprover,
    NotWaiting,
    PlanChanged,
    SelfApproval,
    barred,
    comment_errors,
)

VERDICTS = (ACKNOWLEDGED, OBJECTED)


class NoGlass(Refusal):
    """The policy has no emergency path here."""

    code = "no_break_glass"
    status = 409
    title = "There is no emergency path here"


class InvalidReason(Refusal):
    """The reason, or the verdict of a review, cannot be taken."""

    code = "invalid_input"
    status = 400
    title = "This cannot be taken as it is"


class UnknownReview(Refusal):
    """There is no such review that the person can see."""

    code = "not_found"
    status = 404
    title = "There is no such review"


class OwnEmergency(Refusal):
    """The person broke the glass, so somebody else looks at it."""

    code = "self_review"
    status = 403
    title = "You cannot review your own emergency"


def break_glass(
    run_id: uuid.UUID | str, *, plan_digest: str, reason: str, person: User, now: datetime
) -> GlassBreak:
    """Take one person's part in breaking the glass; the last one needed queues the apply.

    Every open step becomes a review that is due. Raises NotVisible, NoGlass, SelfApproval, NotAnApprover,
    InvalidReason, PlanChanged, NotWaiting and AlreadyDecided. Being refused is audited too.
    """
    try:
        return _break(run_id, plan_digest, reason, person, now)
    except (SelfApproval, NotAnApprover) as refusal:
        audit.record(
            "break_glass.refused",
            object_type="run",
            object_id=run_id,
            actor=person,
            now=now,
            detail={"code": refusal.code},
        )
        raise


def _break(run_id: uuid.UUID | str, plan_digest: str, reason: str, person: User, now: datetime) -> GlassBreak:
    run = selectors.run_visible(person, run_id)
    desk = deciding.Desk(person, now)
    glass = desk.rules.break_glass
    environment = run.workspace.environment.slug
    if glass is None or not glass.reaches(environment):
        raise NoGlass(
            f"The policy has no emergency path in {environment}. The plan waits for its approvals; ask for them."
        )
    if person.pk in deciding.requesters_of(run):
        raise SelfApproval(
            "You ordered this run, so other people break the glass for it. "
            f"Ask {glass.people} members of {' or '.join(glass.groups)}."
        )
    if not desk.may_break(run):
        raise NotAnApprover(
            f"Members of {' or '.join(glass.groups)} break the glass, and you are not one. This cannot be delegated."
        )
    _check_words("reason", reason, "Say what the emergency is: it is what the review reads.")
    with transaction.atomic():
        locked = Run.objects.select_for_update().get(pk=run.pk)
        current = RunPlan.objects.filter(run=run).values_list("digest", flat=True).first()
        if plan_digest != current:
            raise PlanChanged("The plan was made again since you looked at it. Look at the new plan first.")
        if locked.status != RunStatus.NEEDS_APPROVAL.value:
            raise NotWaiting(
                f"The run is {locked.status.replace('_', ' ')}. Only a run that waits for approval needs this."
            )
        if any(INTERRUPTED in step.rule.split(", ") for step in confirm.open_steps(run, current)):
            raise NoGlass(
                "An apply of this workspace was cut short, and what it left is looked at before anything goes on, "
                "emergency or not. Decide the step instead."
            )
        try:
            with transaction.atomic():
                part = GlassBreak.objects.create(
                    run=run, person=person, plan_digest=plan_digest, reason=reason, created_at=now
                )
        except IntegrityError as error:
            raise AlreadyDecided(
                "You broke the glass for this plan already. It takes somebody else too."
            ) from error
        audit.record(
            "break_glass.part",
            object_type="run",
            object_id=run.pk,
            actor=person,
            now=now,
            detail={"plan_digest": plan_digest, "reason": reason, "people_needed": glass.people},
        )
        parts = list(
            GlassBreak.objects.filter(run=run, plan_digest=plan_digest)
            .select_related("person")
            .order_by("pk")
        )
        if len(parts) >= glass.people:
            _apply_first(run, glass, parts, current, now)
    return part


def _apply_first(
    run: Run, glass: BreakGlass, parts: list[GlassBreak], plan_digest: str, now: datetime
) -> None:
    """Turn every open step into a review that is due, and queue the apply. The caller holds the run's row."""
    skipped = list(confirm.open_steps(run, plan_digest))
    due_at = now + timedelta(hours=glass.review_within_hours)
    reviews = []
    for step in skipped:
        step.settled_at, step.settled_how = now, BROKEN
        step.save(update_fields=["settled_at", "settled_how"])
        review, _ = DueReview.objects.get_or_create(
            step=step, defaults={"run": run, "created_at": now, "due_at": due_at}
        )
        reviews.append(review)
    names = " and ".join(part.person.get_username() for part in parts)
    confirm.apply_it(
        run,
        RunStatus.NEEDS_APPROVAL,
        f"break-glass by {names}: applied first, reviewed afterwards",
        actor=parts[-1].person,
        now=now,
    )
    audit.record(
        "break_glass.applied_first",
        object_type="run",
        object_id=run.pk,
        actor=parts[-1].person,
        now=now,
        detail={
            "people": [part.person.get_username() for part in parts],
            "steps": [step.pk for step in skipped],
            "due_at": due_at.isoformat(),
        },
    )
    notify.glass_broken(run, parts, reviews, now=now)


def review(review_id: int, *, verdict: str, comment: str, reviewer: User, now: datetime) -> DueReview:
    """Answer a due review: acknowledged, or objected to with a comment. Nothing is undone by it.

    Raises UnknownReview, SelfApproval, NotAnApprover, OwnEmergency, InvalidReason and AlreadyDecided.
    """
    known = deciding.reviews_visible_to(reviewer).filter(pk=review_id) if review_id < 2**63 else None
    found = known.first() if known is not None else None
    if found is None:
        raise UnknownReview(f"There is no review {review_id} that you can see. Look at the list again.")
    power = review_power(found, deciding.Desk(reviewer, now))
    if isinstance(power, Refusal):
        raise power
    if verdict not in VERDICTS:
        message = f"The verdict is one of {', '.join(VERDICTS)}."
        raise InvalidReason(message, errors=(FieldError("verdict", "not_allowed", message),))
    if verdict == OBJECTED or comment:
        _check_words("comment", comment, "Say what you object to: a comment is needed.")
    with transaction.atomic():
        taken = DueReview.objects.filter(pk=found.pk, verdict="").update(
            verdict=verdict,
            comment=comment,
            reviewer=reviewer,
            on_behalf_of=power.on_behalf_of,
            decided_at=now,
        )
        if not taken:
            raise AlreadyDecided("Somebody has answered this review already. Nothing is left to do.")
        audit.record(
            f"review.{verdict}",
            object_type="run",
            object_id=found.run_id,
            actor=reviewer,
            now=now,
            detail={"review": found.pk, "step": found.step_id, "on_behalf_of": power.on_behalf_of},
        )
    found.refresh_from_db()
    return found


def review_power(due: DueReview, desk: deciding.Desk) -> Power | Refusal:
    """Return by which power a person may review a skipped step, or the refusal: not their own order nor emergency."""
    power = desk.power(due.step, due.run, ())
    if isinstance(power, Bar):
        return barred(power, due.step)
    broke = set(
        GlassBreak.objects.filter(run=due.run, plan_digest=due.step.plan_digest).values_list(
            "person", flat=True
        )
    )
    if broke & {desk.person.pk, power.on_behalf_of}:
        return OwnEmergency(
            f"You, or whom you stand in for, broke the glass, so another member of {due.step.who} looks at it."
        )
    return power


def _check_words(field: str, text: str, missing: str) -> None:
    errors = comment_errors(field, text)
    if not text.strip():
        errors.append(FieldError(field, "required", missing))
    if errors:
        raise InvalidReason(" ".join(error.message for error in errors), errors=tuple(errors))
