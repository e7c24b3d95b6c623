"""Documents of the approval queue and of decisions."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from provisioner.api.serializers.base import (
    FindingSerializer,
    StrictSerializer,
    TargetField,
    TextField,
    UnpricedSerializer,
    WholeNumberField,
)
from provisioner.api.serializers.runs import RunSerializer, StepSerializer
from provisioner.deciding import Waiting
from provisioner.domain.separation import Bar
from provisioner.models import ApprovalStep
from provisioner.services.approve import COMMENT_MAX, VERDICTS

BULK_MAX = 50


class OtherStepSerializer(serializers.Serializer[Any]):
    """A further step that the same plan waits for."""

    step = serializers.IntegerField(source="pk", read_only=True)
    groups = serializers.ListField(child=serializers.CharField(), read_only=True)
    quorum = serializers.IntegerField(read_only=True)
    rule = serializers.CharField(read_only=True)


class WaitingStepSerializer(StepSerializer):
    """A step that waits, with reason, cost, difference and risk of its plan beside it."""

    target = TargetField()
    decision = None  # type: ignore[assignment]  # the newest of `decisions`
    review = None  # type: ignore[assignment]  # there is none yet
    run = RunSerializer(read_only=True)
    criticality = serializers.CharField(source="run.workspace.service.criticality", read_only=True)
    counts = serializers.DictField(
        source="run.plan.counts",
        child=serializers.IntegerField(),
        read_only=True,
        help_text="The difference as resources by verb.",
    )
    difference_url = serializers.SerializerMethodField(help_text="The difference attribute by attribute.")
    unpriced_count = serializers.SerializerMethodField()
    unpriced = serializers.SerializerMethodField()
    findings = FindingSerializer(source="run.findings", many=True, read_only=True)
    justification = serializers.CharField(source="run.request.justification", read_only=True)
    expires_at = serializers.SerializerMethodField(help_text="Null while the workspace is on hold.")
    others = serializers.SerializerMethodField(help_text="Further steps that the same plan waits for.")
    can_decide = serializers.SerializerMethodField(help_text="Whether the caller may decide this step.")
    barred = serializers.SerializerMethodField(
        help_text="What bars the caller from it; null when nothing does."
    )
    on_behalf_of = serializers.SerializerMethodField(
        help_text="For whom the caller would decide by delegation."
    )

    def get_difference_url(self, step: ApprovalStep) -> str:
        return reverse("api:run-plan", args=[step.run_id])

    def get_unpriced_count(self, step: ApprovalStep) -> int:
        estimate = getattr(step.run, "estimate", None)
        return 0 if estimate is None else len(estimate.unpriced)

    @extend_schema_field(UnpricedSerializer(many=True))
    def get_unpriced(self, step: ApprovalStep) -> Any:
        estimate = getattr(step.run, "estimate", None)
        return [] if estimate is None else UnpricedSerializer(estimate.unpriced, many=True).data

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_expires_at(self, step: ApprovalStep) -> Any:
        at = self._laid_out(step).expires_at
        return None if at is None else serializers.DateTimeField().to_representation(at)

    @extend_schema_field(OtherStepSerializer(many=True))
    def get_others(self, step: ApprovalStep) -> Any:
        return OtherStepSerializer(self._laid_out(step).others, many=True).data

    def get_can_decide(self, step: ApprovalStep) -> bool:
        return self._laid_out(step).decidable

    @extend_schema_field(serializers.ChoiceField(choices=[bar.value for bar in Bar], allow_null=True))
    def get_barred(self, step: ApprovalStep) -> str | None:
        power = self._laid_out(step).power
        return power.value if isinstance(power, Bar) else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_on_behalf_of(self, step: ApprovalStep) -> str | None:
        person = self._laid_out(step).on_behalf_of
        return None if person is None else person.get_username()

    def _laid_out(self, step: ApprovalStep) -> Waiting:
        found: Waiting = self.context["waiting"][step.pk]
        return found


class NewDecisionSerializer(StrictSerializer):
    """A decision on one step of one plan."""

    step = WholeNumberField(min_value=1, max_value=2**63 - 1)
    verdict = serializers.ChoiceField(choices=list(VERDICTS))
    comment = TextField(
        max_length=COMMENT_MAX,
        required=False,
        allow_blank=True,
        default="",
        help_text="Needed to reject, to override and to request changes.",
    )
    keep_days = WholeNumberField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=3650,
        help_text="With an override: how many days it stays in force on the workspace. Left out: for this run alone.",
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
    on_behalf_of = serializers.CharField(
        read_only=True, allow_null=True, help_text="Who delegated the decision to the approver."
    )
    settled = serializers.BooleanField(
        read_only=True, help_text="Whether its step needs no further decision."
    )
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
