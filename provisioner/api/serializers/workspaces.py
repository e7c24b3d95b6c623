"""Documents of workspaces."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from catalog import selectors as catalog_selectors
from provisioner import selectors
from provisioner.api.serializers.base import (
    ParametersField,
    StrictSerializer,
    TargetField,
    TextField,
    UsdField,
    WholeNumberField,
)
from provisioner.api.serializers.catalog import ChangeSerializer
from provisioner.api.serializers.requests import WORD_MAX_LENGTH, EvaluationSerializer
from provisioner.api.serializers.states import StateLockSerializer
from provisioner.api.serializers.transfers import TransferSerializer
from provisioner.models import Workspace
from provisioner.services.ask import JUSTIFICATION_MAX, TTL_DAYS_MAX

UPDATE, UPGRADE, DESTROY, DRIFT_CHECK, RENEW = "update", "upgrade", "destroy", "drift_check", "renew"


class ActiveRunSerializer(serializers.Serializer[Any]):
    """The run that holds the workspace."""

    id = serializers.UUIDField(read_only=True)
    kind = serializers.CharField(read_only=True)
    status = serializers.CharField(read_only=True)


class HoldSerializer(serializers.Serializer[Any]):
    """A person's stop on a workspace."""

    by = serializers.CharField(source="held_by.username", read_only=True, allow_null=True, default=None)
    since = serializers.DateTimeField(source="held_at", read_only=True)
    reason = serializers.CharField(source="hold_reason", read_only=True)
    group = serializers.CharField(
        source="held_for",
        read_only=True,
        help_text="Whose members may release it, beside platform engineers; empty: the owner team's.",
    )


class NewHoldSerializer(StrictSerializer):
    """Why a workspace is to be left as it is."""

    reason = TextField(
        max_length=JUSTIFICATION_MAX, required=False, allow_blank=True, default="", help_text="Required."
    )


class WorkspaceSerializer(serializers.Serializer[Any]):
    """A workspace in a list."""

    target = TargetField()
    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    item = serializers.CharField(source="item.slug", read_only=True)
    version = serializers.CharField(source="item_version.version", read_only=True)
    newest_version = serializers.SerializerMethodField(
        help_text="What an upgrade leads to; null when no newer version is published."
    )
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
    drift_checked_at = serializers.DateTimeField(read_only=True, allow_null=True)
    drifted_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When drift was first found; null when in sync."
    )
    hold = serializers.SerializerMethodField(help_text="Null unless somebody holds it.")
    orphaned = serializers.BooleanField(
        read_only=True, help_text="Its service is archived, or its team has no members."
    )
    expiry_obstacle = serializers.CharField(
        read_only=True, help_text="What stands in the way of the destruction of an expired one, else empty."
    )
    estimate_usd_month = UsdField(allow_null=True)
    unpriced_count = serializers.IntegerField(read_only=True)
    active_run = serializers.SerializerMethodField()

    def get_newest_version(self, workspace: Workspace) -> str | None:
        # One look at the catalog for the whole list.
        whole = self.parent or self
        outdated: dict[int, str] | None = getattr(whole, "_outdated", None)
        if outdated is None:
            outdated = catalog_selectors.outdated_versions()
            whole._outdated = outdated  # type: ignore[attr-defined]
        return outdated.get(workspace.item_version_id)

    @extend_schema_field(HoldSerializer(allow_null=True))
    def get_hold(self, workspace: Workspace) -> Any:
        return None if workspace.held_at is None else HoldSerializer(workspace).data

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
    transfer = serializers.SerializerMethodField(help_text="The offer that waits for an answer, or null.")

    @extend_schema_field(TransferSerializer(allow_null=True))
    def get_transfer(self, workspace: Workspace) -> Any:
        waiting = selectors.open_transfer_of(workspace)
        return None if waiting is None else TransferSerializer(waiting).data

    state_lock = serializers.SerializerMethodField(
        help_text="Who holds the lock on the Terraform state; null when nobody does."
    )

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

    @extend_schema_field(StateLockSerializer(allow_null=True))
    def get_state_lock(self, workspace: Workspace) -> Any:
        held = selectors.state_lock_of(workspace)
        return None if held is None else StateLockSerializer(held).data


class NewRunSerializer(StrictSerializer):
    """What is to happen to the workspace."""

    kind = serializers.ChoiceField(choices=[UPDATE, UPGRADE, DESTROY, DRIFT_CHECK, RENEW])
    version = TextField(
        max_length=WORD_MAX_LENGTH,
        required=False,
        allow_null=True,
        help_text="Upgrade only: the newest published when left out.",
    )
    parameters = ParametersField(
        required=False,
        help_text="Update and upgrade: what changes; null sets one back to what is filled in. The rest is kept.",
    )
    ttl = WholeNumberField(
        min_value=1,
        max_value=TTL_DAYS_MAX,
        required=False,
        allow_null=True,
        help_text="Renew only, and needed then: days that it lives from now; null takes the end away.",
    )
    justification = TextField(max_length=JUSTIFICATION_MAX, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        kind = attrs["kind"]
        article = "An" if kind in (UPDATE, UPGRADE) else "A"
        takes = {UPDATE: {"parameters"}, UPGRADE: {"version", "parameters"}, RENEW: {"ttl"}}.get(kind, set())
        refused = {
            name: [ErrorDetail(f"{article} {kind.replace('_', ' ')} takes no {name}. {hint}", "not_allowed")]
            for name, hint in (
                ("parameters", "Leave them out."),
                ("version", "Order an upgrade instead."),
                ("ttl", "Order a renewal instead."),
            )
            if name in attrs and name not in takes
        }
        if kind == UPDATE and not attrs.get("parameters"):
            refused["parameters"] = [ErrorDetail("Name at least one parameter to change.", "required")]
        if kind == RENEW and "ttl" not in attrs:
            refused["ttl"] = [ErrorDetail("Say how many days it lives from now, or null.", "required")]
        if refused:
            raise ValidationError(refused)
        return attrs


class UpgradeAskSerializer(StrictSerializer):
    """An upgrade as it would be ordered."""

    version = TextField(
        max_length=WORD_MAX_LENGTH,
        required=False,
        allow_null=True,
        help_text="The newest published when left out.",
    )
    parameters = ParametersField(
        required=False, help_text="What replaces a kept parameter; null sets one back to what is filled in."
    )


class ParameterDifferenceSerializer(serializers.Serializer[Any]):
    """A parameter that the new version adds, has no more, or fills in differently."""

    name = serializers.CharField(read_only=True)
    label = serializers.CharField(read_only=True)  # type: ignore[assignment]
    difference = serializers.ChoiceField(choices=["added", "removed", "changed"], read_only=True)
    before = serializers.JSONField(
        read_only=True, allow_null=True, help_text="What was filled in; a removed one's own value."
    )
    after = serializers.JSONField(read_only=True, allow_null=True, help_text="What is filled in.")
    required = serializers.BooleanField(  # type: ignore[assignment]
        read_only=True, help_text="New, and must be passed."
    )
    kept = serializers.BooleanField(
        read_only=True, help_text="It was given and keeps its value, whatever is filled in."
    )


class UpgradeEvaluationSerializer(EvaluationSerializer):
    """What an upgrade would change, cost and need."""

    from_version = serializers.CharField(read_only=True)
    delta_usd_month = UsdField(help_text="Against the workspace's present estimate.")
    changelog = ChangeSerializer(many=True, read_only=True, help_text="After from_version, newest first.")
    differences = ParameterDifferenceSerializer(many=True, read_only=True)
