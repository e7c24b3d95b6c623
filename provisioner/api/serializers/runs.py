"""Documents of runs: the run, its plan, its log, its history."""

from dataclasses import asdict
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from provisioner import selectors, standing
from provisioner.api.serializers.base import (
    CostOfResourceSerializer,
    CoverageSerializer,
    FindingSerializer,
    LineItemSerializer,
    StrictSerializer,
    TargetField,
    UnpricedSerializer,
    UsdField,
    WholeNumberTextField,
)
from provisioner.api.serializers.organisation import TargetAccountSerializer
from provisioner.domain import plan as plans
from provisioner.domain.run import CANCELABLE, DISCARDABLE, RETRYABLE, TERMINAL, RunStatus
from provisioner.models import ApprovalStep, Run, RunPlan
from provisioner.models.run import KIND_CHOICES, STATUS_CHOICES
from provisioner.services.approve import IN_FAVOUR
from provisioner.services.recover import Ended, Verdict

WAIT_MAX_S = 60
LOG_LINES_MAX = 5000
LOG_WAIT_MAX_S = 30


class NothingSerializer(StrictSerializer):
    """An empty body."""


class DecisionSerializer(serializers.Serializer[Any]):
    """What somebody decided on a step."""

    approver = serializers.CharField(source="approver.username", read_only=True)
    on_behalf_of = serializers.CharField(
        source="on_behalf_of.username",
        read_only=True,
        default=None,
        help_text="Who delegated the decision to them.",
    )
    verdict = serializers.ChoiceField(
        choices=["approve", "override", "reject", "request_changes"], read_only=True
    )
    comment = serializers.CharField(read_only=True)
    keep_days = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="How long the override was to stay in force; null: for this run.",
    )
    plan_digest = serializers.CharField(read_only=True)
    decided_at = serializers.DateTimeField(read_only=True)


class ReviewSerializer(serializers.Serializer[Any]):
    """The look afterwards at a step that was skipped by break-glass."""

    id = serializers.IntegerField(source="pk", read_only=True)
    due_at = serializers.DateTimeField(read_only=True)
    verdict = serializers.CharField(
        read_only=True, help_text="acknowledged, objected, or empty while it is due."
    )
    comment = serializers.CharField(read_only=True)
    reviewer = serializers.CharField(source="reviewer.username", read_only=True, default=None)
    on_behalf_of = serializers.CharField(source="on_behalf_of.username", read_only=True, default=None)
    decided_at = serializers.DateTimeField(read_only=True, allow_null=True)


class StepSerializer(serializers.Serializer[Any]):
    """A decision that the current plan needs. `step` and `plan_digest` go into it."""

    step = serializers.IntegerField(source="pk", read_only=True)
    group = serializers.CharField(read_only=True, help_text="The first of `groups`.")
    groups = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Members of any of them may decide."
    )
    escalated_to = serializers.CharField(
        read_only=True, help_text="The one of `groups` that was asked later."
    )
    quorum = serializers.IntegerField(
        read_only=True, help_text="How many different people must decide in favour."
    )
    decided = serializers.SerializerMethodField(help_text="How many have.")
    rule = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)
    verdict_needed = serializers.ChoiceField(choices=["approve", "override"], read_only=True)
    plan_digest = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    settled_at = serializers.DateTimeField(read_only=True, allow_null=True)
    settled_how = serializers.CharField(
        read_only=True, help_text="decided, break_glass, withdrawn, or empty while it is open."
    )
    decisions = DecisionSerializer(many=True, read_only=True)
    decision = serializers.SerializerMethodField(help_text="The newest of `decisions`.")
    review = serializers.SerializerMethodField()

    def get_decided(self, step: ApprovalStep) -> int:
        return sum(one.verdict in IN_FAVOUR for one in step.decisions.all())

    @extend_schema_field(DecisionSerializer(allow_null=True))
    def get_decision(self, step: ApprovalStep) -> Any:
        decisions = list(step.decisions.all())
        return DecisionSerializer(decisions[-1]).data if decisions else None

    @extend_schema_field(ReviewSerializer(allow_null=True))
    def get_review(self, step: ApprovalStep) -> Any:
        review = getattr(step, "review", None)
        return None if review is None else ReviewSerializer(review).data


class RunSerializer(serializers.Serializer[Any]):
    """A run in a list."""

    target = TargetField()
    id = serializers.UUIDField(read_only=True)
    kind = serializers.ChoiceField(choices=KIND_CHOICES, read_only=True)
    status = serializers.ChoiceField(choices=STATUS_CHOICES, read_only=True)
    status_at = serializers.DateTimeField(read_only=True)
    terminal = serializers.SerializerMethodField(help_text="The status is one that never changes again.")
    request_id = serializers.UUIDField(read_only=True)
    retry_of = serializers.UUIDField(source="retry_of_id", read_only=True, allow_null=True)
    workspace_id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(source="workspace.name", read_only=True)
    item = serializers.CharField(source="item_version.item.slug", read_only=True)
    version = serializers.CharField(source="item_version.version", read_only=True)
    service = serializers.CharField(source="workspace.service.slug", read_only=True)
    team = serializers.CharField(source="workspace.service.owner_team.slug", read_only=True)
    environment = serializers.CharField(source="workspace.environment.slug", read_only=True)
    on_hold = serializers.SerializerMethodField(
        help_text="Its workspace is on hold: while it waits, it stays."
    )
    requester = serializers.CharField(source="requester.username", read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    finished_at = serializers.DateTimeField(read_only=True, allow_null=True)
    estimate_usd_month = UsdField(source="estimate.usd_month", allow_null=True)
    delta_usd_month = UsdField(source="estimate.delta_usd_month", allow_null=True)
    error_summary = serializers.CharField(read_only=True, help_text="Empty unless it went wrong.")
    policy_digest = serializers.CharField(
        read_only=True, help_text="The version of the policy that judged it last; empty for older runs."
    )

    def get_on_hold(self, run: Run) -> bool:
        return run.workspace.held_at is not None

    def get_terminal(self, run: Run) -> bool:
        return RunStatus(run.status) in TERMINAL


class RunPlanSummarySerializer(serializers.Serializer[Any]):
    """What the current plan is and binds to."""

    digest = serializers.CharField(read_only=True)
    counts = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    module_digest = serializers.CharField(read_only=True)
    variables_digest = serializers.CharField(read_only=True)
    state_serial = serializers.IntegerField(read_only=True, allow_null=True)
    engine_name = serializers.CharField(read_only=True)
    engine_version = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)


class ProgressSerializer(serializers.Serializer[Any]):
    """How many of the plan's changes are made."""

    done = serializers.IntegerField(read_only=True)
    total = serializers.IntegerField(read_only=True)


class QueueSerializer(serializers.Serializer[Any]):
    """Where a run that waits for a worker stands."""

    phase = serializers.ChoiceField(choices=["plan", "apply"], read_only=True)
    position = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="1 is next. Null while the workspace is on hold."
    )
    waiting = serializers.IntegerField(read_only=True, help_text="How many are in the queue.")
    ahead = serializers.IntegerField(read_only=True, help_text="How many come before it.")
    ahead_own_team = serializers.IntegerField(
        read_only=True, help_text="How many of those are its own team's."
    )
    waits_for = serializers.ChoiceField(
        choices=["worker", "account", "hold"],
        read_only=True,
        help_text="A free worker, a run to end in its account, or somebody to release the workspace.",
    )
    account = TargetAccountSerializer(read_only=True, allow_null=True)
    held_by = serializers.CharField(read_only=True, help_text="Empty unless on hold.")
    hold_reason = serializers.CharField(read_only=True, help_text="Empty unless on hold.")
    expected_wait_s = serializers.FloatField(
        read_only=True, allow_null=True, help_text="An estimate; null where there is nothing to go by."
    )


class SuspectSerializer(serializers.Serializer[Any]):
    """Something that may exist in the cloud while no state knows it."""

    address = serializers.CharField(read_only=True, help_text="Empty when only the cloud names it.")
    type = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)
    ids = serializers.ListField(child=serializers.CharField(), read_only=True)


class RecoverySerializer(serializers.Serializer[Any]):
    """What is known of an apply that was cut short. Fields are null until recovery has looked."""

    interrupted_at = serializers.DateTimeField(read_only=True, allow_null=True)
    lost_workers = serializers.IntegerField(read_only=True)
    ended = serializers.ChoiceField(
        choices=[(ended.value, ended.value) for ended in Ended],
        read_only=True,
        allow_null=True,
        help_text="How its Terraform ended; after by_itself and never_began a state knows everything that was made.",
    )
    verdict = serializers.ChoiceField(
        choices=[(verdict.value, verdict.value) for verdict in Verdict], read_only=True, allow_null=True
    )
    reasons = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Why a person is asked."
    )
    suspects = SuspectSerializer(many=True, read_only=True)


class RunDetailSerializer(RunSerializer):
    """A run with its plan's summary, cost, findings and approvals."""

    parameters = serializers.DictField(read_only=True)
    tags = serializers.DictField(child=serializers.CharField(), read_only=True)
    justification = serializers.CharField(source="request.justification", read_only=True)
    findings = FindingSerializer(many=True, read_only=True)
    usage_usd_month = UsdField(source="estimate.usage_usd_month", allow_null=True)
    change_usd_month = UsdField(
        source="estimate.change_usd_month",
        allow_null=True,
        help_text="Against what existed when it was planned, by the same prices. Null where there is no plan.",
    )
    changes = serializers.SerializerMethodField()
    coverage = serializers.SerializerMethodField()
    estimated_by = serializers.SerializerMethodField(
        help_text='"book" or the infracost that made the estimate; empty: none.'
    )
    price_book_digest = serializers.SerializerMethodField(
        help_text="Names the version: GET /price-books/?digest=. Empty where another made the estimate."
    )
    line_items = serializers.SerializerMethodField()
    unpriced = serializers.SerializerMethodField()
    plan = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    queue = serializers.SerializerMethodField()
    approvals = serializers.SerializerMethodField()
    error_detail = serializers.CharField(read_only=True)
    attempts = serializers.IntegerField(read_only=True)
    stop_requested_at = serializers.DateTimeField(read_only=True, allow_null=True)
    recovery = serializers.SerializerMethodField()
    cancelable = serializers.SerializerMethodField()
    discardable = serializers.SerializerMethodField()
    retryable = serializers.SerializerMethodField()

    @extend_schema_field(RecoverySerializer(allow_null=True))
    def get_recovery(self, run: Run) -> Any:
        if run.interrupted_at is None and not run.recovery:
            return None
        known = run.recovery
        return RecoverySerializer(
            {
                "interrupted_at": run.interrupted_at,
                "lost_workers": run.lost_workers,
                "ended": known.get("ended"),
                "verdict": known.get("verdict") or None,
                "reasons": known.get("reasons", []),
                "suspects": known.get("suspects", []),
            }
        ).data

    @extend_schema_field(CostOfResourceSerializer(many=True))
    def get_changes(self, run: Run) -> Any:
        estimate = getattr(run, "estimate", None)
        return [] if estimate is None else CostOfResourceSerializer(estimate.changes, many=True).data

    @extend_schema_field(CoverageSerializer(allow_null=True))
    def get_coverage(self, run: Run) -> Any:
        estimate = getattr(run, "estimate", None)
        if estimate is None or not estimate.coverage:
            return None
        return CoverageSerializer(estimate.coverage).data

    def get_estimated_by(self, run: Run) -> str:
        estimate = getattr(run, "estimate", None)
        return "" if estimate is None else str(estimate.estimated_by)

    def get_price_book_digest(self, run: Run) -> str:
        estimate = getattr(run, "estimate", None)
        return "" if estimate is None else str(estimate.price_book_digest)

    @extend_schema_field(LineItemSerializer(many=True))
    def get_line_items(self, run: Run) -> Any:
        estimate = getattr(run, "estimate", None)
        return [] if estimate is None else LineItemSerializer(estimate.line_items, many=True).data

    @extend_schema_field(UnpricedSerializer(many=True))
    def get_unpriced(self, run: Run) -> Any:
        estimate = getattr(run, "estimate", None)
        return [] if estimate is None else UnpricedSerializer(estimate.unpriced, many=True).data

    @extend_schema_field(RunPlanSummarySerializer(allow_null=True))
    def get_plan(self, run: Run) -> Any:
        plan = selectors.plan_of(run)
        return None if plan is None else RunPlanSummarySerializer(plan).data

    @extend_schema_field(ProgressSerializer(allow_null=True))
    def get_progress(self, run: Run) -> Any:
        progress = selectors.progress_of(run, selectors.plan_of(run))
        return None if progress is None else ProgressSerializer(progress).data

    @extend_schema_field(QueueSerializer(allow_null=True))
    def get_queue(self, run: Run) -> Any:
        found = standing.standing_of(run, now=timezone.now())
        return None if found is None else QueueSerializer(found).data

    @extend_schema_field(StepSerializer(many=True))
    def get_approvals(self, run: Run) -> Any:
        return StepSerializer(selectors.steps_of(run), many=True).data

    def get_cancelable(self, run: Run) -> bool:
        return RunStatus(run.status) in CANCELABLE

    def get_discardable(self, run: Run) -> bool:
        return RunStatus(run.status) in DISCARDABLE

    def get_retryable(self, run: Run) -> bool:
        return RunStatus(run.status) in RETRYABLE


class WaitedRunSerializer(RunDetailSerializer):
    """A run after waiting for it."""

    reached = serializers.BooleanField(read_only=True, help_text="False: the time was up first; wait again.")


class WaitQuerySerializer(StrictSerializer):
    """What to wait for, and how long."""

    until = serializers.ChoiceField(
        choices=["terminal", "needs_approval"],
        default="terminal",
        help_text="needs_approval also ends when the run is terminal.",
    )
    timeout = WholeNumberTextField(
        min_value=0,
        max_value=WAIT_MAX_S,
        default=30,
        help_text="Seconds until an answer is given in any case.",
    )


class AttributeDiffSerializer(serializers.Serializer[Any]):
    """One attribute that changes; null is "not set"."""

    path = serializers.CharField(read_only=True)
    before = serializers.CharField(read_only=True, allow_null=True)
    after = serializers.CharField(read_only=True, allow_null=True)
    unknown = serializers.BooleanField(read_only=True, help_text="Known after the apply.")
    forces_replace = serializers.BooleanField(read_only=True)


class ResourceChangeSerializer(serializers.Serializer[Any]):
    """What would happen to one resource."""

    address = serializers.CharField(read_only=True)
    type = serializers.CharField(read_only=True)
    verb = serializers.ChoiceField(
        choices=["create", "update", "replace", "delete", "no-op", "read"], read_only=True
    )
    previous_address = serializers.CharField(read_only=True)
    action_reason = serializers.CharField(read_only=True)
    attributes = AttributeDiffSerializer(many=True, read_only=True)


class PlanSerializer(RunPlanSummarySerializer):
    """A plan as changes by resource, sensitive values replaced by "(sensitive)"."""

    target = TargetField()
    run_id = serializers.UUIDField(read_only=True)
    changes = ResourceChangeSerializer(many=True, read_only=True)
    drift = ResourceChangeSerializer(
        many=True, read_only=True, help_text="What had changed outside Terraform."
    )
    output_names = serializers.ListField(child=serializers.CharField(), read_only=True)


def plan_document(summary: RunPlan, plan: plans.Plan) -> dict[str, Any]:
    """Return a plan in the shape of the API; resources that do not change are left out."""
    document = {
        "run_id": summary.run_id,
        **RunPlanSummarySerializer(summary).data,
        "changes": [_change(change) for change in plan.changes if change.verb != "no-op"],
        "drift": [_change(change) for change in plan.drift if change.verb != "no-op"],
        "output_names": list(plan.output_names),
    }
    return dict(PlanSerializer(document).data)


def _change(change: plans.ResourceChange) -> dict[str, Any]:
    return {
        "address": change.address,
        "type": change.type,
        "verb": change.verb,
        "previous_address": change.previous_address,
        "action_reason": change.action_reason,
        "attributes": [asdict(difference) for difference in plans.attribute_diff(change)],
    }


class LogQuerySerializer(StrictSerializer):
    """Which lines of the log."""

    after = WholeNumberTextField(
        min_value=0, max_value=2**31 - 1, default=0, help_text="Only lines with a higher sequence."
    )
    limit = WholeNumberTextField(
        min_value=1,
        max_value=LOG_LINES_MAX,
        default=1000,
        help_text="At most so many lines; fewer when they are long.",
    )
    wait = WholeNumberTextField(
        min_value=0,
        max_value=LOG_WAIT_MAX_S,
        default=0,
        help_text="Seconds to hold the answer back until there are new lines or the run is over.",
    )


class LogLineSerializer(serializers.Serializer[Any]):
    """One redacted line."""

    sequence = serializers.IntegerField(read_only=True)
    at = serializers.DateTimeField(read_only=True)
    phase = serializers.CharField(read_only=True)
    level = serializers.CharField(read_only=True)
    address = serializers.CharField(read_only=True)
    text = serializers.CharField(read_only=True)


class LogSerializer(serializers.Serializer[Any]):
    """Some lines, and where to go on."""

    lines = LogLineSerializer(many=True, read_only=True)
    next_after = serializers.IntegerField(read_only=True, help_text="Send it as `after` for the next lines.")
    complete = serializers.BooleanField(
        read_only=True, help_text="The run is over and these were the last lines."
    )


class TransitionSerializer(serializers.Serializer[Any]):
    """One change of a run's status."""

    sequence = serializers.IntegerField(read_only=True)
    from_status = serializers.CharField(read_only=True)
    to_status = serializers.ChoiceField(choices=STATUS_CHOICES, read_only=True)
    at = serializers.DateTimeField(read_only=True)
    actor = serializers.CharField(source="actor.username", read_only=True, allow_null=True, default=None)
    reason = serializers.CharField(read_only=True)
