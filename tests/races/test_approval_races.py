"""Decisions that come at the same moment: on PostgreSQL, whose rows are really locked."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings as configured
from django.contrib.auth.models import Group, User

from catalog.models import CatalogItemVersion
from provisioner import selectors
from provisioner.domain.run import RunStatus
from provisioner.models import (
    ApprovalDecision,
    ApprovalStep,
    DueReview,
    GlassBreak,
    Override,
    OverrideUse,
    Run,
)
from provisioner.services import approve, break_glass, cancel, overrides, remind, submit, transition
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.races.test_races import at_once
from tests.services.conftest import ask, decide, now, planned

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

COUNT = 8


@pytest.fixture
def two_people(tmp_path: Path, settings: Any) -> None:
    """Let every plan need two people of finops."""
    rules = copy.deepcopy(yaml.safe_load(Path(configured.DRAWBRIDGE_POLICY_FILE).read_bytes()))
    rules["approvals"]["rules"] = [{"rule": "two", "groups": "finops", "quorum": 2}]
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(rules))
    settings.DRAWBRIDGE_POLICY_FILE = path


@pytest.fixture
def run(org: Organisation, postgres: CatalogItemVersion) -> Run:
    return planned(submit.submit(ask("production"), requester=org.developer, now=now()), FakeEngine())


def members(group: str, count: int = COUNT) -> list[User]:
    """Make members of a group."""
    made = [User.objects.create_user(f"{group}{index}") for index in range(count)]
    for user in made:
        user.groups.add(Group.objects.get(name=group))
    return made


def decide_as(run: Run, step: ApprovalStep, approver: User, verdict: str = "approve") -> ApprovalDecision:
    return approve.decide(
        run.pk,
        step_id=step.pk,
        verdict=verdict,
        comment="x",
        plan_digest=step.plan_digest,
        approver=approver,
        now=now(),
    )


class TestAtOnce:
    def test_eight_approvers_of_a_quorum_of_two_make_two_decisions_and_one_apply(
        self, two_people: None, org: Organisation, run: Run
    ) -> None:
        (step,) = selectors.steps_of(run)
        people = members("finops")
        outcomes = at_once(COUNT, lambda index: decide_as(run, step, people[index]))
        assert outcomes == {"ok": 2, "already_decided": 6}
        assert ApprovalDecision.objects.count() == 2
        run.refresh_from_db()
        assert run.status == RunStatus.APPLY_QUEUED
        assert run.transitions.filter(to_status="apply_queued").count() == 1

    def test_one_approver_who_sends_eight_times_counts_once_towards_a_quorum(
        self, two_people: None, org: Organisation, run: Run
    ) -> None:
        (step,) = selectors.steps_of(run)
        outcomes = at_once(COUNT, lambda index: decide_as(run, step, org.finops))
        assert outcomes == {"ok": 1, "already_decided": 7}
        run.refresh_from_db()
        assert run.status == RunStatus.NEEDS_APPROVAL

    def test_one_person_of_two_groups_decides_one_step_of_two(self, org: Organisation, run: Run) -> None:
        org.finops.groups.add(Group.objects.get(name="sre"))
        steps = selectors.steps_of(run)
        outcomes = at_once(2, lambda index: decide_as(run, steps[index], org.finops))
        assert outcomes == {"ok": 1, "second_step_same_person": 1}

    def test_the_last_approval_and_a_cancel_leave_one_of_them(self, org: Organisation, run: Run) -> None:
        decide(run, org, "finops")

        def act(index: int) -> object:
            if index:
                return cancel.cancel(run.pk, actor=org.developer, now=now())
            return decide(run, org, "sre")

        outcomes = at_once(2, act)
        run.refresh_from_db()
        assert outcomes["ok"] >= 1, outcomes
        assert run.status in {RunStatus.APPLY_QUEUED, RunStatus.CANCELED}
        assert run.transitions.filter(to_status__in=["apply_queued", "canceled"]).count() <= 2
        if run.status == RunStatus.CANCELED and outcomes["ok"] == 1:
            assert ApprovalDecision.objects.count() == 1  # a decision that came too late left nothing

    def test_the_last_approval_and_a_replan_leave_no_apply_of_an_unsettled_plan(
        self, org: Organisation, run: Run
    ) -> None:
        decide(run, org, "finops")

        def act(index: int) -> object:
            if index:
                transition.move(
                    run.pk, RunStatus.NEEDS_APPROVAL, RunStatus.PLAN_QUEUED, now=now(), reason="stale"
                )
                return True
            return decide(run, org, "sre")

        outcomes = at_once(2, act)
        run.refresh_from_db()
        assert outcomes["ok"] == 1, outcomes
        decided = ApprovalDecision.objects.filter(step__group="sre").count()
        assert (run.status, decided) in {(RunStatus.APPLY_QUEUED, 1), (RunStatus.PLAN_QUEUED, 0)}

    def test_eight_people_at_the_glass_queue_one_apply(self, org: Organisation, run: Run) -> None:
        digest, people = selectors.steps_of(run)[0].plan_digest, members("sre")
        outcomes = at_once(
            COUNT,
            lambda index: break_glass.break_glass(
                run.pk, plan_digest=digest, reason="Down", person=people[index], now=now()
            ),
        )
        assert outcomes == {"ok": 2, "not_waiting": 6}
        assert (GlassBreak.objects.count(), DueReview.objects.count()) == (2, 2)
        run.refresh_from_db()
        assert run.transitions.filter(to_status="apply_queued").count() == 1

    def test_the_last_approval_and_the_last_hand_at_the_glass_queue_one_apply(
        self, org: Organisation, run: Run
    ) -> None:
        digest, (first, second) = selectors.steps_of(run)[0].plan_digest, members("sre", 2)
        break_glass.break_glass(run.pk, plan_digest=digest, reason="Down", person=first, now=now())
        decide(run, org, "finops")

        def act(index: int) -> object:
            if index:
                return break_glass.break_glass(
                    run.pk, plan_digest=digest, reason="Down", person=second, now=now()
                )
            return decide(run, org, "sre")

        outcomes = at_once(2, act)
        assert outcomes["ok"] == 1, outcomes
        run.refresh_from_db()
        assert run.transitions.filter(to_status="apply_queued").count() == 1
        assert DueReview.objects.count() + ApprovalDecision.objects.filter(step__group="sre").count() == 1

    def test_two_reviewers_answer_once(self, org: Organisation, run: Run) -> None:
        digest = selectors.steps_of(run)[0].plan_digest
        for person in members("sre", 2):
            break_glass.break_glass(run.pk, plan_digest=digest, reason="Down", person=person, now=now())
        due = DueReview.objects.get(step__group="finops")
        people = members("finops")
        outcomes = at_once(
            COUNT,
            lambda index: break_glass.review(
                due.pk, verdict="acknowledged", comment="", reviewer=people[index], now=now()
            ),
        )
        assert outcomes == {"ok": 1, "already_decided": 7}

    def test_a_revocation_and_the_last_approval_leave_no_apply_that_relies_on_it(
        self, org: Organisation, run: Run
    ) -> None:
        step = selectors.steps_of(run)[0]
        at = now()
        kept = Override.objects.create(
            workspace=run.workspace, step=step, rule="r", where="p", what="w", group="sre", reason="x",
            created_at=at, ends_at=at + timedelta(days=1),
        )  # fmt: skip
        OverrideUse.objects.create(override=kept, run=run, plan_digest=step.plan_digest, created_at=at)
        decide(run, org, "finops")

        def act(index: int) -> object:
            if index:
                return overrides.revoke(kept.pk, actor=org.sre, now=now())
            return decide(run, org, "sre")

        outcomes = at_once(2, act)
        run.refresh_from_db()
        assert outcomes["ok"] >= 1, outcomes
        # Where the approval came first, the apply looks once more before it begins.
        assert run.status == RunStatus.PLAN_QUEUED or overrides.revoked(run, step.plan_digest)

    def test_eight_beats_remind_once(self, org: Organisation, run: Run) -> None:
        later = now() + timedelta(hours=25)
        found: list[int] = []

        def look(_: int) -> bool:
            found.append(remind.remind(now=later)["reminded"])
            return True

        assert at_once(COUNT, look) == {"ok": COUNT}
        assert sum(found) == 2  # one for each step
