"""Runs: follow one through plan and apply, wait for it, stop it, try it again."""

import time
import uuid
from typing import Any, ClassVar

import django_filters
from django.db import close_old_connections, connection
from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import extend_schema

from provisioner import selectors
from provisioner.api import run_logs
from provisioner.api.serializers import runs as documents
from provisioner.api.view import ApiView, ListView, Request, Response
from provisioner.domain.errors import Refusal
from provisioner.domain.run import ACTIVE, TERMINAL, RunStatus
from provisioner.models import Run, RunTransition
from provisioner.models.run import KIND_CHOICES, STATUS_CHOICES
from provisioner.services import cancel, submit

READ: dict[str, str] = {"GET": "workspaces:read"}
WRITE: dict[str, str] = {"POST": "requests:write"}
# Quick while something is about to happen, slower when it takes its time.
POLL_S, SLOW_POLL_S, SLOW_AFTER_S = 0.1, 0.25, 10.0


class NotPlanned(Refusal):
    """The run has no plan yet, or never got one."""

    code = "not_planned"
    status = 404
    title = "There is no plan"


class RunFilter(django_filters.FilterSet):
    """Filters of the run list."""

    status = django_filters.ChoiceFilter(choices=STATUS_CHOICES)
    kind = django_filters.ChoiceFilter(choices=KIND_CHOICES)
    active = django_filters.BooleanFilter(
        method="filter_active", label="Runs that are not over (true), or are."
    )
    workspace = django_filters.UUIDFilter(field_name="workspace_id", label="Id of the workspace.")
    request = django_filters.UUIDFilter(field_name="request_id", label="Id of the request.")
    item = django_filters.CharFilter(field_name="workspace__item__slug", label="Slug of the catalog item.")
    service = django_filters.CharFilter(field_name="workspace__service__slug", label="Slug of the service.")
    team = django_filters.CharFilter(
        field_name="workspace__service__owner_team__slug", label="Slug of the owner team."
    )
    environment = django_filters.CharFilter(
        field_name="workspace__environment__slug", label="Slug of the environment."
    )
    requester = django_filters.CharFilter(field_name="requester__username", label="User name.")

    def filter_active(self, queryset: QuerySet[Run], name: str, value: bool) -> QuerySet[Run]:
        active = sorted(ACTIVE)
        return queryset.filter(status__in=active) if value else queryset.exclude(status__in=active)


class Runs(ListView):
    """Runs that the caller may see, newest first; drift checks only where `kind` asks for them."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.RunSerializer
    filterset_class = RunFilter
    queryset = Run.objects.none()

    def get_queryset(self) -> QuerySet[Run]:
        visible = selectors.runs_visible_to(self.request.user)
        return visible if "kind" in self.request.query_params else selectors.without_checks(visible)


class RunDetail(ApiView):
    """One run."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.RunDetailSerializer

    @extend_schema(operation_id="runs_retrieve")
    def get(self, request: Request, run_id: uuid.UUID) -> Response:
        return Response(self.get_serializer(selectors.run_visible(request.user, run_id)).data)


class RunPlanDetail(ApiView):
    """The current plan of a run, as changes by resource."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.PlanSerializer

    @extend_schema(operation_id="runs_plan")
    def get(self, request: Request, run_id: uuid.UUID) -> Response:
        run = selectors.run_visible(request.user, run_id)
        summary, plan = selectors.plan_of(run), selectors.plan_view(run)
        if summary is None or plan is None:
            raise NotPlanned(
                f"Run {run.pk} is {run.status.replace('_', ' ')} and has no plan. Wait until it is planned, "
                "or read its error and its log."
            )
        return Response(documents.plan_document(summary, plan))


class RunHistory(ListView):
    """Every change of a run's status, oldest first."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.TransitionSerializer
    queryset = RunTransition.objects.none()
    ordering = ("sequence",)

    def get_queryset(self) -> QuerySet[RunTransition]:
        run = selectors.run_visible(self.request.user, self.kwargs["run_id"])
        return RunTransition.objects.filter(run=run).select_related("actor").order_by("sequence")


class RunWait(ApiView):
    """Hold the answer back until the run is where the caller wants it, or the time is up.

    No transaction is open while waiting, and each look may take another connection.
    """

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.WaitedRunSerializer
    query_serializer_class = documents.WaitQuerySerializer

    @extend_schema(operation_id="runs_wait", parameters=[documents.WaitQuerySerializer])
    def get(self, request: Request, run_id: uuid.UUID) -> Response:
        wanted = self.query(request)
        run = selectors.run_visible(request.user, run_id)
        reached = wait_until(run.pk, enough(wanted["until"]), timeout_s=wanted["timeout"])
        run = selectors.run_visible(request.user, run_id)
        return Response({**documents.RunDetailSerializer(run).data, "reached": reached})


def enough(until: str) -> frozenset[str]:
    """Return the statuses that end a wait."""
    return TERMINAL | {RunStatus.NEEDS_APPROVAL} if until == "needs_approval" else TERMINAL


def wait_until(run_id: uuid.UUID, statuses: frozenset[str], *, timeout_s: float) -> bool:
    """Look at the run's status until it is one of `statuses`; return False when the time was up first."""
    began = time.monotonic()
    while True:
        if Run.objects.filter(pk=run_id, status__in=sorted(statuses)).exists():
            return True
        if not connection.in_atomic_block:  # a caller in a transaction keeps its connection
            close_old_connections()
        waited = time.monotonic() - began
        if waited >= timeout_s:
            return False
        pause = POLL_S if waited < SLOW_AFTER_S else SLOW_POLL_S
        time.sleep(min(pause, timeout_s - waited))


class RunCancel(ApiView):
    """Stop a run; while Terraform works, it is stopped gracefully and the run ends a little later."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = documents.NothingSerializer

    @extend_schema(operation_id="runs_cancel", responses={200: documents.RunDetailSerializer})
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        self.body(request)
        run = cancel.cancel(run_id, actor=self.caller(), now=self.now())
        return run_answer(request, run, status=200)


class RunDiscard(ApiView):
    """Drop a plan that waits for a decision."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = documents.NothingSerializer

    @extend_schema(operation_id="runs_discard", responses={200: documents.RunDetailSerializer})
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        self.body(request)
        run = cancel.discard(run_id, actor=self.caller(), now=self.now())
        return run_answer(request, run, status=200)


class RunRetry(ApiView):
    """Run a failed ask again, as a new run."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = documents.NothingSerializer

    @extend_schema(operation_id="runs_retry", responses={201: documents.RunDetailSerializer})
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        self.body(request)
        run = submit.retry(run_id, requester=self.caller(), now=self.now())
        return run_answer(request, run, status=201)


def run_answer(request: Request, run: Run, *, status: int) -> Response:
    """Answer with the run as it is now."""
    return Response(
        documents.RunDetailSerializer(selectors.run_visible(request.user, run.pk)).data, status=status
    )


urlpatterns: list[Any] = [
    path("runs/", Runs.as_view(), name="runs"),
    path("runs/<uuid:run_id>/", RunDetail.as_view(), name="run"),
    path("runs/<uuid:run_id>/plan/", RunPlanDetail.as_view(), name="run-plan"),
    path("runs/<uuid:run_id>/logs/", run_logs.RunLog.as_view(), name="run-logs"),
    path("runs/<uuid:run_id>/history/", RunHistory.as_view(), name="run-history"),
    path("runs/<uuid:run_id>/wait/", RunWait.as_view(), name="run-wait"),
    path("runs/<uuid:run_id>/cancel/", RunCancel.as_view(), name="run-cancel"),
    path("runs/<uuid:run_id>/discard/", RunDiscard.as_view(), name="run-discard"),
    path("runs/<uuid:run_id>/retry/", RunRetry.as_view(), name="run-retry"),
]
