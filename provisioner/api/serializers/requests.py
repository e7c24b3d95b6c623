"""Documents of evaluations and requests."""

from typing import Any

from rest_framework import serializers

from provisioner.api.serializers.base import (
    CostOfResourceSerializer,
    CoverageSerializer,
    FindingSerializer,
    LineItemSerializer,
    ParametersField,
    StrictSerializer,
    TargetField,
    TextField,
    UnpricedSerializer,
    UsdField,
    WholeNumberField,
)
from provisioner.services.ask import JUSTIFICATION_MAX, TTL_DAYS_MAX, Ask

WORD_MAX_LENGTH = 100  # longer than any slug or name: what is too long for them is their own message


class AskSerializer(StrictSerializer):
    """What is asked for."""

    item = TextField(max_length=WORD_MAX_LENGTH, help_text="Slug of the catalog item.")
    version = TextField(
        max_length=WORD_MAX_LENGTH, required=False, allow_null=True, help_text="The newest when left out."
    )
    service = TextField(max_length=WORD_MAX_LENGTH, help_text="Slug of the service that will own it.")
    environment = TextField(max_length=WORD_MAX_LENGTH, help_text="Slug of the environment.")
    name = TextField(max_length=WORD_MAX_LENGTH, help_text="Name of the workspace and of what it makes.")
    parameters = ParametersField(
        required=False, help_text="Only what differs from what is filled in; see the version's schema."
    )

    def ask(self) -> Ask:
        """Return the checked input as the services take it."""
        words = dict(self.validated_data)
        return Ask(
            item=words["item"],
            version=words.get("version"),
            service=words["service"],
            environment=words["environment"],
            name=words["name"],
            parameters=words.get("parameters", {}),
            justification=words.get("justification", ""),
            ttl_days=words.get("ttl"),
        )


class NewRequestSerializer(AskSerializer):
    """An order."""

    justification = TextField(
        max_length=JUSTIFICATION_MAX, required=False, allow_blank=True, help_text="Why; approvers read it."
    )
    ttl = WholeNumberField(
        min_value=1,
        max_value=TTL_DAYS_MAX,
        required=False,
        allow_null=True,
        help_text="Days until it expires; never when left out.",
    )


class ExpectedStepSerializer(serializers.Serializer[Any]):
    """A group that would have to decide, and why."""

    group = serializers.CharField(read_only=True, help_text="The first of those whose members may decide.")
    others = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Further groups whose members may decide."
    )
    quorum = serializers.IntegerField(
        read_only=True, help_text="How many different people must decide in favour."
    )
    rule = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)
    verdict_needed = serializers.ChoiceField(choices=["approve", "override"], read_only=True)


class UsedOverrideSerializer(serializers.Serializer[Any]):
    """A finding that an earlier override covers, so that nobody is asked about it."""

    rule = serializers.CharField(source="finding.rule", read_only=True)
    where = serializers.CharField(source="finding.where", read_only=True)
    override = serializers.IntegerField(source="by.key", read_only=True)
    until = serializers.DateTimeField(source="by.until", read_only=True)


class ProblemSerializer(serializers.Serializer[Any]):
    """A parameter that cannot be taken as it is."""

    field = serializers.CharField(read_only=True)
    code = serializers.CharField(read_only=True)
    message = serializers.CharField(read_only=True)


class EvaluationSerializer(serializers.Serializer[Any]):
    """What an order would get, cost and need."""

    target = TargetField()
    item = serializers.CharField(read_only=True)
    version = serializers.CharField(read_only=True)
    service = serializers.CharField(read_only=True)
    environment = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    orderable = serializers.BooleanField(
        read_only=True, help_text="No field is wrong and no hard-mandatory guardrail refuses."
    )
    parameters = serializers.DictField(read_only=True, help_text="With everything filled in.")
    tags = serializers.DictField(child=serializers.CharField(), read_only=True)
    problems = ProblemSerializer(many=True, read_only=True)
    findings = FindingSerializer(many=True, read_only=True)
    estimate_usd_month = UsdField()
    fixed_usd_month = UsdField(help_text="What is due whatever is used.")
    usage_usd_month = UsdField(help_text="What the environment's usage profile expects to be paid by use.")
    change_usd_month = UsdField(help_text="Against what is there now, by the same prices.")
    changes = CostOfResourceSerializer(many=True, read_only=True)
    coverage = CoverageSerializer(read_only=True)
    line_items = LineItemSerializer(many=True, read_only=True)
    unpriced = UnpricedSerializer(many=True, read_only=True)
    approvals_expected = ExpectedStepSerializer(many=True, read_only=True)
    approvals_unasked = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="Within which limits it stays, where nobody is asked.",
    )
    overrides_used = UsedOverrideSerializer(many=True, read_only=True)
    unit_cost_effect = serializers.JSONField(
        read_only=True, allow_null=True, help_text="Null until unit-cost KPIs are kept for the service."
    )
    policy_digest = serializers.CharField(
        read_only=True, help_text="The version of the policy that judged it."
    )


class RequestSerializer(serializers.Serializer[Any]):
    """The immutable ask."""

    target = TargetField()
    id = serializers.UUIDField(read_only=True)
    workspace_id = serializers.UUIDField(read_only=True)
    item = serializers.CharField(source="item_version.item.slug", read_only=True)
    version = serializers.CharField(source="item_version.version", read_only=True)
    service = serializers.CharField(source="service.slug", read_only=True)
    team = serializers.CharField(source="service.owner_team.slug", read_only=True)
    environment = serializers.CharField(source="environment.slug", read_only=True)
    name = serializers.CharField(read_only=True)
    parameters = serializers.DictField(read_only=True, help_text="As they were given.")
    justification = serializers.CharField(read_only=True)
    ttl = serializers.IntegerField(source="ttl_days", read_only=True, allow_null=True, help_text="Days.")
    requester = serializers.CharField(source="requester.username", read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    run_ids = serializers.SerializerMethodField(help_text="Newest first; a retry adds one.")

    def get_run_ids(self, request: Any) -> list[str]:
        return [str(run.pk) for run in request.runs.all()]
