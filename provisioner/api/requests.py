"""Orders: place one, read them."""

from typing import Any, ClassVar

import django_filters
from django.db.models import Prefetch, QuerySet
from django.urls import path
from drf_spectacular.utils import extend_schema

from provisioner import selectors
from provisioner.api.runs import run_answer
from provisioner.api.serializers.requests import NewRequestSerializer, RequestSerializer
from provisioner.api.serializers.runs import RunDetailSerializer
from provisioner.api.view import ApiView, ListView, Request, Response
from provisioner.models import Request as Order
from provisioner.models import Run
from provisioner.models.run import STATUS_CHOICES
from provisioner.services import submit

SCOPES: dict[str, str] = {"GET": "workspaces:read", "POST": "requests:write"}


class RequestFilter(django_filters.FilterSet):
    """Filters of the request list."""

    status = django_filters.ChoiceFilter(
        choices=STATUS_CHOICES, method="filter_status", label="Status of one of the request's runs."
    )
    service = django_filters.CharFilter(field_name="service__slug", label="Slug of the service.")
    team = django_filters.CharFilter(field_name="service__owner_team__slug", label="Slug of the owner team.")
    environment = django_filters.CharFilter(field_name="environment__slug", label="Slug of the environment.")
    requester = django_filters.CharFilter(field_name="requester__username", label="User name.")

    def filter_status(self, queryset: QuerySet[Order], name: str, value: str) -> QuerySet[Order]:
        runs = selectors.without_checks(Run.objects.filter(status=value))
        return queryset.filter(pk__in=runs.values("request_id"))


class Requests(ListView):
    """Requests that the caller may see, newest first; POST places one and answers with its run."""

    required_scopes: ClassVar[dict[str, str]] = SCOPES
    filterset_class = RequestFilter
    queryset = Order.objects.none()

    def get_serializer_class(self) -> Any:
        return NewRequestSerializer if self.request.method == "POST" else RequestSerializer

    def get_queryset(self) -> QuerySet[Order]:
        return with_runs(selectors.requests_visible_to(self.request.user))

    @extend_schema(operation_id="requests_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(operation_id="requests_create", responses={201: RunDetailSerializer})
    def post(self, request: Request) -> Response:
        serializer = NewRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        run = submit.submit(serializer.ask(), requester=self.caller(), now=self.now())
        return run_answer(request, run, status=201)


class RequestDetail(ApiView):
    """One request."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "workspaces:read"}
    serializer_class = RequestSerializer

    @extend_schema(operation_id="requests_retrieve")
    def get(self, request: Request, request_id: str) -> Response:
        found = with_runs(selectors.requests_visible_to(request.user)).filter(pk=request_id).first()
        if found is None:
            raise selectors.NotVisible(
                f"There is no request {request_id} that you can see. Check the address; "
                "requests of other teams are not shown."
            )
        return Response(self.get_serializer(found).data)


def with_runs(requests: QuerySet[Order]) -> QuerySet[Order]:
    """Add the ids of each request's runs in one query; a drift check does nothing that anybody asked for."""
    runs = selectors.without_checks(Run.objects.only("id", "request_id")).order_by("-created_at", "id")
    return requests.prefetch_related(Prefetch("runs", queryset=runs))


urlpatterns: list[Any] = [
    path("requests/", Requests.as_view(), name="requests"),
    path("requests/<uuid:request_id>/", RequestDetail.as_view(), name="request"),
]
