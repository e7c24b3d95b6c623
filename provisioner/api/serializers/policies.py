"""Documents of the policy, its versions and its proposals."""

from typing import Any

from rest_framework import serializers

from provisioner.api.serializers.base import StrictSerializer, TextField, WholeNumberField
from provisioner.services.policies import TEXT_MAX
from provisioner.services.policy_dry_run import LAST, LAST_MAX
from provisioner.services.policy_review import REASON_MAX

DIGEST_LENGTH = 64


class PolicyProblemSerializer(serializers.Serializer[Any]):
    """One reason why a text is refused."""

    place = serializers.CharField(read_only=True, help_text="Such as approvals.finops.default_usd_month.")
    line = serializers.IntegerField(read_only=True, help_text="1-based; 0 where there is none.")
    what = serializers.CharField(read_only=True)
    fix = serializers.CharField(read_only=True)


class RuleWordsSerializer(serializers.Serializer[Any]):
    """One rule in words."""

    key = serializers.CharField(read_only=True)
    section = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    level = serializers.CharField(read_only=True, help_text="Empty where the rule has none.")
    words = serializers.CharField(read_only=True)
    line = serializers.IntegerField(read_only=True)


class RefusedEditSerializer(serializers.Serializer[Any]):
    """An edit at the policy's source that could not be taken up."""

    at = serializers.DateTimeField(read_only=True)
    origin = serializers.JSONField(read_only=True)
    problems = PolicyProblemSerializer(many=True, read_only=True)


class ActivationSerializer(serializers.Serializer[Any]):
    """One time that a version came into force."""

    digest = serializers.CharField(source="version.digest", read_only=True)
    at = serializers.DateTimeField(read_only=True)
    by = serializers.CharField(source="actor.username", read_only=True, allow_null=True, default=None)
    reason = serializers.CharField(read_only=True)
    proposal = serializers.IntegerField(source="proposal_id", read_only=True, allow_null=True)


class PolicyVersionSerializer(serializers.Serializer[Any]):
    """A version in a list."""

    digest = serializers.CharField(read_only=True)
    source = serializers.CharField(read_only=True, help_text="file, git or edited.")  # type: ignore[assignment]
    origin = serializers.JSONField(
        read_only=True, help_text="Where it was read: path, url, ref, commit, author, proposal."
    )
    author = serializers.CharField(source="author.username", read_only=True, allow_null=True, default=None)
    created_at = serializers.DateTimeField(read_only=True)


class PolicyVersionDetailSerializer(PolicyVersionSerializer):
    """A version with its text, its rules in words, and when it was in force."""

    in_force = serializers.BooleanField(read_only=True)
    text = serializers.CharField(read_only=True)
    rules = RuleWordsSerializer(many=True, read_only=True)
    activations = ActivationSerializer(many=True, read_only=True)


class PolicySerializer(PolicyVersionDetailSerializer):
    """The policy in force."""

    activated_at = serializers.DateTimeField(read_only=True)
    activated_by = serializers.CharField(read_only=True, allow_null=True)
    comes_from = serializers.ChoiceField(
        choices=["file", "git", "edited"], read_only=True, help_text="DRAWBRIDGE_POLICY_SOURCE."
    )
    refused = RefusedEditSerializer(read_only=True, allow_null=True)


class PolicyTextSerializer(StrictSerializer):
    """The text of a policy."""

    text = TextField(max_length=TEXT_MAX, help_text="The YAML.")


class PolicyDryRunSerializer(PolicyTextSerializer):
    """What to judge, and how many runs."""

    last = WholeNumberField(
        min_value=1, max_value=LAST_MAX, required=False, default=LAST, help_text="Newest runs to judge."
    )


class RuleChangeSerializer(serializers.Serializer[Any]):
    """One rule that differs from the policy in force."""

    kind = serializers.ChoiceField(choices=["added", "removed", "changed", "moved"], read_only=True)
    key = serializers.CharField(read_only=True)
    section = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    before = serializers.CharField(read_only=True)
    after = serializers.CharField(read_only=True)
    line = serializers.IntegerField(read_only=True)


class PolicyTestSerializer(serializers.Serializer[Any]):
    """What became of one unit test."""

    name = serializers.CharField(read_only=True)
    file = serializers.CharField(read_only=True)
    line = serializers.IntegerField(read_only=True)
    failures = serializers.ListField(child=serializers.CharField(), read_only=True)


class PolicyPreviewSerializer(serializers.Serializer[Any]):
    """What a text would change."""

    digest = serializers.CharField(read_only=True)
    usable = serializers.BooleanField(read_only=True)
    problems = PolicyProblemSerializer(many=True, read_only=True)
    warnings = PolicyProblemSerializer(many=True, read_only=True, help_text="What stops nothing.")
    changes = RuleChangeSerializer(many=True, read_only=True)
    tests = PolicyTestSerializer(many=True, read_only=True)


class AskedSerializer(serializers.Serializer[Any]):
    """A group that is asked, or no longer."""

    group = serializers.CharField(read_only=True)
    rule = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)
    verdict_needed = serializers.CharField(read_only=True)


class OtherFindingSerializer(serializers.Serializer[Any]):
    """A finding that only one of the two policies has."""

    rule = serializers.CharField(read_only=True)
    level = serializers.CharField(read_only=True)
    where = serializers.CharField(read_only=True)
    what = serializers.CharField(read_only=True)
    fix = serializers.CharField(read_only=True)


class LevelChangeSerializer(serializers.Serializer[Any]):
    """A finding of both policies at another level."""

    rule = serializers.CharField(read_only=True)
    where = serializers.CharField(read_only=True)
    before = serializers.CharField(read_only=True)
    after = serializers.CharField(read_only=True)


class EffectSerializer(serializers.Serializer[Any]):
    """A run on which the two policies decide otherwise."""

    run_id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    kind = serializers.CharField(read_only=True)
    item = serializers.CharField(read_only=True)
    environment = serializers.CharField(read_only=True)
    service = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    judged = serializers.CharField(read_only=True, help_text="plan, or parameters where there is no plan.")
    judged_then_by = serializers.CharField(read_only=True, help_text="Digest of the policy of the day.")
    newly_refused = serializers.BooleanField(read_only=True)
    newly_allowed = serializers.BooleanField(read_only=True)
    newly_asked = AskedSerializer(many=True, read_only=True)
    no_longer_asked = AskedSerializer(many=True, read_only=True)
    new_findings = OtherFindingSerializer(many=True, read_only=True)
    gone_findings = OtherFindingSerializer(many=True, read_only=True)
    levels = LevelChangeSerializer(many=True, read_only=True)


class PolicyDryRunResultSerializer(serializers.Serializer[Any]):
    """What a text would have decided on the newest runs, against the policy in force."""

    looked_at = serializers.IntegerField(read_only=True)
    differing = serializers.IntegerField(read_only=True)
    newly_refused = serializers.IntegerField(read_only=True)
    newly_allowed = serializers.IntegerField(read_only=True)
    newly_asked = serializers.DictField(
        child=serializers.IntegerField(), read_only=True, help_text="Runs by group."
    )
    no_longer_asked = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    levels_changed = serializers.IntegerField(read_only=True)
    unreadable = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="Runs that could not be judged, with the reason.",
    )
    stopped = serializers.CharField(
        read_only=True, help_text="Empty unless the time was over before the end."
    )
    facts = serializers.CharField(
        read_only=True, help_text="What the organisation's facts are: those of the day are not kept."
    )
    runs = EffectSerializer(many=True, read_only=True)


class NewProposalSerializer(PolicyTextSerializer):
    """A change of the policy."""

    reason = TextField(
        max_length=REASON_MAX, required=False, allow_blank=True, default="", help_text="Required: why."
    )
    base = TextField(
        max_length=DIGEST_LENGTH,
        help_text="Digest of the policy that it was written against: the one in force.",
    )


class ApproveProposalSerializer(StrictSerializer):
    """An approval, bound to the text that the approver saw."""

    digest = TextField(max_length=DIGEST_LENGTH, help_text="The proposal's digest.")
    comment = TextField(max_length=REASON_MAX, required=False, allow_blank=True, default="")


class RejectProposalSerializer(StrictSerializer):
    """A rejection."""

    comment = TextField(
        max_length=REASON_MAX, required=False, allow_blank=True, default="", help_text="Required."
    )


class ProposalSerializer(serializers.Serializer[Any]):
    """A change of the policy that waits for another platform engineer, or what became of it."""

    id = serializers.IntegerField(read_only=True)
    digest = serializers.CharField(read_only=True)
    base = serializers.CharField(source="base.digest", read_only=True)
    reason = serializers.CharField(read_only=True)
    state = serializers.ChoiceField(choices=["open", "approved", "rejected", "withdrawn"], read_only=True)
    author = serializers.CharField(source="author.username", read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    edited_at = serializers.DateTimeField(read_only=True)
    decided_by = serializers.CharField(
        source="decided_by.username", read_only=True, allow_null=True, default=None
    )
    decided_at = serializers.DateTimeField(read_only=True, allow_null=True)
    comment = serializers.CharField(read_only=True)


class ProposalDetailSerializer(ProposalSerializer):
    """A proposal with its text and what it changes against its base."""

    text = serializers.CharField(read_only=True)
    stale = serializers.BooleanField(read_only=True, help_text="Another policy than its base is in force.")
    changes = RuleChangeSerializer(many=True, read_only=True)
    changed_since = RuleChangeSerializer(
        many=True, read_only=True, help_text="What came into force since it was written."
    )
