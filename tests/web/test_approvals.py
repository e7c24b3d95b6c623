"""The approval queue and decisions, from the queue and from the run page."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from provisioner import selectors
from provisioner.domain.run import RunStatus
from provisioner.models import ApprovalDecision, ApprovalStep, Run
from tests.web.conftest import Order, SignIn


def step_of(run: Run, group: str) -> ApprovalStep:
    return next(step for step in selectors.steps_of(run) if step.group == group)


def decide(client: Client, run: Run, group: str, **changed: str) -> object:
    """Send a decision as the page's form does."""
    step = step_of(run, group)
    sent = {
        "step": str(step.pk),
        "plan_digest": step.plan_digest,
        "verdict": "approve",
        "comment": "",
        "back": "run",
        **changed,
    }
    return client.post(reverse("run-decide", args=[run.pk]), sent)


class TestTheQueue:
    def test_shows_cost_and_reason_oldest_first(self, sign_in: SignIn, order: Order) -> None:
        order("production", name="first-db")
        order("production", name="second-db")
        text = sign_in("finops").get(reverse("approvals")).content.decode()
        assert text.index("first-db") < text.index("second-db")
        assert "+$" in text
        assert "above the" in text
        assert "Approve as finops" in text
        assert "Approve as sre" not in text

    def test_offers_nobody_their_own_order(self, sign_in: SignIn, order: Order) -> None:
        order("production", by="platform")
        text = sign_in("platform").get(reverse("approvals")).content.decode()
        assert "You ordered this" in text
        assert "Approve as" not in text

    def test_shows_the_requesters_team_what_waits_and_for_whom(self, sign_in: SignIn, order: Order) -> None:
        order("production")
        text = sign_in("developer").get(reverse("approvals")).content.decode()
        assert "Waiting for others" in text
        assert "orders-db" in text
        assert "Approve as" not in text


class TestADecision:
    def test_of_both_groups_lets_the_plan_be_applied(self, sign_in: SignIn, order: Order) -> None:
        run = order("production")
        answer = decide(sign_in("finops"), run, "finops")
        assert answer["Location"] == reverse("run", args=[run.pk])  # type: ignore[index]
        answer = decide(sign_in("sre"), run, "sre", back="approvals", comment="fine")
        assert answer["Location"] == reverse("approvals")  # type: ignore[index]
        run.refresh_from_db()
        assert run.status == RunStatus.APPLY_QUEUED
        assert b"fine" in sign_in("developer").get(reverse("run", args=[run.pk])).content

    @pytest.mark.parametrize("back", ["run", "approvals"])
    def test_to_reject_needs_a_comment_and_keeps_the_form(
        self, sign_in: SignIn, order: Order, back: str
    ) -> None:
        run = order("production")
        answer = decide(sign_in("finops"), run, "finops", verdict="reject", back=back, comment="  ")
        assert answer.status_code == 422  # type: ignore[attr-defined]
        text = answer.content.decode()  # type: ignore[attr-defined]
        assert "a comment is needed to reject" in text
        assert "Approve as finops" in text
        assert not ApprovalDecision.objects.exists()

    def test_to_reject_ends_the_run_with_the_reason(self, sign_in: SignIn, order: Order) -> None:
        run = order("production")
        decide(sign_in("finops"), run, "finops", verdict="reject", comment="too <b>big</b>")
        run.refresh_from_db()
        assert run.status == RunStatus.REJECTED
        text = sign_in("developer").get(reverse("run", args=[run.pk])).content.decode()
        assert "too &lt;b&gt;big&lt;/b&gt;" in text

    def test_overrides_a_soft_guardrail_with_a_comment(self, sign_in: SignIn, order: Order) -> None:
        run = order("production", deletion_protection=False)
        client = sign_in("sre")
        assert b"Override as sre" in client.get(reverse("run", args=[run.pk])).content
        assert decide(client, run, "sre", verdict="approve").status_code == 422  # type: ignore[attr-defined]
        assert decide(client, run, "sre", verdict="override").status_code == 422  # type: ignore[attr-defined]
        answer = decide(client, run, "sre", verdict="override", comment="goes away tomorrow")
        assert answer.status_code == 302  # type: ignore[attr-defined]
        assert ApprovalDecision.objects.get().verdict == "override"

    def test_on_an_older_plan_is_refused_with_the_new_one_in_view(
        self, sign_in: SignIn, order: Order
    ) -> None:
        run = order("production")
        answer = decide(sign_in("finops"), run, "finops", plan_digest="0" * 64, comment="typed")
        assert answer.status_code == 409  # type: ignore[attr-defined]
        text = answer.content.decode()  # type: ignore[attr-defined]
        assert "The plan was made again" in text
        assert "typed" in text

    def test_that_comes_second_is_told_who_decided(self, sign_in: SignIn, order: Order) -> None:
        run = order("production")
        decide(sign_in("finops"), run, "finops")
        answer = decide(sign_in("finops"), run, "finops", back="approvals")
        assert answer.status_code == 409  # type: ignore[attr-defined]
        assert b"finops decided this step already" in answer.content  # type: ignore[attr-defined]

    def test_of_the_wrong_person_is_forbidden(self, sign_in: SignIn, order: Order) -> None:
        run = order("production")
        assert decide(sign_in("developer"), run, "finops").status_code == 403  # type: ignore[attr-defined]
        assert decide(sign_in("sre"), run, "finops").status_code == 403  # type: ignore[attr-defined]
        assert not ApprovalDecision.objects.exists()

    @pytest.mark.parametrize("step", ["", "x", "-1", "9" * 30, "0"])
    def test_on_a_step_that_is_not_there_is_404(self, sign_in: SignIn, order: Order, step: str) -> None:
        run = order("production")
        assert decide(sign_in("finops"), run, "finops", step=step).status_code == 404  # type: ignore[attr-defined]
