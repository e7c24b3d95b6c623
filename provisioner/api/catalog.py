"""What may be ordered: items, their versions and the schema of their parameters."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError

from catalog import json_schema, selectors
from catalog.models import CatalogItem, Environment, Lifecycle, Maturity
from provisioner.api.serializers import catalog as documents
from provisioner.api.view import ApiView, ListView, Request, Response
from provisioner.selectors import is_platform

READ: dict[str, str] = {"GET": "catalog:read"}


class ItemFilter(django_filters.FilterSet):
    """Filters of the catalog."""

    category = django_filters.CharFilter(label="Category, exactly.")
    lifecycle = django_filters.ChoiceFilter(choices=Lifecycle.choices)
    maturity = django_filters.ChoiceFilter(choices=Maturity.choices)


class Items(ListView):
    """Items that the caller may order, by category and name; drafts are shown to platform engineers alone."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.ItemSerializer
    filterset_class = ItemFilter
    queryset = CatalogItem.objects.none()
    ordering = ("category", "name", "slug")

    def get_queryset(self) -> QuerySet[CatalogItem]:
        return selectors.published_items(drafts=is_platform(self.request.user))


class ItemDetail(ApiView):
    """One item with its versions, environments and README."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.ItemDetailSerializer

    @extend_schema(operation_id="catalog_items_retrieve")
    def get(self, request: Request, slug: str) -> Response:
        return Response(self.get_serializer(published(slug, request)).data)


class VersionSchema(ApiView):
    """JSON Schema 2020-12 of the `parameters` of an order."""

    required_scopes: ClassVar[dict[str, str]] = READ
    query_serializer_class = documents.SchemaQuerySerializer

    @extend_schema(
        operation_id="catalog_items_versions_schema",
        parameters=[documents.SchemaQuerySerializer],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, slug: str, version: str) -> Response:
        environment = self.query(request).get("environment")
        if environment is not None and not Environment.objects.filter(slug=environment).exists():
            known = ", ".join(Environment.objects.values_list("slug", flat=True))
            raise ValidationError(
                {
                    "environment": [
                        ErrorDetail(f"There is no such environment. Choose one of: {known}.", "unknown")
                    ]
                }
            )
        found = selectors.find_version(published(slug, request), version)
        if found is None:
            raise NotFound
        return Response(json_schema.version_schema(found, environment))


def published(slug: str, request: Request) -> CatalogItem:
    """Return the item that the caller may order. Raises NotFound."""
    item = selectors.item_by_slug(slug, drafts=is_platform(request.user))
    if item is None:
        raise NotFound
    return item


urlpatterns: list[Any] = [
    path("catalog/items/", Items.as_view(), name="catalog-items"),
    path("catalog/items/<slug:slug>/", ItemDetail.as_view(), name="catalog-item"),
    path(
        "catalog/items/<slug:slug>/versions/<str:version>/schema/",
        VersionSchema.as_view(),
        name="catalog-version-schema",
    ),
]
