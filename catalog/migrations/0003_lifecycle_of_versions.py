"""Give every version a lifecycle of its own, and keep what `lifecycle` said so far as the maturity."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

LIFECYCLES = [
    ("draft", "Draft"),
    ("published", "Published"),
    ("deprecated", "Deprecated"),
    ("retired", "Retired"),
]
MATURITIES = [("experimental", "Experimental"), ("production", "Production")]
# Of what is deprecated nothing is known about its maturity but that people relied on it.
MATURITY_OF = {"experimental": "experimental", "production": "production", "deprecated": "production"}
LIFECYCLE_OF = {"experimental": "published", "production": "published", "deprecated": "deprecated"}


def from_words(apps: Any, schema_editor: Any) -> None:
    """Read the old words of items and of the stored manifests."""
    del schema_editor
    items, versions = apps.get_model("catalog", "CatalogItem"), apps.get_model("catalog", "CatalogItemVersion")
    for item in items.objects.all():
        item.maturity = MATURITY_OF.get(item.lifecycle, "experimental")
        item.lifecycle = "retired" if item.retired_at else LIFECYCLE_OF.get(item.lifecycle, "published")
        item.save(update_fields=["maturity", "lifecycle"])
    for version in versions.objects.only("id", "manifest", "published_at").iterator():
        word = version.manifest.pop("lifecycle", "experimental")
        version.maturity = MATURITY_OF.get(word, "experimental")
        version.lifecycle = LIFECYCLE_OF.get(word, "published")
        if version.lifecycle == "deprecated":
            version.deprecated_since = version.published_at.date()
        version.save(update_fields=["manifest", "maturity", "lifecycle", "deprecated_since"])


def to_words(apps: Any, schema_editor: Any) -> None:
    """Write the old words again; a draft becomes orderable, which is all that the old words can say."""
    del schema_editor
    items, versions = apps.get_model("catalog", "CatalogItem"), apps.get_model("catalog", "CatalogItemVersion")
    for item in items.objects.all():
        item.lifecycle = "deprecated" if item.lifecycle == "deprecated" else item.maturity
        item.save(update_fields=["lifecycle"])
    for version in versions.objects.only("id", "manifest", "lifecycle", "maturity").iterator():
        gone = version.lifecycle in ("deprecated", "retired")
        version.manifest["lifecycle"] = "deprecated" if gone else version.maturity
        version.save(update_fields=["manifest"])


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_origins_of_versions")]

    operations = [
        migrations.RemoveConstraint("catalogitem", "catalog_item_lifecycle_known"),
        migrations.AddField(
            "catalogitem",
            "maturity",
            models.CharField(max_length=12, choices=MATURITIES, default="experimental"),
        ),
        migrations.AlterField(
            "catalogitem",
            "lifecycle",
            models.CharField(max_length=12, choices=LIFECYCLES, default="published"),
        ),
        migrations.AddField(
            "catalogitemversion",
            "lifecycle",
            models.CharField(max_length=12, choices=LIFECYCLES, default="published"),
        ),
        migrations.AddField(
            "catalogitemversion",
            "maturity",
            models.CharField(max_length=12, choices=MATURITIES, default="experimental"),
        ),
        migrations.AddField(
            "catalogitemversion", "deprecated_since", models.DateField(null=True, blank=True)
        ),
        migrations.AddField(
            "catalogitemversion", "deprecated_until", models.DateField(null=True, blank=True)
        ),
        migrations.AddField("catalogitemversion", "successor", models.CharField(max_length=128, blank=True, default=""), preserve_default=False),
        migrations.AddField(
            "catalogitemversion", "deprecation_reason", models.CharField(max_length=500, blank=True, default=""), preserve_default=False
        ),
        migrations.RunPython(from_words, to_words),
    ]
