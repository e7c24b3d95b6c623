"""Dry runs: what an order would get, cost and need, without any effect."""

from dataclasses import asdict
from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema

from provisioner.api.serializers.requests import AskSerializer, EvaluationSerializer
from provisioner.api.view import ApiView, Request, Response
from provisioner.services import evaluate
from provisioner.services.ask import Ask
from provisioner.services.evaluate import Evaluation
from provisioner.services.findings import (
    change_documents,
    coverage_document,
    documents,
    line_item_documents,
    unpriced_documents,
)


class Evaluations(ApiView):
    """Evaluate an ask. Problems of parameters are part of the answer; names nobody knows are refused."""

    required_scopes: ClassVar[dict[str, str]] = {"POST": "catalog:read"}
    serializer_class = AskSerializer

    @extend_schema(operation_id="evaluations_create", responses={200: EvaluationSerializer})
    def post(self, request: Request) -> Response:
        serializer = AskSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        ask = serializer.ask()
        evaluation = evaluate.evaluate(ask, requester=self.caller(), now=self.now())
        return Response(EvaluationSerializer(document(ask, evaluation)).data)


def document(ask: Ask, evaluation: Evaluation) -> dict[str, Any]:
    """Return the evaluation in the shape of the API."""
    resolved = evaluation.resolved
    return {
        "item": resolved.item.slug,
        "version": resolved.version.version,
        "service": resolved.service.slug,
        "environment": resolved.environment.slug,
        "name": ask.name,
        "orderable": not evaluation.problems and not evaluation.refusing,
        "parameters": evaluation.parameters,
        "tags": evaluation.tags,
        "problems": [asdict(problem) for problem in evaluation.problems],
        "findings": documents(evaluation.findings),
        "estimate_usd_month": evaluation.estimate.usd_month,
        "fixed_usd_month": evaluation.estimate.fixed_usd_month,
        "usage_usd_month": evaluation.estimate.usage_usd_month,
        "change_usd_month": evaluation.change.delta_usd_month,
        "changes": change_documents(evaluation.change),
        "coverage": coverage_document(evaluation.estimate.coverage),
        "line_items": line_item_documents(evaluation.change.lines),
        "unpriced": unpriced_documents(evaluation.estimate.unpriced),
        "approvals_expected": [asdict(step) for step in evaluation.approvals_expected],
        "approvals_unasked": list(evaluation.unasked),
        "overrides_used": evaluation.covered,
        "unit_cost_effect": None,
        "policy_digest": evaluation.policy_digest,
    }


urlpatterns: list[Any] = [path("evaluations/", Evaluations.as_view(), name="evaluations")]
