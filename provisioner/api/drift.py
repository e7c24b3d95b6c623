"""Drift of a workspace: what differs, and the two ways to settle it."""

import uuid
from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema

from provisioner import selectors
from provisioner.api.runs import run_answer
from provisioner.api.serializers import drift as documents
from provisioner.api.serializers.runs import RunDetailSerializer
from provisioner.api.view import ApiView, Request, Response
from provisioner.services import settle


class WorkspaceDrift(ApiView):
    """What the newest drift check found; order a check as a run of kind `drift_check`."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "workspaces:read"}
    serializer_class = documents.DriftSerializer

    @extend_schema(operation_id="workspaces_drift_retrieve")
    def get(self, request: Request, workspace_id: uuid.UUID) -> Response:
        workspace = selectors.workspace_visible(request.user, workspace_id)
        document = {
            "checked_at": workspace.drift_checked_at,
            "drifted_at": workspace.drifted_at,
            "resources": workspace.drift,
            "acceptable": settle.acceptance(workspace).parameters,
        }
        return Response(self.get_serializer(document).data)


class Corrections(ApiView):
    """Put back what has drifted: an update with the present parameters."""

    required_scopes: ClassVar[dict[str, str]] = {"POST": "requests:write"}
    serializer_class = documents.CorrectionSerializer

    @extend_schema(operation_id="workspaces_drift_correct", responses={201: RunDetailSerializer})
    def post(self, request: Request, workspace_id: uuid.UUID) -> Response:
        wanted = self.body(request)
        run = settle.correct(workspace_id, **wanted, requester=self.caller(), now=self.now())
        return run_answer(request, run, status=201)


class Acceptances(ApiView):
    """Take over what was found: an update whose parameters are what is there, as far as parameters can.

    Guardrails judge it like any update. What no parameter covers is put back.
    """

    required_scopes: ClassVar[dict[str, str]] = {"POST": "requests:write"}
    serializer_class = documents.AcceptanceSerializer

    @extend_schema(operation_id="workspaces_drift_accept", responses={201: RunDetailSerializer})
    def post(self, request: Request, workspace_id: uuid.UUID) -> Response:
        wanted = self.body(request)
        run = settle.accept(workspace_id, **wanted, requester=self.caller(), now=self.now())
        return run_answer(request, run, status=201)


urlpatterns: list[Any] = [
    path("workspaces/<uuid:workspace_id>/drift/", WorkspaceDrift.as_view(), name="workspace-drift"),
    path(
        "workspaces/<uuid:workspace_id>/drift/corrections/",
        Corrections.as_view(),
        name="workspace-drift-corrections",
    ),
    path(
        "workspaces/<uuid:workspace_id>/drift/acceptances/",
        Acceptances.as_view(),
        name="workspace-drift-acceptances",
    ),
]
