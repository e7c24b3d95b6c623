"""Separation of duties: who may decide a step, by which power, and what bars them."""

from __future__ import annotations

import pytest

from provisioner.domain.separation import Bar, Delegated, Given, Power, power_to_decide

ANN, BEA, CAT, DAN = 1, 2, 3, 4
FINOPS = frozenset({"finops"})
SRE = frozenset({"sre"})


def power(person: int, **given: object) -> Power | Bar:
    words: dict[str, object] = {
        "member_of": (),
        "delegated": (),
        "step": 1,
        "groups": ("finops",),
        "asked": ("finops",),
        "requesters": frozenset({DAN}),
        "given": (),
    }
    return power_to_decide(person, **{**words, **given})  # type: ignore[arg-type]


class TestPowerToDecide:
    @pytest.mark.parametrize(
        ("member_of", "delegated", "found"),
        [
            ({"finops"}, (), Power("finops")),
            ({"sre", "platform"}, (), Bar.NOT_A_MEMBER),
            (set(), (), Bar.NOT_A_MEMBER),
            (set(), (Delegated("finops", BEA),), Power("finops", BEA)),
            (set(), (Delegated("sre", BEA),), Bar.NOT_A_MEMBER),
            ({"finops"}, (Delegated("finops", BEA),), Power("finops")),
        ],
    )
    def test_is_membership_first_then_a_delegation(
        self, member_of: set[str], delegated: tuple[Delegated, ...], found: Power | Bar
    ) -> None:
        assert power(ANN, member_of=member_of, delegated=delegated) == found

    def test_is_of_any_group_that_may_decide(self) -> None:
        groups = ("finops", "sre", "platform")
        assert power(ANN, member_of={"platform", "sre"}, groups=groups, asked=("finops", "sre")) == Power(
            "sre"
        )

    @pytest.mark.parametrize("requesters", [frozenset({ANN}), frozenset({DAN, ANN})])
    def test_is_never_the_requesters(self, requesters: frozenset[int]) -> None:
        for delegated in ((), (Delegated("finops", BEA),)):
            found = power(ANN, member_of={"finops"}, delegated=delegated, requesters=requesters)
            assert found is Bar.OWN_ORDER

    def test_is_never_for_the_requester(self) -> None:
        for_dan, for_bea = Delegated("finops", DAN), Delegated("finops", BEA)
        assert power(ANN, delegated=(for_dan,)) is Bar.DELEGATOR_ORDERED
        assert power(ANN, delegated=(for_dan, for_bea)) == Power("finops", BEA)

    @pytest.mark.parametrize(
        ("people", "found"),
        [
            ({ANN}, Bar.DECIDED_THIS),
            ({CAT, ANN}, Bar.DECIDED_THIS),
            ({BEA}, Bar.DECIDED_THIS),
            ({CAT}, Power("finops", BEA)),
        ],
    )
    def test_is_used_once_a_step_by_both_together(self, people: set[int], found: Power | Bar) -> None:
        given = [Given(1, FINOPS, frozenset(people))]
        assert power(ANN, delegated=(Delegated("finops", BEA),), given=given) == found
        # Whether one person may decide several steps makes no difference to one step.
        assert power(ANN, delegated=(Delegated("finops", BEA),), given=given, allow_same_person=True) == found

    @pytest.mark.parametrize("people", [{ANN}, {BEA}, {BEA, CAT}])
    def test_is_used_on_one_step_of_a_plan(self, people: set[int]) -> None:
        words: dict[str, object] = {
            "delegated": (Delegated("finops", BEA),),
            "given": [Given(2, SRE, frozenset(people))],
        }
        assert power(ANN, **words) is Bar.DECIDED_OTHER
        assert power(ANN, **words, allow_same_person=True) == Power("finops", BEA)

    def test_is_not_used_up_by_an_earlier_step_that_asked_the_same_groups(self) -> None:
        given = [Given(2, FINOPS, frozenset({ANN}))]
        assert power(ANN, member_of={"finops"}, given=given) == Power("finops")
        escalated = power(ANN, member_of={"finops"}, given=given, groups=("finops", "platform"))
        assert escalated == Power("finops")

    def test_says_first_what_bars_the_own_membership(self) -> None:
        found = power(
            ANN,
            member_of={"finops"},
            delegated=(Delegated("finops", DAN),),
            given=[Given(2, SRE, frozenset({ANN}))],
        )
        assert found is Bar.DECIDED_OTHER

    def test_takes_the_next_delegation_where_one_is_used_up(self) -> None:
        found = power(
            ANN,
            delegated=(Delegated("finops", BEA), Delegated("finops", CAT)),
            given=[Given(1, FINOPS, frozenset({BEA}))],
        )
        assert found == Power("finops", CAT)
