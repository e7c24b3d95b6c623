"""Teams, services, cost centers, environments and target accounts: everyone who is signed in may read them."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.generics import RetrieveAPIView

from catalog.models import CostCenter, Criticality, Environment, Service, TargetAccount, Team
from provisioner import selectors
from provisioner.api.serializers import organisation as documents
from provisioner.api.serializers.runs import NothingSerializer
from provisioner.api.view import ApiView, ListView, Request, Response
from provisioner.services import archive

READ: dict[str, str] = {"GET": "catalog:read"}


class Teams(ListView):
    """Teams."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.TeamSerializer
    queryset = Team.objects.all()
    ordering = ("slug",)


class TeamDetail(ApiView, RetrieveAPIView[Any]):
    """One team."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.TeamSerializer
    queryset = Team.objects.all()
    lookup_field = "slug"


class CostCenters(ListView):
    """Cost centers."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.CostCenterSerializer
    queryset = CostCenter.objects.all()
    ordering = ("slug",)


class CostCenterDetail(ApiView, RetrieveAPIView[Any]):
    """One cost center."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.CostCenterSerializer
    queryset = CostCenter.objects.all()
    lookup_field = "slug"


class TargetAccounts(ListView):
    """Target accounts: what runs are applied in, and how many run there at once."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.TargetAccountSerializer
    queryset = TargetAccount.objects.all()
    ordering = ("slug",)


class TargetAccountDetail(ApiView, RetrieveAPIView[Any]):
    """One target account."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.TargetAccountSerializer
    queryset = TargetAccount.objects.all()
    lookup_field = "slug"


class Environments(ListView):
    """Environments, lowest position first."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.EnvironmentSerializer
    queryset = Environment.objects.select_related("account")
    ordering = ("position", "slug")


class EnvironmentDetail(ApiView, RetrieveAPIView[Any]):
    """One environment."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.EnvironmentSerializer
    queryset = Environment.objects.select_related("account")
    lookup_field = "slug"


class ServiceFilter(django_filters.FilterSet):
    """Filters of the service list."""

    team = django_filters.CharFilter(field_name="owner_team__slug", label="Slug of the owner team.")
    cost_center = django_filters.CharFilter(field_name="cost_center__slug", label="Slug of the cost center.")
    criticality = django_filters.ChoiceFilter(choices=Criticality.choices)
    orderable = django_filters.BooleanFilter(
        method="filter_orderable", label="Only services that the caller may order for (true)."
    )

    def filter_orderable(self, queryset: QuerySet[Service], name: str, value: bool) -> QuerySet[Service]:
        mine = selectors.orderable_services(self.request.user).values("pk")
        return queryset.filter(pk__in=mine) if value else queryset.exclude(pk__in=mine)


class Services(ListView):
    """Services."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.ServiceSerializer
    filterset_class = ServiceFilter
    queryset = Service.objects.select_related("owner_team", "cost_center")
    ordering = ("slug",)


class ServiceDetail(ApiView, RetrieveAPIView[Any]):
    """One service."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.ServiceSerializer
    queryset = Service.objects.select_related("owner_team", "cost_center")
    lookup_field = "slug"


class ServiceArchive(ApiView):
    """Archive a service; the answer names the workspaces that become orphaned. Platform engineers only."""

    required_scopes: ClassVar[dict[str, str]] = {"POST": "org:write"}
    serializer_class = NothingSerializer

    @extend_schema(operation_id="services_archive", responses={200: documents.ArchivedServiceSerializer})
    def post(self, request: Request, slug: str) -> Response:
        self.body(request)
        left = archive.archive(slug, actor=self.caller(), now=self.now())
        return Response(documents.ArchivedServiceSerializer(left).data)


class ServiceRestore(ApiView):
    """Take an archived service into use again. Platform engineers only."""

    required_scopes: ClassVar[dict[str, str]] = {"POST": "org:write"}
    serializer_class = NothingSerializer

    @extend_schema(operation_id="services_restore", responses={200: documents.ArchivedServiceSerializer})
    def post(self, request: Request, slug: str) -> Response:
        self.body(request)
        left = archive.restore(slug, actor=self.caller(), now=self.now())
        return Response(documents.ArchivedServiceSerializer(left).data)


urlpatterns: list[Any] = [
    path("teams/", Teams.as_view(), name="teams"),
    path("teams/<slug:slug>/", TeamDetail.as_view(), name="team"),
    path("services/", Services.as_view(), name="services"),
    path("services/<slug:slug>/", ServiceDetail.as_view(), name="service"),
    path("services/<slug:slug>/archive/", ServiceArchive.as_view(), name="service-archive"),
    path("services/<slug:slug>/restore/", ServiceRestore.as_view(), name="service-restore"),
    path("cost-centers/", CostCenters.as_view(), name="cost-centers"),
    path("cost-centers/<slug:slug>/", CostCenterDetail.as_view(), name="cost-center"),
    path("target-accounts/", TargetAccounts.as_view(), name="target-accounts"),
    path("target-accounts/<slug:slug>/", TargetAccountDetail.as_view(), name="target-account"),
    path("environments/", Environments.as_view(), name="environments"),
    path("environments/<slug:slug>/", EnvironmentDetail.as_view(), name="environment"),
]
