"""Workspaces: what was ordered, what it consists of and costs, and what is to happen to it."""

import uuid
from typing import Any, ClassVar

import django_filters
from django.db.models import Prefetch, QuerySet
from django.urls import path
from drf_spectacular.utils import extend_schema

from catalog import selectors as catalog_selectors
from catalog.differences import ParameterDifference
from catalog.models import Criticality
from catalog.spec import MISSING
from provisioner import selectors
from provisioner.api.evaluations import document as evaluation_document
from provisioner.api.runs import run_answer
from provisioner.api.serializers import workspaces as documents
from provisioner.api.serializers.runs import RunDetailSerializer
from provisioner.api.view import ApiView, ListView, Request, Response
from provisioner.domain.run import ACTIVE
from provisioner.models import Run, Workspace
from provisioner.services import drift, hold, renew, submit, upgrade

READ: dict[str, str] = {"GET": "workspaces:read"}


class WorkspaceFilter(django_filters.FilterSet):
    """Filters of the workspace list."""

    name = django_filters.CharFilter(label="Name, exactly.")
    item = django_filters.CharFilter(field_name="item__slug", label="Slug of the catalog item.")
    service = django_filters.CharFilter(field_name="service__slug", label="Slug of the service.")
    team = django_filters.CharFilter(field_name="service__owner_team__slug", label="Slug of the owner team.")
    cost_center = django_filters.CharFilter(
        field_name="service__cost_center__slug", label="Slug of the cost center."
    )
    environment = django_filters.CharFilter(field_name="environment__slug", label="Slug of the environment.")
    criticality = django_filters.ChoiceFilter(field_name="service__criticality", choices=Criticality.choices)
    expiring_before = django_filters.IsoDateTimeFilter(
        field_name="expires_at", lookup_expr="lt", label="Expires before this instant (ISO 8601)."
    )
    drifted = django_filters.BooleanFilter(
        field_name="drifted_at",
        lookup_expr="isnull",
        exclude=True,
        label="Those whose newest drift check found a difference (true), or not.",
    )
    open = django_filters.BooleanFilter(
        field_name="closed_at", lookup_expr="isnull", label="Only what is still there (true) or gone (false)."
    )
    outdated = django_filters.BooleanFilter(
        method="filter_outdated", label="Those that a newer published version waits for (true), or not."
    )

    held = django_filters.BooleanFilter(
        field_name="held_at", lookup_expr="isnull", exclude=True, label="Only those on hold (true), or not."
    )
    orphaned = django_filters.BooleanFilter(
        label="Open ones whose service is archived or whose team has no members (true), or not."
    )

    def filter_outdated(self, queryset: QuerySet[Workspace], name: str, value: bool) -> QuerySet[Workspace]:
        outdated = list(catalog_selectors.outdated_versions())
        if value:
            return queryset.filter(item_version_id__in=outdated)
        return queryset.exclude(item_version_id__in=outdated)


class Workspaces(ListView):
    """Workspaces that the caller may see, newest first, closed ones too."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.WorkspaceSerializer
    filterset_class = WorkspaceFilter
    queryset = Workspace.objects.none()

    def get_queryset(self) -> QuerySet[Workspace]:
        return with_active_run(selectors.workspaces_visible_to(self.request.user))


class WorkspaceDetail(ApiView):
    """One workspace with its outputs, resources and cost."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.WorkspaceDetailSerializer

    @extend_schema(operation_id="workspaces_retrieve")
    def get(self, request: Request, workspace_id: uuid.UUID) -> Response:
        return workspace_answer(request, workspace_id)


class WorkspaceHold(ApiView):
    """Put a workspace on hold: no run is ordered and none that waits is taken up until it is released."""

    required_scopes: ClassVar[dict[str, str]] = {"PUT": "requests:write", "DELETE": "requests:write"}
    serializer_class = documents.NewHoldSerializer

    @extend_schema(
        operation_id="workspaces_hold_update", responses={200: documents.WorkspaceDetailSerializer}
    )
    def put(self, request: Request, workspace_id: uuid.UUID) -> Response:
        wanted = self.body(request)
        hold.hold(workspace_id, reason=wanted["reason"], actor=self.caller(), now=self.now())
        return workspace_answer(request, workspace_id)

    @extend_schema(
        operation_id="workspaces_hold_destroy", responses={200: documents.WorkspaceDetailSerializer}
    )
    def delete(self, request: Request, workspace_id: uuid.UUID) -> Response:
        hold.release(workspace_id, actor=self.caller(), now=self.now())
        return workspace_answer(request, workspace_id)


class WorkspaceRuns(ApiView):
    """Change, upgrade, destroy, check or renew a workspace; its runs are at `/runs/?workspace=`.

    A renewal needs no run: it answers 200 with the workspace.
    """

    required_scopes: ClassVar[dict[str, str]] = {"POST": "requests:write"}
    serializer_class = documents.NewRunSerializer

    @extend_schema(
        operation_id="workspaces_runs_create",
        responses={200: documents.WorkspaceDetailSerializer, 201: RunDetailSerializer},
    )
    def post(self, request: Request, workspace_id: uuid.UUID) -> Response:
        wanted = self.body(request)
        if wanted["kind"] == documents.RENEW:
            renew.renew(
                workspace_id,
                ttl_days=wanted["ttl"],
                justification=wanted["justification"],
                actor=self.caller(),
                now=self.now(),
            )
            return workspace_answer(request, workspace_id)
        if wanted["kind"] == documents.DRIFT_CHECK:
            run = drift.submit_check(workspace_id, requester=self.caller(), now=self.now())
        elif wanted["kind"] == documents.DESTROY:
            run = submit.submit_destroy(
                workspace_id, justification=wanted["justification"], requester=self.caller(), now=self.now()
            )
        elif wanted["kind"] == documents.UPGRADE:
            run = submit.submit_upgrade(
                workspace_id,
                version=wanted.get("version"),
                parameters=wanted.get("parameters", {}),
                justification=wanted["justification"],
                requester=self.caller(),
                now=self.now(),
            )
        else:
            run = submit.submit_update(
                workspace_id,
                parameters=wanted["parameters"],
                justification=wanted["justification"],
                requester=self.caller(),
                now=self.now(),
            )
        return run_answer(request, run, status=201)


class UpgradeEvaluations(ApiView):
    """Evaluate an upgrade: what it would change, cost and need, without any effect.

    Problems of parameters are part of the answer; a version that nobody knows or that is not newer is refused.
    """

    required_scopes: ClassVar[dict[str, str]] = {"POST": "workspaces:read"}
    serializer_class = documents.UpgradeAskSerializer

    @extend_schema(
        operation_id="workspaces_upgrade_evaluations_create",
        responses={200: documents.UpgradeEvaluationSerializer},
    )
    def post(self, request: Request, workspace_id: uuid.UUID) -> Response:
        wanted = self.body(request)
        workspace = selectors.workspace_visible(request.user, workspace_id)
        found = upgrade.preview(
            workspace,
            version=wanted.get("version"),
            parameters=wanted.get("parameters", {}),
            requester=self.caller(),
            now=self.now(),
        )
        answer = {
            **evaluation_document(found.ask, found.evaluation),
            "from_version": found.before,
            "delta_usd_month": found.evaluation.estimate.usd_month - (workspace.estimate_usd_month or 0),
            "changelog": found.changelog,
            "differences": [difference_document(one) for one in found.differences],
        }
        return Response(documents.UpgradeEvaluationSerializer(answer).data)


def difference_document(found: ParameterDifference) -> dict[str, Any]:
    """Return a difference in the shape of the API; null where nothing is filled in."""
    return {
        "name": found.name,
        "label": found.label,
        "difference": found.difference.value,
        "before": None if found.before is MISSING else found.before,
        "after": None if found.after is MISSING else found.after,
        "required": found.required,
        "kept": found.kept,
    }


def workspace_answer(request: Request, workspace_id: uuid.UUID) -> Response:
    """Answer with the workspace as it is now."""
    visible = selectors.workspace_visible(request.user, workspace_id)
    workspace = with_active_run(selectors.workspaces_visible_to(request.user)).get(pk=visible.pk)
    return Response(documents.WorkspaceDetailSerializer(workspace).data)


def with_active_run(workspaces: QuerySet[Workspace]) -> QuerySet[Workspace]:
    """Add each workspace's active run as `active_runs` in one query."""
    active = Run.objects.filter(status__in=sorted(ACTIVE)).only("id", "kind", "status", "workspace_id")
    return workspaces.prefetch_related(Prefetch("runs", queryset=active, to_attr="active_runs"))


urlpatterns: list[Any] = [
    path("workspaces/", Workspaces.as_view(), name="workspaces"),
    path("workspaces/<uuid:workspace_id>/", WorkspaceDetail.as_view(), name="workspace"),
    path("workspaces/<uuid:workspace_id>/hold/", WorkspaceHold.as_view(), name="workspace-hold"),
    path("workspaces/<uuid:workspace_id>/runs/", WorkspaceRuns.as_view(), name="workspace-runs"),
    path(
        "workspaces/<uuid:workspace_id>/upgrade-evaluations/",
        UpgradeEvaluations.as_view(),
        name="workspace-upgrade-evaluations",
    ),
]
