"""The policy: what is in force, what was, what a text would change, and proposals of platform engineers."""

import time
from dataclasses import asdict
from typing import Any, ClassVar

from django.conf import settings
from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import extend_schema

from provisioner import policy_store
from provisioner.api.serializers import policies as documents
from provisioner.api.serializers.runs import NothingSerializer
from provisioner.api.view import ApiView, ListView, Request, Response
from provisioner.models import PolicyProposal, PolicyVersion
from provisioner.rulebook.explain import explain
from provisioner.services import policies, policy_dry_run, policy_review

READ: dict[str, str] = {"GET": "catalog:read"}
CHECK: dict[str, str] = {"POST": "policy:check"}
WRITE: dict[str, str] = {"POST": "org:write"}


class PolicyInForce(ApiView):
    """The policy in force, its rules in words, and what is wrong with a newer edit, if anything."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.PolicySerializer

    @extend_schema(operation_id="policy_retrieve")
    def get(self, request: Request) -> Response:
        standing, _ = policies.in_force()
        found = version_document(standing.version)
        found |= {
            "activated_at": standing.activated_at,
            "activated_by": standing.activated_by.get_username() if standing.activated_by else None,
            "comes_from": settings.DRAWBRIDGE_POLICY_SOURCE,
            "refused": standing.refused or None,
        }
        return Response(documents.PolicySerializer(found).data)


class PolicyVersions(ListView):
    """Every version that was ever read or approved, newest first."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.PolicyVersionSerializer
    queryset = PolicyVersion.objects.select_related("author").defer("text")
    ordering = ("-created_at", "-id")


class PolicyVersionDetail(ApiView):
    """One version, by its digest or the first digits of it."""

    required_scopes: ClassVar[dict[str, str]] = READ
    serializer_class = documents.PolicyVersionDetailSerializer

    @extend_schema(operation_id="policy_version_retrieve")
    def get(self, request: Request, digest: str) -> Response:
        return Response(self.get_serializer(version_document(policies.version_named(digest))).data)


class PolicyPreview(ApiView):
    """What is wrong with a text, what it would change, and how its unit tests end. Changes nothing."""

    required_scopes: ClassVar[dict[str, str]] = CHECK
    serializer_class = documents.PolicyTextSerializer

    @extend_schema(operation_id="policy_preview", responses={200: documents.PolicyPreviewSerializer})
    def post(self, request: Request) -> Response:
        preview = policies.preview(self.body(request)["text"])
        document = {
            "digest": preview.checked.digest,
            "usable": preview.checked.loaded is not None,
            "problems": [asdict(problem) for problem in preview.checked.problems],
            "warnings": [asdict(problem) for problem in preview.checked.warnings],
            "changes": [asdict(change) for change in preview.changes],
            "tests": [
                {
                    "name": result.case.name,
                    "file": result.case.file,
                    "line": result.case.line,
                    "failures": list(result.failures),
                }
                for result in preview.tests
            ],
        }
        return Response(documents.PolicyPreviewSerializer(document).data)


class PolicyDryRun(ApiView):
    """What a text would have decided on the newest runs, against the policy in force.

    Both judge the stored plans (parameters, where there is none) and estimates, and the facts as they are known now.
    It takes 20 s at most, and says how far it came. For members of platform, finops and sre.
    """

    required_scopes: ClassVar[dict[str, str]] = CHECK
    serializer_class = documents.PolicyDryRunSerializer

    @extend_schema(operation_id="policy_dry_run", responses={200: documents.PolicyDryRunResultSerializer})
    def post(self, request: Request) -> Response:
        wanted = self.body(request)
        result = policy_dry_run.for_person(
            wanted["text"], person=self.caller(), last=wanted["last"], now=self.now(), clock=time.monotonic
        )
        return Response(documents.PolicyDryRunResultSerializer(policy_dry_run.documents(result)).data)


class PolicyProposals(ListView):
    """Proposals, newest first; POST makes one. For platform engineers."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "catalog:read", "POST": "org:write"}
    serializer_class = documents.ProposalSerializer
    queryset = PolicyProposal.objects.none()
    ordering = ("-created_at", "-id")

    def get_queryset(self) -> QuerySet[PolicyProposal]:
        return policy_review.proposals_visible_to(self.caller())

    @extend_schema(
        operation_id="policy_proposals_create",
        request=documents.NewProposalSerializer,
        responses={201: documents.ProposalDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        serializer = documents.NewProposalSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        proposal = policy_review.propose(
            wanted["text"],
            reason=wanted["reason"],
            base_digest=wanted["base"],
            author=self.caller(),
            now=self.now(),
        )
        return proposal_answer(proposal, status=201)


class PolicyProposalDetail(ApiView):
    """One proposal; PUT changes it or brings it up to the policy in force, for its author."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "catalog:read", "PUT": "org:write"}
    serializer_class = documents.NewProposalSerializer

    @extend_schema(
        operation_id="policy_proposals_retrieve", responses={200: documents.ProposalDetailSerializer}
    )
    def get(self, request: Request, proposal_id: int) -> Response:
        return proposal_answer(policy_review.proposal_visible(self.caller(), proposal_id))

    @extend_schema(
        operation_id="policy_proposals_update", responses={200: documents.ProposalDetailSerializer}
    )
    def put(self, request: Request, proposal_id: int) -> Response:
        wanted = self.body(request)
        return proposal_answer(
            policy_review.edit(
                proposal_id,
                wanted["text"],
                reason=wanted["reason"],
                base_digest=wanted["base"],
                author=self.caller(),
                now=self.now(),
            )
        )


class PolicyProposalApprove(ApiView):
    """Approve another's proposal: its text comes into force."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = documents.ApproveProposalSerializer

    @extend_schema(
        operation_id="policy_proposals_approve", responses={200: documents.ProposalDetailSerializer}
    )
    def post(self, request: Request, proposal_id: int) -> Response:
        wanted = self.body(request)
        return proposal_answer(
            policy_review.approve(
                proposal_id,
                digest=wanted["digest"],
                comment=wanted["comment"],
                approver=self.caller(),
                now=self.now(),
            )
        )


class PolicyProposalReject(ApiView):
    """Say no to another's proposal, with a comment."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = documents.RejectProposalSerializer

    @extend_schema(
        operation_id="policy_proposals_reject", responses={200: documents.ProposalDetailSerializer}
    )
    def post(self, request: Request, proposal_id: int) -> Response:
        comment = self.body(request)["comment"]
        return proposal_answer(
            policy_review.reject(proposal_id, comment=comment, approver=self.caller(), now=self.now())
        )


class PolicyProposalWithdraw(ApiView):
    """Take one's own proposal back."""

    required_scopes: ClassVar[dict[str, str]] = WRITE
    serializer_class = NothingSerializer

    @extend_schema(
        operation_id="policy_proposals_withdraw", responses={200: documents.ProposalDetailSerializer}
    )
    def post(self, request: Request, proposal_id: int) -> Response:
        self.body(request)
        return proposal_answer(policy_review.withdraw(proposal_id, author=self.caller(), now=self.now()))


def version_document(version: PolicyVersion) -> dict[str, Any]:
    """Return a version in the shape of the API; one that cannot be read any more has no words."""
    checked = policies.read_kept(version)
    standing = policy_store.in_force()
    return {
        "digest": version.digest,
        "source": version.source,
        "origin": version.origin,
        "author": version.author,
        "created_at": version.created_at,
        "in_force": standing is not None and standing.version_id == version.pk,
        "text": version.text,
        "rules": [asdict(rule) for rule in explain(checked)] if checked is not None else [],
        "activations": version.activations.select_related("actor", "version"),
    }


def proposal_answer(proposal: PolicyProposal, *, status: int = 200) -> Response:
    """Answer with a proposal as it is now."""
    loaded, base = policies.read_text(proposal.text), policies.read_kept(proposal.base)
    is_open = proposal.state == policy_review.OPEN
    document = {
        **documents.ProposalSerializer(proposal).data,
        "text": proposal.text,
        "stale": is_open and policy_review.is_stale(proposal),
        "changes": [asdict(one) for one in policies.changes(base, loaded)] if base and loaded else [],
        "changed_since": [asdict(one) for one in policy_review.changed_since(proposal)] if is_open else [],
    }
    return Response(document, status=status)


urlpatterns: list[Any] = [
    path("policy/", PolicyInForce.as_view(), name="policy"),
    path("policy/versions/", PolicyVersions.as_view(), name="policy-versions"),
    path("policy/versions/<slug:digest>/", PolicyVersionDetail.as_view(), name="policy-version"),
    path("policy/preview/", PolicyPreview.as_view(), name="policy-preview"),
    path("policy/dry-run/", PolicyDryRun.as_view(), name="policy-dry-run"),
    path("policy/proposals/", PolicyProposals.as_view(), name="policy-proposals"),
    path("policy/proposals/<int:proposal_id>/", PolicyProposalDetail.as_view(), name="policy-proposal"),
    path(
        "policy/proposals/<int:proposal_id>/approve/",
        PolicyProposalApprove.as_view(),
        name="policy-proposal-approve",
    ),
    path(
        "policy/proposals/<int:proposal_id>/reject/",
        PolicyProposalReject.as_view(),
        name="policy-proposal-reject",
    ),
    path(
        "policy/proposals/<int:proposal_id>/withdraw/",
        PolicyProposalWithdraw.as_view(),
        name="policy-proposal-withdraw",
    ),
]
