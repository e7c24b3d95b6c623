"""What decisions do: quorum, delegation, requested changes, overrides in force, break-glass, reminders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from provisioner import deciding, selectors
from provisioner.domain.run import RunStatus
from provisioner.models import (
    ApprovalComment,
    ApprovalDecision,
    ApprovalStep,
    AuditEvent,
    Delegation,
    DueReview,
    GlassBreak,
    Override,
    OverrideUse,
    Run,
    RunPlan,
)
from provisioner.services import apply, approve, break_glass, doctor, expire, hold, overrides, plan, submit
from tests import mails
from tests.approvals.conftest import (
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
from tests.web.conftest import fields

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def status_of(run: Run) -> str:
    return fresh(run).status


def decide(run: Run, group: str, approver: Any, verdict: str = "approve", **more: Any) -> ApprovalDecision:
    step = step_of(run, group)
    words = {"comment": "looked at it", "now": now(), **more}
    return approve.decide(
        run.pk, step_id=step.pk, verdict=verdict, plan_digest=step.plan_digest, approver=approver, **words
    )


@contextmanager
def committing(capture: Any) -> Iterator[list[str]]:
    """Post what is to be posted after the commit; the subjects of the mails are in the list afterwards."""
    mails.forget()
    subjects: list[str] = []
    with capture(execute=True):
        yield subjects
    subjects += mails.subjects()
    mails.forget()


def again(run: Run, fake: FakeEngine) -> Run:
    """Have a run planned again."""
    plan.plan(run.pk, engine=fake, worker="w1", clock=now)
    return fresh(run)


class TestAQuorum:
    def test_of_two_groups_is_reached_by_any_of_their_members(
        self, order: Order, org: Organisation, person: Person, write_policy: WritePolicy
    ) -> None:
        rule = {"rule": "three", "groups": ["finops", "security"], "quorum": 3}
        write_policy(groups=["finops", "security", "sre", "platform"], rules=[rule])
        run = order()
        step = step_of(run, "security")
        assert (step.groups, step.quorum) == (("finops", "security"), 3)
        people = [org.finops, person("sec1", "security"), person("sec2", "security")]
        for left, approver in zip((2, 1, 0), people, strict=True):
            assert status_of(run) == RunStatus.NEEDS_APPROVAL
            decide(run, "security", approver)
            step.refresh_from_db()
            assert (step.settled_at is None) is (left > 0)
        assert status_of(run) == RunStatus.APPLY_QUEUED

    def test_of_all_asks_each_group(self, order: Order, org: Organisation, write_policy: WritePolicy) -> None:
        write_policy(rules=[{"rule": "each", "groups": ["finops", "sre"], "quorum": "all"}])
        run = order()
        decide(run, "finops", org.finops)
        assert status_of(run) == RunStatus.NEEDS_APPROVAL
        decide(run, "sre", org.sre)
        assert status_of(run) == RunStatus.APPLY_QUEUED

    def test_is_ended_by_one_rejection(
        self, order: Order, org: Organisation, person: Person, write_policy: WritePolicy
    ) -> None:
        write_policy(rules=[{"rule": "two", "groups": "finops", "quorum": 2}])
        run = order()
        decide(run, "finops", org.finops)
        decide(run, "finops", person("second", "finops"), "reject")
        assert status_of(run) == RunStatus.REJECTED

    def test_survives_the_same_plan_made_again(
        self, order: Order, org: Organisation, fake: FakeEngine, person: Person, write_policy: WritePolicy
    ) -> None:
        write_policy(rules=[{"rule": "two", "groups": "finops", "quorum": 2}])
        run = order()
        decide(run, "finops", org.finops)
        Run.objects.filter(pk=run.pk).update(status="plan_queued")
        run = again(run, fake)
        assert run.status == RunStatus.NEEDS_APPROVAL
        decide(run, "finops", person("second", "finops"))
        assert status_of(run) == RunStatus.APPLY_QUEUED

    def test_is_asked_for_anew_when_the_rules_changed_meanwhile(
        self, order: Order, org: Organisation, fake: FakeEngine, write_policy: WritePolicy
    ) -> None:
        write_policy(rules=[{"rule": "first", "groups": "sre"}])
        run = order()
        decide(run, "sre", org.sre)
        write_policy(rules=[{"rule": "second", "groups": "sre"}, {"rule": "third", "groups": "finops"}])
        Run.objects.filter(pk=run.pk).update(status="plan_queued")
        run = again(run, fake)
        asked = {step.rule: step.settled_how for step in ApprovalStep.objects.filter(run=run)}
        assert asked == {"first": "decided", "second": "", "third": ""}
        write_policy(rules=[{"rule": "second", "groups": "sre"}])
        Run.objects.filter(pk=run.pk).update(status="plan_queued")
        run = again(run, fake)
        assert ApprovalStep.objects.get(run=run, rule="third").settled_how == "withdrawn"
        decide(run, "sre", org.sre)  # the same group asked again is no second look
        assert status_of(run) == RunStatus.APPLY_QUEUED


class TestADelegation:
    def test_lets_the_delegate_see_and_decide_and_says_for_whom(
        self, door: Door, order: Order, org: Organisation
    ) -> None:
        run = order()
        step = step_of(run, "finops")
        assert not selectors.runs_visible_to(org.outsider).exists()
        start, end = now() - DAY, now() + 2 * DAY
        assert door.delegate(org.finops, "finops", "outsider", start, end, "Holidays").taken
        assert door.decide(org.outsider, run, step.pk, step.plan_digest).taken
        decision = ApprovalDecision.objects.get()
        assert (decision.approver, decision.on_behalf_of) == (org.outsider, org.finops)
        assert AuditEvent.objects.get(action="approval.approve").detail["on_behalf_of"] == "finops"
        client = Client()
        client.force_login(org.developer)
        assert "by outsider for finops" in client.get(reverse("run", args=[run.pk])).content.decode()

    def test_is_ended_by_either_of_them_and_by_nobody_else(
        self, door: Door, org: Organisation, person: Person
    ) -> None:
        for name, status in (("finops", True), ("outsider", True), ("platform", True), ("sre", False)):
            given = delegate_to(org.outsider, org.finops, "finops")
            assert door.revoke(org.users[name], "delegation", given.pk).taken is status, name
            given.refresh_from_db()
            assert (given.revoked_at is not None) is status
            if status:
                assert door.revoke(org.users[name], "delegation", given.pk).status == 409

    @pytest.mark.parametrize(
        ("changed", "text"),
        [
            ({"group": "sre"}, "Only a member of sre"),
            ({"to": "nobody"}, "There is no nobody who can sign in"),
            ({"to": "finops"}, "You decide yourself already"),
            ({"end": datetime(2020, 1, 2, tzinfo=UTC), "start": datetime(2020, 1, 1, tzinfo=UTC)}, "over already"),
            ({"end": datetime(2020, 1, 2, tzinfo=UTC)}, "not after the beginning"),
            ({"end": datetime(2090, 1, 1, tzinfo=UTC)}, "90 days at most"),
        ],
    )  # fmt: skip
    def test_is_refused_with_what_is_wrong(
        self, door: Door, changed: dict[str, Any], text: str, org: Organisation
    ) -> None:
        words = {
            "group": "finops",
            "to": "outsider",
            "start": now(),
            "end": now() + DAY,
            "reason": "x",
            **changed,
        }
        answer = door.delegate(org.finops, **words)
        assert not answer.taken
        if door.name == "api" or "group" not in changed:
            assert text in answer.text
        assert not Delegation.objects.exists()

    def test_of_what_one_holds_by_delegation_is_refused(self, door: Door, org: Organisation) -> None:
        delegate_to(org.outsider, org.finops, "finops")
        assert not door.delegate(org.outsider, "finops", "teammate", now(), now() + DAY, "x").taken
        assert Delegation.objects.count() == 1


class TestRequestedChanges:
    def test_end_the_run_and_offer_the_order_again_as_it_was(
        self, door: Door, order: Order, org: Organisation, django_capture_on_commit_callbacks: Any
    ) -> None:
        run = order(backup_retention_days=20)
        step = step_of(run, "finops")
        assert door.decide(org.finops, run, step.pk, step.plan_digest, "request_changes").status in (400, 422)
        with committing(django_capture_on_commit_callbacks) as told:
            answer = door.decide(
                org.finops, run, step.pk, step.plan_digest, "request_changes", comment="Half of it"
            )
        assert answer.taken
        run = fresh(run)
        assert (run.status, run.error_summary) == (RunStatus.REJECTED, "Changes requested by finops")
        assert told == ["finops asks for changes: provision of orders-db"]
        client = Client()
        client.force_login(org.developer)
        text = client.get(reverse("run", args=[run.pk])).content.decode()
        place = f"{reverse('order', args=['postgres'])}?from={run.pk}"
        assert "Half of it" in text
        assert place in text
        form = fields(client.get(place))
        assert (form["service"], form["environment"], form["name"]) == ("orders", "production", "orders-db")
        assert form["backup_retention_days"] == "20"
        # Who may not order it is not sent there, and nobody's run of another team is shown.
        client.force_login(org.finops)
        assert place not in client.get(reverse("run", args=[run.pk])).content.decode()
        client.force_login(org.outsider)
        assert fields(client.get(place))["name"] == ""

    def test_on_an_update_offer_the_update_again(
        self, order: Order, org: Organisation, fake: FakeEngine, write_policy: WritePolicy
    ) -> None:
        write_policy(rules=[])
        first = order(environment="development", backup_retention_days=2)
        apply.apply(first.pk, engine=fake, worker="w", clock=now)
        write_policy(rules=[{"rule": "all", "groups": "finops"}])
        run = submit.submit_update(
            first.workspace_id,
            parameters={"backup_retention_days": 5},
            justification="",
            requester=org.developer,
            now=now(),
        )
        decide(again(run, fake), "finops", org.finops, "request_changes")
        client = Client()
        client.force_login(org.developer)
        place = f"{reverse('workspace-update', args=[run.workspace_id])}?from={run.pk}"
        assert place in client.get(reverse("run", args=[run.pk])).content.decode()
        assert fields(client.get(place))["backup_retention_days"] == "5"


class TestAComment:
    def test_decides_nothing_and_is_seen_by_everybody_who_sees_the_run(
        self, door: Door, order: Order, org: Organisation
    ) -> None:
        run = order()
        assert door.comment(org.sre, run, "Why so <b>big</b>?").taken
        assert door.comment(org.developer, run, "Black Friday").taken
        assert door.comment(org.developer, run, "  ").status in (400, 422)
        assert door.comment(org.outsider, run, "x").status == 404
        assert status_of(run) == RunStatus.NEEDS_APPROVAL
        client = Client()
        client.force_login(org.finops)
        text = client.get(reverse("run", args=[run.pk])).content.decode()
        assert "Why so &lt;b&gt;big&lt;/b&gt;?" in text
        rows = client.get(f"/api/v1/runs/{run.pk}/comments/").json()["results"]
        assert [(row["author"], row["text"]) for row in rows] == [
            ("sre", "Why so <b>big</b>?"),
            ("developer", "Black Friday"),
        ]
        assert ApprovalComment.objects.first().plan_digest == run.plan.digest  # type: ignore[union-attr]


class TestAnOverride:
    """A development database without backups: a soft guardrail's finding that sre may set aside."""

    @pytest.fixture
    def kept(self, order: Order, org: Organisation, fake: FakeEngine, write_policy: WritePolicy) -> Override:
        """Have an unprotected database made, whose override stays in force for ten days."""
        write_policy(guardrails={"rules": []})  # that of the item's own manifest is enough
        run = order(deletion_protection=False)
        decide(run, "finops", org.finops)
        decide(run, "sre", org.sre, "override", keep_days=10)
        assert status_of(run) == RunStatus.APPLY_QUEUED
        apply.apply(run.pk, engine=fake, worker="w", clock=now)
        return Override.objects.get()

    def update(self, kept: Override, org: Organisation, fake: FakeEngine, by: str = "developer") -> Run:
        run = submit.submit_update(
            kept.workspace_id,
            parameters={"backup_retention_days": 20},
            justification="",
            requester=org.users[by],
            now=now(),
        )
        return again(run, fake)

    def test_is_kept_when_its_run_is_agreed_to(self, kept: Override, org: Organisation) -> None:
        assert (kept.group, kept.reason) == ("sre", "looked at it")
        assert (kept.where, kept.value, kept.suggested) == ("deletion_protection", False, True)
        assert kept.ends_at - kept.created_at == 10 * DAY
        assert AuditEvent.objects.get(action="override.granted").detail["override"] == kept.pk

    def test_is_not_kept_when_its_run_is_rejected_or_it_was_for_one_run(
        self, order: Order, org: Organisation
    ) -> None:
        for name, days, verdict in (("a-db", 10, "reject"), ("b-db", None, "approve")):
            run = order(name, deletion_protection=False)
            decide(run, "sre", org.sre, "override", keep_days=days)
            decide(run, "finops", org.finops, verdict)
        assert not Override.objects.exists()

    def test_covers_the_next_run_and_the_pages_say_so(
        self, kept: Override, org: Organisation, fake: FakeEngine
    ) -> None:
        run = self.update(kept, org, fake)
        assert [step.verdict_needed for step in selectors.steps_of(run)] == ["approve"]
        assert OverrideUse.objects.get().override == kept
        client = Client()
        client.force_login(org.developer)
        text = client.get(reverse("run", args=[run.pk])).content.decode()
        assert "override in force" in text
        client.force_login(org.sre)
        text = client.get(reverse("overrides")).content.decode()
        assert "Granted by sre for sre" in text
        (row,) = client.get("/api/v1/overrides/").json()["results"]
        assert (row["id"], row["granted_by"], row["reason"]) == (kept.pk, ["sre"], "looked at it")

    def test_covers_no_order_of_who_granted_it(
        self, kept: Override, org: Organisation, fake: FakeEngine
    ) -> None:
        org.sre.teams.add(org.teams["payments"])
        run = self.update(kept, org, fake, by="sre")
        assert step_of(run, "sre").verdict_needed == "override"

    def test_that_has_ended_covers_nothing(self, kept: Override, org: Organisation, fake: FakeEngine) -> None:
        Override.objects.update(created_at=now() - 9 * DAY, ends_at=now() - HOUR)
        assert step_of(self.update(kept, org, fake), "sre").verdict_needed == "override"

    @pytest.mark.parametrize("how", ["revoked", "ended"])
    def test_that_ends_before_the_last_decision_has_the_plan_judged_again(
        self, how: str, kept: Override, org: Organisation, fake: FakeEngine
    ) -> None:
        run = self.update(kept, org, fake)
        if how == "ended":
            Override.objects.update(created_at=now() - 9 * DAY, ends_at=now() - HOUR)
            decide(run, "sre", org.sre)
        else:
            overrides.revoke(kept.pk, actor=org.sre, now=now())
        assert status_of(run) == RunStatus.PLAN_QUEUED
        run = again(run, fake)
        assert step_of(run, "sre").verdict_needed == "override"

    def test_that_is_revoked_before_the_apply_has_the_plan_judged_again(
        self, kept: Override, org: Organisation, fake: FakeEngine
    ) -> None:
        run = self.update(kept, org, fake)
        decide(run, "sre", org.sre)
        assert status_of(run) == RunStatus.APPLY_QUEUED
        applied = len(fake.applied)
        # Behind the service's back, as a revocation that comes a moment too late for it.
        Override.objects.update(revoked_at=now(), revoked_by=org.sre)
        assert apply.apply(run.pk, engine=fake, worker="w", clock=now) == RunStatus.PLAN_QUEUED
        assert len(fake.applied) == applied

    def test_of_a_rule_for_one_run_alone_is_not_kept(
        self, order: Order, org: Organisation, write_policy: WritePolicy
    ) -> None:
        write_policy(guardrails={"rules": []})
        run = order(deletion_protection=False)
        rule = next(found["rule"] for found in run.findings if found["level"] == "soft-mandatory")
        write_policy(guardrails={"rules": []}, overrides={"max_days": 30, "once_only": [rule]}, rules=[])
        other = order("other-db", deletion_protection=False)
        step = step_of(other, "sre")
        with pytest.raises(approve.InvalidDecision, match="holds for this run alone"):
            decide(other, "sre", org.sre, "override", keep_days=5)
        client = Client()
        client.force_login(org.sre)
        assert f"keep-{step.pk}" not in client.get(reverse("run", args=[other.pk])).content.decode()


class TestBreakGlass:
    def test_applies_first_and_makes_reviews(
        self,
        door: Door,
        order: Order,
        org: Organisation,
        person: Person,
        fake: FakeEngine,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        run = order()
        assert door.break_glass(org.sre, run, run.plan.digest, "  ").status in (400, 422)
        assert door.break_glass(org.sre, run, run.plan.digest, "Checkout is down").taken
        assert status_of(run) == RunStatus.NEEDS_APPROVAL
        with committing(django_capture_on_commit_callbacks) as told:
            assert door.break_glass(person("oncall", "sre"), run, run.plan.digest, "Confirmed").taken
        assert told == ["Break-glass: provision of orders-db is applied before it is approved"]
        assert status_of(run) == RunStatus.APPLY_QUEUED
        assert apply.apply(run.pk, engine=fake, worker="w", clock=now) == RunStatus.APPLIED
        reviews = list(DueReview.objects.order_by("step__position"))
        assert [review.step.group for review in reviews] == ["finops", "sre"]
        assert reviews[0].due_at - reviews[0].created_at == 48 * HOUR
        assert AuditEvent.objects.get(action="break_glass.applied_first").detail["people"] == [
            "sre",
            "oncall",
        ]
        assert door.review(org.finops, reviews[0].pk, "objected").status in (400, 422)
        assert door.review(org.finops, reviews[0].pk, "acknowledged").taken
        client = Client()
        client.force_login(org.finops)
        text = client.get(reverse("run", args=[run.pk])).content.decode()
        assert "skipped by break-glass" in text
        assert "acknowledged" in text
        rows = client.get("/api/v1/reviews/?open=true").json()["results"]
        assert [(row["groups"], row["verdict"]) for row in rows] == [(["sre"], "")]

    def test_keeps_what_was_decided(self, order: Order, org: Organisation, person: Person) -> None:
        run = order()
        decide(run, "finops", org.finops)
        for who in (org.sre, person("oncall", "sre")):
            break_glass.break_glass(run.pk, plan_digest=run.plan.digest, reason="x", person=who, now=now())
        assert [review.step.group for review in DueReview.objects.all()] == ["sre"]

    def test_does_not_skip_the_look_at_an_interrupted_apply(self, order: Order, org: Organisation) -> None:
        run = order()
        ApprovalStep.objects.filter(run=run, group="sre").update(
            rule="interrupted-apply, production-criticality"
        )
        with pytest.raises(break_glass.NoGlass, match="was cut short"):
            break_glass.break_glass(
                run.pk, plan_digest=run.plan.digest, reason="x", person=org.sre, now=now()
            )
        assert not GlassBreak.objects.exists()

    def test_overdue_reviews_are_shown_loudly_and_told_once_a_day(
        self, order: Order, org: Organisation, person: Person, django_capture_on_commit_callbacks: Any
    ) -> None:
        run = order()
        for who in (org.sre, person("oncall", "sre")):
            break_glass.break_glass(run.pk, plan_digest=run.plan.digest, reason="x", person=who, now=now())
        due = DueReview.objects.earliest("pk").due_at
        with committing(django_capture_on_commit_callbacks) as told:
            assert expire.expire(now=due - HOUR)["reviews_overdue"] == 0
            assert expire.expire(now=due)["reviews_overdue"] == 2
            assert expire.expire(now=due + HOUR)["reviews_overdue"] == 0
            assert expire.expire(now=due + DAY)["reviews_overdue"] == 2
        assert sorted(told) == sorted(
            f"Overdue: the review of orders-db by {who}" for who in ("finops", "sre") * 2
        )
        DueReview.objects.update(due_at=now() - HOUR)
        client = Client()
        client.force_login(org.finops)
        assert "2 reviews overdue" in client.get(reverse("approvals")).content.decode()
        assert "overdue since" in client.get(reverse("reviews")).content.decode()


class TestReminders:
    def test_come_again_and_again_and_escalate_once(
        self,
        order: Order,
        org: Organisation,
        write_policy: WritePolicy,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        write_policy(rules=[{"rule": "all", "groups": "finops"}])
        run = order()
        asked = step_of(run, "finops").created_at

        def look(after: timedelta) -> tuple[int, int]:
            found = expire.expire(now=asked + after)
            return found["reminded"], found["escalated"]

        with committing(django_capture_on_commit_callbacks) as told:
            assert look(24 * HOUR - timedelta(seconds=1)) == (0, 0)
            assert look(24 * HOUR) == (1, 0)
            assert look(24 * HOUR) == (0, 0)
            assert look(48 * HOUR) == (1, 0)
            assert look(120 * HOUR) == (0, 1)
            assert look(121 * HOUR) == (0, 0)
        step = step_of(run, "finops")
        assert (step.groups, step.asked_groups) == (("finops", "platform"), ("finops",))
        assert told == [
            "Still waits for finops: provision of orders-db",
            "Still waits for finops: provision of orders-db",
            "Escalated to platform: provision of orders-db",
        ]
        decide(run, "platform", org.platform)
        assert status_of(run) == RunStatus.APPLY_QUEUED

    def test_are_not_sent_while_on_hold_nor_when_decided(self, order: Order, org: Organisation) -> None:
        run = order()
        hold.hold(run.workspace_id, reason="x", actor=org.sre, now=now())
        assert expire.expire(now=now() + 30 * HOUR)["reminded"] == 0
        hold.release(run.workspace_id, actor=org.sre, now=now())
        decide(run, "finops", org.finops)
        assert expire.expire(now=now() + 30 * HOUR)["reminded"] == 1  # sre alone

    def test_are_of_the_policy(self, order: Order, write_policy: WritePolicy) -> None:
        order()
        shipped = {"expire_after_days": 14, "escalate_after_hours": None, "escalate_to": None}
        write_policy(remind_after_hours=None, **shipped)
        found = expire.expire(now=now() + 13 * DAY)
        assert (found["reminded"], found["escalated"]) == (0, 0)


class TestDoctor:
    def test_tells_of_groups_that_nobody_is_in(self, org: Organisation) -> None:
        check = "groups that nobody is in"
        assert [one for one in doctor.examine() if one.check == check] == []
        org.finops.is_active = False
        org.finops.save()
        (trouble,) = [one for one in doctor.examine() if one.check == check]
        assert "group finops" in trouble.what


class TestTheFirstMail:
    def test_goes_to_those_who_may_decide_and_their_delegates_once(
        self,
        order: Order,
        org: Organisation,
        person: Person,
        fake: FakeEngine,
        write_policy: WritePolicy,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        write_policy(rules=[{"rule": "all", "groups": ["finops", "platform"]}])
        delegate_to(org.outsider, org.finops, "finops")
        delegate_to(org.teammate, org.sre, "sre")
        mails.forget()
        with django_capture_on_commit_callbacks(execute=True):
            run = order()
        [mail] = mails.sent()
        assert sorted(mail.to) == ["finops@example.com", "outsider@example.com", "platform@example.com"]
        assert "must decide: provision of orders-db" in mail.subject
        assert "a month" in mail.body
        assert "The rule all asks about every run." in mail.body
        mails.forget()
        Run.objects.filter(pk=run.pk).update(status="plan_queued")
        with django_capture_on_commit_callbacks(execute=True):
            again(run, fake)
        assert mails.sent() == []


class TestTheForm:
    @pytest.mark.parametrize(
        ("environment", "said"),
        [
            ("production", "This will need <strong>finops</strong>"),
            ("development", "is within 100.00 USD."),
        ],
    )
    def test_says_beforehand_who_will_be_asked_or_why_nobody(
        self, environment: str, said: str, order: Order, org: Organisation
    ) -> None:
        client = Client()
        client.force_login(org.developer)
        place = f"{reverse('order', args=['postgres'])}?service=receipts&environment={environment}&name=a-db"
        page = client.get(place.replace("receipts", "orders"))
        assert said in page.content.decode()


class TestSeveralAtOnce:
    def test_are_taken_with_one_comment_and_answered_each(self, order: Order, org: Organisation) -> None:
        runs = [order(name) for name in ("a-db", "b-db", "c-db")]
        client = Client()
        client.force_login(org.finops)
        page = client.get(reverse("approvals")).content.decode()
        chosen = []
        for run in runs:
            step = step_of(run, "finops")
            chosen.append(f"{run.pk}:{step.pk}:{step.plan_digest}")
            assert f'value="{chosen[-1]}"' in page
        RunPlan.objects.filter(run=runs[2]).update(digest="f" * 64)
        answer = client.post(
            reverse("approvals-decide"),
            {"decision": [*chosen, "x", "::"], "verdict": "approve", "comment": "Fine"},
        )
        text = answer.content.decode()
        assert answer.status_code == 422
        assert "a-db: approved for finops." in text
        assert "c-db: The plan was made again" in text
        assert {(d.run_id, d.comment) for d in ApprovalDecision.objects.all()} == {
            (runs[0].pk, "Fine"),
            (runs[1].pk, "Fine"),
        }
        assert client.post(reverse("approvals-decide"), {"verdict": "approve"}).status_code == 422


class TestInForce:
    def test_finds_delegations_of_those_who_still_have_the_group(self, org: Organisation) -> None:
        given = delegate_to(org.outsider, org.finops, "finops")
        of_superuser = delegate_to(org.outsider, org.platform, "platform")
        org.platform.groups.clear()  # a superuser is in platform all the same
        delegate_to(org.outsider, org.sre, "finops")
        assert list(deciding.in_force(now())) == [given, of_superuser]
