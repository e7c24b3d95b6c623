"""Documents of drift."""

from typing import Any

from rest_framework import serializers

from provisioner.api.serializers.base import ParametersField, StrictSerializer, TextField
from provisioner.services.ask import JUSTIFICATION_MAX


class DifferenceSerializer(serializers.Serializer[Any]):
    """One attribute: as it was recorded, and as it was found. Sensitive ones are masked."""

    path = serializers.CharField(read_only=True)
    before = serializers.CharField(read_only=True, allow_null=True, help_text="As recorded; null: not set.")
    after = serializers.CharField(read_only=True, allow_null=True, help_text="As found; null: not set.")
    parameter = serializers.CharField(
        read_only=True, help_text="The parameter that would take over what was found; empty: none can."
    )
    value = serializers.JSONField(read_only=True, allow_null=True, help_text="What it would be then.")
    obstacle = serializers.CharField(read_only=True, help_text="Why no parameter can take it over.")


class DriftedSerializer(serializers.Serializer[Any]):
    """One object that is not as it was recorded."""

    address = serializers.CharField(read_only=True)
    type = serializers.CharField(read_only=True)
    verb = serializers.ChoiceField(choices=["changed", "gone"], read_only=True)
    correction = serializers.ChoiceField(
        choices=["create", "update", "replace"], read_only=True, help_text="What a correction does to it."
    )
    differences = DifferenceSerializer(many=True, read_only=True)
    others = DifferenceSerializer(
        many=True, read_only=True, help_text="Differ too, and no plan would put them back."
    )


class DriftSerializer(serializers.Serializer[Any]):
    """What the newest check found."""

    checked_at = serializers.DateTimeField(read_only=True, allow_null=True)
    drifted_at = serializers.DateTimeField(read_only=True, allow_null=True)
    resources = DriftedSerializer(many=True, read_only=True)
    acceptable = serializers.DictField(
        read_only=True,
        help_text="The parameters that accepting would order. What they do not cover is put back.",
    )


class CorrectionSerializer(StrictSerializer):
    """Why."""

    justification = TextField(max_length=JUSTIFICATION_MAX, required=False, allow_blank=True, default="")


class AcceptanceSerializer(CorrectionSerializer):
    """Why, and what is changed with it."""

    parameters = ParametersField(
        required=False,
        help_text="Changed besides what was found, for example where that alone breaks a condition.",
    )
