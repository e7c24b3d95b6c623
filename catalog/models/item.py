"""What may be ordered: catalog items and their immutable published versions."""

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

from catalog.lifecycle import Deprecation, Standing
from catalog.models.organisation import SLUG_MAX_LENGTH, SLUG_PATTERN, validate_slug
from catalog.sources import LOCAL_NAME, PATH_MAX_LENGTH, SOURCE_MAX_LENGTH, URL_MAX_LENGTH
from catalog.versions import VERSION_MAX_LENGTH, VERSION_PATTERN


class Lifecycle(models.TextChoices):
    """How far a version is offered; it moves forward only."""

    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    DEPRECATED = "deprecated", "Deprecated"
    RETIRED = "retired", "Retired"


class Maturity(models.TextChoices):
    """How far a version can be relied on."""

    EXPERIMENTAL = "experimental", "Experimental"
    PRODUCTION = "production", "Production"


class CatalogItem(models.Model):
    """A golden path: one Terraform module that may be ordered.

    Name, summary, category, owner, maturity and lifecycle are those of the version that an order gets by default;
    `retired_at` is set while no version is offered.
    """

    slug = models.CharField(max_length=SLUG_MAX_LENGTH, unique=True, validators=[validate_slug])
    name = models.CharField(max_length=120)
    summary = models.CharField(max_length=500)
    category = models.CharField(max_length=60)
    owner = models.CharField(max_length=120)
    lifecycle = models.CharField(max_length=12, choices=Lifecycle.choices, default=Lifecycle.PUBLISHED)
    maturity = models.CharField(max_length=12, choices=Maturity.choices, default=Maturity.EXPERIMENTAL)
    retired_at = models.DateTimeField(null=True, blank=True)
    # Which source publishes it; no other source may, as long as it is offered.
    source = models.CharField(max_length=SOURCE_MAX_LENGTH, default=LOCAL_NAME)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["category", "name", "slug"]
        constraints = [
            CheckConstraint(name="catalog_item_slug_pattern", condition=Q(slug__regex=SLUG_PATTERN)),
            CheckConstraint(name="catalog_item_lifecycle_known", condition=Q(lifecycle__in=Lifecycle.values)),
            CheckConstraint(name="catalog_item_maturity_known", condition=Q(maturity__in=Maturity.values)),
        ]

    def __str__(self) -> str:
        return self.name


class CatalogItemVersion(models.Model):
    """One version of a catalog item, written by `sync_catalog`.

    Once it is published, its content never changes; lifecycle, maturity and deprecation may, the lifecycle only
    forward. `successor` is `slug` or `slug@version`; the dates are days in UTC.
    """

    item = models.ForeignKey(CatalogItem, on_delete=models.PROTECT, related_name="versions")
    version = models.CharField(max_length=VERSION_MAX_LENGTH)
    module_digest = models.CharField(max_length=64)
    manifest = models.JSONField()
    parameter_spec = models.JSONField()
    content = models.BinaryField()
    readme = models.TextField(blank=True)
    published_at = models.DateTimeField()
    # The commit that it was published from; all null for a folder on the portal's machine.
    git_url = models.CharField(max_length=URL_MAX_LENGTH, null=True, blank=True)  # noqa: DJ001
    git_ref = models.CharField(max_length=PATH_MAX_LENGTH, null=True, blank=True)  # noqa: DJ001
    git_subpath = models.CharField(max_length=PATH_MAX_LENGTH, null=True, blank=True)  # noqa: DJ001
    git_commit = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    lifecycle = models.CharField(max_length=12, choices=Lifecycle.choices, default=Lifecycle.PUBLISHED)
    maturity = models.CharField(max_length=12, choices=Maturity.choices, default=Maturity.EXPERIMENTAL)
    deprecated_since = models.DateField(null=True, blank=True)
    deprecated_until = models.DateField(null=True, blank=True)
    successor = models.CharField(max_length=128, blank=True)
    deprecation_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["item_id", "-published_at", "-id"]
        constraints = [
            UniqueConstraint(name="one_content_per_item_version", fields=["item", "version"]),
            UniqueConstraint(name="one_version_per_item_content", fields=["item", "module_digest"]),
            CheckConstraint(name="catalog_item_version_semver", condition=Q(version__regex=VERSION_PATTERN)),
            CheckConstraint(
                name="catalog_item_version_digest_hex", condition=Q(module_digest__regex=r"\A[0-9a-f]{64}\Z")
            ),
            CheckConstraint(
                name="catalog_item_version_git_commit_whole",
                condition=Q(git_url=None, git_ref=None, git_subpath=None, git_commit=None)
                | Q(git_url__isnull=False, git_ref__isnull=False, git_subpath__isnull=False)
                & Q(git_commit__regex=r"\A([0-9a-f]{40}|[0-9a-f]{64})\Z"),
            ),
            CheckConstraint(
                name="catalog_item_version_lifecycle_known", condition=Q(lifecycle__in=Lifecycle.values)
            ),
            CheckConstraint(
                name="catalog_item_version_maturity_known", condition=Q(maturity__in=Maturity.values)
            ),
            CheckConstraint(
                name="catalog_item_version_deprecated_since_a_day",
                condition=~Q(lifecycle=Lifecycle.DEPRECATED) | Q(deprecated_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item_id}@{self.version}"

    @property
    def standing(self) -> Standing:
        """Return how far the version is offered."""
        deprecation = None
        if self.deprecated_since is not None:
            deprecation = Deprecation(
                self.deprecated_since, self.deprecated_until, self.successor, self.deprecation_reason
            )
        return Standing(self.lifecycle, self.maturity, deprecation)
