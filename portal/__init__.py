"""Composition root: settings, URLs, the Celery application, authentication, health."""
