"""Say something about a run without deciding on it."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from provisioner import selectors
from provisioner.domain.errors import FieldError, Refusal
from provisioner.models import ApprovalComment, RunPlan
from provisioner.services import audit
from provisioner.services.approve import comment_errors

COMMENTS_MAX = 200


class InvalidComment(Refusal):
    """The comment is empty or too long."""

    code = "invalid_input"
    status = 400
    title = "The comment cannot be taken as it is"


class TooMany(Refusal):
    """The run has as many comments as it may have."""

    code = "too_many_comments"
    status = 409
    title = "Enough is said"


def comment(run_id: uuid.UUID | str, *, text: str, author: User, now: datetime) -> ApprovalComment:
    """Add a comment to a run that the person may see. Raises NotVisible, InvalidComment and TooMany."""
    run = selectors.run_visible(author, run_id)
    errors = comment_errors("text", text)
    if not text.strip():
        errors.append(FieldError("text", "required", "Write something, or leave it."))
    if errors:
        raise InvalidComment(" ".join(error.message for error in errors), errors=tuple(errors))
    if ApprovalComment.objects.filter(run=run).count() >= COMMENTS_MAX:
        raise TooMany(f"The run has {COMMENTS_MAX} comments. Decide on it, or talk elsewhere.")
    digest = RunPlan.objects.filter(run=run).values_list("digest", flat=True).first() or ""
    with transaction.atomic():
        made = ApprovalComment.objects.create(
            run=run, author=author, text=text, plan_digest=digest, created_at=now
        )
        audit.record("run.comment", object_type="run", object_id=run.pk, actor=author, now=now)
    return made
