"""Documents of the catalog."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog import manifest as manifests
from catalog import readme, selectors
from catalog.models import CatalogItem, CatalogItemVersion, Environment, Lifecycle, Maturity
from provisioner.api.serializers.base import StrictSerializer, TargetField, TextField


class ChangeSerializer(serializers.Serializer[Any]):
    """What one version brought."""

    version = serializers.CharField(read_only=True)
    notes = serializers.CharField(read_only=True)


class DeprecationSerializer(serializers.Serializer[Any]):
    """Since when something should not be ordered, until when it can be, and what to order instead."""

    since = serializers.DateField(read_only=True)
    until = serializers.DateField(read_only=True, allow_null=True, help_text="Last day, in UTC.")
    successor = serializers.CharField(read_only=True, help_text="slug or slug@version; may be empty.")
    reason = serializers.CharField(read_only=True)


class VersionSerializer(serializers.Serializer[Any]):
    """One version: the content of a published one never changes, its lifecycle moves forward."""

    version = serializers.CharField(read_only=True)
    module_digest = serializers.CharField(read_only=True, help_text="SHA-256 of the module's content.")
    published_at = serializers.DateTimeField(read_only=True)
    git_url = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="Repository that it was published from, without credentials; null for a folder of the portal.",
    )
    git_ref = serializers.CharField(
        read_only=True, allow_null=True, help_text="Branch, tag or commit that was asked for."
    )
    git_subpath = serializers.CharField(
        read_only=True, allow_null=True, help_text="Folder of the modules in the repository."
    )
    git_commit = serializers.CharField(
        read_only=True, allow_null=True, help_text="Commit that the ref named when the version was published."
    )
    lifecycle = serializers.ChoiceField(choices=Lifecycle.choices, read_only=True)
    maturity = serializers.ChoiceField(choices=Maturity.choices, read_only=True)
    deprecation = DeprecationSerializer(source="standing.deprecation", read_only=True, allow_null=True)


class ItemEnvironmentSerializer(serializers.Serializer[Any]):
    """An environment that the item is prepared for."""

    slug = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    is_production = serializers.BooleanField(read_only=True)
    sizes = serializers.ListField(child=serializers.CharField(), read_only=True)
    default_size = serializers.CharField(read_only=True, allow_null=True)


class ApprovalHintSerializer(serializers.Serializer[Any]):
    """Who may be asked; the rules themselves decide on each plan."""

    text = serializers.CharField(read_only=True)
    group = serializers.CharField(read_only=True, allow_null=True)


class ItemSerializer(serializers.Serializer[Any]):
    """A golden path in the list."""

    target = TargetField()
    slug = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    summary = serializers.CharField(read_only=True)
    category = serializers.CharField(read_only=True)
    owner = serializers.CharField(read_only=True)
    lifecycle = serializers.ChoiceField(choices=Lifecycle.choices, read_only=True)
    maturity = serializers.ChoiceField(choices=Maturity.choices, read_only=True)
    deprecation = serializers.SerializerMethodField(help_text="Of the version that is ordered by default.")
    latest_version = serializers.SerializerMethodField()

    @extend_schema_field(DeprecationSerializer(allow_null=True))
    def get_deprecation(self, item: CatalogItem) -> Any:
        deprecation = self.newest(item).standing.deprecation
        return None if deprecation is None else DeprecationSerializer(deprecation).data

    def get_latest_version(self, item: CatalogItem) -> str:
        return str(self.newest(item).version)

    def newest(self, item: CatalogItem) -> CatalogItemVersion:
        """Return the version that an order gets which names none; published items have one."""
        version = selectors.latest_version(item)
        if version is None:
            raise LookupError(f"catalog item {item.slug} is published without a version")
        return version


class ItemDetailSerializer(ItemSerializer):
    """A golden path with everything a person or a script needs to order it."""

    versions = serializers.SerializerMethodField()
    environments = serializers.SerializerMethodField()
    approvals = serializers.SerializerMethodField()
    changelog = serializers.SerializerMethodField()
    region = serializers.SerializerMethodField()
    readme_html = serializers.SerializerMethodField(help_text="The module's README, sanitized.")

    def manifest(self, item: CatalogItem) -> manifests.Manifest:
        """Return the newest version's manifest."""
        return manifests.from_json(self.newest(item).manifest)

    @extend_schema_field(VersionSerializer(many=True))
    def get_versions(self, item: CatalogItem) -> Any:
        return VersionSerializer(selectors.versions_of(item), many=True).data

    @extend_schema_field(ItemEnvironmentSerializer(many=True))
    def get_environments(self, item: CatalogItem) -> Any:
        manifest = self.manifest(item)
        sizes = manifest.sizes
        return [
            {
                "slug": environment.slug,
                "name": environment.name,
                "is_production": environment.is_production,
                "sizes": list(sizes.in_environment(environment.slug)) if sizes else [],
                "default_size": sizes.default.get(environment.slug) if sizes else None,
            }
            for environment in Environment.objects.filter(slug__in=manifest.environments)
        ]

    @extend_schema_field(ApprovalHintSerializer(many=True))
    def get_approvals(self, item: CatalogItem) -> Any:
        return ApprovalHintSerializer(self.manifest(item).approvals, many=True).data

    @extend_schema_field(ChangeSerializer(many=True))
    def get_changelog(self, item: CatalogItem) -> Any:
        return ChangeSerializer(self.manifest(item).changelog, many=True).data

    def get_region(self, item: CatalogItem) -> str:
        return self.manifest(item).region

    def get_readme_html(self, item: CatalogItem) -> str:
        return readme.render_readme(self.newest(item).readme)


class SchemaQuerySerializer(StrictSerializer):
    """Query of a version's schema."""

    environment = TextField(
        required=False,
        max_length=63,
        help_text="Narrow enums and bounds to the guardrails of this environment.",
    )
