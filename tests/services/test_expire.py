"""The beat's look at what has come to its end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog.models import Service
from provisioner.domain.run import RunKind, RunStatus
from provisioner.models import AuditEvent, Run, Workspace
from provisioner.services import cancel, expire, hold, renew, submit, system
from tests import mails
from tests.conftest import NOW, Organisation
from tests.fakes import FakeEngine
from tests.services.conftest import Order, applied, decide, planned

pytestmark = pytest.mark.django_db(transaction=True)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOTHING_ASKED = {"escalated": 0, "reminded": 0, "reviews_overdue": 0}
QUARTER = timedelta(minutes=15)


@pytest.fixture(autouse=True)
def _no_mails() -> Iterator[None]:
    mails.forget()
    yield
    mails.forget()


@pytest.fixture
def workspace(order: Order, fake: FakeEngine) -> Workspace:
    """Return an applied workspace that ends ten days after NOW."""
    run = applied(planned(order(), fake), fake)
    mails.forget()
    Workspace.objects.filter(pk=run.workspace_id).update(expires_at=NOW + 10 * DAY)
    return Workspace.objects.get(pk=run.workspace_id)


def look(at: datetime, workspace: Workspace) -> dict[str, int]:
    """Let the beat look once; read the workspace again."""
    done = expire.expire(now=at)
    workspace.refresh_from_db()
    return done


def over(workspace: Workspace) -> None:
    """Let the workspace have expired at NOW, with its warnings given."""
    Workspace.objects.filter(pk=workspace.pk).update(expires_at=NOW, warned_days=1)
    workspace.refresh_from_db()


def destroys() -> list[Run]:
    return list(Run.objects.filter(kind=RunKind.DESTROY).order_by("created_at"))


class TestTheWarnings:
    def test_come_seven_days_and_one_day_before_each_once_and_then_it_is_destroyed(
        self, workspace: Workspace
    ) -> None:
        at, end = NOW, workspace.expires_at
        assert end is not None
        seen: list[tuple[str, timedelta]] = []
        while at <= end + QUARTER:
            mails.forget()
            look(at, workspace)
            seen += [(subject, end - at) for subject in mails.subjects()]
            at += QUARTER * 3
        assert [subject for subject, _ in seen] == [
            "orders-db expires within 7 days",
            "orders-db expires tomorrow",
            "orders-db has expired and is being destroyed",
        ]
        assert 7 * DAY - HOUR < seen[0][1] <= 7 * DAY
        assert DAY - HOUR < seen[1][1] <= DAY
        assert workspace.expires_at == end, "a warning in time moves nothing"
        [run] = destroys()
        assert run.requester == system.account()

    def test_go_to_the_team_and_who_ordered_with_the_address_of_the_renewal(
        self, workspace: Workspace, settings: Any
    ) -> None:
        settings.DRAWBRIDGE_URL = "https://portal.example"
        look(NOW + 3 * DAY, workspace)
        [mail] = mails.sent()
        assert mail.to == ["payments@example.com", "developer@example.com"]
        assert f"https://portal.example/workspaces/{workspace.pk}/renew/" in mail.body
        assert "04 Dec 2026 12:00 UTC" in mail.body
        event = AuditEvent.objects.get(action="workspace.expiry_warned")
        assert event.detail == {"days": 7, "expires_at": "2026-12-04T12:00:00+00:00"}

    def test_begin_anew_after_a_renewal(self, workspace: Workspace, org: Organisation) -> None:
        look(NOW + 9 * DAY + HOUR, workspace)
        assert workspace.warned_days == 1
        renew.renew(
            workspace.pk, ttl_days=20, justification="", actor=org.developer, now=NOW + 9 * DAY + 2 * HOUR
        )
        assert look(NOW + 10 * DAY, workspace) == {
            "plans_expired": 0,
            "warned": 0,
            "destroyed": 0,
            **NOTHING_ASKED,
        }
        look(NOW + 23 * DAY, workspace)
        assert workspace.warned_days == 7

    def test_are_not_due_for_what_has_no_end_or_is_gone(self, workspace: Workspace) -> None:
        Workspace.objects.update(expires_at=None)
        assert look(NOW + 99 * DAY, workspace)["warned"] == 0
        Workspace.objects.update(expires_at=NOW, closed_at=NOW)
        assert look(NOW, workspace)["warned"] == 0
        assert mails.sent() == []


class TestAfterDaysOfDowntime:
    def test_what_was_never_warned_of_is_warned_of_and_lives_a_day_longer(self, workspace: Workspace) -> None:
        back = NOW + 15 * DAY
        assert look(back, workspace) == {"plans_expired": 0, "warned": 1, "destroyed": 0, **NOTHING_ASKED}
        assert workspace.expires_at == back + DAY
        assert mails.subjects() == ["orders-db expires tomorrow"]
        assert look(back + DAY - QUARTER, workspace)["destroyed"] == 0
        assert look(back + DAY, workspace)["destroyed"] == 1

    def test_what_ends_in_an_hour_and_was_never_warned_of_lives_a_day_longer(
        self, workspace: Workspace
    ) -> None:
        look(NOW + 10 * DAY - HOUR, workspace)
        assert workspace.expires_at == NOW + 11 * DAY - HOUR

    def test_what_was_warned_of_seven_days_before_is_destroyed_without_a_late_warning(
        self, workspace: Workspace
    ) -> None:
        look(NOW + 3 * DAY, workspace)
        mails.forget()
        assert look(NOW + 15 * DAY, workspace) == {
            "plans_expired": 0,
            "warned": 0,
            "destroyed": 1,
            **NOTHING_ASKED,
        }
        assert mails.subjects() == ["orders-db has expired and is being destroyed"]


class TestAnExpiredWorkspace:
    def test_is_ordered_destroyed_as_any_other_by_the_portal_behind_what_people_ordered(
        self, workspace: Workspace, fake: FakeEngine
    ) -> None:
        over(workspace)
        assert look(NOW, workspace)["destroyed"] == 1
        [run] = destroys()
        assert (run.status, run.priority, run.requester) == ("plan_queued", 10, system.account())
        assert run.request.justification == (
            "Its time to live ended on 24 Nov 2026 12:00 UTC, and nobody renewed it."
        )
        assert AuditEvent.objects.get(action="workspace.expired").detail["run"] == str(run.pk)
        assert AuditEvent.objects.filter(action="run.destroy", actor=system.account()).exists()
        [mail] = mails.sent()
        assert f"/runs/{run.pk}/" in mail.body
        assert applied(planned(run, fake), fake).status == RunStatus.APPLIED
        workspace.refresh_from_db()
        assert workspace.closed_at is not None
        assert look(NOW + DAY, workspace)["destroyed"] == 0

    def test_asks_for_approval_as_any_destruction(
        self, order: Order, org: Organisation, fake: FakeEngine
    ) -> None:
        run = planned(order("production", deletion_protection=False), fake)
        decide(run, org, "finops")
        decide(run, org, "sre", "override")
        workspace = applied(run, fake).workspace
        over(workspace)
        look(NOW, workspace)
        [destroy] = destroys()
        assert planned(destroy, fake).status == RunStatus.NEEDS_APPROVAL
        decide(destroy, org, "sre")
        destroy.refresh_from_db()
        assert destroy.status == RunStatus.APPLY_QUEUED

    def test_is_not_ordered_twice_while_its_destruction_waits(self, workspace: Workspace) -> None:
        over(workspace)
        for minutes in range(0, 60, 15):
            look(NOW + timedelta(minutes=minutes), workspace)
        assert len(destroys()) == 1
        assert len(mails.sent()) == 1
        assert workspace.expiry_obstacle == ""

    def test_that_is_protected_is_left_and_its_people_are_told_once_a_day(self, workspace: Workspace) -> None:
        over(workspace)
        Workspace.objects.update(variables={**workspace.variables, "deletion_protection": True})
        for hours in range(0, 50):
            look(NOW + hours * HOUR, workspace)
        assert destroys() == []
        assert "deletion protection on" in workspace.expiry_obstacle
        assert mails.subjects() == ["orders-db has expired and could not be destroyed"] * 3
        assert "deletion_protection = false first" in mails.sent()[0].body
        Workspace.objects.update(variables=workspace.variables | {"deletion_protection": False})
        assert look(NOW + 50 * HOUR, workspace)["destroyed"] == 1
        assert workspace.expiry_obstacle == ""

    def test_that_is_busy_is_tried_again_later(self, workspace: Workspace, org: Organisation) -> None:
        over(workspace)
        run = submit.submit_update(
            workspace.pk,
            parameters={"backup_retention_days": 3},
            justification="",
            requester=org.developer,
            now=NOW,
        )
        assert look(NOW, workspace)["destroyed"] == 0
        assert str(run.pk) in workspace.expiry_obstacle
        cancel.cancel(run.pk, actor=org.developer, now=NOW)
        assert look(NOW + QUARTER, workspace)["destroyed"] == 1

    def test_that_is_on_hold_is_tried_again_later(self, workspace: Workspace, org: Organisation) -> None:
        over(workspace)
        hold.hold(workspace.pk, reason="An incident.", actor=org.sre, now=NOW)
        assert look(NOW, workspace)["destroyed"] == 0
        assert "An incident." in workspace.expiry_obstacle
        assert "An incident." in mails.sent()[0].body
        hold.release(workspace.pk, actor=org.sre, now=NOW)
        workspace.refresh_from_db()
        assert workspace.expiry_obstacle == ""
        assert look(NOW + QUARTER, workspace)["destroyed"] == 1

    @pytest.mark.parametrize("end", ["rejected", "errored", "canceled"])
    def test_whose_destruction_came_to_nothing_is_ordered_again_a_day_later_and_says_so(
        self, workspace: Workspace, end: str
    ) -> None:
        over(workspace)
        look(NOW, workspace)
        [first] = destroys()
        ended = NOW + 3 * HOUR
        Run.objects.filter(pk=first.pk).update(status=end, finished_at=ended, error_summary="Too early")
        mails.forget()
        at = ended + QUARTER
        while at < ended + DAY:
            look(at, workspace)
            at += HOUR
        assert len(destroys()) == 1
        assert f"{first.pk} ended {end} (Too early)" in workspace.expiry_obstacle
        assert "again after 25 Nov 2026 15:00 UTC" in workspace.expiry_obstacle
        assert mails.subjects() == ["orders-db has expired and could not be destroyed"]
        assert look(ended + DAY, workspace)["destroyed"] == 1

    def test_that_is_orphaned_expires_like_any_other(self, workspace: Workspace, org: Organisation) -> None:
        over(workspace)
        Service.objects.update(archived_at=NOW)
        org.teams["payments"].members.clear()
        assert look(NOW, workspace)["destroyed"] == 1

    def test_without_anybody_to_tell_expires_all_the_same(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        over(workspace)
        org.teams["payments"].email = ""
        org.teams["payments"].save()
        org.developer.is_active = False
        org.developer.save()
        assert look(NOW, workspace)["destroyed"] == 1
        assert mails.sent() == []


class TestAPlanThatNobodyDecidesOn:
    @pytest.fixture
    def waiting(self, order: Order, fake: FakeEngine) -> Run:
        run = planned(order("production"), fake)
        Run.objects.filter(pk=run.pk).update(status_at=NOW)
        mails.forget()
        return Run.objects.get(pk=run.pk)

    def test_expires_after_fourteen_days_and_its_people_are_told(self, waiting: Run) -> None:
        assert expire.expire(now=NOW + 14 * DAY - HOUR)["plans_expired"] == 0
        mails.forget()  # reminders
        assert expire.expire(now=NOW + 14 * DAY)["plans_expired"] == 1
        waiting.refresh_from_db()
        assert waiting.status == RunStatus.EXPIRED
        assert waiting.error_summary == "Nobody decided on this plan within 14 days"
        assert "Retry it" in waiting.error_detail
        [mail] = mails.sent()
        assert mail.to == ["payments@example.com", "developer@example.com"]
        assert f"/runs/{waiting.pk}/" in mail.body
        assert AuditEvent.objects.get(action="run.expire").object_id == str(waiting.pk)
        assert expire.expire(now=NOW + 15 * DAY)["plans_expired"] == 0

    def test_can_be_retried(self, waiting: Run, org: Organisation, fake: FakeEngine) -> None:
        expire.expire(now=NOW + 14 * DAY)
        again = submit.retry(waiting.pk, requester=org.developer, now=NOW + 15 * DAY)
        assert planned(again, fake).status == RunStatus.NEEDS_APPROVAL

    def test_waits_as_long_as_the_policy_says(self, waiting: Run, settings: Any, tmp_path: Path) -> None:
        text = Path(settings.DRAWBRIDGE_POLICY_FILE).read_text()
        settings.DRAWBRIDGE_POLICY_FILE = tmp_path / "policy.yaml"
        settings.DRAWBRIDGE_POLICY_FILE.write_text(
            text.replace("expire_after_days: 14", "expire_after_days: 8")
        )
        assert expire.expire(now=NOW + 8 * DAY)["plans_expired"] == 1

    def test_stays_where_it_is_on_a_workspace_on_hold(self, waiting: Run, org: Organisation) -> None:
        hold.hold(waiting.workspace_id, reason="x", actor=org.sre, now=NOW)
        assert expire.expire(now=NOW + 20 * DAY)["plans_expired"] == 0
        hold.release(waiting.workspace_id, actor=org.sre, now=NOW)
        assert expire.expire(now=NOW + 20 * DAY)["plans_expired"] == 1


class TestTheMail:
    def test_is_not_sent_when_what_it_says_was_not_committed(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("out of order")

        monkeypatch.setattr("provisioner.services.audit.record", broken)
        with pytest.raises(RuntimeError):
            expire.expire(now=NOW + 3 * DAY)
        workspace.refresh_from_db()
        assert workspace.warned_days is None
        assert mails.sent() == []
