"""What may be ordered: catalog items and their immutable published versions."""

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

from catalog.models.organisation import SLUG_MAX_LENGTH, SLUG_PATTERN, validate_slug
from catalog.versions import VERSION_MAX_LENGTH, VERSION_PATTERN


class Lifecycle(models.TextChoices):
    """How far a catalog item can be relied on."""

    EXPERIMENTAL = "experimental", "Experimental"
    PRODUCTION = "production", "Production"
    DEPRECATED = "deprecated", "Deprecated"


class CatalogItem(models.Model):
    """A golden path: one Terraform module that may be ordered."""

    slug = models.CharField(max_length=SLUG_MAX_LENGTH, unique=True, validators=[validate_slug])
    name = models.CharField(max_length=120)
    summary = models.CharField(max_length=500)
    category = models.CharField(max_length=60)
    owner = models.CharField(max_length=120)
    lifecycle = models.CharField(max_length=12, choices=Lifecycle.choices, default=Lifecycle.EXPERIMENTAL)
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["category", "name", "slug"]
        constraints = [
            CheckConstraint(name="catalog_item_slug_pattern", condition=Q(slug__regex=SLUG_PATTERN)),
            CheckConstraint(name="catalog_item_lifecycle_known", condition=Q(lifecycle__in=Lifecycle.values)),
        ]

    def __str__(self) -> str:
        return self.name


class CatalogItemVersion(models.Model):
    """One immutable published version of a catalog item; written once by `sync_catalog`, never changed."""

    item = models.ForeignKey(CatalogItem, on_delete=models.PROTECT, related_name="versions")
    version = models.CharField(max_length=VERSION_MAX_LENGTH)
    module_digest = models.CharField(max_length=64)
    manifest = models.JSONField()
    parameter_spec = models.JSONField()
    content = models.BinaryField()
    readme = models.TextField(blank=True)
    published_at = models.DateTimeField()

    class Meta:
        ordering = ["item_id", "-published_at", "-id"]
        constraints = [
            UniqueConstraint(name="one_content_per_item_version", fields=["item", "version"]),
            UniqueConstraint(name="one_version_per_item_content", fields=["item", "module_digest"]),
            CheckConstraint(name="catalog_item_version_semver", condition=Q(version__regex=VERSION_PATTERN)),
            CheckConstraint(
                name="catalog_item_version_digest_hex", condition=Q(module_digest__regex=r"\A[0-9a-f]{64}\Z")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item_id}@{self.version}"
