"""What is left of an apply that was cut short."""

from __future__ import annotations

from decimal import Decimal

import pytest

from provisioner.domain.plan import Plan, parse_plan
from provisioner.domain.recovery import CloudObject, Known, Suspect, beyond, is_still_lost, suspects
from tests.domain.documents import change, plan_of

DATABASE = {"id": None, "engine": "postgres", "size": 20, "tags": {"service": "orders"}}


def plan(*changes: dict[str, object], **fields: object) -> Plan:
    return parse_plan(plan_of(*changes, **fields))


def created(address: str = "aws_db_instance.a", **after: object) -> dict[str, object]:
    return change(["create"], None, DATABASE | after, address=address, after_unknown={"id": True})


def exceeding(approved: Plan, left: Plan, before: str = "10", after: str = "10") -> tuple[str, ...]:
    return beyond(approved, left, approved_usd_month=Decimal(before), left_usd_month=Decimal(after))


class TestWhatIsLeft:
    def test_is_a_part_when_some_of_the_changes_are_done(self) -> None:
        approved = plan(created("aws_db_instance.a"), created("aws_db_instance.b"))
        left = plan(
            change(["no-op"], DATABASE, DATABASE, address="aws_db_instance.a"), created("aws_db_instance.b")
        )
        assert exceeding(approved, left) == ()

    def test_is_a_part_when_what_was_unknown_is_known_by_now(self) -> None:
        approved = plan(
            change(
                ["create"],
                None,
                {"subnets": None, "rules": [{"port": 5432}]},
                after_unknown={"subnets": True, "rules": [{"source": True}]},
            )
        )
        left = plan(
            change(["create"], None, {"subnets": ["subnet-1"], "rules": [{"port": 5432, "source": "sg-1"}]})
        )
        assert exceeding(approved, left) == ()

    @pytest.mark.parametrize(
        ("left", "why"),
        [
            (created("aws_db_instance.c"), "aws_db_instance.c: to create; the plan that was being applied"),
            (
                change(["delete", "create"], DATABASE, DATABASE, address="aws_db_instance.a"),
                "aws_db_instance.a: to replace now; it was to create",
            ),
            (
                change(["delete"], DATABASE, None, address="aws_db_instance.a"),
                "aws_db_instance.a: to delete now; it was to create",
            ),
            (created(size=100), "aws_db_instance.a: ends otherwise than agreed to in size"),
            (created(tags={"service": "orders", "x": "y"}), "in tags"),
            (created(engine=None), "in engine"),
            (
                change(
                    ["create"],
                    None,
                    {"id": None, "engine": "postgres", "tags": {"service": "orders"}},
                    address="aws_db_instance.a",
                    after_unknown={"id": True, "size": True},
                ),
                "in size",
            ),
        ],
    )
    def test_is_no_part_when_it_does_something_else(self, left: dict[str, object], why: str) -> None:
        reasons = exceeding(plan(created()), plan(left))
        assert len(reasons) == 1
        assert why in reasons[0]

    @pytest.mark.parametrize("actions", [["create"], ["delete"], ["delete", "create"]])
    def test_of_a_replacement_is_either_half(self, actions: list[str]) -> None:
        approved = plan(change(["delete", "create"], DATABASE, DATABASE))
        before = None if actions == ["create"] else DATABASE
        after = None if actions == ["delete"] else DATABASE
        assert exceeding(approved, plan(change(actions, before, after))) == ()

    def test_is_no_part_when_it_costs_more(self) -> None:
        assert "12.00 USD" in exceeding(plan(created()), plan(created()), "10", "12")[0]

    def test_is_no_part_when_terraform_puts_something_off(self) -> None:
        assert "later plan" in exceeding(plan(created()), plan(created(), complete=False))[0]


APPROVED = plan(
    created("module.this.aws_db_instance.a"),
    created("module.this.aws_db_instance.b"),
    change(["create"], None, {"name": "x"}, kind="aws_iam_role", address="module.this.aws_iam_role.r"),
    change(["update"], DATABASE, DATABASE | {"size": 30}, address="module.this.aws_db_instance.old"),
)
A_IS_KNOWN = Known("module.this.aws_db_instance.a", "aws_db_instance", frozenset({"db-a"}))


class TestASuspect:
    def test_is_what_the_cloud_has_and_no_state_knows(self) -> None:
        found = [CloudObject("aws_db_instance", "db-a"), CloudObject("aws_db_instance", "db-b")]
        assert [(s.address, s.ids) for s in suspects(APPROVED, [A_IS_KNOWN], [], found)] == [
            ("module.this.aws_db_instance.b", ("db-b",))
        ]

    def test_is_named_by_the_cloud_alone_when_several_addresses_could_be_it(self) -> None:
        found = [CloudObject("aws_db_instance", "db-b")]
        assert [(s.address, s.ids) for s in suspects(APPROVED, [], [], found)] == [("", ("db-b",))]

    def test_is_a_creation_that_began_and_did_not_end(self) -> None:
        lines = [
            "module.this.aws_db_instance.a: Creating...",
            "module.this.aws_db_instance.a: Creation complete after 1s [id=db-a]",
            "module.this.aws_iam_role.r: Creating...",
        ]
        (one,) = suspects(APPROVED, [A_IS_KNOWN], lines, [CloudObject("aws_db_instance", "db-a")])
        assert (one.address, one.ids) == ("module.this.aws_iam_role.r", ())
        assert "had begun to make it" in one.reason

    def test_is_a_creation_that_ended_and_is_in_no_state(self) -> None:
        lines = [
            "module.this.aws_db_instance.a: Creating...",
            "module.this.aws_db_instance.a: Creation complete after 1s",
        ]
        (one,) = suspects(APPROVED, [], lines, [])
        assert "no saved state holds it" in one.reason

    def test_is_whatever_may_have_been_begun_when_nobody_can_look(self) -> None:
        assert [s.address for s in suspects(APPROVED, [A_IS_KNOWN], [], None)] == [
            "module.this.aws_db_instance.b",
            "module.this.aws_iam_role.r",
        ]

    def test_is_nothing_when_the_cloud_shows_nothing_and_nothing_had_begun(self) -> None:
        assert suspects(APPROVED, [A_IS_KNOWN], [], [CloudObject("aws_db_instance", "db-a")]) == ()

    def test_stays_one_until_a_state_knows_it(self) -> None:
        earlier = Suspect("", "aws_db_instance", "…", ("db-a",))
        assert is_still_lost(earlier, [], [])
        assert not is_still_lost(earlier, [A_IS_KNOWN], [])
        assert not is_still_lost(earlier, [], [earlier]), "it is listed anew"
