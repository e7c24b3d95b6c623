"""Documents of the organisation."""

from typing import Any

from rest_framework import serializers

from provisioner.api.serializers.base import RefSerializer


class TeamSerializer(RefSerializer):
    """A team."""

    email = serializers.CharField(read_only=True)


class CostCenterSerializer(RefSerializer):
    """A cost center."""


class TargetAccountSerializer(RefSerializer):
    """A cloud account that runs are applied in."""

    max_running = serializers.IntegerField(
        read_only=True, help_text="So many runs at most are planned and applied in it at once."
    )


class EnvironmentSerializer(RefSerializer):
    """An environment; the lowest position comes first."""

    position = serializers.IntegerField(read_only=True)
    is_production = serializers.BooleanField(read_only=True)
    account = TargetAccountSerializer(
        read_only=True, allow_null=True, help_text="Null where only the workers are the limit."
    )


class ServiceSerializer(RefSerializer):
    """A service, with the team that owns it and the cost center that pays."""

    owner_team = RefSerializer(read_only=True)
    cost_center = RefSerializer(read_only=True)
    criticality = serializers.CharField(read_only=True)
    archived_at = serializers.DateTimeField(read_only=True, allow_null=True)


class OrphanSerializer(serializers.Serializer[Any]):
    """A workspace that nobody answers for."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    item = serializers.CharField(source="item.slug", read_only=True)
    environment = serializers.CharField(source="environment.slug", read_only=True)


class ArchivedServiceSerializer(serializers.Serializer[Any]):
    """A service, and the open workspaces that it leaves without an owner."""

    service = ServiceSerializer(read_only=True)
    orphaned = OrphanSerializer(many=True, read_only=True)
