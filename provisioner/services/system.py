"""The portal itself as the one who orders: what expires, and what is checked for drift."""

from __future__ import annotations

from django.contrib.auth.models import User

USERNAME = "drawbridge"


def account() -> User:
    """Return the portal's own account, which nobody can sign in with and which decides nothing."""
    user, made = User.objects.get_or_create(
        username=USERNAME, defaults={"first_name": "Drawbridge", "is_active": False}
    )
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def is_portal(user: User) -> bool:
    """Tell whether it is the portal itself that orders; it may for every service."""
    return user.get_username() == USERNAME
