"""An approver never sees a decision without its reason, its cost and its difference, wherever it is offered."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from provisioner.models import ApprovalStep, DueReview, Run, RunEstimate
from provisioner.services import break_glass
from tests.approvals.conftest import Order, Person, WritePolicy, now, step_of
from tests.conftest import Organisation

FORM = re.compile(r'<form method="post"\s+action="/runs/[^"]*/decide/"', re.S)


@pytest.fixture
def runs(order: Order, org: Organisation, write_policy: WritePolicy) -> list[Run]:
    """Have three plans wait: dear and critical, to be overridden, and one for two people of two groups."""
    found = [order("critical-db"), order("soft-db", deletion_protection=False)]
    write_policy(rules=[{"rule": "pool", "groups": ["finops", "sre"], "quorum": 2}])
    found.append(order("pool-db"))
    unpriced = [{"address": "a", "type": "t", "component": "c", "reason": "r", "usage_based": False}]
    RunEstimate.objects.filter(run=found[0]).update(unpriced=unpriced)
    return found


def expected(step: ApprovalStep) -> list[str]:
    """Return what stands beside the decision on a step."""
    run = Run.objects.select_related("estimate", "plan").get(pk=step.run_id)
    estimate = run.estimate
    others = list(ApprovalStep.objects.filter(run=run, settled_at__isnull=True).exclude(pk=step.pk))
    return [
        step.reason,
        f"rule {step.rule}",
        f"+${estimate.delta_usd_month:,.2f} a month",
        f"${estimate.usd_month:,.2f} in all",
        f"{len(estimate.unpriced)} part not priced" if estimate.unpriced else "everything is priced",
        f"{run.plan.counts['create']} to create",
        "every attribute",
        "just now; expires",
        f"0 of {step.quorum} {'person' if step.quorum == 1 else 'people'} of {step.who}",
        *(f"also waits for {other.who}" for other in others),
        *([] if others else ["nobody else is asked"]),
    ]


def beside(page: str, step: ApprovalStep) -> str:
    """Return the text of the box that a step's decision is in, after proving that a form is in it."""
    start = page.index(f'id="decision-{step.pk}"')
    following = re.compile(r'id="decision-\d+"').search(page, start + 20)
    box = page[start : following.start() if following else page.index("</main>")]
    assert FORM.search(box), "no decision is offered here"
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", box)).split()).replace(" ;", ";")


def squeezed(text: str) -> str:
    return re.sub(r"[\s()]+", "", text)


class TestADecision:
    @pytest.mark.parametrize("name", ["finops", "sre"])
    def test_stands_beside_reason_cost_and_difference(
        self, name: str, runs: list[Run], org: Organisation
    ) -> None:
        client = Client()
        client.force_login(org.users[name])
        queue = client.get(reverse("approvals")).content.decode()
        rows = client.get("/api/v1/approvals/?decidable=true").json()["results"]
        steps = [step for step in ApprovalStep.objects.all() if name in step.groups]
        assert len(steps) == 3
        assert {row["step"] for row in rows} == {step.pk for step in steps}
        assert len(FORM.findall(queue)) == 3
        for step in steps:
            page = client.get(reverse("run", args=[step.run_id])).content.decode()
            assert len(FORM.findall(page)) == 1
            for shown in (queue, page):
                text = squeezed(beside(shown, step))
                for words in expected(step):
                    assert squeezed(words) in text, (words, text)

    def test_of_the_api_says_the_same(self, runs: list[Run], org: Organisation) -> None:
        client = Client()
        client.force_login(org.finops)
        rows = client.get("/api/v1/approvals/").json()["results"]
        assert len(rows) == 5
        for row in rows:
            step = ApprovalStep.objects.get(pk=row["step"])
            estimate = RunEstimate.objects.get(run_id=step.run_id)
            assert (row["reason"], row["rule"], row["groups"]) == (step.reason, step.rule, list(step.groups))
            assert row["run"]["estimate_usd_month"] == f"{estimate.usd_month:.2f}"
            assert row["run"]["delta_usd_month"] == f"{estimate.delta_usd_month:.2f}"
            assert (row["unpriced_count"], row["unpriced"]) == (len(estimate.unpriced), estimate.unpriced)
            assert row["counts"]["create"] == 1
            assert client.get(row["difference_url"]).json()["changes"]
            assert (row["quorum"], row["decided"], row["escalated_to"]) == (step.quorum, 0, "")
            assert row["expires_at"] > row["created_at"]
            assert len(row["others"]) == (0 if step.rule == "pool" else 1)
            assert row["can_decide"] is ("finops" in step.groups)
            assert row["barred"] == (None if row["can_decide"] else "not_a_member")

    def test_is_not_offered_to_who_ordered_it(self, order: Order, org: Organisation) -> None:
        org.finops.teams.add(org.teams["payments"])
        run = order(by="finops")
        client = Client()
        client.force_login(org.finops)
        for place in (reverse("approvals"), reverse("run", args=[run.pk])):
            page = client.get(place).content.decode()
            assert not FORM.search(page)
            assert "You ordered this" in page
        (row, _) = client.get("/api/v1/approvals/").json()["results"]
        assert (row["can_decide"], row["barred"]) == (False, "own_order")

    def test_that_was_skipped_stands_beside_them_in_its_review(
        self, order: Order, org: Organisation, person: Person
    ) -> None:
        run = order()
        for who in (org.sre, person("oncall", "sre")):
            break_glass.break_glass(run.pk, plan_digest=run.plan.digest, reason="Down", person=who, now=now())
        due = DueReview.objects.get(step=step_of(run, "finops"))
        client = Client()
        client.force_login(org.finops)
        page = client.get(reverse("reviews")).content.decode()
        box = page[page.index(f'id="decision-{due.step_id}"') :]
        text = squeezed(unescape(re.sub(r"<[^>]*>", " ", box)))
        estimate = RunEstimate.objects.get(run=run)
        for words in (due.step.reason, f"+${estimate.delta_usd_month:,.2f}", "1 to create", "oncall: Down"):
            assert squeezed(words) in text
