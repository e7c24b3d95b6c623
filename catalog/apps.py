"""Django application of the catalog."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """Register the catalog's models under the label `catalog`."""

    name = "catalog"
    verbose_name = "Catalog and organisation"
    default_auto_field = "django.db.models.BigAutoField"
