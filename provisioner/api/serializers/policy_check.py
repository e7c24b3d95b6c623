"""Documents of the tag policy and of checks of plans."""

from typing import Any

from rest_framework import serializers

from provisioner.api.serializers.base import (
    SLUG_MAX_LENGTH,
    FindingSerializer,
    StrictSerializer,
    TextField,
    UnpricedSerializer,
)
from provisioner.rulebook.command import FORMATS
from provisioner.rulebook.report import FailOn

_LEVELS = ["advisory", "soft-mandatory", "hard-mandatory"]


class BesideSerializer(StrictSerializer):
    """What a pipeline may say of itself beside its plan."""

    service = TextField(
        required=False, max_length=SLUG_MAX_LENGTH, help_text="Slug of the service it is for."
    )
    environment = TextField(required=False, max_length=SLUG_MAX_LENGTH, help_text="Slug of its environment.")
    region = TextField(required=False, max_length=SLUG_MAX_LENGTH, help_text="Region of the prices.")
    fail_on = serializers.ChoiceField(
        choices=[each.value for each in FailOn],
        required=False,
        help_text="Lowest level with which `passed` is false; soft where nothing is said.",
    )


class CheckQuerySerializer(BesideSerializer):
    """The same, for bodies that are the plan alone; and the form of the answer."""

    format = serializers.ChoiceField(
        choices=list(FORMATS), required=False, help_text="json where nothing is said."
    )


class PlanSerializer(BesideSerializer):
    """A plan with what is said beside it; the body may also be the plan itself."""

    plan = serializers.JSONField(help_text="The output of `terraform show -json PLANFILE`.")


class TagKeySerializer(serializers.Serializer[Any]):
    """One tag, and what may stand in it."""

    key = serializers.CharField(read_only=True)
    required = serializers.BooleanField(read_only=True)  # type: ignore[assignment]
    allowed = serializers.ListField(child=serializers.CharField(), read_only=True)
    pattern = serializers.CharField(read_only=True, help_text="Matches the whole value; empty: any.")
    reference = serializers.ChoiceField(
        choices=["service", "team", "cost_center", "environment", "criticality"],
        read_only=True,
        allow_null=True,
    )
    aliases = serializers.ListField(child=serializers.CharField(), read_only=True)
    level = serializers.ChoiceField(choices=_LEVELS, read_only=True)
    why = serializers.CharField(read_only=True)


class TagLimitsSerializer(serializers.Serializer[Any]):
    """What AWS takes."""

    key_characters = serializers.IntegerField(read_only=True)
    value_characters = serializers.IntegerField(read_only=True)
    tags = serializers.IntegerField(read_only=True)


class ServiceFactsSerializer(serializers.Serializer[Any]):
    """Who answers for a service, who pays, and how much it matters."""

    team = serializers.CharField(read_only=True)
    cost_center = serializers.CharField(read_only=True)
    criticality = serializers.CharField(read_only=True)


class OrganisationSerializer(serializers.Serializer[Any]):
    """What tags refer to, in the shape that `drawbridge-policy check --organisation` reads."""

    services = serializers.DictField(child=ServiceFactsSerializer(), read_only=True)
    teams = serializers.ListField(child=serializers.CharField(), read_only=True)
    cost_centers = serializers.ListField(child=serializers.CharField(), read_only=True)
    environments = serializers.ListField(child=serializers.CharField(), read_only=True)


class TagPolicySerializer(serializers.Serializer[Any]):
    """The tag policy in force. `environments` has the complete keys of those that ask for something else."""

    policy_digest = serializers.CharField(read_only=True)
    level = serializers.ChoiceField(choices=_LEVELS, read_only=True)
    normalise = serializers.ListField(
        child=serializers.ChoiceField(choices=["case", "trim", "spaces"]), read_only=True
    )
    unchanged = serializers.ChoiceField(choices=["same", "advisory", "ignore"], read_only=True)
    exempt_types = serializers.ListField(child=serializers.CharField(), read_only=True)
    keys = TagKeySerializer(many=True, read_only=True)
    environments = serializers.DictField(child=TagKeySerializer(many=True), read_only=True)
    limits = TagLimitsSerializer(read_only=True)
    organisation = OrganisationSerializer(read_only=True)


class CheckFindingSerializer(FindingSerializer):
    """A finding of a check. `fingerprint` names it from one check to the next."""

    tags = serializers.ListField(child=serializers.CharField(), read_only=True)
    fingerprint = serializers.CharField(read_only=True)
    in_baseline = serializers.BooleanField(read_only=True)


class CheckSummarySerializer(serializers.Serializer[Any]):
    """How much was looked at and found."""

    resources = serializers.IntegerField(read_only=True)
    checked = serializers.IntegerField(read_only=True, help_text="Resources whose tags were looked at.")
    hard_mandatory = serializers.IntegerField(read_only=True)
    soft_mandatory = serializers.IntegerField(read_only=True)
    advisory = serializers.IntegerField(read_only=True)
    in_baseline = serializers.IntegerField(read_only=True)


class PricedResourceSerializer(serializers.Serializer[Any]):
    """What one resource costs a month."""

    address = serializers.CharField(read_only=True)
    usd_month = serializers.CharField(read_only=True)


class CostOfPlanSerializer(serializers.Serializer[Any]):
    """What exists after the apply costs a month at list price, and what the plan adds to it."""

    region = serializers.CharField(read_only=True)
    price_book_digest = serializers.CharField(read_only=True)
    usd_month = serializers.CharField(read_only=True)
    delta_usd_month = serializers.CharField(read_only=True)
    resources = PricedResourceSerializer(many=True, read_only=True)
    unpriced = UnpricedSerializer(many=True, read_only=True)


class ReportSerializer(serializers.Serializer[Any]):
    """What a check has found; the same as the command's --format json."""

    format_version = serializers.CharField(read_only=True)
    passed = serializers.BooleanField(read_only=True)
    fail_on = serializers.ChoiceField(choices=[each.value for each in FailOn], read_only=True)
    policy_digest = serializers.CharField(read_only=True)
    terraform_version = serializers.CharField(read_only=True)
    environment = serializers.CharField(read_only=True)
    service = serializers.CharField(read_only=True)
    summary = CheckSummarySerializer(read_only=True)
    findings = CheckFindingSerializer(many=True, read_only=True)
    cost = CostOfPlanSerializer(read_only=True, allow_null=True)
