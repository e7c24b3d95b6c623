"""Holds: who puts them, who releases them, and what they stop."""

from __future__ import annotations

import pytest

from provisioner import selectors
from provisioner.domain.run import RunStatus
from provisioner.models import AuditEvent, Workspace
from provisioner.services import cancel, hold, renew, submit
from provisioner.services.ask import InvalidAsk
from provisioner.services.standing import OnHold, WorkspaceClosed
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.services.conftest import Order, applied, decide, now, planned

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace(order: Order, fake: FakeEngine) -> Workspace:
    return applied(planned(order(), fake), fake).workspace


def held(workspace: Workspace, org: Organisation, by: str, reason: str = "We look into a leak.") -> Workspace:
    return hold.hold(workspace.pk, reason=reason, actor=org.users[by], now=now())


class TestAHold:
    @pytest.mark.parametrize(
        ("by", "group"),
        [
            ("developer", ""),
            ("teammate", ""),
            ("sre", "sre"),
            ("finops", "finops"),
            ("platform", "platform"),
        ],
    )
    def test_is_put_by_owners_and_deciding_groups_with_who_when_why(
        self, workspace: Workspace, org: Organisation, by: str, group: str
    ) -> None:
        found = held(workspace, org, by)
        assert (found.held_by, found.hold_reason, found.held_for) == (
            org.users[by],
            "We look into a leak.",
            group,
        )
        assert found.held_at is not None
        event = AuditEvent.objects.get(action="workspace.hold")
        assert event.actor == org.users[by]
        assert event.detail == {"reason": "We look into a leak.", "for": group or "payments"}

    def test_of_another_team_is_not_there(self, workspace: Workspace, org: Organisation) -> None:
        with pytest.raises(selectors.NotVisible):
            held(workspace, org, "outsider")

    @pytest.mark.parametrize(
        ("reason", "code"), [("", "required"), (" \n", "required"), ("x" * 4001, "too_long"), ("a\0", None)]
    )
    def test_needs_a_reason(
        self, workspace: Workspace, org: Organisation, reason: str, code: str | None
    ) -> None:
        with pytest.raises(InvalidAsk) as caught:
            held(workspace, org, "developer", reason)
        assert caught.value.errors[0].field == "reason"
        assert code is None or caught.value.errors[0].code == code
        workspace.refresh_from_db()
        assert workspace.held_at is None

    def test_of_a_closed_workspace_is_refused(self, workspace: Workspace, org: Organisation) -> None:
        Workspace.objects.update(closed_at=now())
        with pytest.raises(WorkspaceClosed):
            held(workspace, org, "developer")

    def test_may_be_given_another_reason_by_whoever_may_release_it(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        held(workspace, org, "developer")
        assert held(workspace, org, "teammate", "Later.").hold_reason == "Later."
        assert held(workspace, org, "platform", "Ours.").held_for == "platform"

    def test_of_sre_is_not_taken_over_by_the_owners(self, workspace: Workspace, org: Organisation) -> None:
        held(workspace, org, "sre", "An incident.")
        with pytest.raises(hold.AlreadyHeld, match="sre holds orders-db already: An incident"):
            held(workspace, org, "developer", "Mine now.")
        workspace.refresh_from_db()
        assert workspace.held_by == org.sre

    def test_stays_as_hard_to_release_when_its_author_has_left_the_group(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        org.teams["payments"].members.add(org.sre)
        held(workspace, org, "sre")
        org.sre.groups.clear()
        again = type(org.sre).objects.get(pk=org.sre.pk)
        hold.hold(workspace.pk, reason="Still.", actor=again, now=now())
        workspace.refresh_from_db()
        assert (workspace.hold_reason, workspace.held_for) == ("Still.", "sre")


class TestARelease:
    # who holds, who releases, whether that goes
    @pytest.mark.parametrize(
        ("by", "releaser", "allowed"),
        [
            ("developer", "developer", True),
            ("developer", "teammate", True),
            ("developer", "platform", True),
            ("developer", "sre", False),
            ("developer", "finops", False),
            ("sre", "sre", True),
            ("sre", "platform", True),
            ("sre", "developer", False),
            ("sre", "finops", False),
            ("finops", "finops", True),
            ("finops", "teammate", False),
            ("platform", "platform", True),
            ("platform", "developer", False),
            ("platform", "sre", False),
        ],
    )
    def test_is_for_the_one_who_holds_their_group_and_platform(
        self, workspace: Workspace, org: Organisation, by: str, releaser: str, allowed: bool
    ) -> None:
        held(workspace, org, by)
        if allowed:
            found = hold.release(workspace.pk, actor=org.users[releaser], now=now())
            assert (found.held_at, found.held_by, found.hold_reason, found.held_for) == (None, None, "", "")
            event = AuditEvent.objects.get(action="workspace.release")
            assert event.actor == org.users[releaser]
            assert event.detail["held_by"] == by
        else:
            with pytest.raises(hold.NotYourHold, match="We look into a leak"):
                hold.release(workspace.pk, actor=org.users[releaser], now=now())
            workspace.refresh_from_db()
            assert workspace.held_at is not None
            assert AuditEvent.objects.filter(action="workspace.release_refused").exists()

    def test_by_another_sre_goes(self, workspace: Workspace, org: Organisation) -> None:
        held(workspace, org, "sre")
        other = type(org.sre).objects.create_user("sre2")
        other.groups.set(org.sre.groups.all())
        assert hold.release(workspace.pk, actor=other, now=now()).held_at is None

    def test_without_a_hold_is_refused(self, workspace: Workspace, org: Organisation) -> None:
        with pytest.raises(hold.NotHeld):
            hold.release(workspace.pk, actor=org.developer, now=now())

    def test_of_another_team_is_not_there(self, workspace: Workspace, org: Organisation) -> None:
        held(workspace, org, "sre")
        with pytest.raises(selectors.NotVisible):
            hold.release(workspace.pk, actor=org.outsider, now=now())


class TestAHeldWorkspace:
    @pytest.mark.parametrize("act", ["update", "upgrade", "destroy"])
    def test_takes_no_order_and_says_who_since_when_why_and_what_to_do(
        self, workspace: Workspace, org: Organisation, act: str
    ) -> None:
        found = held(workspace, org, "sre", "An incident")
        more: dict[str, dict[str, object]] = {
            "update": {"parameters": {"backup_retention_days": 3}},
            "upgrade": {"version": None, "parameters": {}},
            "destroy": {},
        }
        order = getattr(submit, f"submit_{act}")
        with pytest.raises(OnHold) as caught:
            order(workspace.pk, justification="", requester=org.developer, now=now(), **more[act])
        assert (caught.value.code, caught.value.status) == ("on_hold", 409)
        assert found.held_at is not None
        for words in (
            "sre put",
            f"{found.held_at:%d %b %Y}",
            "An incident.",
            "member of sre or a platform engineer",
        ):
            assert words in caught.value.detail
        assert workspace.runs.count() == 1

    def test_takes_no_retry(self, order: Order, org: Organisation) -> None:
        run = order()
        cancel.cancel(run.pk, actor=org.developer, now=now())
        Workspace.objects.update(closed_at=None)
        held(run.workspace, org, "developer")
        with pytest.raises(OnHold):
            submit.retry(run.pk, requester=org.developer, now=now())

    def test_takes_orders_again_once_released(self, workspace: Workspace, org: Organisation) -> None:
        held(workspace, org, "developer")
        hold.release(workspace.pk, actor=org.developer, now=now())
        run = submit.submit_destroy(workspace.pk, justification="", requester=org.developer, now=now())
        assert run.status == RunStatus.PLAN_QUEUED

    def test_keeps_its_waiting_run_where_it_is_and_that_can_be_decided_on(
        self, order: Order, org: Organisation, fake: FakeEngine
    ) -> None:
        run = planned(order("production"), fake)
        held(run.workspace, org, "developer")
        decide(run, org, "finops")
        decide(run, org, "sre")
        run.refresh_from_db()
        assert run.status == RunStatus.APPLY_QUEUED

    def test_lets_an_apply_go_on_to_its_end(self, order: Order, org: Organisation) -> None:
        fake = FakeEngine()
        run = planned(order(), fake)
        fake.during_apply = lambda spec, stop: held(run.workspace, org, "developer") and None
        assert applied(run, fake).status == RunStatus.APPLIED

    def test_may_be_renewed(self, workspace: Workspace, org: Organisation) -> None:
        held(workspace, org, "sre")
        found = renew.renew(workspace.pk, ttl_days=3, justification="", actor=org.developer, now=now())
        assert found.expires_at is not None
