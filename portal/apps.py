"""Django app configuration of the portal."""

from django.apps import AppConfig

# Whatever sets Django up has the Celery application, through which services enqueue. The package itself does not import
# it: portal.cli is installed without Celery and Django.
from portal.celery import app as celery_app

__all__ = ["PortalConfig", "celery_app"]


class PortalConfig(AppConfig):
    """API tokens, idempotency keys, sign-in, health."""

    name = "portal"
    verbose_name = "Portal"
