"""Whose turn it is: tables, and what holds for every line."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.domain.queueing import (
    PASSED_OVER_MAX,
    PRIORITY_DRIFT_CHECK,
    PRIORITY_EXPIRY,
    PRIORITY_ORDER,
    Phase,
    Running,
    Turns,
    Waiting,
    dispatch_order,
    expected_wait_s,
    may_start,
)

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
A, B, C = 1, 2, 3
X, Y = 100, 200
P, E, D = PRIORITY_ORDER, PRIORITY_EXPIRY, PRIORITY_DRIFT_CHECK


def waits(
    number: int,
    team: int = A,
    *,
    priority: int = P,
    account: int | None = None,
    phase: Phase = Phase.PLAN,
) -> Waiting:
    """Return run `number`, which waits since so many seconds after noon."""
    return Waiting(
        uuid.UUID(int=number), phase, team, account, priority, since=NOON + timedelta(seconds=number)
    )


def runs(*teams: int, account: int | None = None, priority: int = P) -> list[Running]:
    return [Running(team, account, priority) for team in teams]


def numbers(line: object) -> list[int]:
    return [one.run_id.int for one in line]  # type: ignore[attr-defined]


class TestTheOrder:
    @pytest.mark.parametrize(
        ("line", "running", "turns", "expected"),
        [
            ([], [], Turns(), []),
            pytest.param([waits(2), waits(1)], [], Turns(), [1, 2], id="the oldest of a team first"),
            pytest.param(
                [waits(1, priority=D), waits(2, priority=E), waits(3)],
                [],
                Turns(),
                [3, 2, 1],
                id="people before what expired before drift checks",
            ),
            pytest.param(
                [waits(1), waits(2), waits(3), waits(4, B)],
                [],
                Turns(),
                [1, 4, 2, 3],
                id="one order of a team behind three of another",
            ),
            pytest.param(
                [waits(1), waits(2), waits(3, B), waits(4, B), waits(5, C)],
                [],
                Turns(),
                [1, 3, 5, 2, 4],
                id="in turns",
            ),
            pytest.param(
                [waits(1), waits(2), waits(3, B), waits(4, B)],
                runs(A, A),
                Turns(),
                [3, 4, 1, 2],
                id="the team with less going on first, until they are equal",
            ),
            pytest.param(
                [waits(1), waits(2), waits(3, B)],
                [],
                Turns({(A, P): 1}),
                [3, 1, 2],
                id="the team whose last turn is longest ago, when one worker sees nothing going on",
            ),
            pytest.param(
                [waits(1, B, priority=D), waits(2, A, priority=D)],
                runs(B, priority=D),
                Turns(),
                [2, 1],
                id="fair among drift checks too",
            ),
            pytest.param(
                [waits(1, B, priority=D), waits(2, A, priority=D)],
                runs(B, B),
                Turns(),
                [1, 2],
                id="whatever the team has going on in another class",
            ),
        ],
    )
    def test_is(self, line: list[Waiting], running: list[Running], turns: Turns, expected: list[int]) -> None:
        assert numbers(dispatch_order(line, running, turns)) == expected

    def test_gives_every_fifth_turn_to_a_class_that_waits(self) -> None:
        line = [waits(number) for number in range(10, 20)] + [
            waits(1, priority=D),
            waits(2, priority=D),
        ]
        # The class had its turn just now, so that it waits for the whole round.
        order = numbers(dispatch_order(line, (), Turns({(A, D): 7})))
        assert order == [10, 11, 12, 13, 1, 14, 15, 16, 17, 2, 18, 19]

    def test_gives_two_classes_that_wait_a_turn_each_and_people_the_rest(self) -> None:
        line = [
            *(waits(number) for number in range(10, 30)),
            *(waits(number, priority=E) for number in range(1, 4)),
            *(waits(number, priority=D) for number in range(4, 7)),
        ]
        order = dispatch_order(line, (), Turns({(A, E): 9, (A, D): 9}))
        assert Counter(one.priority for one in order[:15]) == {P: 10, E: 3, D: 2}

    def test_lets_five_hundred_orders_of_a_team_pass_over_nobody(self) -> None:
        line = [*(waits(number) for number in range(500)), waits(900, B), waits(901, C)]
        assert numbers(dispatch_order(line))[:3] == [0, 900, 901]


class TestWhatMayStart:
    def test_is_everything_where_there_is_no_limit(self) -> None:
        assert numbers(may_start([waits(1), waits(2, account=X)])) == [1, 2]

    @pytest.mark.parametrize(
        ("running", "expected"),
        [
            (runs(), [1, 2, 4, 5]),
            (runs(B, account=X), [1, 4, 5]),
            (runs(B, B, account=X), [4, 5]),
            (runs(B, B, B, account=X), [4, 5]),  # the limit was lowered meanwhile
            (runs(B, B, account=Y), [1, 2, 5]),
        ],
    )
    def test_leaves_out_what_would_exceed_an_accounts_limit_and_holds_up_no_other(
        self, running: list[Running], expected: list[int]
    ) -> None:
        line = [waits(number, account=X) for number in (1, 2, 3)] + [waits(4, account=Y), waits(5)]
        assert numbers(may_start(line, running, {X: 2, Y: 1})) == expected

    def test_spends_no_turn_on_what_a_full_account_blocks(self) -> None:
        line = [
            waits(1, A, account=X),
            waits(2, A, account=Y),
            waits(3, B, account=Y),
            waits(4, B, account=Y),
        ]
        assert numbers(may_start(line, runs(C, account=X), {X: 1, Y: 1})) == [2]

    def test_of_one_phase_leaves_the_last_slot_of_an_account_to_the_first_in_its_line(self) -> None:
        line = [waits(1, account=X, phase=Phase.APPLY), *(waits(number, account=X) for number in (2, 3, 4))]
        assert numbers(may_start(line, (), {X: 1}, phases={Phase.PLAN})) == []
        assert numbers(may_start(line, (), {X: 3}, phases={Phase.PLAN})) == [2, 3]
        assert numbers(may_start(line, (), {X: 1}, phases={Phase.APPLY})) == [1]
        assert numbers(may_start(line, (), {X: 2})) == [1, 2]


class TestTheExpectedWait:
    @pytest.mark.parametrize(
        ("ahead", "places", "busy", "account", "expected"),
        [
            pytest.param(0, 0, 0, None, None, id="unknown while no worker is seen"),
            pytest.param(0, 2, 1, None, 0, id="none while one is free"),
            pytest.param(0, 2, 2, None, 30, id="until the first of two ends"),
            pytest.param(3, 2, 2, None, 120, id="four must end"),
            pytest.param(3, 2, 0, None, 60, id="two start at once, so that two must end"),
            pytest.param(3, 2, 2, (0, 0, 1), 120, id="the workers are slower than the account"),
            pytest.param(3, 8, 1, (2, 0, 1), 180, id="the account is slower than the workers"),
            pytest.param(0, 2, 5, (0, -3, 1), 60, id="more at work than there should be"),
        ],
    )
    def test_is(
        self,
        ahead: int,
        places: int,
        busy: int,
        account: tuple[int, int, int] | None,
        expected: float | None,
    ) -> None:
        ahead_in_account, room, limit = account or (0, None, 1)
        assert (
            expected_wait_s(
                ahead=ahead,
                places=places,
                busy=busy,
                ahead_in_account=ahead_in_account,
                room=room,
                limit=limit,
                median_s=60,
            )
            == expected
        )


TEAMS, ACCOUNTS = st.sampled_from([A, B, C]), st.sampled_from([None, X, Y])
PRIORITIES = st.sampled_from([P, E, D])


@st.composite
def lines(draw: st.DrawFn, *, most: int = 30) -> list[Waiting]:
    """Draw runs that wait, each under a number of its own."""
    parts = draw(
        st.lists(
            st.tuples(TEAMS, PRIORITIES, ACCOUNTS, st.sampled_from(Phase), st.integers(0, 5)), max_size=most
        )
    )
    return [
        Waiting(uuid.UUID(int=number), phase, team, account, priority, NOON + timedelta(seconds=since))
        for number, (team, priority, account, phase, since) in enumerate(parts)
    ]


AT_WORK = st.lists(st.builds(Running, TEAMS, ACCOUNTS, PRIORITIES), max_size=8)
LIMITS = st.fixed_dictionaries({X: st.integers(1, 4), Y: st.integers(1, 4)})
TURNS = st.builds(Turns, st.dictionaries(st.tuples(TEAMS, PRIORITIES), st.integers(1, 40)))


class TestEveryLine:
    @given(lines(), AT_WORK, TURNS)
    def test_is_put_in_order_without_loss_or_double(
        self, line: list[Waiting], running: list[Running], turns: Turns
    ) -> None:
        order = dispatch_order(line, running, turns)
        assert sorted(numbers(order)) == sorted(numbers(line))
        assert order == dispatch_order(line[::-1], running, turns), "whatever the order of the rows"

    @given(lines(), AT_WORK, TURNS)
    def test_takes_the_oldest_of_a_team_and_class_first(
        self, line: list[Waiting], running: list[Running], turns: Turns
    ) -> None:
        order = dispatch_order(line, running, turns)
        for team in (A, B, C):
            for priority in (P, E, D):
                own = [one.since for one in order if (one.team, one.priority) == (team, priority)]
                assert own == sorted(own)

    @given(lines(), AT_WORK, TURNS, LIMITS, st.sets(st.sampled_from(Phase), min_size=1))
    def test_never_exceeds_a_limit_when_all_that_may_start_do(
        self,
        line: list[Waiting],
        running: list[Running],
        turns: Turns,
        limits: dict[int, int],
        phases: set[Phase],
    ) -> None:
        found = list(may_start(line, running, limits, turns, phases=phases))
        assert {one.phase for one in found} <= phases
        before = Counter(one.account for one in running)
        started = Counter(one.account for one in found)
        for account, limit in limits.items():
            assert started[account] <= max(0, limit - before[account])

    @given(lines(), AT_WORK, TURNS, LIMITS)
    def test_leaves_no_slot_unused(
        self, line: list[Waiting], running: list[Running], turns: Turns, limits: dict[int, int]
    ) -> None:
        found = set(may_start(line, running, limits, turns))
        at_work = Counter(one.account for one in running) + Counter(one.account for one in found)
        for left in set(line) - found:
            assert left.account is not None
            assert at_work[left.account] >= limits[left.account]

    @given(
        lines(most=12),
        st.integers(1, 3),
        TEAMS,
        PRIORITIES,
        st.lists(st.tuples(st.sampled_from([A, B, C, 4, 5]), PRIORITIES), min_size=1, max_size=5),
    )
    def test_brings_everybody_to_their_turn_whatever_else_keeps_coming(
        self,
        line: list[Waiting],
        workers: int,
        team: int,
        priority: int,
        flood: list[tuple[int, int]],
    ) -> None:
        """A place ends, a run takes it, and two more runs come, for as long as the one we look at waits."""
        ours = Waiting(uuid.UUID(int=10_000), Phase.PLAN, team, X, priority, NOON + timedelta(seconds=9))
        line = [*line, ours]
        running: list[Running] = []
        turns = Turns()
        # Between two turns of the class every team of it and every other class may have theirs.
        bound = (PASSED_OVER_MAX + 1) * (len(line) + 5) * 2
        for step in range(bound):
            for extra in (0, 1):
                who, which = flood[(2 * step + extra) % len(flood)]
                line.append(
                    Waiting(
                        uuid.UUID(int=20_000 + 2 * step + extra),
                        Phase.PLAN,
                        who,
                        X,
                        which,
                        NOON + timedelta(seconds=10 + step),
                    )
                )
            if len(running) == workers:
                running.pop(0)
            next_one = next(may_start(line, running, {X: workers, Y: workers}, turns))
            if next_one == ours:
                return
            line.remove(next_one)
            running.append(Running(next_one.team, next_one.account, next_one.priority))
            turns = Turns({**turns.numbers, (next_one.team, next_one.priority): turns.last + 1})
        raise AssertionError(f"not within {bound} turns")
