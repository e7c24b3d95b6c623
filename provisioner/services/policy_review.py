"""Change the policy in the portal: one platform engineer proposes, another one approves."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from provisioner import policy_store, selectors
from provisioner.domain.errors import FieldError, Refusal
from provisioner.models import PolicyProposal, PolicyVersion
from provisioner.policy_store import EDITED
from provisioner.rulebook.diff import RuleChange
from provisioner.services import audit, policies

REASON_MAX = 4000
OPEN, APPROVED, REJECTED, WITHDRAWN = "open", "approved", "rejected", "withdrawn"


class NotPlatform(Refusal):
    """Only platform engineers change the policy."""

    code = "platform_only"
    status = 403
    title = "Only platform engineers change the policy"


class EditedElsewhere(Refusal):
    """The policy comes from a file or a repository."""

    code = "policy_edited_elsewhere"
    status = 409
    title = "The policy is not edited here"


class OwnProposal(Refusal):
    """The approver wrote it."""

    code = "self_approval"
    status = 403
    title = "You cannot approve your own change of the policy"


class ProposalClosed(Refusal):
    """It was decided already."""

    code = "already_decided"
    status = 409
    title = "Already decided"


class ProposalChanged(Refusal):
    """The text is another one than the approver saw."""

    code = "proposal_changed"
    status = 409
    title = "The proposal has changed"


class StaleBase(Refusal):
    """Another policy came into force since it was written."""

    code = "stale_base"
    status = 409
    title = "The policy changed since this was written"


class NothingChanges(Refusal):
    """The text is the policy in force."""

    code = "nothing_changes"
    status = 409
    title = "This is the policy in force"


class InvalidProposal(Refusal):
    """A reason or a comment is missing or too long."""

    code = "invalid_input"
    status = 400
    title = "The proposal cannot be taken as it is"


def proposals_visible_to(user: User) -> QuerySet[PolicyProposal]:
    """Return the proposals, newest first. Raises NotPlatform."""
    _refuse_outsiders(user, "see")
    return PolicyProposal.objects.select_related("author", "decided_by", "base").order_by(
        "-created_at", "-id"
    )


def proposal_visible(user: User, proposal_id: int) -> PolicyProposal:
    """Return one proposal. Raises NotPlatform and NotVisible."""
    _refuse_outsiders(user, "see")
    found = None
    if proposal_id < 2**63:
        found = (
            PolicyProposal.objects.select_related("author", "decided_by", "base")
            .filter(pk=proposal_id)
            .first()
        )
    if found is None:
        raise selectors.NotVisible(f"There is no proposal {proposal_id}. Take one from /policy/proposals/.")
    return found


def propose(text: str, *, reason: str, base_digest: str, author: User, now: datetime) -> PolicyProposal:
    """Propose a text in place of the policy with `base_digest`, which must be in force.

    Raises NotPlatform, EditedElsewhere, InvalidProposal, InvalidPolicy, StaleBase and NothingChanges.
    """
    text = _ready(text, reason, author)
    with transaction.atomic():
        base = _current_base(base_digest, text)
        proposal = PolicyProposal.objects.create(
            text=text,
            digest=policy_store.digest_of(text),
            base=base,
            reason=reason,
            author=author,
            created_at=now,
            edited_at=now,
        )
        _audit("policy.propose", proposal, author, now)
    return proposal


def edit(
    proposal_id: int, text: str, *, reason: str, base_digest: str, author: User, now: datetime
) -> PolicyProposal:
    """Change an open proposal of one's own, or bring it up to the policy that is in force now.

    Raises what `propose` raises, NotVisible, OwnProposal (for another's) and ProposalClosed.
    """
    proposal = proposal_visible(author, proposal_id)
    if proposal.author_id != author.pk:
        raise OwnProposal(
            f"{proposal.author.get_username()} wrote this proposal, and only its author changes it: whoever approves "
            "it must not have written it. Make a proposal of your own."
        )
    text = _ready(text, reason, author)
    with transaction.atomic():
        base = _current_base(base_digest, text)
        moved = PolicyProposal.objects.filter(pk=proposal.pk, state=OPEN).update(
            text=text, digest=policy_store.digest_of(text), base=base, reason=reason, edited_at=now
        )
        if moved != 1:
            raise _closed(proposal.pk)
        proposal.refresh_from_db()
        _audit("policy.propose_edit", proposal, author, now)
    return proposal


def approve(proposal_id: int, *, digest: str, comment: str, approver: User, now: datetime) -> PolicyProposal:
    """Approve a proposal: its text comes into force. `digest` is that of the text that the approver saw.

    Raises NotPlatform, EditedElsewhere, NotVisible, OwnProposal, ProposalClosed, ProposalChanged, StaleBase and
    InvalidPolicy. A refused self-approval is audited.
    """
    proposal = proposal_visible(approver, proposal_id)
    _refuse_elsewhere()
    _refuse_long("comment", comment, required=False)
    if proposal.author_id == approver.pk:
        _audit("policy.approve_refused", proposal, approver, now, code=OwnProposal.code)
        raise OwnProposal(
            "You wrote this change, so another platform engineer must approve it. It waits for them."
        )
    failing = 0
    if proposal.state == OPEN and proposal.digest == digest:
        policies.refuse_bad(proposal.text)  # groups may be gone since it was written
        failing = _failing(proposal)
    with transaction.atomic():
        locked = PolicyProposal.objects.select_for_update().get(pk=proposal.pk)
        if locked.state != OPEN:
            raise _closed(locked.pk)
        if locked.digest != digest:
            raise ProposalChanged(
                "The text was edited since you looked at it. Read it again, then decide on what it says now."
            )
        version = policy_store.keep(
            locked.text,
            source=EDITED,
            origin={"proposal": locked.pk, "author": proposal.author.get_username()},
            author=proposal.author,
            now=now,
        )
        try:
            policy_store.activate(
                version,
                instead_of=locked.base_id,
                reason=locked.reason,
                now=now,
                actor=approver,
                proposal=locked,
            )
        except policy_store.PolicyMoved as error:
            raise _stale(proposal.base.digest) from error
        _close(locked, APPROVED, comment, approver, now, failing_tests=failing)
    proposal.refresh_from_db()
    return proposal


def reject(proposal_id: int, *, comment: str, approver: User, now: datetime) -> PolicyProposal:
    """Say no to another's proposal, with a comment. Raises NotPlatform, NotVisible, OwnProposal and ProposalClosed."""
    proposal = proposal_visible(approver, proposal_id)
    if proposal.author_id == approver.pk:
        raise OwnProposal("You wrote this change: withdraw it instead.")
    _refuse_long("comment", comment, required=True)
    return _end(proposal, REJECTED, comment, approver, now)


def withdraw(proposal_id: int, *, author: User, now: datetime) -> PolicyProposal:
    """Take one's own proposal back. Raises NotPlatform, NotVisible, OwnProposal and ProposalClosed."""
    proposal = proposal_visible(author, proposal_id)
    if proposal.author_id != author.pk:
        raise OwnProposal(f"{proposal.author.get_username()} wrote this change: reject it instead.")
    return _end(proposal, WITHDRAWN, "", author, now)


def changed_since(proposal: PolicyProposal) -> tuple[RuleChange, ...]:
    """Return what came into force since an open proposal was written; nothing when its base is in force."""
    standing = policy_store.in_force()
    if standing is None or standing.version_id == proposal.base_id:
        return ()
    return policies.changes(policy_store.loaded(proposal.base.digest), policy_store.loaded(standing.digest))


def is_stale(proposal: PolicyProposal) -> bool:
    """Tell whether another policy than the proposal's base is in force."""
    standing = policy_store.in_force()
    return standing is None or standing.version_id != proposal.base_id


def _ready(text: str, reason: str, author: User) -> str:
    """Return the text as it is kept, after everything about it that needs no lock was looked at."""
    _refuse_outsiders(author, "propose")
    _refuse_elsewhere()
    _refuse_long("reason", reason, required=True)
    text = text.replace("\r\n", "\n")
    policies.refuse_bad(text)
    return text


def _current_base(base_digest: str, text: str) -> PolicyVersion:
    standing = policy_store.in_force()
    assert standing is not None, "somebody read the policy to change it"
    if standing.digest != base_digest:
        raise _stale(base_digest)
    if policy_store.digest_of(text) == standing.digest:
        raise NothingChanges(
            "The text is the policy that is in force already. Change something, then propose it."
        )
    return PolicyVersion.objects.get(pk=standing.version_id)


def _stale(base_digest: str) -> StaleBase:
    standing = policy_store.in_force()
    said = ""
    if standing is not None and PolicyVersion.objects.filter(digest=base_digest).exists():
        changes = policies.changes(policy_store.loaded(base_digest), policy_store.loaded(standing.digest))
        said = (
            " It changed: " + "; ".join(f"{change.key} {change.kind.value}" for change in changes[:10]) + "."
        )
    return StaleBase(
        f"Another policy is in force than {base_digest[:12]}, on which this was written.{said} Bring your text up to "
        "the policy in force, then propose it again."
    )


def _closed(proposal_id: int) -> ProposalClosed:
    found = PolicyProposal.objects.select_related("decided_by").get(pk=proposal_id)
    who = found.decided_by.get_username() if found.decided_by else "Somebody"
    return ProposalClosed(f"{who} has {found.state} this proposal already. Nothing is left to do.")


def _end(proposal: PolicyProposal, state: str, comment: str, actor: User, now: datetime) -> PolicyProposal:
    with transaction.atomic():
        _close(proposal, state, comment, actor, now)
    proposal.refresh_from_db()
    return proposal


def _close(
    proposal: PolicyProposal, state: str, comment: str, actor: User, now: datetime, **more: object
) -> None:
    moved = PolicyProposal.objects.filter(pk=proposal.pk, state=OPEN).update(
        state=state, comment=comment, decided_by=actor, decided_at=now
    )
    if moved != 1:
        raise _closed(proposal.pk)
    _audit(f"policy.proposal_{state}", proposal, actor, now, comment=comment, **more)


def _failing(proposal: PolicyProposal) -> int:
    """Return how many unit tests fail: whoever approves has seen it, and the trail keeps it."""
    return policies.preview(proposal.text).failed


def _audit(action: str, proposal: PolicyProposal, actor: User, now: datetime, **more: object) -> None:
    detail = {"digest": proposal.digest, "base": proposal.base.digest, "reason": proposal.reason, **more}
    audit.record(
        action, object_type="policy_proposal", object_id=proposal.pk, actor=actor, now=now, detail=detail
    )


def _refuse_outsiders(user: User, act: str) -> None:
    if not selectors.is_platform(user):
        raise NotPlatform(
            f"Only platform engineers {act} changes of the policy. The policy itself is at /policy/; ask them for a "
            "change there."
        )


def _refuse_elsewhere() -> None:
    if settings.DRAWBRIDGE_POLICY_SOURCE != EDITED:
        where = (
            f"the repository {settings.DRAWBRIDGE_POLICY_GIT_URL}"
            if settings.DRAWBRIDGE_POLICY_SOURCE == policy_store.GIT
            else f"the file {settings.DRAWBRIDGE_POLICY_FILE}"
        )
        raise EditedElsewhere(
            f"The policy comes from {where}: change it there. DRAWBRIDGE_POLICY_SOURCE=edited lets platform engineers "
            "change it here."
        )


def _refuse_long(field: str, text: str, *, required: bool) -> None:
    errors = []
    if required and not text.strip():
        errors.append(FieldError(field, f"{field}_needed", f"Say why: a {field} is needed."))
    if len(text) > REASON_MAX:
        errors.append(FieldError(field, "too_long", f"The {field} is longer than {REASON_MAX:,} characters."))
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        errors.append(FieldError(field, "control_characters", f"The {field} holds a NUL or half a pair."))
    if errors:
        raise InvalidProposal(" ".join(error.message for error in errors), errors=tuple(errors))
