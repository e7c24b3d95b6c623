from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.domain.run import (
    ACTIVE,
    CANCELABLE,
    DISCARDABLE,
    LEASED,
    QUEUED,
    RETRYABLE,
    TERMINAL,
    TRANSITIONS,
    InvalidTransition,
    RunStatus,
    can_move,
    check_move,
)

S = RunStatus
STATUSES = st.sampled_from(RunStatus)


class TestTheTable:
    def test_knows_every_status(self) -> None:
        assert set(TRANSITIONS) == set(RunStatus)

    def test_divides_statuses_into_active_and_terminal(self) -> None:
        assert set(RunStatus) == ACTIVE | TERMINAL
        assert not ACTIVE & TERMINAL

    def test_counts_interrupted_as_active_so_that_it_holds_its_workspace(self) -> None:
        assert S.INTERRUPTED in ACTIVE

    def test_names_the_terminal_statuses(self) -> None:
        assert {
            S.APPLIED,
            S.PLANNED_AND_FINISHED,
            S.POLICY_FAILED,
            S.REJECTED,
            S.DISCARDED,
            S.CANCELED,
            S.EXPIRED,
            S.ERRORED,
        } == TERMINAL

    def test_never_stays(self) -> None:
        assert not [status for status in RunStatus if can_move(status, status)]

    def test_leads_from_pending_to_every_status(self) -> None:
        reached, frontier = {S.PENDING}, [S.PENDING]
        while frontier:
            new = TRANSITIONS[frontier.pop()] - reached
            reached |= new
            frontier.extend(new)
        assert reached == set(RunStatus)

    def test_lets_every_active_status_end(self) -> None:
        for status in ACTIVE:
            assert can_move(status, S.ERRORED), status

    def test_walks_the_long_way(self) -> None:
        way = [
            S.PENDING,
            S.PLAN_QUEUED,
            S.PLANNING,
            S.PLANNED,
            S.NEEDS_APPROVAL,
            S.CONFIRMED,
            S.APPLY_QUEUED,
            S.APPLYING,
            S.APPLIED,
        ]
        for frm, to in pairwise(way):
            check_move(frm, to)

    def test_has_no_way_to_apply_without_a_plan_and_a_queue(self) -> None:
        assert {frm for frm in RunStatus if can_move(frm, S.APPLYING)} == {S.APPLY_QUEUED}
        assert {frm for frm in RunStatus if can_move(frm, S.APPLY_QUEUED)} == {S.CONFIRMED}
        assert {frm for frm in RunStatus if can_move(frm, S.CONFIRMED)} == {S.PLANNED, S.NEEDS_APPROVAL}

    def test_never_queues_an_apply_again_that_may_have_begun(self) -> None:
        assert not can_move(S.APPLYING, S.APPLY_QUEUED)

    @pytest.mark.parametrize(
        "frm",
        [S.PLANNING, S.PLANNED, S.NEEDS_APPROVAL, S.CONFIRMED, S.APPLY_QUEUED, S.APPLYING, S.INTERRUPTED],
    )
    def test_plans_again_when_a_plan_was_lost_or_is_stale(self, frm: RunStatus) -> None:
        assert can_move(frm, S.PLAN_QUEUED)

    def test_leaves_interrupted_only_by_planning_what_is_left_or_by_giving_up(self) -> None:
        assert TRANSITIONS[S.INTERRUPTED] == {S.PLAN_QUEUED, S.ERRORED}

    def test_interrupts_only_an_apply(self) -> None:
        assert {frm for frm in RunStatus if can_move(frm, S.INTERRUPTED)} == {S.APPLYING}

    @given(st.lists(STATUSES, max_size=30))
    def test_never_leaves_a_terminal_status(self, wishes: list[RunStatus]) -> None:
        status, ended = S.PENDING, False
        for wish in wishes:
            if can_move(status, wish):
                assert not ended
                status = wish
            ended = status in TERMINAL


class TestTheGroups:
    def test_cancel_every_active_status_but_interrupted(self) -> None:
        assert ACTIVE - {S.INTERRUPTED} == CANCELABLE

    def test_discard_only_where_there_is_a_plan_that_nothing_applies(self) -> None:
        assert {S.PLANNED, S.NEEDS_APPROVAL, S.CONFIRMED} == DISCARDABLE

    def test_retry_only_what_ended_without_success_or_refusal(self) -> None:
        assert RETRYABLE <= TERMINAL
        assert not RETRYABLE & {S.APPLIED, S.PLANNED_AND_FINISHED, S.REJECTED}

    def test_queue_and_lease_only_active_statuses(self) -> None:
        assert QUEUED | LEASED <= ACTIVE


class TestCheckMove:
    @pytest.mark.parametrize(("frm", "to"), list(product(RunStatus, RunStatus)))
    def test_raises_exactly_where_the_table_has_no_move(self, frm: RunStatus, to: RunStatus) -> None:
        if to in TRANSITIONS[frm]:
            check_move(frm, to)
        else:
            with pytest.raises(InvalidTransition, match=f"from {frm} to {to}"):
                check_move(frm, to)
