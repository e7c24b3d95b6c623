"""Times to live: ordered, renewed, and limited by the policy."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from provisioner import selectors
from provisioner.domain.run import RunStatus
from provisioner.models import AuditEvent, Workspace
from provisioner.services import cancel, renew, submit
from provisioner.services.ask import InvalidAsk, NotYourService
from provisioner.services.standing import NotApplied, WorkspaceBusy, WorkspaceClosed
from tests.conftest import NOW, Organisation
from tests.fakes import FakeEngine
from tests.services.conftest import Order, applied, ask, now, planned

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace(order: Order, fake: FakeEngine) -> Workspace:
    return applied(planned(order(), fake), fake).workspace


@pytest.fixture
def at_most_90(settings: Any, tmp_path: Path) -> None:
    """Let the policy limit workspaces in development to 90 days."""
    text = Path(settings.DRAWBRIDGE_POLICY_FILE).read_text()
    assert "max_days: {}" in text
    changed = tmp_path / "policy.yaml"
    changed.write_text(text.replace("max_days: {}", "max_days: {development: 90}"))
    settings.DRAWBRIDGE_POLICY_FILE = changed


def renewed(workspace: Workspace, org: Organisation, ttl: int | None, by: str = "developer") -> Workspace:
    return renew.renew(workspace.pk, ttl_days=ttl, justification="Still used", actor=org.users[by], now=NOW)


class TestAnOrder:
    def test_with_a_time_to_live_ends_so_many_days_after_it_was_applied(
        self, org: Organisation, postgres: object, fake: FakeEngine
    ) -> None:
        wanted = ask().__class__(**{**vars(ask()), "ttl_days": 5})
        run = applied(planned(submit.submit(wanted, requester=org.developer, now=now()), fake), fake)
        workspace = Workspace.objects.get(pk=run.workspace_id)
        assert workspace.expires_at == workspace.applied_at + timedelta(days=5)

    @pytest.mark.parametrize(("ttl", "code"), [(None, "required"), (91, "out_of_range")])
    def test_has_an_end_within_the_limit_where_the_policy_wants_one(
        self, org: Organisation, postgres: object, at_most_90: None, ttl: int | None, code: str
    ) -> None:
        wanted = ask().__class__(**{**vars(ask()), "ttl_days": ttl})
        with pytest.raises(InvalidAsk) as caught:
            submit.submit(wanted, requester=org.developer, now=now())
        assert [(error.field, error.code) for error in caught.value.errors] == [("ttl", code)]
        assert "90 days" in caught.value.detail


class TestARenewal:
    def test_counts_from_now_and_begins_the_warnings_anew(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        Workspace.objects.update(
            expires_at=NOW + timedelta(hours=3), warned_days=1, expiry_obstacle="x", expiry_told_at=NOW
        )
        found = renewed(workspace, org, 30)
        assert found.expires_at == NOW + timedelta(days=30)
        assert (found.warned_days, found.expiry_obstacle, found.expiry_told_at) == (None, "", None)
        event = AuditEvent.objects.get(action="workspace.renew")
        assert event.actor == org.developer
        assert event.detail == {
            "expired_at": "2026-11-24T15:00:00+00:00",
            "expires_at": "2026-12-24T12:00:00+00:00",
            "justification": "Still used",
        }
        assert workspace.runs.count() == 1

    def test_may_take_the_end_away_where_the_policy_wants_none(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        renewed(workspace, org, 30)
        assert renewed(workspace, org, None).expires_at is None

    @pytest.mark.parametrize(("ttl", "code"), [(None, "required"), (91, "out_of_range"), (0, "out_of_range")])
    def test_is_limited_by_the_policy(
        self, workspace: Workspace, org: Organisation, at_most_90: None, ttl: int | None, code: str
    ) -> None:
        with pytest.raises(InvalidAsk) as caught:
            renewed(workspace, org, ttl)
        assert caught.value.errors[0].code == code
        assert renewed(workspace, org, 90).expires_at == NOW + timedelta(days=90)

    @pytest.mark.parametrize("ttl", [0, -1, 3651])
    def test_is_between_one_day_and_ten_years(
        self, workspace: Workspace, org: Organisation, ttl: int
    ) -> None:
        with pytest.raises(InvalidAsk, match="between 1 and 3650 days"):
            renewed(workspace, org, ttl)

    def test_is_for_the_owners_and_platform(self, workspace: Workspace, org: Organisation) -> None:
        for name in ("finops", "sre"):
            with pytest.raises(NotYourService):
                renewed(workspace, org, 3, name)
        with pytest.raises(selectors.NotVisible):
            renewed(workspace, org, 3, "outsider")
        for name in ("teammate", "platform"):
            assert renewed(workspace, org, 3, name).expires_at is not None

    def test_comes_too_late_while_a_run_destroys_it_until_that_is_stopped(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        run = submit.submit_destroy(workspace.pk, justification="", requester=org.developer, now=now())
        with pytest.raises(WorkspaceBusy, match="Discard or cancel it first"):
            renewed(workspace, org, 3)
        cancel.cancel(run.pk, actor=org.developer, now=now())
        assert renewed(workspace, org, 3).expires_at is not None

    def test_goes_while_another_run_is_under_way(self, workspace: Workspace, org: Organisation) -> None:
        submit.submit_update(
            workspace.pk,
            parameters={"backup_retention_days": 3},
            justification="",
            requester=org.developer,
            now=now(),
        )
        assert renewed(workspace, org, 3).expires_at is not None

    def test_of_what_was_never_made_or_is_gone_is_refused(
        self, order: Order, org: Organisation, fake: FakeEngine
    ) -> None:
        run = order()
        with pytest.raises(NotApplied):
            renewed(run.workspace, org, 3)
        assert applied(planned(run, fake), fake).status == RunStatus.APPLIED
        Workspace.objects.update(closed_at=now())
        with pytest.raises(WorkspaceClosed):
            renewed(run.workspace, org, 3)
