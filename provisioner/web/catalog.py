"""The catalog: what may be ordered, and one item with its versions, guardrails and README."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET

from catalog import manifest as manifests
from catalog import selectors
from catalog.models import Environment
from catalog.readme import render_readme
from provisioner.web.guardrail_words import in_words


@require_GET
def catalog(request: HttpRequest) -> HttpResponse:
    """List the published items."""
    items = [(item, selectors.latest_version(item)) for item in selectors.published_items()]
    return render(request, "catalog/list.html", {"items": items})


@require_GET
def item(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one item."""
    found = selectors.item_by_slug(slug)
    version = selectors.latest_version(found) if found is not None else None
    if found is None or version is None:
        raise Http404
    manifest = manifests.from_json(version.manifest)
    environments = dict(Environment.objects.values_list("slug", "name"))
    context = {
        "item": found,
        "version": version,
        "versions": selectors.versions_of(found),
        "manifest": manifest,
        "notes": {change.version: change.notes for change in manifest.changelog},
        "guardrails": in_words(manifest, environments),
        # render_readme sanitises with nh3; nothing else on our pages is marked safe.
        "readme": mark_safe(render_readme(version.readme)),  # noqa: S308
    }
    return render(request, "catalog/item.html", context)
