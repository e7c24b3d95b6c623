"""Django app configuration of the provisioner."""

from django.apps import AppConfig


class ProvisionerConfig(AppConfig):
    """What was ordered and what became of it."""

    name = "provisioner"
    verbose_name = "Provisioner"
