"""What every view of the API is: strict about its query, plain about its target."""

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework import exceptions, generics
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

PAGING = frozenset({"cursor", "page_size"})


class ApiView(generics.GenericAPIView[Any]):
    """A view with declared scopes and query parameters; anything undeclared is refused.

    `required_scopes` maps each method to the scope a token needs. A list declares its filters as `filterset_class`,
    another view its parameters as `query_serializer_class`.
    """

    required_scopes: ClassVar[dict[str, str]] = {}
    query_serializer_class: ClassVar[Any] = None
    query_methods: ClassVar[frozenset[str]] = frozenset(SAFE_METHODS)
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    filter_backends: Any = []
    pagination_class: Any = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        known = self.query_parameters() if request.method in self.query_methods else frozenset()
        unknown = sorted(set(request.query_params) - known)
        if unknown:
            takes = (
                f"This address takes: {', '.join(sorted(known))}." if known else "This address takes none."
            )
            raise exceptions.ValidationError(
                {
                    name[:60]: [
                        exceptions.ErrorDetail(f"There is no such query parameter. {takes}", "unknown")
                    ]
                    for name in unknown[:20]
                }
            )
        for name in request.query_params:
            if len(request.query_params.getlist(name)) > 1:
                raise exceptions.ValidationError(
                    {name: [exceptions.ErrorDetail("Give this query parameter once.", "repeated")]}
                )

    def query_parameters(self) -> frozenset[str]:
        """Return the names of the query parameters that `query_methods` take here."""
        if self.query_serializer_class is not None:
            return frozenset(self.query_serializer_class().fields)
        return frozenset()

    def query(self, request: Request) -> dict[str, Any]:
        """Return the checked query parameters. Raises ValidationError."""
        serializer = self.query_serializer_class(data=request.query_params.dict())
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def body(self, request: Request) -> dict[str, Any]:
        """Return the checked body. Raises ValidationError."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def caller(self) -> User:
        """Return who calls; permissions let nobody in who is not signed in."""
        user = self.request.user
        if not isinstance(user, User):
            raise exceptions.NotAuthenticated
        return user

    def now(self) -> datetime:
        """Return the instant of this call: services get it and ask no clock."""
        return timezone.now()


class ListView(ApiView, generics.ListAPIView[Any]):
    """A page of a list: filtered, newest first unless `ordering` says otherwise."""

    ordering: ClassVar[tuple[str, ...]] = ("-created_at", "id")
    filter_backends: Any = api_settings.DEFAULT_FILTER_BACKENDS
    pagination_class: Any = api_settings.DEFAULT_PAGINATION_CLASS

    def query_parameters(self) -> frozenset[str]:
        filterset = getattr(self, "filterset_class", None)
        return PAGING | frozenset(filterset.base_filters if filterset is not None else ())


def target() -> str:
    """Return which cloud answers: "sandbox" is never to be taken for an account."""
    return str(settings.DRAWBRIDGE_TARGET)


__all__ = ["ApiView", "ListView", "Request", "Response", "target"]
