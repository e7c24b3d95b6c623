"""Composition root: settings, URLs, the Celery application, authentication, health."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
