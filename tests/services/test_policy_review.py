"""A change of the policy in the portal: proposed by one platform engineer, approved by another."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import Group, User

from provisioner import policy, policy_store
from provisioner.domain.errors import Refusal
from provisioner.models import AuditEvent, PolicyActivation, PolicyProposal
from provisioner.selectors import NotVisible
from provisioner.services import policy_review as review
from provisioner.services.policies import InvalidPolicy
from tests.conftest import Organisation

SHIPPED = Path(configured.DRAWBRIDGE_POLICY_FILE).read_text()
CHANGED = SHIPPED.replace('production: "300"', 'production: "500"')
OTHER = SHIPPED.replace("expire_after_days: 14", "expire_after_days: 7")


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def second(org: Organisation, settings: Any) -> User:
    """Return another platform engineer, in a portal whose policy is edited in it."""
    settings.DRAWBRIDGE_POLICY_SOURCE = "edited"
    policy.current()
    made = User.objects.create_user("second")
    Group.objects.get(name="platform").user_set.add(made)
    return made


def propose(org: Organisation, text: str = CHANGED, **changed: Any) -> PolicyProposal:
    words = {
        "reason": "prices rose",
        "base_digest": policy.current().digest,
        "author": org.platform,
        **changed,
    }
    return review.propose(text, now=now(), **words)


def approve(proposal: PolicyProposal, who: User, **changed: Any) -> PolicyProposal:
    words = {"digest": proposal.digest, "comment": "agreed", **changed}
    return review.approve(proposal.pk, approver=who, now=now(), **words)


class TestApprove:
    def test_puts_the_text_into_force_and_says_who_did(self, org: Organisation, second: User) -> None:
        before = policy.current().digest
        proposal = propose(org)
        assert policy.current().digest == before
        done = approve(proposal, second)
        assert policy.current().digest == proposal.digest == policy_store.digest_of(CHANGED)
        assert (done.state, done.decided_by, done.comment) == ("approved", second, "agreed")
        activation = PolicyActivation.objects.first()
        assert activation is not None
        assert (activation.actor, activation.proposal, activation.version.author) == (
            second,
            proposal,
            org.platform,
        )
        acts = ["policy.propose", "policy.activate", "policy.proposal_approved"]
        assert list(AuditEvent.objects.order_by("id").values_list("action", flat=True)) == acts
        assert AuditEvent.objects.get(action="policy.proposal_approved").detail["failing_tests"] == 1

    def test_is_refused_to_the_author_and_that_is_audited(self, org: Organisation, second: User) -> None:
        proposal = propose(org)
        with pytest.raises(review.OwnProposal):
            approve(proposal, org.platform)
        assert policy.current().digest != proposal.digest
        assert AuditEvent.objects.get(action="policy.approve_refused").actor == org.platform

    @pytest.mark.parametrize("who", ["developer", "finops", "sre"])
    def test_is_refused_to_others(self, org: Organisation, second: User, who: str) -> None:
        proposal = propose(org)
        for act in (
            lambda: approve(proposal, org.users[who]),
            lambda: review.reject(proposal.pk, comment="no", approver=org.users[who], now=now()),
            lambda: review.withdraw(proposal.pk, author=org.users[who], now=now()),
            lambda: propose(org, author=org.users[who]),
            lambda: review.proposal_visible(org.users[who], proposal.pk),
        ):
            with pytest.raises(review.NotPlatform):
                act()

    def test_is_refused_for_a_text_that_was_edited_since(self, org: Organisation, second: User) -> None:
        proposal = propose(org)
        review.edit(
            proposal.pk,
            OTHER,
            reason="rather",
            base_digest=policy.current().digest,
            author=org.platform,
            now=now(),
        )
        with pytest.raises(review.ProposalChanged):
            approve(proposal, second)

    def test_is_refused_on_a_stale_base_with_what_changed_since(
        self, org: Organisation, second: User
    ) -> None:
        stale, first = propose(org, OTHER), propose(org)
        approve(first, second)
        assert review.is_stale(stale)
        assert [change.key for change in review.changed_since(stale)] == ["approvals.rules[cost-limit]"]
        with pytest.raises(review.StaleBase, match=r"approvals\.rules\[cost-limit\] changed"):
            approve(stale, second)
        assert PolicyProposal.objects.get(pk=stale.pk).state == "open"
        base = policy.current().digest
        both = CHANGED.replace("expire_after_days: 14", "expire_after_days: 7")
        again = review.edit(stale.pk, both, reason="still", base_digest=base, author=org.platform, now=now())
        approve(again, second)
        assert policy.current().approvals.expire_after_days == 7

    def test_is_refused_twice(self, org: Organisation, second: User) -> None:
        proposal = propose(org)
        approve(proposal, second)
        for act in (
            lambda: approve(proposal, second),
            lambda: review.reject(proposal.pk, comment="no", approver=second, now=now()),
            lambda: review.withdraw(proposal.pk, author=org.platform, now=now()),
        ):
            with pytest.raises(review.ProposalClosed, match="second has approved"):
                act()

    def test_is_refused_when_a_group_is_gone_meanwhile(self, org: Organisation, second: User) -> None:
        Group.objects.create(name="security")
        proposal = propose(
            org,
            SHIPPED.replace("recovery_group: sre", "recovery_group: security").replace(
                "[finops, sre, platform]", "[finops, sre, platform, security]"
            ),
        )
        Group.objects.get(name="security").delete()
        with pytest.raises(InvalidPolicy, match="problem"):
            approve(proposal, second)

    def test_brings_an_older_version_back(self, org: Organisation, second: User) -> None:
        approve(propose(org), second)
        approve(propose(org, SHIPPED, reason="back"), second)
        assert policy.current().digest == policy_store.digest_of(SHIPPED)
        assert PolicyActivation.objects.count() == 3


class TestReject:
    def test_needs_a_comment_and_changes_nothing(self, org: Organisation, second: User) -> None:
        proposal, before = propose(org), policy.current()
        with pytest.raises(review.InvalidProposal, match="Say why"):
            review.reject(proposal.pk, comment=" ", approver=second, now=now())
        done = review.reject(proposal.pk, comment="too high", approver=second, now=now())
        assert (done.state, done.comment, policy.current()) == ("rejected", "too high", before)
        assert AuditEvent.objects.get(action="policy.proposal_rejected").detail["comment"] == "too high"

    def test_is_for_others_and_withdrawing_for_the_author(self, org: Organisation, second: User) -> None:
        proposal = propose(org)
        with pytest.raises(review.OwnProposal, match="withdraw it"):
            review.reject(proposal.pk, comment="no", approver=org.platform, now=now())
        with pytest.raises(review.OwnProposal, match="reject it"):
            review.withdraw(proposal.pk, author=second, now=now())
        assert review.withdraw(proposal.pk, author=org.platform, now=now()).state == "withdrawn"


class TestPropose:
    @pytest.mark.parametrize(
        ("changed", "refusal"),
        [
            ({"text": "approvals: ["}, InvalidPolicy),
            ({"text": "\ud800"}, InvalidPolicy),
            ({"text": SHIPPED + "# " + "x" * 300_000}, InvalidPolicy),
            ({"text": SHIPPED.replace("recovery_group: sre", "recovery_group: wizards")}, InvalidPolicy),
            ({"text": SHIPPED}, review.NothingChanges),
            ({"reason": ""}, review.InvalidProposal),
            ({"reason": "x" * 4001}, review.InvalidProposal),
            ({"reason": "\0"}, review.InvalidProposal),
            ({"base_digest": "0" * 64}, review.StaleBase),
        ],
    )
    def test_refuses_what_could_not_come_into_force(
        self, org: Organisation, second: User, changed: dict[str, Any], refusal: type[Refusal]
    ) -> None:
        with pytest.raises(refusal):
            propose(org, **changed)
        assert not PolicyProposal.objects.exists()

    @pytest.mark.parametrize("source", ["file", "git"])
    def test_is_refused_where_the_policy_comes_from_elsewhere(
        self, org: Organisation, second: User, settings: Any, source: str
    ) -> None:
        proposal = propose(org)
        settings.DRAWBRIDGE_POLICY_SOURCE = source
        with pytest.raises(review.EditedElsewhere):
            propose(org, OTHER)
        with pytest.raises(review.EditedElsewhere):
            approve(proposal, second)

    def test_of_another_is_edited_by_its_author_alone(self, org: Organisation, second: User) -> None:
        proposal = propose(org)
        with pytest.raises(review.OwnProposal):
            review.edit(
                proposal.pk, OTHER, reason="x", base_digest=policy.current().digest, author=second, now=now()
            )

    @pytest.mark.parametrize("number", [4711, 2**70])
    def test_that_does_not_exist_is_not_found(self, org: Organisation, second: User, number: int) -> None:
        with pytest.raises(NotVisible):
            review.proposal_visible(org.platform, number)
