"""The catalog: what may be ordered, and one item with its versions, guardrails and README."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET

from catalog import manifest as manifests
from catalog import selectors
from catalog.models import CatalogItem, Environment
from catalog.readme import render_readme
from provisioner.selectors import is_platform
from provisioner.web.guardrail_words import in_words


@require_GET
def catalog(request: HttpRequest) -> HttpResponse:
    """List the items that the person may order."""
    offered = selectors.published_items(drafts=is_platform(request.user))
    items = [(item, selectors.latest_version(item)) for item in offered]
    return render(request, "catalog/list.html", {"items": items})


@require_GET
def item(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one item."""
    found = selectors.item_by_slug(slug, drafts=is_platform(request.user))
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
        "notes": _notes(found),
        "guardrails": in_words(manifest, environments),
        # render_readme sanitises with nh3; nothing else on our pages is marked safe.
        "readme": mark_safe(render_readme(version.readme)),  # noqa: S308
    }
    return render(request, "catalog/item.html", context)


def _notes(item: CatalogItem) -> dict[str, str]:
    """Return what each version brought; a draft's own notes are in its own changelog alone."""
    notes: dict[str, str] = {}
    for version in reversed(selectors.versions_of(item)):
        notes |= {c.version: c.notes for c in manifests.from_json(version.manifest).changelog}
    return notes
