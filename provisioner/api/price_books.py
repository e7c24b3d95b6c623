"""Price books: the versions that estimates are made with, and their rows."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound

from provisioner import price_books
from provisioner.api.serializers import price_books as documents
from provisioner.api.view import ListView
from provisioner.models import PriceBookVersion, PriceRow

READ: dict[str, str] = {"GET": "costs:read"}


class BookFilter(django_filters.FilterSet):
    """Filters of the versions."""

    region = django_filters.CharFilter(label="Region, exactly.")
    active = django_filters.BooleanFilter(
        field_name="is_active", label="Only those in force, or only others."
    )
    digest = django_filters.CharFilter(label="The digest that an estimate names.")


class Books(ListView):
    """Versions of price books, by region, newest first."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.PriceBookSerializer
    filterset_class = BookFilter
    queryset = PriceBookVersion.objects.none()
    ordering = ("region", "-number")

    def get_queryset(self) -> QuerySet[PriceBookVersion]:
        return price_books.versions()


class RowFilter(django_filters.FilterSet):
    """Filters of the rows."""

    service = django_filters.CharFilter(label="Service, exactly: ec2, rds …")
    sku = django_filters.CharFilter(field_name="sku_key", label="SKU key, exactly.")


class Rows(ListView):
    """The prices of one version, by service and SKU key."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.PriceRowSerializer
    filterset_class = RowFilter
    queryset = PriceRow.objects.none()
    ordering = ("service", "sku_key")

    @extend_schema(operation_id="price_books_rows_list")
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[PriceRow]:
        if "book_id" not in self.kwargs:  # the API's description asks without one
            return PriceRow.objects.none()
        version = PriceBookVersion.objects.filter(pk=self.kwargs["book_id"]).first()
        if version is None:
            raise NotFound
        return price_books.rows(version)


urlpatterns: list[Any] = [
    path("price-books/", Books.as_view(), name="price-books"),
    path("price-books/<int:book_id>/rows/", Rows.as_view(), name="price-book-rows"),
]
