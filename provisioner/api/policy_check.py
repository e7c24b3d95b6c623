"""The tag policy as data, and checks of plans that other pipelines made."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.parsers import BaseParser

from provisioner import policy
from provisioner.api.serializers import policy_check as documents
from provisioner.api.view import ApiView, Request, Response
from provisioner.domain import tags_values
from provisioner.domain.policy.tag_rules import TagKey
from provisioner.rulebook import report_json, report_junit, report_sarif, report_text
from provisioner.rulebook.plan_file import ReadPlan
from provisioner.rulebook.report import FailOn, Report
from provisioner.services import check_plan
from provisioner.services.check_plan import Asked, PlanUnreadable

SCOPE = "policy:check"


class PlanParser(BaseParser):
    """Parse a plan of any size that is taken here, one resource at a time. Raises Refusal."""

    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return check_plan.read(stream)


class TagPolicyView(ApiView):
    """The tag policy in force, and the organisation that tags refer to: all that a checker elsewhere needs."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": SCOPE}
    serializer_class = documents.TagPolicySerializer

    @extend_schema(operation_id="tag_policy_retrieve")
    def get(self, request: Request) -> Response:
        rules = policy.current()
        known = check_plan.organisation()
        return Response(
            self.get_serializer(
                {
                    "policy_digest": rules.digest,
                    "level": rules.tags.level.value,
                    "normalise": [way for way in tags_values.NORMALISATIONS if way in rules.tags.normalise],
                    "unchanged": rules.tags.unchanged.value,
                    "exempt_types": rules.tags.exempt_types,
                    "keys": [_key(key) for key in rules.tags.keys],
                    "environments": {
                        slug: [_key(key) for key in keys] for slug, keys in rules.tags.environments.items()
                    },
                    "limits": {
                        "key_characters": tags_values.KEY_MAX,
                        "value_characters": tags_values.VALUE_MAX,
                        "tags": tags_values.TAGS_MAX,
                    },
                    "organisation": {
                        "services": {slug: asdict(facts) for slug, facts in sorted(known.services.items())},
                        "teams": sorted(known.teams),
                        "cost_centers": sorted(known.cost_centers),
                        "environments": sorted(known.environments),
                    },
                }
            ).data
        )


class _Check(ApiView):
    """What both checks share: the plan is read as it comes in, and nothing is stored."""

    required_scopes: ClassVar[dict[str, str]] = {"POST": SCOPE}
    serializer_class = documents.ReportSerializer
    query_serializer_class = documents.CheckQuerySerializer
    query_methods: ClassVar[frozenset[str]] = frozenset({"GET", "HEAD", "POST"})
    parser_classes: Any = [PlanParser]
    keeps_answers = False  # nothing happens, so nothing can happen twice
    tags_only: ClassVar[bool]

    def answer(self, request: Request) -> Response | HttpResponse:
        """Check the plan in the body and answer in the form that was asked for."""
        read = request.data
        if not isinstance(read, ReadPlan):
            raise PlanUnreadable("The body is empty. Send the output of terraform show -json PLANFILE.")
        query = self.query(request)
        wanted = documents.BesideSerializer(data=dict(read.beside))
        wanted.is_valid(raise_exception=True)
        said = dict(wanted.validated_data)
        twice = sorted(query.keys() & said.keys())
        if twice:
            raise exceptions.ValidationError(
                {name: ["Give it in the query or in the body, not in both."] for name in twice}
            )
        said = query | said
        form = said.pop("format", "json")
        report = check_plan.check(
            read,
            Asked(**{**said, "fail_on": FailOn(said.get("fail_on", FailOn.SOFT))}),
            tags_only=self.tags_only,
        )
        return _rendered(report, form)


class TagPolicyCheck(_Check):
    """Check the tags of a plan: findings by resource, with what is missing or wrong and the fix."""

    tags_only = True

    @extend_schema(
        operation_id="tag_policy_check",
        parameters=[documents.CheckQuerySerializer],
        request={"application/json": documents.PlanSerializer},
        responses={
            (200, "application/json"): documents.ReportSerializer,
            (200, "application/sarif+json"): OpenApiTypes.OBJECT,
            (200, "application/xml"): OpenApiTypes.STR,
            (200, "text/plain"): OpenApiTypes.STR,
        },
    )
    def post(self, request: Request) -> Response | HttpResponse:
        return self.answer(request)


class PolicyCheck(_Check):
    """Check a plan by tags and guardrails, and say what it costs."""

    tags_only = False

    @extend_schema(
        operation_id="policy_check",
        parameters=[documents.CheckQuerySerializer],
        request={"application/json": documents.PlanSerializer},
        responses={
            (200, "application/json"): documents.ReportSerializer,
            (200, "application/sarif+json"): OpenApiTypes.OBJECT,
            (200, "application/xml"): OpenApiTypes.STR,
            (200, "text/plain"): OpenApiTypes.STR,
        },
    )
    def post(self, request: Request) -> Response | HttpResponse:
        return self.answer(request)


def _rendered(report: Report, form: str) -> Response | HttpResponse:
    if form == "sarif":
        return HttpResponse(report_sarif.render(report), content_type="application/sarif+json")
    if form == "junit":
        return HttpResponse(report_junit.render(report), content_type="application/xml; charset=utf-8")
    if form == "text":
        return HttpResponse(report_text.render(report), content_type="text/plain; charset=utf-8")
    return Response(report_json.document(report))


def _key(key: TagKey) -> dict[str, object]:
    return {
        "key": key.key,
        "required": key.required,
        "allowed": list(key.allowed),
        "pattern": key.pattern,
        "reference": None if key.reference is None else key.reference.value,
        "aliases": list(key.aliases),
        "level": key.level.value,
        "why": key.why,
    }


urlpatterns: list[Any] = [
    path("tag-policy/", TagPolicyView.as_view(), name="tag-policy"),
    path("tag-policy/check/", TagPolicyCheck.as_view(), name="tag-policy-check"),
    path("policy/check/", PolicyCheck.as_view(), name="policy-check"),
]
