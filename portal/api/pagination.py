"""Keyset pages: `{"next", "previous", "results"}`; no counts, no offsets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from rest_framework import pagination
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView

PAGE_SIZE = 50
PAGE_SIZE_MAX = 200


class CursorPagination(pagination.CursorPagination):
    """Pages in the order that the view declares as `ordering`; `?page_size=` up to 200."""

    page_size = PAGE_SIZE
    max_page_size = PAGE_SIZE_MAX
    page_size_query_param = "page_size"

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: APIView) -> tuple[str, ...]:
        return tuple(getattr(view, "ordering", ("-created_at", "id")))

    def get_page_size(self, request: Request) -> int:
        given = request.query_params.get("page_size")
        if given is None:
            return PAGE_SIZE
        if (
            not given.isascii()
            or not given.isdigit()
            or len(given) > 6
            or not 1 <= int(given) <= PAGE_SIZE_MAX
        ):
            raise ValidationError({"page_size": [f"Give a whole number from 1 to {PAGE_SIZE_MAX}."]})
        return int(given)

    def decode_cursor(self, request: Request) -> Cursor | None:
        if "\0" in request.query_params.get("cursor", ""):
            raise ValidationError({"cursor": ["Not a cursor of this list."]})
        try:
            return super().decode_cursor(request)
        except (NotFound, ValueError) as error:
            raise ValidationError(
                {
                    "cursor": [
                        "Not a cursor of this list. Take it from `next` or `previous`, or begin without."
                    ]
                }
            ) from error
