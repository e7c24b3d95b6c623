"""Self-approved, replayed, stale and forged decisions: each is refused through both doors, whatever way they come."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from provisioner.domain.run import RunStatus
from provisioner.models import ApprovalDecision, ApprovalStep, AuditEvent, DueReview, Override, Run, RunPlan
from provisioner.services import plan, submit
from tests.approvals.conftest import (
    Answer,
    Door,
    Order,
    Person,
    WritePolicy,
    delegate_to,
    fresh,
    now,
    step_of,
)
from tests.conftest import Organisation
from tests.fakes import FakeEngine

Decide = Callable[[Door, User, Run, int, str], Answer]


def one(door: Door, user: User, run: Run, step: int, digest: str) -> Answer:
    return door.decide(user, run, step, digest)


def several(door: Door, user: User, run: Run, step: int, digest: str) -> Answer:
    return door.decide_several(user, run, step, digest)


def by_delegation(door: Door, user: User, run: Run, step: int, digest: str) -> Answer:
    """Let the person decide for another member of every group too."""
    for group in ("finops", "sre"):
        other, _ = User.objects.get_or_create(username=f"other-{group}", email="o@example.com")
        other.groups.set(User.objects.get(username=group).groups.all())
        delegate_to(user, other, group)
    return door.decide(user, run, step, digest)


WAYS = pytest.mark.parametrize("way", [one, several, pytest.param(by_delegation, marks=pytest.mark.thorough)])


def unchanged(run: Run, decisions: int = 0) -> bool:
    """Tell whether the run still waits, with so many decisions."""
    return (
        fresh(run).status == RunStatus.NEEDS_APPROVAL
        and ApprovalDecision.objects.filter(run=run).count() == decisions
    )


class TestASelfApproval:
    @WAYS
    def test_is_refused(self, door: Door, way: Decide, order: Order, org: Organisation) -> None:
        org.finops.teams.add(org.teams["payments"])
        run = order(by="finops")
        step = step_of(run, "finops")
        answer = way(door, org.finops, run, step.pk, step.plan_digest)
        assert not answer.taken
        assert "You ordered this run" in answer.text
        assert answer.code in ("self_approval", "")
        assert unchanged(run)
        assert AuditEvent.objects.get(action="approval.refused").detail["code"] == "self_approval"

    @WAYS
    def test_is_refused_on_a_retry_that_somebody_else_asked_for(
        self, door: Door, way: Decide, order: Order, org: Organisation, fake: FakeEngine
    ) -> None:
        org.finops.teams.add(org.teams["payments"])
        first = order(by="finops")
        Run.objects.filter(pk=first.pk).update(status="expired")
        run = submit.retry(first.pk, requester=org.developer, now=now())
        plan.plan(run.pk, engine=fake, worker="w", clock=now)
        step = step_of(run, "finops")
        assert not way(door, org.finops, run, step.pk, step.plan_digest).taken
        assert unchanged(run)

    def test_is_refused_when_a_delegate_takes_the_requesters_part(
        self, door: Door, order: Order, org: Organisation
    ) -> None:
        org.finops.teams.add(org.teams["payments"])
        run = order(by="finops")
        delegate_to(org.outsider, org.finops, "finops")
        step = step_of(run, "finops")
        answer = door.decide(org.outsider, run, step.pk, step.plan_digest)
        assert answer.status == 403
        assert "nor has it decided for them" in answer.text.replace("&#x27;", "'")
        assert unchanged(run)

    def test_is_refused_when_the_requester_is_the_delegate(
        self, door: Door, order: Order, org: Organisation
    ) -> None:
        run = order()
        delegate_to(org.developer, org.finops, "finops")
        step = step_of(run, "finops")
        assert door.decide(org.developer, run, step.pk, step.plan_digest).status == 403
        assert unchanged(run)

    def test_is_refused_at_the_glass(self, door: Door, order: Order, org: Organisation) -> None:
        org.sre.teams.add(org.teams["payments"])
        run = order(by="sre")
        answer = door.break_glass(org.sre, run, run.plan.digest)
        assert (answer.status, "You ordered this run" in answer.text) == (403, True)
        assert AuditEvent.objects.filter(action="break_glass.refused").count() == 1

    def test_is_refused_in_the_review_afterwards(
        self, door: Door, order: Order, org: Organisation, person: Person
    ) -> None:
        org.finops.teams.add(org.teams["payments"])
        run = order(by="finops")
        for name in ("sre", "oncall"):
            assert door.break_glass(
                person(name, "sre") if name == "oncall" else org.sre, run, run.plan.digest
            ).taken
        due = DueReview.objects.get(step__group="finops")
        assert door.review(org.finops, due.pk, "acknowledged").status == 403
        of_sre = DueReview.objects.get(step__group="sre")
        # Nor by who broke the glass, herself or by a delegate.
        answer = door.review(org.sre, of_sre.pk, "acknowledged")
        assert (answer.status, "broke the glass" in answer.text) == (403, True)
        delegate_to(org.outsider, org.sre, "sre")
        assert door.review(org.outsider, of_sre.pk, "acknowledged").status == 403
        assert not DueReview.objects.exclude(verdict="").exists()

    def test_is_not_made_of_an_override_that_one_granted(
        self, order: Order, org: Organisation, fake: FakeEngine, write_policy: WritePolicy
    ) -> None:
        """Who set a rule aside for others orders by that rule like everybody else."""
        write_policy(guardrails={"rules": []})
        first = order(deletion_protection=False)
        Override.objects.create(
            workspace=first.workspace,
            step=step_of(first, "sre"),
            rule=_soft(first)["rule"],
            where=_soft(first)["where"],
            what=_soft(first)["what"],
            group="sre",
            reason="x",
            created_at=now(),
            ends_at=now().replace(year=now().year + 1),
        )
        step = step_of(first, "sre")
        ApprovalDecision.objects.create(
            step=step,
            run=first,
            approver=org.sre,
            verdict="override",
            plan_digest=step.plan_digest,
            decided_at=now(),
        )
        Run.objects.filter(pk=first.pk).update(status="expired")
        org.sre.teams.add(org.teams["payments"])
        run = first
        for by, needed in (("sre", "override"), ("developer", "approve")):
            run = submit.retry(run.pk, requester=org.users[by], now=now())
            plan.plan(run.pk, engine=fake, worker="w", clock=now)
            assert step_of(run, "sre").verdict_needed == needed
            Run.objects.filter(pk=run.pk).update(status="expired")


def _soft(run: Run) -> dict[str, str]:
    return next(found for found in run.findings if found["level"] == "soft-mandatory")


class TestAReplay:
    @pytest.mark.parametrize("way", [one, several])
    def test_is_refused(self, door: Door, way: Decide, order: Order, org: Organisation) -> None:
        run = order()
        step = step_of(run, "finops")
        assert way(door, org.finops, run, step.pk, step.plan_digest).taken
        answer = way(door, org.finops, run, step.pk, step.plan_digest)
        assert not answer.taken
        assert "finops decided this step already" in answer.text
        assert unchanged(run, 1)

    def test_counts_once_towards_a_quorum(
        self, door: Door, order: Order, org: Organisation, person: Person, write_policy: WritePolicy
    ) -> None:
        write_policy(rules=[{"rule": "two", "groups": "finops", "quorum": 2}])
        run = order()
        step = step_of(run, "finops")
        delegate_to(org.outsider, org.finops, "finops")
        assert door.decide(org.finops, run, step.pk, step.plan_digest).taken
        for replayed in (org.finops, org.outsider):
            answer = door.decide(replayed, run, step.pk, step.plan_digest)
            assert (answer.status, "decided this step already" in answer.text) == (409, True)
            assert unchanged(run, 1)
        assert door.decide(person("second", "finops"), run, step.pk, step.plan_digest).taken
        assert fresh(run).status == RunStatus.APPLY_QUEUED

    def test_by_the_delegator_after_the_delegate_is_refused(
        self, door: Door, order: Order, org: Organisation, write_policy: WritePolicy
    ) -> None:
        write_policy(rules=[{"rule": "two", "groups": "finops", "quorum": 2}])
        run = order()
        step = step_of(run, "finops")
        delegate_to(org.outsider, org.finops, "finops")
        assert door.decide(org.outsider, run, step.pk, step.plan_digest).taken
        assert door.decide(org.finops, run, step.pk, step.plan_digest).status == 409
        assert unchanged(run, 1)

    def test_at_the_glass_counts_once(self, door: Door, order: Order, org: Organisation) -> None:
        run = order()
        assert door.break_glass(org.sre, run, run.plan.digest).taken
        answer = door.break_glass(org.sre, run, run.plan.digest)
        assert (answer.status, "already" in answer.text) == (409, True)
        assert unchanged(run)

    def test_of_a_review_is_refused(
        self, door: Door, order: Order, org: Organisation, person: Person
    ) -> None:
        run = order()
        door.break_glass(org.sre, run, run.plan.digest)
        door.break_glass(person("oncall", "sre"), run, run.plan.digest)
        due = DueReview.objects.get(step__group="finops")
        assert door.review(org.finops, due.pk, "objected", "Too dear").taken
        assert door.review(org.finops, due.pk, "acknowledged").status == 409
        due.refresh_from_db()
        assert (due.verdict, due.comment) == ("objected", "Too dear")


class TestAStaleDecision:
    @WAYS
    def test_is_refused(self, door: Door, way: Decide, order: Order, org: Organisation) -> None:
        run = order()
        step = step_of(run, "finops")
        RunPlan.objects.filter(run=run).update(digest="f" * 64)  # planned again meanwhile
        answer = way(door, org.finops, run, step.pk, step.plan_digest)
        assert not answer.taken
        assert "plan was made again" in answer.text
        assert unchanged(run)
        # Nor does the new digest revive the old step.
        assert not way(door, org.finops, run, step.pk, "f" * 64).taken
        assert unchanged(run)

    @WAYS
    def test_on_a_run_that_moved_on_is_refused(
        self, door: Door, way: Decide, order: Order, org: Organisation
    ) -> None:
        run = order()
        step = step_of(run, "finops")
        for status in ("canceled", "applying", "apply_queued", "plan_queued"):
            Run.objects.filter(pk=run.pk).update(status=status)
            assert not way(door, org.finops, run, step.pk, step.plan_digest).taken, status
        assert not ApprovalDecision.objects.exists()

    def test_at_the_glass_is_refused(
        self, door: Door, order: Order, org: Organisation, person: Person
    ) -> None:
        run = order()
        old = run.plan.digest
        assert door.break_glass(org.sre, run, old).taken
        RunPlan.objects.filter(run=run).update(digest="f" * 64)
        ApprovalStep.objects.filter(run=run).update(plan_digest="f" * 64)
        second = person("oncall", "sre")
        assert door.break_glass(second, run, old).status == 409
        # What was broken for the old plan counts for nothing on the new one.
        assert door.break_glass(second, run, "f" * 64).taken
        assert unchanged(run)


class TestAForgedDecision:
    @WAYS
    def test_on_another_runs_step_is_refused(
        self, door: Door, way: Decide, order: Order, org: Organisation
    ) -> None:
        run, other = order(), order("other-db")
        step = step_of(other, "finops")
        assert not way(door, org.finops, run, step.pk, step.plan_digest).taken
        assert unchanged(run)
        assert unchanged(other)

    def test_with_another_verdict_is_refused(self, door: Door, order: Order, org: Organisation) -> None:
        run = order()
        step = step_of(run, "finops")
        for verdict in ("override", "settle", "APPROVE", ""):
            answer = door.decide(org.finops, run, step.pk, step.plan_digest, verdict, comment="x")
            assert answer.status in (400, 422), verdict
            answer = door.decide_several(org.finops, run, step.pk, step.plan_digest, verdict)
            assert answer.status in (400, 422), verdict
        assert unchanged(run)

    @pytest.mark.parametrize("way", [one, several])
    def test_by_who_is_no_approver_is_refused(
        self, door: Door, way: Decide, order: Order, org: Organisation
    ) -> None:
        run = order()
        step = step_of(run, "finops")
        for name in ("developer", "teammate", "sre", "outsider", "platform"):
            assert not way(door, org.users[name], run, step.pk, step.plan_digest).taken, name
        assert unchanged(run)

    @pytest.mark.parametrize(
        "changed",
        ["not yet", "over", "revoked", "left the group", "inactive", "another group", "of a delegate"],
    )
    def test_by_a_delegation_that_gives_no_power_is_refused(
        self, door: Door, changed: str, order: Order, org: Organisation, person: Person
    ) -> None:
        run = order()
        step = step_of(run, "finops")
        at = now()
        later, earlier = at.replace(year=at.year + 1), at.replace(year=at.year - 1)
        if changed == "of a delegate":
            between = person("between")
            delegate_to(between, org.finops, "finops")
            delegate_to(org.outsider, between, "finops")
        else:
            given = delegate_to(org.outsider, org.finops, "sre" if changed == "another group" else "finops")
            if changed == "not yet":
                given.starts_at, given.ends_at = later, later.replace(year=later.year + 1)
            if changed == "over":
                given.starts_at, given.ends_at = earlier, at
            if changed == "revoked":
                given.revoked_at = at
            given.save()
        if changed == "left the group":
            org.finops.groups.clear()
        if changed == "inactive":
            org.finops.is_active = False
            org.finops.save()
        answer = door.decide(org.outsider, run, step.pk, step.plan_digest)
        assert answer.status in (403, 404)
        assert unchanged(run)

    def test_on_two_steps_by_one_person_is_refused(
        self, door: Door, order: Order, org: Organisation, write_policy: WritePolicy
    ) -> None:
        org.sre.groups.add(org.finops.groups.get())
        run = order()
        first, second = step_of(run, "finops"), step_of(run, "sre")
        assert door.decide(org.sre, run, first.pk, first.plan_digest).taken
        answer = door.decide(org.sre, run, second.pk, second.plan_digest)
        assert (answer.status, "another step of this plan" in answer.text) == (403, True)
        # Nor for somebody who delegated it, nor by who delegated the first.
        delegate_to(org.outsider, org.sre, "sre")
        assert door.decide(org.outsider, run, second.pk, second.plan_digest).status == 403
        assert unchanged(run, 1)
        write_policy(allow_same_person=True)
        assert door.decide(org.sre, run, second.pk, second.plan_digest).taken
        assert fresh(run).status == RunStatus.APPLY_QUEUED

    def test_at_the_glass_by_who_is_not_on_call_is_refused(
        self, door: Door, order: Order, org: Organisation
    ) -> None:
        run = order()
        for name in ("developer", "outsider", "finops"):
            delegate_to(org.users[name], org.sre, "sre")  # this cannot be delegated
            assert door.break_glass(org.users[name], run, run.plan.digest).status == 403, name
        assert unchanged(run)

    def test_at_the_glass_where_there_is_none_is_refused(
        self, door: Door, order: Order, org: Organisation, write_policy: WritePolicy
    ) -> None:
        run = order()
        write_policy(break_glass={"groups": ["sre"], "environments": ["staging"]})
        answer = door.break_glass(org.sre, run, run.plan.digest)
        assert (answer.status, "no emergency path in production" in answer.text) == (409, True)

    def test_that_keeps_an_override_too_long_is_refused(
        self, door: Door, order: Order, org: Organisation
    ) -> None:
        run = order(deletion_protection=False)
        step = step_of(run, "sre")
        for days in (31, 999):
            answer = door.decide(
                org.sre, run, step.pk, step.plan_digest, "override", comment="x", keep_days=days
            )
            assert answer.status in (400, 422)
            assert "1 to 30 days" in answer.text
        assert unchanged(run)

    def test_of_an_override_that_others_granted_is_not_revoked_by_outsiders(
        self, door: Door, order: Order, org: Organisation, person: Person
    ) -> None:
        run = order(deletion_protection=False)
        kept = Override.objects.create(
            workspace=run.workspace, step=step_of(run, "sre"), rule="r", where="p", what="w", group="sre",
            reason="x", created_at=now(), ends_at=now().replace(year=now().year + 1),
        )  # fmt: skip
        security = person("security", "security")
        assert door.revoke(security, "override", kept.pk).status == 404
        assert door.revoke(org.developer, "override", kept.pk).status == 403
        assert door.revoke(org.outsider, "override", kept.pk).status == 404
        assert door.revoke(org.sre, "override", kept.pk).taken
        assert door.revoke(org.sre, "override", kept.pk).status == 404
        # A group that sees no other workspaces ends what it granted.
        Override.objects.update(group="security", revoked_at=None, revoked_by=None)
        assert door.revoke(security, "override", kept.pk).taken
