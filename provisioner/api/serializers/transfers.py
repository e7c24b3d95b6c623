"""Documents of transfers of workspaces."""

from typing import Any

from rest_framework import serializers

from provisioner.api.serializers.base import StrictSerializer, TargetField, TextField
from provisioner.api.serializers.requests import WORD_MAX_LENGTH
from provisioner.models import WorkspaceTransfer
from provisioner.services.ask import JUSTIFICATION_MAX


class NewTransferSerializer(StrictSerializer):
    """To whom a workspace is to go, and why."""

    service = TextField(
        max_length=WORD_MAX_LENGTH,
        required=False,
        allow_blank=True,
        default="",
        help_text="Required: slug of the service that is to own it.",
    )
    reason = TextField(
        max_length=JUSTIFICATION_MAX, required=False, allow_blank=True, default="", help_text="Required."
    )


class TransferSerializer(serializers.Serializer[Any]):
    """A workspace on its way to another service."""

    target = TargetField()
    id = serializers.IntegerField(read_only=True)
    workspace_id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(source="workspace.name", read_only=True)
    from_service = serializers.CharField(source="from_service.slug", read_only=True)
    from_team = serializers.CharField(source="from_service.owner_team.slug", read_only=True)
    to_service = serializers.CharField(source="to_service.slug", read_only=True)
    to_team = serializers.CharField(source="to_service.owner_team.slug", read_only=True)
    reason = serializers.CharField(read_only=True)
    offered_by = serializers.CharField(source="offered_by.username", read_only=True)
    offered_at = serializers.DateTimeField(read_only=True)
    verdict = serializers.SerializerMethodField(
        help_text="accepted, declined, withdrawn; null while it waits for an answer."
    )
    decided_by = serializers.CharField(
        source="decided_by.username", read_only=True, allow_null=True, default=None
    )
    decided_at = serializers.DateTimeField(read_only=True, allow_null=True)

    def get_verdict(self, transfer: WorkspaceTransfer) -> str | None:
        return transfer.verdict or None


class TransferOutcomeSerializer(TransferSerializer):
    """A transfer as it is now, and the run that it ordered."""

    run_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="The update that brings the new tags, where there is one."
    )
