"""The judge itself: it finds what it is there to find, and nothing in a run of things as they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.chaos.evidence import EventSeen, Evidence, Move, ObjectSeen, RunSeen, StateSeen, Suspect
from tests.chaos.witness import FAILING, continued_by_itself, judge

BEGAN = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
WAY = ("pending", "plan_queued", "planning", "planned", "confirmed", "apply_queued", "applying", "applied")
KEY = "aws_kms_key"


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def run(*way: str, run_id: str = "r1", began_s: float = 0, suspects: Sequence[Suspect] = ()) -> RunSeen:
    """Return a run that went this way, a second for each step."""
    steps = way or WAY
    moves = tuple(
        Move(number, frm, to, at(began_s + number))
        for number, (frm, to) in enumerate(zip(("", *steps), steps, strict=False), start=1)
    )
    return RunSeen(run_id, "w", "provision", steps[-1], at(began_s), moves, tuple(suspects))


def state(serial: int, *ids: str, lineage: str = "l", at_s: float = 8) -> StateSeen:
    return StateSeen("w", serial, lineage, at(at_s), frozenset((KEY, one) for one in ids))


def event(
    number: int, operation: str, identity: str, *, name: str = "one", process: int = 1, at_s: float = 7.5
) -> EventSeen:
    return EventSeen(number, at(at_s), operation, "w", KEY, identity, name, process)


def there(identity: str, name: str = "one") -> ObjectSeen:
    return ObjectSeen("w", KEY, identity, name)


GOOD = Evidence(
    runs=[run()],
    states=[state(1, "k1")],
    objects=[there("k1")],
    events=[event(1, "create", "k1")],
    acknowledged=frozenset({"r1"}),
)


def failures(evidence: Evidence) -> set[str]:
    verdict = judge(evidence)
    assert verdict.good is not any(verdict[kind] for kind in FAILING)
    return {kind for kind in FAILING if verdict[kind]}


class TestAJudge:
    def test_finds_nothing_in_an_order_that_was_applied_once(self) -> None:
        assert failures(GOOD) == set()

    def test_finds_nothing_where_somebody_is_asked(self) -> None:
        waits = run(*WAY[:4], "needs_approval")
        assert failures(Evidence([waits], [], [], [])) == set()

    @pytest.mark.parametrize("status", [*WAY[1:7], "interrupted"])
    def test_finds_a_run_that_nobody_goes_on_with(self, status: str) -> None:
        stuck = run(*WAY[:7], status) if status == "interrupted" else run(*WAY[: WAY.index(status) + 1])
        assert "stuck runs" in failures(replace(GOOD, runs=[stuck]))

    def test_finds_an_order_that_was_taken_and_is_not_there(self) -> None:
        assert failures(replace(GOOD, acknowledged=frozenset({"r1", "r2"}))) == {"lost orders"}

    @pytest.mark.parametrize(
        "way",
        [("pending", "planning", "planned", "confirmed", "apply_queued", "applying", "applied"), WAY[1:]],
        ids=["a move that is in no table", "a beginning that is missing"],
    )
    def test_finds_a_history_with_a_hole(self, way: tuple[str, ...]) -> None:
        holed = run(*way)
        if way[0] != "pending":
            holed = replace(holed, moves=run().moves[1:])
        assert failures(replace(GOOD, runs=[holed])) == {"broken histories"}

    def test_finds_two_active_runs_of_one_workspace(self) -> None:
        waits = [run(*WAY[:4], "needs_approval", run_id=one) for one in ("r1", "r2")]
        assert failures(Evidence(waits, [], [], [])) == {"two active runs"}


class TestAJudgeOfTheCloud:
    def test_finds_what_was_made_twice(self) -> None:
        twice = [event(1, "create", "k1"), event(2, "create", "k2", process=2)]
        objects = [there("k1"), there("k2")]
        found = failures(replace(GOOD, events=twice, objects=objects, states=[state(1, "k1", "k2")]))
        assert found == {"double applies"}

    def test_lets_a_second_one_be_that_a_person_decided_on_who_knew_of_the_first(self) -> None:
        asked = run(*WAY[:7], "interrupted", *WAY[1:4], "needs_approval", *WAY[4:])
        suspect = Suspect(KEY, "", ("k1",))
        twice = [event(1, "create", "k1"), event(2, "create", "k2", process=2, at_s=16.5)]
        evidence = Evidence([asked], [state(1, "k2")], [there("k1"), there("k2")], twice)
        approved = tuple(replace(move, by_person=move.frm == "needs_approval") for move in asked.moves)
        told = replace(asked, moves=approved, suspects=(suspect,))
        assert failures(replace(evidence, runs=[told])) == set()
        assert "double applies" in failures(replace(evidence, runs=[replace(told, suspects=())])), "not told"
        by_itself = replace(told, moves=asked.moves)
        assert failures(replace(evidence, runs=[by_itself])) == {"double applies"}

    def test_does_not_take_a_name_that_came_after_the_second_one_for_a_warning(self) -> None:
        first = run(*WAY[:7], "errored")
        retried = run(
            *WAY[:7], "interrupted", *WAY[1:], run_id="r2", began_s=20, suspects=[Suspect(KEY, "", ("k1",))]
        )
        twice = [event(1, "create", "k1"), event(2, "create", "k2", process=2, at_s=27.5)]
        evidence = Evidence([first, retried], [state(1, "k2")], [there("k1"), there("k2")], twice)
        assert failures(evidence) == {"double applies"}

    def test_takes_a_second_one_after_a_delete_for_a_replacement(self) -> None:
        replaced = [event(1, "create", "k1"), event(2, "delete", "k1"), event(3, "create", "k2")]
        good = replace(GOOD, events=replaced, objects=[there("k2")], states=[state(1, "k2")])
        assert failures(good) == set()

    def test_finds_what_one_run_updated_twice(self) -> None:
        events = [*GOOD.events, event(2, "update", "k1"), event(3, "update", "k1", process=2)]
        assert "double applies" in failures(replace(GOOD, events=events))

    def test_takes_updates_of_two_runs_for_what_they_are(self) -> None:
        events = [*GOOD.events, event(2, "update", "k1"), event(3, "update", "k1", process=2, at_s=107.5)]
        runs = [run(), run(run_id="r2", began_s=100)]
        assert failures(replace(GOOD, events=events, runs=runs)) == set()

    def test_finds_two_terraforms_at_once(self) -> None:
        events = [
            event(1, "create", "k1"),
            event(2, "create", "k2", name="two", process=2),
            event(3, "create", "k3", name="three"),
        ]
        objects = [there("k1"), there("k2", "two"), there("k3", "three")]
        found = failures(replace(GOOD, events=events, objects=objects, states=[state(1, "k1", "k2", "k3")]))
        assert found == {"two at once"}

    def test_finds_an_object_that_nobody_knows(self) -> None:
        events = [*GOOD.events, event(2, "create", "k2", name="two")]
        assert failures(replace(GOOD, events=events, objects=[there("k1"), there("k2", "two")])) == {
            "lost objects"
        }

    @pytest.mark.parametrize(
        "suspect",
        [Suspect(KEY, "module.this.aws_kms_key.two[0]"), Suspect(KEY, "", ("k2",))],
        ids=["by its address", "by its id"],
    )
    def test_lets_an_object_be_that_a_person_was_told_of(self, suspect: Suspect) -> None:
        events = [*GOOD.events, event(2, "create", "k2", name="two")]
        known = run(suspects=[suspect])
        objects = [there("k1"), there("k2", "two")]
        verdict = judge(replace(GOOD, runs=[known], events=events, objects=objects))
        assert verdict.good
        assert len(verdict["suspects"]) == 1

    @pytest.mark.parametrize(
        "suspect",
        [
            Suspect(KEY, "module.this.aws_kms_key.six[0]"),
            Suspect(KEY, "", ("k9",)),
            Suspect("aws_sqs_queue", "", ("k2",)),
        ],
        ids=["another address", "another id", "another type"],
    )
    def test_does_not_take_another_suspect_for_it(self, suspect: Suspect) -> None:
        events = [*GOOD.events, event(2, "create", "k2", name="two")]
        known = run(suspects=[suspect])
        objects = [there("k1"), there("k2", "two")]
        assert failures(replace(GOOD, runs=[known], events=events, objects=objects)) == {"lost objects"}

    def test_finds_an_object_of_a_state_that_was_never_there(self) -> None:
        assert failures(replace(GOOD, states=[state(1, "k1", "k7")])) == {"phantom objects"}

    def test_takes_what_was_deleted_and_is_still_in_a_state_for_what_a_refresh_finds(self) -> None:
        events = [*GOOD.events, event(2, "delete", "k1")]
        assert failures(replace(GOOD, events=events, objects=[])) == set()


class TestAJudgeOfStates:
    def test_finds_an_applied_run_without_a_state(self) -> None:
        assert failures(Evidence([run()], [], [], [])) == {"lost states"}

    def test_finds_a_newer_state_on_a_workers_disk(self) -> None:
        assert failures(replace(GOOD, rescued={"r1": 2})) == {"lost states"}
        assert failures(replace(GOOD, rescued={"r1": 1})) == set()

    @pytest.mark.parametrize(
        "second",
        [state(2, "k1", lineage="m"), state(2, "k1", at_s=3)],
        ids=["another lineage", "an earlier time"],
    )
    def test_finds_a_chain_that_does_not_hold_together(self, second: StateSeen) -> None:
        assert failures(replace(GOOD, states=[state(1), second])) == {"broken state chains"}


class TestWhatIsCounted:
    @pytest.mark.parametrize(("at_s", "late"), [(7.5, 0), (6.5, 1), (9.5, 1)])
    def test_is_a_change_while_nothing_applied(self, at_s: float, late: int) -> None:
        verdict = judge(replace(GOOD, events=[event(1, "create", "k1", at_s=at_s)]))
        assert len(verdict["changes after the run had moved on"]) == late
        assert verdict.good

    def test_is_a_run_that_went_on_by_itself(self) -> None:
        again = (*WAY[:7], "interrupted", *WAY[1:])
        assert continued_by_itself(Evidence([run(*again)], [], [], [])) == 1

    def test_is_not_one_that_somebody_was_asked_about(self) -> None:
        asked = (*WAY[:7], "interrupted", *WAY[1:4], "needs_approval", *WAY[4:])
        assert continued_by_itself(Evidence([run(*asked)], [], [], [])) == 0
