"""The approval queue, and decisions on it."""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema

from provisioner import deciding, selectors
from provisioner.api.serializers import approvals as documents
from provisioner.api.serializers.runs import RunSerializer
from provisioner.api.view import ApiView, ListView, Request, Response
from provisioner.domain.errors import Refusal
from provisioner.models import ApprovalStep
from provisioner.services import approve

WRITE: dict[str, str] = {"POST": "approvals:write"}


class StepFilter(django_filters.FilterSet):
    """Filters of the queue."""

    state = django_filters.ChoiceFilter(
        choices=[("pending", "pending")], method="filter_state", label="Only pending steps are listed."
    )
    group = django_filters.CharFilter(method="filter_group", label="A group that may decide.")
    team = django_filters.CharFilter(
        field_name="run__workspace__service__owner_team__slug", label="Slug of the owner team."
    )
    environment = django_filters.CharFilter(
        field_name="run__workspace__environment__slug", label="Slug of the environment."
    )
    decidable = django_filters.BooleanFilter(
        method="filter_decidable", label="Only steps that the caller may decide (true)."
    )

    def filter_state(self, queryset: QuerySet[ApprovalStep], name: str, value: str) -> QuerySet[ApprovalStep]:
        return queryset

    def filter_group(self, queryset: QuerySet[ApprovalStep], name: str, value: str) -> QuerySet[ApprovalStep]:
        return queryset.filter(selectors.asks([value]))

    def filter_decidable(
        self, queryset: QuerySet[ApprovalStep], name: str, value: bool
    ) -> QuerySet[ApprovalStep]:
        user = self.request.user
        desk = deciding.Desk(user, timezone.now())
        steps = list(queryset.filter(selectors.asks(selectors.deciding_groups_of(user))))
        mine = [one.step.pk for one in deciding.waiting(steps, desk) if one.decidable]
        return queryset.filter(pk__in=mine) if value else queryset.exclude(pk__in=mine)


class Approvals(ListView):
    """Steps that wait for a decision, oldest first, with cost and risk beside each."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "workspaces:read"}
    serializer_class = documents.WaitingStepSerializer
    filterset_class = StepFilter
    queryset = ApprovalStep.objects.none()
    ordering = ("created_at", "id")

    def get_queryset(self) -> QuerySet[ApprovalStep]:
        return (
            selectors.approval_steps_visible_to(self.request.user)
            .select_related("run__item_version__item")
            .prefetch_related("decisions__approver", "decisions__on_behalf_of")
            .defer(
                "run__item_version__content",
                "run__item_version__readme",
                "run__plan__plan_file",
                "run__plan__document",
                "run__plan__approved_document",
                "run__plan__lock_file",
            )
        )

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        desk = deciding.Desk(self.caller(), self.now())
        self.laid_out = {one.step.pk: one for one in deciding.waiting(page or [], desk)}
        return page

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "waiting": getattr(self, "laid_out", {})}


class Decisions(ApiView):
    """Decide on a step of a run."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = documents.NewDecisionSerializer

    @extend_schema(operation_id="runs_approvals_create", responses={201: documents.DecidedSerializer})
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        return Response(decide(self, run_id, self.body(request)), status=201)


class BulkDecisions(ApiView):
    """Several decisions in one call; one that is refused does not stop the others."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = documents.BulkSerializer

    @extend_schema(operation_id="approvals_bulk", responses={200: documents.BulkAnswerSerializer})
    def post(self, request: Request) -> Response:
        results = [self.one(wanted) for wanted in self.body(request)["decisions"]]
        return Response(documents.BulkAnswerSerializer({"results": results}).data)

    def one(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Take one decision and return its answer."""
        answer: dict[str, Any] = {
            "run_id": wanted["run"],
            "step": wanted["step"],
            "decision": None,
            "problem": None,
        }
        try:
            return {**answer, "status": 201, "decision": decide(self, wanted["run"], wanted)}
        except Refusal as refusal:
            problem = self.get_exception_handler()(refusal, self.get_exception_handler_context())
            return {**answer, "status": refusal.status, "problem": None if problem is None else problem.data}


def decide(view: ApiView, run_id: uuid.UUID, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Take a decision and return it with the run as it is then."""
    decision = approve.decide(
        run_id,
        step_id=wanted["step"],
        verdict=wanted["verdict"],
        comment=wanted["comment"],
        keep_days=wanted["keep_days"],
        plan_digest=wanted["plan_digest"],
        approver=view.caller(),
        now=view.now(),
    )
    return {
        "step": decision.step_id,
        "verdict": decision.verdict,
        "comment": decision.comment,
        "approver": view.caller().get_username(),
        "on_behalf_of": None if decision.on_behalf_of is None else decision.on_behalf_of.get_username(),
        "settled": decision.step.settled_at is not None,
        "plan_digest": decision.plan_digest,
        "decided_at": decision.decided_at,
        "run": RunSerializer(selectors.run_visible(view.caller(), run_id)).data,
    }


urlpatterns: list[Any] = [
    path("approvals/", Approvals.as_view(), name="approvals"),
    path("approvals/bulk/", BulkDecisions.as_view(), name="approvals-bulk"),
    path("runs/<uuid:run_id>/approvals/", Decisions.as_view(), name="run-approvals"),
]
