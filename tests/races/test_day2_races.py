"""Two beats, two teams and a renewal at the same time, on PostgreSQL: each thing happens once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from catalog.models import CatalogItemVersion
from provisioner.domain.run import RunKind
from provisioner.models import AuditEvent, Run, Workspace, WorkspaceTransfer
from provisioner.services import apply, expire, hold, renew, submit, system, transfer
from tests import mails
from tests.conftest import NOW, Organisation
from tests.fakes import FakeEngine
from tests.races.test_races import at_once
from tests.services.conftest import ask, now, planned

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def workspace(org: Organisation, postgres: CatalogItemVersion) -> Iterator[Workspace]:
    engine = FakeEngine()
    run = planned(submit.submit(ask(), requester=org.developer, now=now()), engine)
    apply.apply(run.pk, engine=engine, worker="w", clock=now)
    system.account()
    mails.forget()
    yield Workspace.objects.get(pk=run.workspace_id)
    mails.forget()


class TestTwoBeats:
    def test_warn_once(self, workspace: Workspace) -> None:
        Workspace.objects.update(expires_at=NOW + timedelta(hours=23), warned_days=7)
        assert at_once(6, lambda _: expire.expire(now=NOW)) == {"ok": 6}
        assert mails.subjects() == ["orders-db expires tomorrow"]
        assert AuditEvent.objects.filter(action="workspace.expiry_warned").count() == 1

    def test_order_one_destruction(self, workspace: Workspace) -> None:
        Workspace.objects.update(expires_at=NOW, warned_days=1)
        assert at_once(6, lambda _: expire.expire(now=NOW)) == {"ok": 6}
        assert Run.objects.filter(kind=RunKind.DESTROY).count() == 1
        assert mails.subjects() == ["orders-db has expired and is being destroyed"]
        assert Workspace.objects.get().expiry_obstacle == ""

    def test_say_once_what_stands_in_the_way(self, workspace: Workspace, org: Organisation) -> None:
        Workspace.objects.update(expires_at=NOW, warned_days=1)
        hold.hold(workspace.pk, reason="An incident", actor=org.sre, now=NOW)
        assert at_once(6, lambda _: expire.expire(now=NOW)) == {"ok": 6}
        assert mails.subjects() == ["orders-db has expired and could not be destroyed"]

    def test_and_a_renewal_leave_it_either_renewed_or_being_destroyed(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        Workspace.objects.update(expires_at=NOW, warned_days=1)

        def act(index: int) -> object:
            if index:
                return expire.expire(now=NOW)
            return renew.renew(workspace.pk, ttl_days=9, justification="", actor=org.developer, now=NOW)

        outcomes = at_once(4, act)
        workspace.refresh_from_db()
        destroyed = Run.objects.filter(kind=RunKind.DESTROY).exists()
        assert (workspace.expires_at == NOW + timedelta(days=9)) is not destroyed
        assert outcomes == ({"ok": 3, "workspace_busy": 1} if destroyed else {"ok": 4})


class TestTwoAnswers:
    def test_to_one_offer_are_one_answer_and_one_update(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        waiting = transfer.offer(
            workspace.pk, service="ads", reason="x", actor=org.developer, now=now()
        ).transfer
        answers = [
            (transfer.accept, org.outsider),
            (transfer.withdraw, org.developer),
            (transfer.decline, org.platform),
            (transfer.accept, org.platform),
        ]
        outcomes = at_once(4, lambda i: answers[i][0](waiting.pk, actor=answers[i][1], now=now()))
        assert outcomes["ok"] == 1, outcomes
        waiting.refresh_from_db()
        workspace.refresh_from_db()
        accepted = waiting.verdict == "accepted"
        assert (workspace.service == org.services["ads"]) is accepted
        assert Run.objects.filter(kind=RunKind.UPDATE).count() == accepted

    def test_and_an_order_leave_one_run_and_one_owner(self, workspace: Workspace, org: Organisation) -> None:
        def act(index: int) -> object:
            if index:
                return submit.submit_destroy(
                    workspace.pk, justification="", requester=org.developer, now=now()
                )
            return transfer.offer(workspace.pk, service="ads", reason="x", actor=org.platform, now=now())

        outcomes = at_once(2, act)
        workspace.refresh_from_db()
        assert outcomes["ok"] == 1, outcomes
        moved = WorkspaceTransfer.objects.filter(verdict="accepted").exists()
        assert (workspace.service == org.services["ads"]) is moved
        assert Run.objects.filter(kind=RunKind.DESTROY).exists() is not moved

    def test_two_holds_are_one(self, workspace: Workspace, org: Organisation) -> None:
        people = [org.developer, org.sre, org.finops, org.teammate]
        outcomes = at_once(4, lambda i: hold.hold(workspace.pk, reason=f"{i}", actor=people[i], now=now()))
        assert outcomes["ok"] >= 1
        workspace.refresh_from_db()
        last = AuditEvent.objects.filter(action="workspace.hold").order_by("-id")[0]
        assert (workspace.held_by_id, workspace.hold_reason) == (last.actor_id, last.detail["reason"])
