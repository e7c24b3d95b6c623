"""State versions and the lock, for people and their scripts; Terraform's own door is api/state.py."""

import uuid
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema

from provisioner import selectors
from provisioner.api.serializers import states as documents
from provisioner.api.view import ApiView, ListView, Request, Response
from provisioner.models import StateVersion
from provisioner.services import states

READ: dict[str, str] = {"GET": "state:read"}
WRITE: dict[str, str] = {"POST": "state:write"}


class StateVersions(ListView):
    """Versions of the workspace's Terraform state, newest first, without their content."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.StateVersionSerializer
    queryset = StateVersion.objects.none()
    ordering = ("-serial",)

    def get_queryset(self) -> QuerySet[StateVersion]:
        return selectors.states_of(
            selectors.workspace_visible(self.request.user, self.kwargs["workspace_id"])
        )


class StateContent(ApiView):
    """One version's content, byte for byte: it holds secrets, so owners alone get it and it is audited."""

    required_scopes: ClassVar[dict[str, str]] = READ

    @extend_schema(operation_id="workspaces_states_content", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, workspace_id: uuid.UUID, serial: int) -> HttpResponse:
        found = states.download(workspace_id, serial, reader=self.caller(), now=self.now())
        return HttpResponse(found.content, content_type="application/json", headers=found.headers)


class StateDifferences(ApiView):
    """What differs between an earlier version (`since`) and this one, by resource and without values."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.StateDifferenceSerializer
    query_serializer_class = documents.SinceSerializer

    @extend_schema(
        operation_id="workspaces_states_differences",
        parameters=[documents.SinceSerializer],
        responses={200: documents.StateDifferenceSerializer(many=True)},
    )
    def get(self, request: Request, workspace_id: uuid.UUID, serial: int) -> Response:
        selectors.workspace_visible(
            request.user, workspace_id
        )  # who may not see it is not told about parameters
        found = states.differences(workspace_id, self.query(request)["since"], serial, reader=self.caller())
        return Response(self.get_serializer(found, many=True).data)


class StateRestoration(ApiView):
    """Make this version the newest again, as a new version; the next plan shows what differs from the cloud."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = documents.ReasonSerializer

    @extend_schema(
        operation_id="workspaces_states_restore", responses={201: documents.StateVersionSerializer}
    )
    def post(self, request: Request, workspace_id: uuid.UUID, serial: int) -> Response:
        selectors.workspace_visible(request.user, workspace_id)  # who may not see it is not told about fields
        reason = self.body(request)["reason"]
        version = states.restore(workspace_id, serial, reason=reason, actor=self.caller(), now=self.now())
        return Response(documents.StateVersionSerializer(version).data, status=201)


class StateForceUnlock(ApiView):
    """Open a lock that a dead run left (platform engineers)."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = documents.ReasonSerializer

    @extend_schema(operation_id="workspaces_state_force_unlock", responses={204: None})
    def post(self, request: Request, workspace_id: uuid.UUID) -> Response:
        selectors.workspace_visible(request.user, workspace_id)
        reason = self.body(request)["reason"]
        states.force_unlock(workspace_id, reason=reason, actor=self.caller(), now=self.now())
        return Response(status=204)


_STATES = "workspaces/<uuid:workspace_id>/states/"
urlpatterns: list[Any] = [
    path(_STATES, StateVersions.as_view(), name="workspace-states"),
    path(f"{_STATES}<int:serial>/", StateContent.as_view(), name="workspace-state"),
    path(
        f"{_STATES}<int:serial>/differences/", StateDifferences.as_view(), name="workspace-state-differences"
    ),
    path(f"{_STATES}<int:serial>/restore/", StateRestoration.as_view(), name="workspace-state-restore"),
    path(
        "workspaces/<uuid:workspace_id>/state-lock/force-unlock/",
        StateForceUnlock.as_view(),
        name="workspace-state-force-unlock",
    ),
]
