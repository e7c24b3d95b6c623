"""Documents of workspaces."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from provisioner.api.serializers.base import (
    ParametersField,
    StrictSerializer,
    TargetField,
    TextField,
    UsdField,
)
from provisioner.models import Workspace
from provisioner.services.ask import JUSTIFICATION_MAX

UPDATE, DESTROY = "update", "destroy"


class ActiveRunSerializer(serializers.Serializer[Any]):
    """The run that holds the workspace."""

    id = serializers.UUIDField(read_only=True)
    kind = serializers.CharField(read_only=True)
    status = serializers.CharField(read_only=True)


class WorkspaceSerializer(serializers.Serializer[Any]):
    """A workspace in a list."""

    target = TargetField()
    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    item = serializers.CharField(source="item.slug", read_only=True)
    version = serializers.CharField(source="item_version.version", read_only=True)
    service = serializers.CharField(source="service.slug", read_only=True)
    team = serializers.CharField(source="service.owner_team.slug", read_only=True)
    cost_center = serializers.CharField(source="service.cost_center.slug", read_only=True)
    criticality = serializers.CharField(source="service.criticality", read_only=True)
    environment = serializers.CharField(source="environment.slug", read_only=True)
    created_by = serializers.CharField(source="created_by.username", read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    applied_at = serializers.DateTimeField(read_only=True, allow_null=True)
    expires_at = serializers.DateTimeField(read_only=True, allow_null=True)
    closed_at = serializers.DateTimeField(read_only=True, allow_null=True)
    estimate_usd_month = UsdField(allow_null=True)
    unpriced_count = serializers.IntegerField(read_only=True)
    active_run = serializers.SerializerMethodField()

    @extend_schema_field(ActiveRunSerializer(allow_null=True))
    def get_active_run(self, workspace: Workspace) -> Any:
        active = workspace.active_runs  # type: ignore[attr-defined]  # prefetched, at most one
        return ActiveRunSerializer(active[0]).data if active else None


class OutputSerializer(serializers.Serializer[Any]):
    """An output; a sensitive one is named without its value."""

    name = serializers.CharField(read_only=True)
    sensitive = serializers.BooleanField(read_only=True)
    value = serializers.JSONField(read_only=True, allow_null=True)


class ResourceSerializer(serializers.Serializer[Any]):
    """A resource in the newest state."""

    address = serializers.CharField(read_only=True)
    type = serializers.CharField(read_only=True)
    provider_id = serializers.CharField(read_only=True)
    arn = serializers.CharField(read_only=True)
    tags = serializers.DictField(child=serializers.CharField(), read_only=True)


class WorkspaceDetailSerializer(WorkspaceSerializer):
    """A workspace with its inventory."""

    origin_request_id = serializers.UUIDField(read_only=True)
    parameters = serializers.DictField(read_only=True)
    tags = serializers.DictField(child=serializers.CharField(), read_only=True)
    outputs = serializers.SerializerMethodField()
    resources = ResourceSerializer(many=True, read_only=True)

    @extend_schema_field(OutputSerializer(many=True))
    def get_outputs(self, workspace: Workspace) -> Any:
        return [
            {
                "name": name,
                "sensitive": bool(output.get("sensitive")),
                "value": None if output.get("sensitive") else output.get("value"),
            }
            for name, output in sorted(workspace.outputs.items())
        ]


class NewRunSerializer(StrictSerializer):
    """What is to happen to the workspace."""

    kind = serializers.ChoiceField(choices=[UPDATE, DESTROY])
    parameters = ParametersField(
        required=False, help_text="Update only: what changes; null sets one back to what is filled in."
    )
    justification = TextField(max_length=JUSTIFICATION_MAX, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] == DESTROY and "parameters" in attrs:
            raise ValidationError(
                {"parameters": [ErrorDetail("A destroy takes no parameters. Leave them out.", "not_allowed")]}
            )
        if attrs["kind"] == UPDATE and not attrs.get("parameters"):
            raise ValidationError(
                {"parameters": [ErrorDetail("Name at least one parameter to change.", "required")]}
            )
        return attrs


class StateVersionSerializer(serializers.Serializer[Any]):
    """One version of the workspace's Terraform state, without its content."""

    serial = serializers.IntegerField(read_only=True)
    lineage = serializers.CharField(read_only=True)
    sha256 = serializers.CharField(read_only=True)
    size_bytes = serializers.IntegerField(read_only=True)
    run_id = serializers.UUIDField(read_only=True, allow_null=True)
    created_at = serializers.DateTimeField(read_only=True)
