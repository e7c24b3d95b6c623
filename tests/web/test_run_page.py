"""The run page: stages, plan, findings, cost, log, and what may be done."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from provisioner.domain.errors import EngineError
from provisioner.domain.run import RunStatus
from provisioner.engine.types import RunSpec
from provisioner.models import Run, RunTransition
from provisioner.web import timeline
from tests.fakes import FakeEngine, change, plan_document
from tests.logs import write_log
from tests.web.conftest import Order, SignIn, now


def page(run: Run, name: str = "run") -> str:
    return reverse(name, args=[run.pk])


class TestTheRunPage:
    def test_of_a_waiting_run_shows_plan_cost_and_who_is_asked(self, sign_in: SignIn, order: Order) -> None:
        text = sign_in("developer").get(page(order("production"))).content.decode()
        assert "needs approval" in text
        assert "1 to create" in text
        assert "aws_db_instance.this" in text
        assert "db.r6g.large" in text
        assert "waits for finops" in text
        assert "Why this amount" in text
        assert "1 instance × 730 hours a month = 730 hour; × 0.45 USD per hour = 328.50 USD a month" in text
        assert "0 without a price" in text
        assert "What changes, by resource" not in text
        assert "Discard plan" in text
        assert "hx-trigger=" in text

    def test_of_a_finished_run_polls_no_more(self, sign_in: SignIn, order: Order) -> None:
        text = sign_in("developer").get(page(order(to="applied"))).content.decode()
        assert "orders-db is ready" in text
        assert "hx-get" not in text
        assert "hx-trigger" not in text

    def test_shows_the_cause_of_a_failure_and_offers_a_retry(
        self, sign_in: SignIn, order: Order, fake: FakeEngine
    ) -> None:
        fake.plan_error = EngineError("Error: <b>boom</b>", "line 1\nline 2", permanent=True)
        client = sign_in("developer")
        failed = order()
        text = client.get(page(failed)).content.decode()
        assert "errored" in text
        assert "Error: &lt;b&gt;boom&lt;/b&gt;" in text
        answer = client.post(page(failed, "run-retry"))
        again = Run.objects.exclude(pk=failed.pk).get()
        assert answer["Location"] == page(again)
        assert again.retry_of == failed

    def test_says_of_an_apply_that_was_cut_short_what_is_known_and_what_may_be_lost(
        self, sign_in: SignIn, order: Order
    ) -> None:
        run = order("production")
        client = sign_in("developer")
        assert "Interrupted apply" not in client.get(page(run)).content.decode()
        Run.objects.filter(pk=run.pk).update(interrupted_at=now(), worker="host:1")
        assert "has time to save its state" in client.get(page(run)).content.decode()
        suspect = {"address": "", "type": "aws_sqs_queue", "reason": "It exists <i>.", "ids": ["q-<1>"]}
        known = {
            "ended": "unknown",
            "verdict": "asks",
            "made": 1,
            "reasons": ["Too dear."],
            "suspects": [suspect],
        }
        Run.objects.filter(pk=run.pk).update(recovery=known)
        text = client.get(page(run)).content.decode()
        for part in (
            "Worker host:1 did not finish the apply. 1 resource of the workspace is recorded.",
            "may be in no state",
            "A person decides",
            "Too dear.",
            "q-&lt;1&gt;",
            f"manage.py sandbox list --workspace {run.workspace_id}",
        ):
            assert part in text

    def test_masks_sensitive_values_and_shows_what_forces_a_replacement(
        self, sign_in: SignIn, order: Order, fake: FakeEngine
    ) -> None:
        canary = "correct-horse-canary"

        def replaced(spec: RunSpec) -> dict[str, object]:
            tags = dict(spec.default_tags)
            made = change("module.this.aws_db_instance.this", "aws_db_instance", ["delete", "create"], {})
            made["change"] |= {
                "before": {"identifier": "old-name", "password": canary, "tags_all": tags},
                "after": {"identifier": "new-name", "password": canary, "tags_all": tags},
                "before_sensitive": {"password": True},
                "after_sensitive": {"password": True},
                "replace_paths": [["identifier"]],
            }
            return plan_document([made])

        fake.document = replaced
        text = sign_in("developer").get(page(order())).content.decode()
        assert "destroy and create anew" in text
        assert "forces a replacement" in text
        assert "<del>old-name</del>" in text
        assert "<ins>new-name</ins>" in text
        assert canary not in text

    def test_asks_the_database_as_often_for_a_long_plan_as_for_a_short_one(
        self, sign_in: SignIn, order: Order, django_assert_max_num_queries: object
    ) -> None:
        run = order("production")
        client = sign_in("finops")
        with django_assert_max_num_queries(21):  # type: ignore[operator]
            client.get(page(run))


class TestThePoll:
    def test_is_answered_with_nothing_while_nothing_changed(self, sign_in: SignIn, order: Order) -> None:
        run = order("production")
        client = sign_in("developer")
        seen = client.get(page(run)).context["seen"]
        assert client.get(page(run, "run-live"), {"seen": seen}).status_code == 204
        assert client.get(page(run, "run-live"), {"seen": "older"}).status_code == 200

    def test_is_answered_with_the_part_of_the_page_that_moves(self, sign_in: SignIn, order: Order) -> None:
        run = order(to="applied")
        answer = sign_in("developer").get(page(run, "run-live"), {"seen": "older"})
        assert b"<html" not in answer.content
        assert b"orders-db is ready" in answer.content
        assert b"hx-get" not in answer.content

    def test_tells_how_many_changes_are_made_while_applying(self, sign_in: SignIn, order: Order) -> None:
        run = order(to="planned")
        Run.objects.filter(pk=run.pk).update(status="applying")
        client = sign_in("developer")
        first = client.get(page(run))
        assert "0 of 1 changes made" in first.content.decode()
        Run.objects.filter(pk=run.pk).update(changes_done=1)
        polled = client.get(page(run, "run-live"), {"seen": first.context["seen"]})
        assert "1 of 1 changes made" in polled.content.decode()

    def test_brings_the_history_along_to_be_swapped_in_beside_it(self, sign_in: SignIn, order: Order) -> None:
        run = order(to="applied")
        client = sign_in("developer")
        polled = client.get(page(run, "run-live"), {"seen": "older"}).content.decode()
        assert polled.count('id="run-history"') == polled.count('hx-swap-oob="true"') == 1
        whole = client.get(page(run)).content.decode()
        assert whole.count('id="run-history"') == 1
        assert "hx-swap-oob" not in whole


class TestTheLog:
    @pytest.fixture
    def run(self, order: Order) -> Run:
        run = order(to="queued")
        write_log(run, [f"<i>line {number}</i>" for number in range(1, 8)])
        return run

    def test_goes_on_where_the_page_stopped(self, sign_in: SignIn, run: Run) -> None:
        client = sign_in("developer")
        text = client.get(page(run)).content.decode()
        assert "&lt;i&gt;line 7&lt;/i&gt;" in text
        assert "?after=7" in text
        more = client.get(page(run, "run-log"), {"after": "5"}, headers={"HX-Request": "true"})
        assert b"line 6" in more.content
        assert b"line 5" not in more.content
        assert b"<html" not in more.content

    def test_is_a_page_without_javascript(self, sign_in: SignIn, run: Run) -> None:
        answer = sign_in("developer").get(page(run, "run-log"), {"after": "5"})
        assert b"<html" in answer.content
        assert b"line 7" in answer.content

    @pytest.mark.parametrize("after", ["x", "-1", "9" * 40, "٣", ""])
    def test_takes_nonsense_for_the_beginning(self, sign_in: SignIn, run: Run, after: str) -> None:
        answer = sign_in("developer").get(page(run, "run-log"), {"after": after})
        assert answer.status_code == 200
        assert b"line 1" in answer.content


class TestWhatMayBeDone:
    def test_includes_cancel_while_nothing_is_planned(self, sign_in: SignIn, order: Order) -> None:
        run = order(to="queued")
        client = sign_in("teammate")
        assert b"Cancel run" in client.get(page(run)).content
        assert client.post(page(run, "run-cancel"))["Location"] == page(run)
        run.refresh_from_db()
        assert run.status == RunStatus.CANCELED

    def test_includes_discard_of_a_waiting_plan(self, sign_in: SignIn, order: Order) -> None:
        run = order("production")
        sign_in("developer").post(page(run, "run-discard"))
        run.refresh_from_db()
        assert run.status == RunStatus.DISCARDED

    def test_excludes_everything_for_people_outside_the_team(self, sign_in: SignIn, order: Order) -> None:
        run = order("production")
        client = sign_in("finops")
        assert b"Discard plan" not in client.get(page(run)).content
        answer = client.post(page(run, "run-discard"))
        assert answer.status_code == 403
        assert b"an approver can reject the plan instead" in answer.content

    def test_excludes_what_comes_too_late_and_says_why_on_the_page(
        self, sign_in: SignIn, order: Order
    ) -> None:
        run = order(to="applied")
        answer = sign_in("developer").post(page(run, "run-cancel"))
        assert answer.status_code == 409
        assert b"This run cannot be stopped" in answer.content
        assert b"orders-db is ready" in answer.content

    @pytest.mark.parametrize("name", ["run-cancel", "run-discard", "run-retry", "run-decide"])
    def test_is_never_done_by_get(self, sign_in: SignIn, order: Order, name: str) -> None:
        assert sign_in("developer").get(page(order(), name)).status_code == 405


class TestTheStages:
    @pytest.mark.parametrize(
        ("moves", "states"),
        [
            ("pending plan_queued", "done now todo todo"),
            ("pending plan_queued planning planned needs_approval", "done done wait todo"),
            (
                "pending plan_queued planning planned confirmed apply_queued applying applied",
                "done done done done",
            ),
            ("pending plan_queued planning planned apply_queued applying applied", "done done skipped done"),
            ("pending plan_queued planning errored", "done failed todo todo"),
            ("pending plan_queued planning planned_and_finished", "done done skipped skipped"),
            ("pending plan_queued planning planned needs_approval rejected", "done done failed todo"),
            (
                "pending plan_queued planning planned confirmed apply_queued applying interrupted",
                "done done done failed",
            ),
        ],
    )
    def test_follow_the_history(self, moves: str, states: str) -> None:
        start = now()
        history = [
            RunTransition(sequence=number, to_status=status, at=start + timedelta(seconds=number))
            for number, status in enumerate(moves.split())
        ]
        found = timeline.stages(RunStatus(moves.split()[-1]), history)
        assert " ".join(stage.state for stage in found) == states

    def test_say_how_long_each_took(self) -> None:
        start = now()
        history = [
            RunTransition(sequence=0, to_status="pending", at=start),
            RunTransition(sequence=1, to_status="plan_queued", at=start + timedelta(seconds=1)),
            RunTransition(sequence=2, to_status="planning", at=start + timedelta(seconds=5)),
            RunTransition(sequence=3, to_status="errored", at=start + timedelta(seconds=9)),
        ]
        assert timeline.stages(RunStatus.ERRORED, history)[1].took == timedelta(seconds=8)
