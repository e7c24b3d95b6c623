"""What goes with approvals: comments, break-glass and its reviews, delegations, overrides in force."""

import uuid
from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema

from provisioner import deciding, policy, selectors
from provisioner.api.serializers import after_approvals as documents
from provisioner.api.serializers.runs import NothingSerializer
from provisioner.api.view import ApiView, ListView, Request, Response
from provisioner.models import ApprovalComment, Delegation, DueReview, GlassBreak, Override
from provisioner.services import break_glass, comment, delegate, overrides

READ_SCOPE, WRITE_SCOPE = "workspaces:read", "approvals:write"
READ: dict[str, str] = {"GET": READ_SCOPE}
WRITE: dict[str, str] = {"POST": WRITE_SCOPE}
BOTH: dict[str, str] = {**READ, **WRITE}


class Comments(ListView):
    """Comments on a run, oldest first; comment on it."""

    required_scopes: ClassVar[dict[str, str]] = BOTH
    serializer_class = documents.CommentSerializer
    queryset = ApprovalComment.objects.none()
    ordering = ("created_at", "id")

    def get_queryset(self) -> QuerySet[ApprovalComment]:
        run = selectors.run_visible(self.request.user, self.kwargs["run_id"])
        return ApprovalComment.objects.filter(run=run).select_related("author")

    @extend_schema(
        operation_id="runs_comments_create",
        request=documents.NewCommentSerializer,
        responses={201: documents.CommentSerializer},
    )
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        selectors.run_visible(self.caller(), run_id)
        wanted = checked(documents.NewCommentSerializer, request)
        made = comment.comment(run_id, text=wanted["text"], author=self.caller(), now=self.now())
        return Response(documents.CommentSerializer(made).data, status=201)


class BreakGlass(ApiView):
    """Take a part in having a plan applied before it is approved; the last one needed queues the apply."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = documents.NewGlassBreakSerializer

    @extend_schema(operation_id="runs_break_glass", responses={201: documents.GlassBreakSerializer})
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        selectors.run_visible(self.caller(), run_id)
        wanted = self.body(request)
        part = break_glass.break_glass(
            run_id,
            plan_digest=wanted["plan_digest"],
            reason=wanted["reason"],
            person=self.caller(),
            now=self.now(),
        )
        glass = policy.current().approvals.break_glass
        so_far = GlassBreak.objects.filter(run_id=run_id, plan_digest=part.plan_digest).count()
        answer = {
            "part": part,
            "people_needed": 0 if glass is None else max(0, glass.people - so_far),
            "run": selectors.run_visible(self.caller(), run_id),
        }
        return Response(documents.GlassBreakSerializer(answer).data, status=201)


class ReviewFilter(django_filters.FilterSet):
    """Filters of the reviews."""

    open = django_filters.BooleanFilter(
        field_name="decided_at", lookup_expr="isnull", label="Those that are due (true), or are answered."
    )
    overdue = django_filters.BooleanFilter(
        method="filter_overdue", label="Only those that are overdue (true)."
    )

    def filter_overdue(self, queryset: QuerySet[DueReview], name: str, value: bool) -> QuerySet[DueReview]:
        late = {"decided_at__isnull": True, "due_at__lte": timezone.now()}
        return queryset.filter(**late) if value else queryset.exclude(**late)


class Reviews(ListView):
    """Steps that were skipped by break-glass and are looked at afterwards, the first due first."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.DueReviewSerializer
    filterset_class = ReviewFilter
    queryset = DueReview.objects.none()
    ordering = ("due_at", "id")

    def get_queryset(self) -> QuerySet[DueReview]:
        return (
            deciding.reviews_visible_to(self.caller())
            .select_related("run__item_version__item", "run__workspace__held_by")
            .defer(
                "run__item_version__content",
                "run__item_version__readme",
                "run__plan__plan_file",
                "run__plan__document",
                "run__plan__approved_document",
                "run__plan__lock_file",
            )
        )


class Review(ApiView):
    """Answer a due review."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = documents.NewReviewSerializer

    @extend_schema(operation_id="reviews_answer", responses={200: documents.DueReviewSerializer})
    def post(self, request: Request, review_id: int) -> Response:
        wanted = self.body(request)
        found = break_glass.review(
            review_id,
            verdict=wanted["verdict"],
            comment=wanted["comment"],
            reviewer=self.caller(),
            now=self.now(),
        )
        return Response(documents.DueReviewSerializer(found).data)


class DelegationFilter(django_filters.FilterSet):
    """Filters of the delegations."""

    group = django_filters.CharFilter(label="The group whose decisions are delegated.")


class Delegations(ListView):
    """Delegations that the caller gave or holds, newest first; delegate one's decisions."""

    required_scopes: ClassVar[dict[str, str]] = BOTH
    serializer_class = documents.DelegationSerializer
    filterset_class = DelegationFilter
    queryset = Delegation.objects.none()
    ordering = ("-created_at", "-id")

    def get_queryset(self) -> QuerySet[Delegation]:
        return deciding.delegations_of(self.caller())

    @extend_schema(
        operation_id="delegations_create",
        request=documents.NewDelegationSerializer,
        responses={201: documents.DelegationSerializer},
    )
    def post(self, request: Request) -> Response:
        wanted = checked(documents.NewDelegationSerializer, request)
        made = delegate.delegate(
            group=wanted["group"],
            to=wanted["to"],
            starts_at=wanted["starts_at"],
            ends_at=wanted["ends_at"],
            reason=wanted["reason"],
            delegator=self.caller(),
            now=self.now(),
        )
        return Response(documents.DelegationSerializer(made).data, status=201)


class DelegationRevoke(ApiView):
    """End a delegation; what was decided by it stays."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = NothingSerializer

    @extend_schema(operation_id="delegations_revoke", responses={200: documents.DelegationSerializer})
    def post(self, request: Request, delegation_id: int) -> Response:
        self.body(request)
        ended = delegate.revoke(delegation_id, actor=self.caller(), now=self.now())
        return Response(documents.DelegationSerializer(ended).data)


class OverrideFilter(django_filters.FilterSet):
    """Filters of the overrides in force."""

    workspace = django_filters.UUIDFilter(field_name="workspace_id", label="Id of the workspace.")
    rule = django_filters.CharFilter(label="The rule that is set aside.")
    group = django_filters.CharFilter(label="The group that granted it.")


class Overrides(ListView):
    """Overrides in force on workspaces that the caller sees, the first to end first."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.OverrideSerializer
    filterset_class = OverrideFilter
    queryset = Override.objects.none()
    ordering = ("ends_at", "id")

    def get_queryset(self) -> QuerySet[Override]:
        return deciding.overrides_visible_to(self.caller(), self.now())


class OverrideRevoke(ApiView):
    """End an override; plans that rely on it and are not being applied yet are judged again."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = NothingSerializer

    @extend_schema(operation_id="overrides_revoke", responses={200: documents.OverrideSerializer})
    def post(self, request: Request, override_id: int) -> Response:
        self.body(request)
        ended = overrides.revoke(override_id, actor=self.caller(), now=self.now())
        return Response(documents.OverrideSerializer(ended).data)


def checked(serializer_class: type[Any], request: Request) -> dict[str, Any]:
    """Return the checked body of a call whose answer has another shape. Raises ValidationError."""
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


urlpatterns: list[Any] = [
    path("runs/<uuid:run_id>/comments/", Comments.as_view(), name="run-comments"),
    path("runs/<uuid:run_id>/break-glass/", BreakGlass.as_view(), name="run-break-glass"),
    path("reviews/", Reviews.as_view(), name="reviews"),
    path("reviews/<int:review_id>/", Review.as_view(), name="review"),
    path("delegations/", Delegations.as_view(), name="delegations"),
    path("delegations/<int:delegation_id>/revoke/", DelegationRevoke.as_view(), name="delegation-revoke"),
    path("overrides/", Overrides.as_view(), name="overrides"),
    path("overrides/<int:override_id>/revoke/", OverrideRevoke.as_view(), name="override-revoke"),
]
