"""Hand one's decisions for a group to somebody else for a while: for holidays, not for ever."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from provisioner import deciding, policy, selectors
from provisioner.domain.errors import FieldError, Refusal
from provisioner.models import Delegation
from provisioner.services import audit
from provisioner.services.approve import comment_errors

DAYS_MAX = 90


class InvalidDelegation(Refusal):
    """The delegation is incomplete or not possible."""

    code = "invalid_input"
    status = 400
    title = "The delegation cannot be taken as it is"


class NotYours(Refusal):
    """The person is not in the group: what was delegated to them they cannot hand on."""

    code = "not_an_approver"
    status = 403
    title = "You are not an approver of this group"


class UnknownDelegation(Refusal):
    """There is no such delegation that the person can see."""

    code = "not_found"
    status = 404
    title = "There is no such delegation"


class NotRevocable(Refusal):
    """It is over, or not the person's to end."""

    code = "not_revocable"
    status = 409
    title = "The delegation cannot be ended"


def delegate(
    *,
    group: str,
    to: str,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    delegator: User,
    now: datetime,
) -> Delegation:
    """Hand the decisions of a group to another person from one instant to another.

    Raises NotYours and InvalidDelegation with everything that is wrong.
    """
    if group not in selectors.groups_of(delegator):
        raise NotYours(
            f"Only a member of {group[:100]} delegates its decisions, and you are not one. What was delegated to you "
            "cannot be handed on; ask who delegated it."
        )
    errors = comment_errors("reason", reason)
    if group not in policy.current().groups:
        errors.append(
            FieldError("group", "unknown", f"The policy asks no group {group}, so nothing can be delegated.")
        )
    if not reason.strip():
        errors.append(FieldError("reason", "required", "Say why: it stays with every decision made by it."))
    person = User.objects.filter(username=to, is_active=True).first() if "\0" not in to else None
    if person is None:
        errors.append(
            FieldError("to", "unknown", f"There is no {to[:100]} who can sign in. Check the user name.")
        )
    elif person.pk == delegator.pk:
        errors.append(FieldError("to", "yourself", "You decide yourself already. Name somebody else."))
    if ends_at <= starts_at:
        errors.append(
            FieldError("ends_at", "not_later", "The end is not after the beginning. Choose a later one.")
        )
    elif ends_at <= now:
        errors.append(FieldError("ends_at", "over", "The end is over already. Choose a later one."))
    elif ends_at - starts_at > timedelta(days=DAYS_MAX):
        errors.append(
            FieldError(
                "ends_at", "too_long", f"A delegation lasts {DAYS_MAX} days at most. Choose an earlier end."
            )
        )
    if errors or person is None:
        raise InvalidDelegation(" ".join(error.message for error in errors), errors=tuple(errors))
    with transaction.atomic():
        made = Delegation.objects.create(
            delegator=delegator,
            delegate=person,
            group=group,
            starts_at=starts_at,
            ends_at=ends_at,
            reason=reason,
            created_at=now,
        )
        audit.record(
            "delegation.made",
            object_type="delegation",
            object_id=made.pk,
            actor=delegator,
            now=now,
            detail={
                "group": group,
                "to": person.get_username(),
                "starts_at": starts_at.isoformat(),
                "ends_at": ends_at.isoformat(),
                "reason": reason,
            },
        )
    return made


def revoke(delegation_id: int, *, actor: User, now: datetime) -> Delegation:
    """End a delegation: by who gave it, who holds it, or a platform engineer. What was decided by it stays.

    Raises UnknownDelegation and NotRevocable.
    """
    known = deciding.delegations_of(actor).filter(pk=delegation_id) if delegation_id < 2**63 else None
    found = known.first() if known is not None else None
    if found is None:
        raise UnknownDelegation(
            f"There is no delegation {delegation_id} that you can see. Look at the list again; only who gave or holds "
            "one sees it."
        )
    with transaction.atomic():
        ended = Delegation.objects.filter(pk=found.pk, revoked_at__isnull=True, ends_at__gt=now).update(
            revoked_at=now, revoked_by=actor
        )
        if not ended:
            raise NotRevocable("It is over already. Nothing is left to do.")
        audit.record(
            "delegation.revoked",
            object_type="delegation",
            object_id=found.pk,
            actor=actor,
            now=now,
            detail={
                "group": found.group,
                "of": found.delegator.get_username(),
                "to": found.delegate.get_username(),
            },
        )
    found.refresh_from_db()
    return found
