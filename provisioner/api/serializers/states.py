"""Documents of states and their lock."""

from typing import Any

from rest_framework import serializers

from provisioner.api.serializers.base import StrictSerializer, TextField
from provisioner.services.states import REASON_MAX


class StateLockSerializer(serializers.Serializer[Any]):
    """The lock on a workspace's state."""

    run_id = serializers.UUIDField(read_only=True)
    lock_id = serializers.CharField(read_only=True)
    operation = serializers.CharField(source="info.Operation", default="", read_only=True)
    who = serializers.CharField(
        source="info.Who", default="", read_only=True, help_text="As Terraform says it: user@host."
    )
    created_at = serializers.DateTimeField(read_only=True)


class StateVersionSerializer(serializers.Serializer[Any]):
    """One version of the workspace's Terraform state, without its content."""

    serial = serializers.IntegerField(read_only=True)
    lineage = serializers.CharField(read_only=True)
    terraform_version = serializers.CharField(read_only=True, help_text="Empty when it is not known.")
    sha256 = serializers.CharField(read_only=True)
    size_bytes = serializers.IntegerField(read_only=True)
    run_id = serializers.UUIDField(
        read_only=True,
        allow_null=True,
        help_text="The run that wrote it; null when somebody restored or imported it.",
    )
    created_at = serializers.DateTimeField(read_only=True)
    restored_from = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The serial whose content this is."
    )
    restored_by = serializers.CharField(
        source="restored_by.username", read_only=True, allow_null=True, default=None
    )
    restore_reason = serializers.CharField(read_only=True)


class StateDifferenceSerializer(serializers.Serializer[Any]):
    """A resource or output that differs between two versions; names, never values."""

    address = serializers.CharField(read_only=True)
    type = serializers.CharField(read_only=True)
    difference = serializers.ChoiceField(choices=["added", "removed", "changed"], read_only=True)
    attributes = serializers.ListField(child=serializers.CharField(), read_only=True)
    sensitive = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Those of `attributes` that are sensitive."
    )


class SinceSerializer(StrictSerializer):
    """Which version to compare with."""

    since = serializers.IntegerField(
        min_value=0, max_value=2**63 - 1, help_text="Serial of the earlier version."
    )


class ReasonSerializer(StrictSerializer):
    """Why something unusual is done."""

    reason = TextField(max_length=REASON_MAX)
