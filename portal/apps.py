"""Django app configuration of the portal."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """API tokens, idempotency keys, sign-in, health."""

    name = "portal"
    verbose_name = "Portal"
