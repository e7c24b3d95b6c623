"""API tokens: issue, find, revoke. The secret exists in the answer to its creation and nowhere else."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser

from portal.models import ApiToken
from provisioner.domain.errors import FieldError, Refusal

SCOPES: dict[str, str] = {
    "catalog:read": "Read the catalog and the organisation, evaluate orders without placing them.",
    "requests:write": "Place orders; cancel, discard and retry runs; update, upgrade, destroy, hold, renew and "
    "transfer workspaces.",
    "approvals:write": "Decide on approval steps of one's groups.",
    "workspaces:read": "Read requests, runs, plans, logs, approvals and workspaces.",
    "state:read": "List, compare and download Terraform states.",
    "state:write": "Restore Terraform states and open locks that dead runs left.",
    "costs:read": "Read costs.",
    "costs:write": "Import costs, write budgets.",
    "org:write": "Write teams, services, cost centers and environments (platform only).",
    "policy:check": "Check plans of other pipelines against the policy.",
    "audit:read": "Read the audit trail.",
    "notifications:read": "Read notification channels, without their addresses, and the log of deliveries.",
    "notifications:write": "Make, change, try and disable notification channels; deliver again; choose one's mail.",
}
DAYS_MAX = 366
NAME_MAX_LENGTH = 100

_FORMAT = re.compile(r"drb_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
# One write a minute and token is enough to see what is still in use.
_LAST_USED_EVERY = timedelta(minutes=1)


class InvalidToken(Refusal):
    """The token cannot be made as it was asked for."""

    code = "invalid_input"
    status = 400
    title = "The token cannot be made like this"


class UnknownToken(Refusal):
    """No such token among the caller's own."""

    code = "not_found"
    status = 404
    title = "Not found"


def _digest(secret: str) -> str:
    """Hash with a key derived from SECRET_KEY, so that a stolen table alone verifies no guess."""
    key = hashlib.sha256(b"drawbridge.api-token\0" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, secret.encode(), hashlib.sha256).hexdigest()


def issue(
    user: AbstractBaseUser, name: str, scopes: Sequence[str], days: int, now: datetime
) -> tuple[ApiToken, str]:
    """Make a token for `user` and return it with its secret, which cannot be had again. Raises InvalidToken."""
    errors = []
    if not name.strip() or len(name) > NAME_MAX_LENGTH:
        errors.append(FieldError("name", "invalid", f"Give a name of 1 to {NAME_MAX_LENGTH} characters."))
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        what = f"There is no scope {', '.join(unknown)}." if unknown else "Name at least one scope."
        errors.append(FieldError("scopes", "invalid_choice", f"{what} Scopes are: {', '.join(SCOPES)}."))
    if not 1 <= days <= DAYS_MAX:
        errors.append(FieldError("days", "out_of_range", f"A token lives 1 to {DAYS_MAX} days."))
    if errors:
        raise InvalidToken(" ".join(error.message for error in errors), errors=tuple(errors))
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user_id=user.pk,
        name=name.strip(),
        prefix=prefix,
        digest=_digest(secret),
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    return token, f"drb_{prefix}_{secret}"


def find(presented: str, now: datetime) -> ApiToken | None:
    """Return the live token behind what a caller presented, or None; notes that it was used."""
    match = _FORMAT.fullmatch(presented)
    if match is None:
        return None
    prefix, secret = match.groups()
    token = ApiToken.objects.select_related("user").filter(prefix=prefix).first()
    if token is None or not hmac.compare_digest(token.digest, _digest(secret)):
        return None
    if token.revoked_at is not None or token.expires_at <= now or not token.user.is_active:
        return None
    if token.last_used_at is None or now - token.last_used_at >= _LAST_USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def revoke(user: AbstractBaseUser, token_id: int, now: datetime) -> ApiToken:
    """Revoke one of the user's own tokens; doing it twice changes nothing. Raises UnknownToken."""
    ApiToken.objects.filter(user_id=user.pk, pk=token_id, revoked_at__isnull=True).update(revoked_at=now)
    token = ApiToken.objects.filter(user_id=user.pk, pk=token_id).first()
    if token is None:
        raise UnknownToken(f"You have no token {token_id}. GET /api/v1/tokens/ lists yours.")
    return token
