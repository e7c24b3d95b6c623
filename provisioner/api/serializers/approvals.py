"""Documents of the approval queue and of decisions."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from provisioner import selectors
from provisioner.api.serializers.base import (
    FindingSerializer,
    StrictSerializer,
    TargetField,
    TextField,
    WholeNumberField,
)
from provisioner.api.serializers.runs import RunSerializer, StepSerializer
from provisioner.models import ApprovalStep
from provisioner.services.approve import COMMENT_MAX, VERDICTS

BULK_MAX = 50


class WaitingStepSerializer(StepSerializer):
    """A step that waits, with cost and risk of its plan beside it."""

    target = TargetField()
    decision = None  # type: ignore[assignment]  # there is none yet
    run = RunSerializer(read_only=True)
    criticality = serializers.CharField(source="run.workspace.service.criticality", read_only=True)
    counts = serializers.DictField(
        source="run.plan.counts",
        child=serializers.IntegerField(),
        read_only=True,
        help_text="Resources by verb.",
    )
    unpriced_count = serializers.SerializerMethodField()
    findings = FindingSerializer(source="run.findings", many=True, read_only=True)
    justification = serializers.CharField(source="run.request.justification", read_only=True)
    can_decide = serializers.SerializerMethodField(help_text="Whether the caller may decide this step.")

    def get_unpriced_count(self, step: ApprovalStep) -> int:
        estimate = getattr(step.run, "estimate", None)
        return 0 if estimate is None else len(estimate.unpriced)

    def get_can_decide(self, step: ApprovalStep) -> bool:
        return selectors.can_decide(self.context["request"].user, step)


class NewDecisionSerializer(StrictSerializer):
    """A decision on one step of one plan."""

    step = WholeNumberField(min_value=1, max_value=2**63 - 1)
    verdict = serializers.ChoiceField(choices=sorted(VERDICTS))
    comment = TextField(
        max_length=COMMENT_MAX,
        required=False,
        allow_blank=True,
        default="",
        help_text="Needed to reject or override.",
    )
    plan_digest = TextField(max_length=64, help_text="The digest of the plan that was looked at.")


class BulkDecisionSerializer(NewDecisionSerializer):
    """A decision that names its run."""

    run = serializers.UUIDField()


class BulkSerializer(StrictSerializer):
    """Several decisions, each answered for itself."""

    decisions = serializers.ListField(child=BulkDecisionSerializer(), allow_empty=False, max_length=BULK_MAX)


class DecidedSerializer(serializers.Serializer[Any]):
    """The run after a decision."""

    step = serializers.IntegerField(read_only=True)
    verdict = serializers.CharField(read_only=True)
    comment = serializers.CharField(read_only=True)
    approver = serializers.CharField(read_only=True)
    plan_digest = serializers.CharField(read_only=True)
    decided_at = serializers.DateTimeField(read_only=True)
    run = RunSerializer(read_only=True)


class BulkResultSerializer(serializers.Serializer[Any]):
    """The answer to one of several decisions."""

    run_id = serializers.UUIDField(read_only=True)
    step = serializers.IntegerField(read_only=True)
    status = serializers.IntegerField(read_only=True, help_text="201, or the status of `problem`.")
    decision = serializers.SerializerMethodField()
    problem = serializers.DictField(read_only=True, allow_null=True)

    @extend_schema_field(DecidedSerializer(allow_null=True))
    def get_decision(self, result: dict[str, Any]) -> Any:
        return result["decision"]


class BulkAnswerSerializer(serializers.Serializer[Any]):
    """The answers, in the order of the decisions."""

    results = BulkResultSerializer(many=True, read_only=True)
