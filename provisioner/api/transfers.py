"""Transfers: workspaces that are offered to another team, and the answers to that."""

import uuid
from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import extend_schema

from provisioner import selectors
from provisioner.api.serializers import transfers as documents
from provisioner.api.serializers.runs import NothingSerializer
from provisioner.api.view import ApiView, ListView, Request, Response
from provisioner.models import WorkspaceTransfer
from provisioner.services import transfer

READ: dict[str, str] = {"GET": "workspaces:read"}
WRITE: dict[str, str] = {"POST": "requests:write"}


class WorkspaceTransferOffer(ApiView):
    """Offer a workspace to another service.

    It goes there at once when the caller is a member of the receiving team too, or a platform engineer; otherwise a
    member of the receiving team must accept it.
    """

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = documents.NewTransferSerializer

    @extend_schema(
        operation_id="workspaces_transfer_create", responses={201: documents.TransferOutcomeSerializer}
    )
    def post(self, request: Request, workspace_id: uuid.UUID) -> Response:
        wanted = self.body(request)
        outcome = transfer.offer(
            workspace_id,
            service=wanted["service"],
            reason=wanted["reason"],
            actor=self.caller(),
            now=self.now(),
        )
        return outcome_answer(outcome, status=201)


class TransferFilter(django_filters.FilterSet):
    """Filters of the transfer list."""

    open = django_filters.BooleanFilter(
        field_name="decided_at",
        lookup_expr="isnull",
        label="Those that wait for an answer (true), or do not.",
    )
    workspace = django_filters.UUIDFilter(field_name="workspace_id", label="Id of the workspace.")
    from_team = django_filters.CharFilter(
        field_name="from_service__owner_team__slug", label="Slug of the team that gives."
    )
    to_team = django_filters.CharFilter(
        field_name="to_service__owner_team__slug", label="Slug of the team that receives."
    )


class Transfers(ListView):
    """Transfers from and to the caller's teams, newest first."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.TransferSerializer
    filterset_class = TransferFilter
    queryset = WorkspaceTransfer.objects.none()
    ordering = ("-offered_at", "-id")

    def get_queryset(self) -> QuerySet[WorkspaceTransfer]:
        return selectors.transfers_visible_to(self.request.user)


class TransferDetail(ApiView):
    """One transfer."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.TransferSerializer

    @extend_schema(operation_id="transfers_retrieve")
    def get(self, request: Request, transfer_id: int) -> Response:
        return Response(self.get_serializer(selectors.transfer_visible(request.user, transfer_id)).data)


class TransferAccept(ApiView):
    """Take over what is offered; where it is applied, the update that brings the new tags is ordered."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = NothingSerializer

    @extend_schema(operation_id="transfers_accept", responses={200: documents.TransferOutcomeSerializer})
    def post(self, request: Request, transfer_id: int) -> Response:
        self.body(request)
        return outcome_answer(transfer.accept(transfer_id, actor=self.caller(), now=self.now()))


class TransferDecline(ApiView):
    """Leave the workspace with the team that has it."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = NothingSerializer

    @extend_schema(operation_id="transfers_decline", responses={200: documents.TransferOutcomeSerializer})
    def post(self, request: Request, transfer_id: int) -> Response:
        self.body(request)
        return outcome_answer(transfer.decline(transfer_id, actor=self.caller(), now=self.now()))


class TransferWithdraw(ApiView):
    """Take an offer back."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = NothingSerializer

    @extend_schema(operation_id="transfers_withdraw", responses={200: documents.TransferOutcomeSerializer})
    def post(self, request: Request, transfer_id: int) -> Response:
        self.body(request)
        return outcome_answer(transfer.withdraw(transfer_id, actor=self.caller(), now=self.now()))


def outcome_answer(outcome: transfer.Outcome, *, status: int = 200) -> Response:
    """Answer with the transfer as it is now."""
    document: dict[str, Any] = {
        **documents.TransferSerializer(outcome.transfer).data,
        "run_id": None if outcome.run is None else str(outcome.run.pk),
    }
    return Response(document, status=status)


urlpatterns: list[Any] = [
    path(
        "workspaces/<uuid:workspace_id>/transfer/",
        WorkspaceTransferOffer.as_view(),
        name="workspace-transfer",
    ),
    path("transfers/", Transfers.as_view(), name="transfers"),
    path("transfers/<int:transfer_id>/", TransferDetail.as_view(), name="transfer"),
    path("transfers/<int:transfer_id>/accept/", TransferAccept.as_view(), name="transfer-accept"),
    path("transfers/<int:transfer_id>/decline/", TransferDecline.as_view(), name="transfer-decline"),
    path("transfers/<int:transfer_id>/withdraw/", TransferWithdraw.as_view(), name="transfer-withdraw"),
]
