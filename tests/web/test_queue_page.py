"""The queue as people see it: the page, the run page, lists and the API's document."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.urls import reverse
from rest_framework.test import APIClient

from catalog.models import Environment, TargetAccount
from provisioner import standing
from provisioner.domain.queueing import Phase
from provisioner.domain.run import RunStatus
from provisioner.models import Run, WorkerSeen, Workspace
from provisioner.queue import APPLY, PLAN, Worker
from provisioner.services import lease, transition, workers
from provisioner.templatetags.queue_words import about, ordinal
from tests.conftest import Organisation
from tests.web.conftest import Order, SignIn, now

QUEUE = "/queue/"


@pytest.fixture
def two_workers(db: None) -> None:
    workers.note([Worker("worker@here", 2, frozenset({PLAN, APPLY}))])


@pytest.fixture
def pace(order: Order) -> None:
    """Let two plans have taken two minutes each."""
    for name in ("paced-1", "paced-2"):
        run = order(name=name, to="planned")
        ended = run.transitions.get(from_status=RunStatus.PLANNING.value)
        run.transitions.filter(sequence=ended.sequence - 1).update(at=ended.at - timedelta(minutes=2))
        transition.move(run.pk, RunStatus.APPLY_QUEUED, RunStatus.CANCELED, now=now())


def work_on(run: Run) -> None:
    assert lease.claim(run.pk, RunStatus.PLAN_QUEUED, RunStatus.PLANNING, worker="w1", now=now())


class TestTheRunPage:
    def test_says_the_position_and_when_it_will_start(
        self, sign_in: SignIn, order: Order, two_workers: None, pace: None
    ) -> None:
        for name in ("at-work-1", "at-work-2"):
            work_on(order(name=name, to="queued"))
        for name in ("first", "second"):
            order(name=name, to="queued")
        run = order(name="third", to="queued")
        text = sign_in("developer").get(reverse("run", args=[run.pk])).content.decode()
        assert "3rd of 3 in the queue" in text
        assert "Waits for a worker." in text
        assert "Expected to start in about 3 min." in text

    def test_says_nothing_of_a_start_that_nobody_can_know(self, sign_in: SignIn, order: Order) -> None:
        run = order(to="queued")
        text = sign_in("developer").get(reverse("run", args=[run.pk])).content.decode()
        assert "1st of 1 in the queue" in text
        assert "Expected to start" not in text

    def test_says_which_account_is_full(
        self, sign_in: SignIn, order: Order, two_workers: None, pace: None
    ) -> None:
        Environment.objects.update(
            account=TargetAccount.objects.create(slug="shared", name="Shared", max_running=1)
        )
        work_on(order(name="at-work", to="queued"))
        run = order(name="blocked", to="queued")
        text = sign_in("developer").get(reverse("run", args=[run.pk])).content.decode()
        assert "Waits for the account Shared, which takes 1 run at a time." in text
        assert "Expected to start in about 2 min." in text

    def test_says_who_holds_the_workspace(self, sign_in: SignIn, order: Order, org: Organisation) -> None:
        run = order(to="queued")
        Workspace.objects.update(held_at=now(), held_by=org.sre, hold_reason="Incident 7")
        text = sign_in("developer").get(reverse("run", args=[run.pk])).content.decode()
        assert "On hold by sre" in text
        assert "Incident 7" in text
        assert "in the queue" not in text.replace("place in the", "")

    def test_is_polled_anew_when_the_position_changes(self, sign_in: SignIn, order: Order) -> None:
        first, run = order(name="first", to="queued"), order(name="second", to="queued")
        client = sign_in("developer")
        seen = client.get(reverse("run", args=[run.pk])).context["seen"]
        live = reverse("run-live", args=[run.pk])
        assert client.get(live, {"seen": seen}).status_code == 204
        transition.move(first.pk, RunStatus.PLAN_QUEUED, RunStatus.CANCELED, now=now())
        answer = client.get(live, {"seen": seen})
        assert b"1st of 1 in the queue" in answer.content

    def test_says_nothing_of_the_queue_once_a_worker_has_it(self, sign_in: SignIn, order: Order) -> None:
        run = order(to="queued")
        work_on(run)
        assert b"in the queue" not in sign_in("developer").get(reverse("run", args=[run.pk])).content


class TestAListOfRuns:
    def test_shows_the_position_of_what_waits(self, sign_in: SignIn, order: Order) -> None:
        order(name="first", to="queued")
        order(name="second", to="queued")
        for name in ("runs", "home"):
            text = sign_in("developer").get(reverse(name)).content.decode()
            assert "1st of 2 in the queue" in text
            assert "2nd of 2 in the queue" in text


class TestTheQueuePage:
    def test_lists_what_runs_and_waits_in_dispatch_order(self, sign_in: SignIn, order: Order) -> None:
        work_on(order(name="at-work", to="queued"))
        for name in ("one", "two"):
            order(name=name, to="queued")
        order(name="single", service="ads", by="outsider", to="queued")
        overview = sign_in("finops").get(QUEUE).context["overview"]
        assert [run.workspace.name for run in overview.running] == ["at-work"]
        assert [row.run.workspace.name for row in overview.waiting] == ["single", "one", "two"]

    def test_counts_what_the_reader_may_not_see(self, sign_in: SignIn, order: Order) -> None:
        work_on(order(name="secret-1", to="queued"))
        for name in ("secret-2", "secret-3"):
            order(name=name, to="queued")
        order(name="single", service="ads", by="outsider", to="queued")
        answer = sign_in("outsider").get(QUEUE)
        text = answer.content.decode()
        assert "secret" not in text
        assert "Payments" not in text
        assert "1 run of other teams" in text
        assert [(row.first, row.hidden) for row in answer.context["overview"].waiting] == [(1, 0), (2, 2)]
        assert "2 other runs" in text

    def test_shows_what_is_on_hold_apart(self, sign_in: SignIn, order: Order, org: Organisation) -> None:
        order(name="held", to="queued")
        Workspace.objects.update(held_at=now(), held_by=org.sre, hold_reason="Incident 7")
        text = sign_in("developer").get(QUEUE).content.decode()
        assert "held by sre: Incident 7" in text
        assert "Nothing waits." in text
        assert "1 run of other teams" in sign_in("outsider").get(QUEUE).content.decode()

    def test_shows_how_full_accounts_and_workers_are(
        self, sign_in: SignIn, order: Order, two_workers: None
    ) -> None:
        Environment.objects.update(
            account=TargetAccount.objects.create(slug="shared", name="Shared", max_running=4)
        )
        work_on(order(name="at-work", to="queued"))
        text = sign_in("developer").get(QUEUE).content.decode()
        assert "1 of at most 4 at work" in text
        assert "1 of 2 workers busy" in text

    def test_answers_its_poll_with_the_part_that_moves(self, sign_in: SignIn, org: Organisation) -> None:
        answer = sign_in("developer").get(QUEUE, headers={"HX-Request": "true"})
        assert b"<html" not in answer.content
        assert b"Nothing waits." in answer.content

    def test_answers_its_poll_with_nothing_while_it_would_show_the_same(
        self, sign_in: SignIn, order: Order
    ) -> None:
        client = sign_in("developer")
        seen, poll = client.get(QUEUE).context["seen"], {"HX-Request": "true"}
        assert client.get(QUEUE, {"seen": seen}, headers=poll).status_code == 204
        assert client.get(QUEUE, {"seen": seen}).status_code == 200
        order(to="queued")
        assert b"orders-db" in client.get(QUEUE, {"seen": seen}, headers=poll).content

    def test_asks_the_database_as_often_for_many_runs_as_for_few(
        self, sign_in: SignIn, order: Order, two_workers: None, pace: None, django_assert_max_num_queries: Any
    ) -> None:
        client = sign_in("finops")
        for number in range(2):
            order(name=f"db-{number}", to="queued")
        with django_assert_max_num_queries(12) as few:
            client.get(QUEUE)
        for number in range(2, 9):
            order(name=f"db-{number}", to="queued")
        work_on(Run.objects.get(workspace__name="db-0"))
        with django_assert_max_num_queries(12) as many:
            client.get(QUEUE)
        assert len(many) == len(few)

    def test_shows_so_many_rows_at_most_and_counts_the_rest(
        self, sign_in: SignIn, order: Order, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(standing, "ROWS_MAX", 2)
        for number in range(4):
            order(name=f"db-{number}", to="queued")
        rows = sign_in("developer").get(QUEUE).context["overview"].waiting
        assert [(row.first, row.hidden) for row in rows] == [(1, 0), (2, 0), (3, 2)]

    def test_is_for_those_who_are_signed_in(self, client: Any, org: Organisation) -> None:
        assert client.get(QUEUE).status_code == 302


class TestTheDocumentOfARun:
    @pytest.fixture
    def api(self, org: Organisation) -> APIClient:
        client = APIClient()
        client.force_login(org.developer)
        return client

    def test_says_where_it_stands(self, api: APIClient, order: Order, two_workers: None, pace: None) -> None:
        order(name="single", service="ads", by="outsider", to="queued")
        order(name="first", to="queued")
        run = order(name="second", to="queued")
        account = TargetAccount.objects.create(slug="shared", name="Shared", max_running=4)
        Environment.objects.update(account=account)
        assert api.get(f"/api/v1/runs/{run.pk}/").json()["queue"] == {
            "phase": "plan",
            "position": 3,
            "waiting": 3,
            "ahead": 2,
            "ahead_own_team": 1,
            "waits_for": "worker",
            "account": {"slug": "shared", "name": "Shared", "max_running": 4},
            "held_by": "",
            "hold_reason": "",
            "expected_wait_s": pytest.approx(60, abs=1),
        }

    def test_says_null_for_what_does_not_wait_for_a_worker(self, api: APIClient, order: Order) -> None:
        run = order("production")
        assert api.get(f"/api/v1/runs/{run.pk}/").json()["queue"] is None

    def test_says_who_holds_it(self, api: APIClient, order: Order, org: Organisation) -> None:
        run = order(to="queued")
        Workspace.objects.update(held_at=now(), held_by=org.sre, hold_reason="Incident 7")
        found = api.get(f"/api/v1/runs/{run.pk}/").json()["queue"]
        assert (found["position"], found["waits_for"], found["held_by"]) == (None, "hold", "sre")


class TestWhatAnEstimateGoesBy:
    def test_is_the_median_of_the_last_runs_of_the_phase(self, order: Order, pace: None) -> None:
        assert standing.median_s(Phase.PLAN) == pytest.approx(120, abs=1)
        assert standing.median_s(Phase.APPLY) is None

    def test_is_not_looked_for_further_back_than_so_many_changes(
        self, order: Order, pace: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(standing, "LOOKED_THROUGH", 1)
        assert standing.median_s(Phase.PLAN) is None

    def test_is_the_workers_that_answered_lately(self, two_workers: None) -> None:
        workers.note([Worker("planner@there", 3, frozenset({PLAN}))])
        assert standing.places(now()) == {Phase.PLAN: 5, Phase.APPLY: 2}
        WorkerSeen.objects.filter(places=2).update(seen_at=Now() - timedelta(minutes=5))
        assert standing.places(now()) == {Phase.PLAN: 3, Phase.APPLY: 0}
        WorkerSeen.objects.update(seen_at=Now() - timedelta(hours=1))
        workers.note([])
        assert not WorkerSeen.objects.exists()

    def test_is_who_lately_claimed_a_run_where_none_answered(self, order: Order) -> None:
        workers.note(None)
        work_on(order(to="queued"))
        assert standing.places(now()) == {Phase.PLAN: 1, Phase.APPLY: 1}
        Run.objects.update(status_at=now() - timedelta(hours=1))
        assert standing.places(now()) == {Phase.PLAN: 0, Phase.APPLY: 0}


class TestTheWords:
    @pytest.mark.parametrize(
        ("number", "text"),
        [
            (1, "1st"),
            (2, "2nd"),
            (3, "3rd"),
            (4, "4th"),
            (11, "11th"),
            (12, "12th"),
            (21, "21st"),
            (113, "113th"),
        ],
    )
    def test_of_a_position(self, number: int, text: str) -> None:
        assert ordinal(number) == text

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (None, ""), (0.0, "any moment"), (20.0, "in less than a minute"), (230.0, "in about 4 min"),
            (5340.0, "in about 89 min"), (7300.0, "in about 2 h"),
        ],
    )  # fmt: skip
    def test_of_a_wait(self, seconds: float | None, text: str) -> None:
        assert about(seconds) == text
