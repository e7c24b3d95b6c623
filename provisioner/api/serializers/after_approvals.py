"""Documents of what goes with approvals: comments, break-glass, reviews, delegations, overrides in force."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from provisioner import deciding
from provisioner.api.serializers.base import StrictSerializer, TextField
from provisioner.api.serializers.runs import ReviewSerializer, RunSerializer
from provisioner.models import Override
from provisioner.services.approve import COMMENT_MAX
from provisioner.services.break_glass import VERDICTS

NAME_MAX = 150


class NewCommentSerializer(StrictSerializer):
    """Something to say about a run."""

    text = TextField(max_length=COMMENT_MAX)


class CommentSerializer(serializers.Serializer[Any]):
    """What somebody said about a run without deciding on it."""

    id = serializers.IntegerField(source="pk", read_only=True)
    author = serializers.CharField(source="author.username", read_only=True)
    text = serializers.CharField(read_only=True)
    plan_digest = serializers.CharField(
        read_only=True, help_text="The plan that it was said about; empty before one."
    )
    created_at = serializers.DateTimeField(read_only=True)


class NewGlassBreakSerializer(StrictSerializer):
    """One person's part in breaking the glass."""

    plan_digest = TextField(max_length=64, help_text="The digest of the plan that was looked at.")
    reason = TextField(max_length=COMMENT_MAX, help_text="What the emergency is; the review reads it.")


class GlassBreakSerializer(serializers.Serializer[Any]):
    """The run after somebody broke the glass."""

    person = serializers.CharField(source="part.person.username", read_only=True)
    reason = serializers.CharField(source="part.reason", read_only=True)
    plan_digest = serializers.CharField(source="part.plan_digest", read_only=True)
    created_at = serializers.DateTimeField(source="part.created_at", read_only=True)
    people_needed = serializers.IntegerField(read_only=True, help_text="How many more must break the glass.")
    run = RunSerializer(read_only=True)


class DueReviewSerializer(ReviewSerializer):
    """A skipped step to look at afterwards."""

    run = RunSerializer(read_only=True)
    step = serializers.IntegerField(source="step_id", read_only=True)
    groups = serializers.ListField(source="step.groups", child=serializers.CharField(), read_only=True)
    rule = serializers.CharField(source="step.rule", read_only=True)
    reason = serializers.CharField(source="step.reason", read_only=True)
    created_at = serializers.DateTimeField(read_only=True)


class NewReviewSerializer(StrictSerializer):
    """An answer to a due review."""

    verdict = serializers.ChoiceField(choices=list(VERDICTS))
    comment = TextField(
        max_length=COMMENT_MAX, required=False, allow_blank=True, default="", help_text="Needed to object."
    )


class NewDelegationSerializer(StrictSerializer):
    """One's decisions for a group, handed to somebody else for a while."""

    group = TextField(max_length=64)
    to = TextField(max_length=NAME_MAX, help_text="User name of the person who decides instead.")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    reason = TextField(max_length=COMMENT_MAX)


class DelegationSerializer(serializers.Serializer[Any]):
    """A delegation."""

    id = serializers.IntegerField(source="pk", read_only=True)
    group = serializers.CharField(read_only=True)
    of = serializers.CharField(source="delegator.username", read_only=True)
    to = serializers.CharField(source="delegate.username", read_only=True)
    starts_at = serializers.DateTimeField(read_only=True)
    ends_at = serializers.DateTimeField(read_only=True)
    reason = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    revoked_at = serializers.DateTimeField(read_only=True, allow_null=True)
    revoked_by = serializers.CharField(source="revoked_by.username", read_only=True, default=None)


class OverrideSerializer(serializers.Serializer[Any]):
    """An override that stays in force on its workspace."""

    id = serializers.IntegerField(source="pk", read_only=True)
    workspace_id = serializers.UUIDField(read_only=True)
    workspace = serializers.CharField(source="workspace.name", read_only=True)
    environment = serializers.CharField(source="workspace.environment.slug", read_only=True)
    service = serializers.CharField(source="workspace.service.slug", read_only=True)
    rule = serializers.CharField(read_only=True)
    where = serializers.CharField(read_only=True)
    what = serializers.CharField(read_only=True)
    group = serializers.CharField(read_only=True, help_text="The group that granted it.")
    granted_by = serializers.SerializerMethodField()
    reason = serializers.CharField(read_only=True)
    run_id = serializers.UUIDField(
        source="step.run_id", read_only=True, help_text="The run it was granted on."
    )
    created_at = serializers.DateTimeField(read_only=True)
    ends_at = serializers.DateTimeField(read_only=True)
    revoked_at = serializers.DateTimeField(read_only=True, allow_null=True)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_granted_by(self, override: Override) -> list[str]:
        return deciding.granters(override)
