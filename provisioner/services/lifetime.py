"""How long a workspace may live, and who says so."""

from __future__ import annotations

from catalog.models import Environment
from provisioner import policy
from provisioner.domain.errors import FieldError
from provisioner.services.ask import TTL_DAYS_MAX, InvalidAsk


def longest_days(environment: Environment) -> int | None:
    """Return the most days that the policy lets a workspace of the environment live, or None without a limit."""
    return policy.current().lifetime.max_days.get(environment.slug)


def refuse_ttl(ttl_days: int | None, environment: Environment) -> None:
    """Raise InvalidAsk unless a workspace of the environment may live that long; None is "until destroyed"."""
    longest = longest_days(environment)
    if ttl_days is None:
        if longest is None:
            return
        code, why = (
            "required",
            f"In {environment.slug} every workspace has a time to live of at most {longest} days. Say how many days.",
        )
    elif 1 <= ttl_days <= (longest or TTL_DAYS_MAX):
        return
    else:
        where = "" if longest is None else f" in {environment.slug}"
        code, why = (
            "out_of_range",
            f"The time to live must be between 1 and {longest or TTL_DAYS_MAX} days{where}.",
        )
    raise InvalidAsk(why, errors=(FieldError("ttl", code, why),))
