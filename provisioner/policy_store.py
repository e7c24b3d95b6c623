"""The policies in the database: which is in force, and the one way in which another comes into force."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache

import structlog
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction

from provisioner import trail
from provisioner.domain.errors import Refusal
from provisioner.domain.policy.section import PolicyError, Problem
from provisioner.models import PolicyActivation, PolicyProposal, PolicyStanding, PolicyVersion
from provisioner.rulebook import file as policy_file
from provisioner.rulebook import names
from provisioner.rulebook.file import Loaded

log = structlog.get_logger(__name__)

FILE, GIT, EDITED = "file", "git", "edited"


class PolicyMoved(Refusal):
    """Another version came into force meanwhile."""

    code = "policy_moved"
    status = 409
    title = "Another policy is in force by now"


@dataclass(frozen=True)
class InForce:
    """What the standing row says."""

    version_id: int
    digest: str
    comes_from: str
    activated_at: datetime
    refused: Mapping[str, object]


def in_force() -> InForce | None:
    """Return which version is in force; None before there was one."""
    row = PolicyStanding.objects.values_list(
        "version_id", "version__digest", "comes_from", "activated_at", "refused"
    ).first()
    return None if row is None else InForce(*row)


@lru_cache(maxsize=16)
def _load(digest: str, text: str) -> Loaded:
    del digest  # spares comparing the texts
    return policy_file.load(text.encode())


_texts: dict[str, str] = {}  # texts never change: each is read from the database once


def loaded(digest: str) -> Loaded:
    """Return a version as it was stored.

    Raises ImproperlyConfigured when this portal cannot read it any more: nothing is judged by a part of a policy.
    """
    text = _texts.get(digest)
    if text is None:
        text = PolicyVersion.objects.values_list("text", flat=True).get(digest=digest)
        if len(_texts) >= 16:
            _texts.clear()
        _texts[digest] = text
    try:
        return _load(digest, text)
    except PolicyError as error:
        raise ImproperlyConfigured(
            f"The policy {digest[:12]} cannot be read by this version of the portal:\n{error}\n"
            "Put a mended one into force: manage.py policy activate FILE."
        ) from error


def digest_of(text: str) -> str:
    """Return the digest by which a text is known."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_known(digest: str) -> bool:
    """Tell whether a text was in force before."""
    return PolicyActivation.objects.filter(version__digest=digest).exists()


def keep(
    text: str, *, source: str, origin: Mapping[str, object], author: User | None = None, now: datetime
) -> PolicyVersion:
    """Return the version with this text, written if it is new. The text has been read without problems before."""
    version, _ = PolicyVersion.objects.get_or_create(
        digest=digest_of(text),
        defaults={
            "text": text,
            "source": source,
            "origin": dict(origin),
            "author": author,
            "created_at": now,
        },
    )
    return version


def activate(
    version: PolicyVersion,
    *,
    instead_of: int | None,
    reason: str,
    now: datetime,
    actor: User | None = None,
    proposal: PolicyProposal | None = None,
    seen_digest: str | None = None,
) -> None:
    """Put a version into force in place of the one with the id `instead_of` (None: there is none yet).

    One conditional update decides among several at once. Raises PolicyMoved, and changes nothing then.
    """
    columns: dict[str, object] = {
        "version": version,
        "activated_at": now,
        "activated_by": actor,
    }
    if instead_of is None or proposal is not None:
        columns["comes_from"] = settings.DRAWBRIDGE_POLICY_SOURCE if proposal is None else EDITED
    if seen_digest is not None:
        columns["seen_digest"] = seen_digest
    with transaction.atomic():
        if instead_of is None:
            try:
                with transaction.atomic():
                    PolicyStanding.objects.create(**columns)
            except IntegrityError as error:
                raise PolicyMoved("Another process put the first policy into force. Look again.") from error
        else:
            moved = PolicyStanding.objects.filter(version_id=instead_of).update(refused={}, **columns)
            if moved != 1:
                raise PolicyMoved(
                    "Another version of the policy came into force since you looked. Read that one, then decide anew."
                )
        PolicyActivation.objects.create(
            version=version,
            previous_id=instead_of,
            at=now,
            actor=actor,
            reason=reason[:500],
            proposal=proposal,
        )
        if instead_of is not None:  # the first policy of an installation changes none
            trail.record(
                "policy.activate",
                object_type="policy",
                object_id=version.digest,
                actor=actor,
                now=now,
                detail={
                    "previous": PolicyVersion.objects.values_list("digest", flat=True).get(pk=instead_of),
                    "source": version.source,
                    "reason": reason[:500],
                    "proposal": None if proposal is None else proposal.pk,
                },
            )
    log.info("policy.activated", digest=version.digest, reason=reason)


def note_refused(
    origin: Mapping[str, object], problems: Iterable[Problem], *, standing: InForce, now: datetime
) -> None:
    """Remember that an edit could not be taken up, for the page, the doctor and the log; once for each edit."""
    found: dict[str, object] = {
        "origin": dict(origin),
        "problems": [asdict(problem) for problem in list(problems)[:50]],
    }
    if {key: value for key, value in standing.refused.items() if key != "at"} == found:
        return
    PolicyStanding.objects.filter(version_id=standing.version_id).update(
        refused={"at": now.isoformat(), **found}
    )
    trail.record(
        "policy.refused",
        object_type="policy",
        object_id=standing.digest,
        actor=None,
        now=now,
        detail=found,
    )
    log.error("policy.refused", in_force=standing.digest, **found)


def note_mended(standing: InForce) -> None:
    """Forget an edit that could not be taken up, since it is gone."""
    if standing.refused:
        PolicyStanding.objects.filter(version_id=standing.version_id).update(refused={})


def group_problems(candidate: Loaded, standing: InForce | None) -> tuple[Problem, ...]:
    """Return a problem for each group that nobody has and that the policy in force does not name either."""
    if standing is None:
        return ()
    known = set(Group.objects.values_list("name", flat=True))
    try:
        known |= {group.name for group in names.groups(loaded(standing.digest))}
    except ImproperlyConfigured:
        log.warning("policy.unreadable", digest=standing.digest)
    return names.unknown_groups(candidate, known)
