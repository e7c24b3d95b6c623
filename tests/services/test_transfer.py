"""Transfers: who may give, who may take, and what becomes of the tags."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from catalog.models import CostCenter, Environment, Service
from provisioner import selectors
from provisioner.domain.run import RunKind, RunStatus
from provisioner.models import AuditEvent, Run, Workspace, WorkspaceTransfer
from provisioner.services import cancel, hold, submit, transfer
from provisioner.services.ask import InvalidAsk, NotYourService
from provisioner.services.standing import OnHold, ServiceArchived, WorkspaceBusy, WorkspaceClosed
from tests import mails
from tests.conftest import NOW, Organisation
from tests.fakes import FakeEngine, change, plan_document
from tests.services.conftest import Order, applied, now, planned

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_mails() -> Iterator[None]:
    mails.forget()
    yield
    mails.forget()


@pytest.fixture
def workspace(order: Order, fake: FakeEngine) -> Workspace:
    return applied(planned(order(), fake), fake).workspace


def offered(
    workspace: Workspace, org: Organisation, by: str = "developer", to: str = "ads", reason: str = "Theirs."
) -> transfer.Outcome:
    return transfer.offer(workspace.pk, service=to, reason=reason, actor=org.users[by], now=now())


class TestAnOffer:
    def test_waits_for_the_receiving_team_and_changes_nothing(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        outcome = offered(workspace, org)
        assert outcome.run is None
        assert outcome.transfer.decided_at is None
        workspace.refresh_from_db()
        assert workspace.service == org.services["orders"]
        event = AuditEvent.objects.get(action="workspace.transfer_offered")
        assert (event.detail["from_team"], event.detail["to_team"]) == ("payments", "growth")
        *_, mail = mails.sent()
        assert mail.to == ["growth@example.com"]
        assert f"/transfers/{outcome.transfer.pk}/" in mail.body
        assert "Theirs." in mail.body

    @pytest.mark.parametrize("by", ["finops", "sre"])
    def test_is_for_the_owners_and_platform(self, workspace: Workspace, org: Organisation, by: str) -> None:
        with pytest.raises(NotYourService):
            offered(workspace, org, by)
        assert not WorkspaceTransfer.objects.exists()

    def test_of_another_teams_workspace_finds_nothing(self, workspace: Workspace, org: Organisation) -> None:
        with pytest.raises(selectors.NotVisible):
            offered(workspace, org, "outsider")

    @pytest.mark.parametrize(
        ("to", "code"),
        [
            ("", "unknown_service"),
            ("nobody", "unknown_service"),
            ("a\0b", "unknown_service"),
            ("orders", "same_service"),
            ("receipts", "archived_service"),
        ],
    )
    def test_names_a_service_that_can_receive(
        self, workspace: Workspace, org: Organisation, to: str, code: str
    ) -> None:
        Service.objects.filter(slug="receipts").update(archived_at=NOW)
        with pytest.raises(InvalidAsk) as caught:
            offered(workspace, org, to=to)
        assert [(error.field, error.code) for error in caught.value.errors] == [("service", code)]

    def test_says_why(self, workspace: Workspace, org: Organisation) -> None:
        with pytest.raises(InvalidAsk) as caught:
            offered(workspace, org, reason=" ")
        assert caught.value.errors[0].field == "reason"

    def test_is_made_once(self, workspace: Workspace, org: Organisation) -> None:
        offered(workspace, org)
        with pytest.raises(transfer.TransferOpen, match=r"developer offered orders-db to ads \(Growth\)"):
            offered(workspace, org, "teammate", to="receipts")
        assert WorkspaceTransfer.objects.count() == 1

    def test_of_a_busy_workspace_is_refused_with_the_holders_name(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        run = submit.submit_destroy(workspace.pk, justification="", requester=org.teammate, now=now())
        for to in ("ads", "receipts"):
            with pytest.raises(WorkspaceBusy, match=f"{run.pk} of teammate"):
                offered(workspace, org, to=to)

    def test_is_refused_while_a_run_needs_approval(
        self, order: Order, org: Organisation, fake: FakeEngine
    ) -> None:
        run = planned(order("production"), fake)
        assert run.status == RunStatus.NEEDS_APPROVAL
        with pytest.raises(WorkspaceBusy, match="needs approval"):
            offered(run.workspace, org)

    def test_of_what_is_held_or_closed_is_refused(self, workspace: Workspace, org: Organisation) -> None:
        hold.hold(workspace.pk, reason="x", actor=org.sre, now=now())
        with pytest.raises(OnHold):
            offered(workspace, org)
        Workspace.objects.update(held_at=None, closed_at=now())
        with pytest.raises(WorkspaceClosed):
            offered(workspace, org)


class TestATransfer:
    def test_takes_effect_at_once_for_a_member_of_both_teams(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        org.teams["growth"].members.add(org.developer)
        outcome = offered(workspace, org)
        workspace.refresh_from_db()
        assert workspace.service == org.services["ads"]
        assert (outcome.transfer.verdict, outcome.transfer.decided_by) == ("accepted", org.developer)
        event = AuditEvent.objects.get(action="workspace.transfer")
        assert (event.detail["from_team"], event.detail["to_team"]) == ("payments", "growth")
        assert event.detail["run_id"] == str(outcome.run.pk)  # type: ignore[union-attr]

    def test_between_services_of_one_team_takes_effect_at_once(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        assert offered(workspace, org, to="receipts").transfer.verdict == "accepted"

    def test_by_platform_takes_effect_at_once(self, workspace: Workspace, org: Organisation) -> None:
        outcome = offered(workspace, org, "platform")
        assert outcome.transfer.verdict == "accepted"
        assert outcome.run is not None
        assert outcome.run.requester == org.platform

    def test_orders_an_update_with_the_new_owners_tags_and_nothing_else(
        self, workspace: Workspace, org: Organisation, fake: FakeEngine
    ) -> None:
        center = CostCenter.objects.create(slug="cc-200", name="Marketing")
        Service.objects.filter(slug="ads").update(cost_center=center)
        before = Workspace.objects.get(pk=workspace.pk)
        run = offered(workspace, org, "platform").run
        assert run is not None
        assert run.kind == RunKind.UPDATE
        assert (run.variables, run.parameters, run.item_version) == (
            before.variables,
            before.parameters,
            before.item_version,
        )
        assert run.tags == {
            **before.tags,
            "service": "ads",
            "team-owner": "growth",
            "cost-center": "cc-200",
            "criticality": "tier-2",
        }
        assert run.tags["drawbridge-request"] == str(before.origin_request_id)
        assert applied(planned(run, fake), fake).status == RunStatus.APPLIED
        workspace.refresh_from_db()
        assert workspace.resources.get().tags["team-owner"] == "growth"

    def test_asks_for_the_approvals_of_its_new_service(
        self, workspace: Workspace, org: Organisation, fake: FakeEngine
    ) -> None:
        Environment.objects.filter(slug="development").update(is_production=True)
        Service.objects.filter(slug="ads").update(criticality="tier-1")
        run = offered(workspace, org, "platform").run
        assert run is not None
        fake.document = lambda spec: plan_document(
            [
                change(
                    "module.this.aws_db_instance.this",
                    "aws_db_instance",
                    ["update"],
                    {"engine": "postgres", "tags_all": dict(spec.default_tags)},
                )
            ]
        )
        assert planned(run, fake).status == RunStatus.NEEDS_APPROVAL
        assert "sre" in [step.group for step in selectors.steps_of(run)]

    def test_keeps_the_new_tags_for_later_runs_when_its_update_came_to_nothing(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        run = offered(workspace, org, "platform").run
        assert run is not None
        cancel.cancel(run.pk, actor=org.outsider, now=now())
        again = submit.submit_update(
            workspace.pk,
            parameters={"backup_retention_days": 3},
            justification="",
            requester=org.outsider,
            now=now(),
        )
        assert again.tags["team-owner"] == "growth"

    def test_of_what_was_never_applied_lets_its_retry_have_the_new_tags(
        self, order: Order, org: Organisation
    ) -> None:
        run = order()
        cancel.cancel(run.pk, actor=org.developer, now=now())
        Workspace.objects.update(closed_at=None)  # as when something is left of it
        assert offered(run.workspace, org, "platform").run is None
        assert submit.retry(run.pk, requester=org.outsider, now=now()).tags["team-owner"] == "growth"

    def test_takes_the_workspace_out_of_sight_of_the_team_that_gave_it(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        offered(workspace, org, "platform")
        assert selectors.workspace_visible(org.outsider, workspace.pk)
        with pytest.raises(selectors.NotVisible):
            selectors.workspace_visible(org.developer, workspace.pk)


class TestAnAnswer:
    def test_of_acceptance_changes_the_owner_and_orders_the_update_as_who_accepts(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        waiting = offered(workspace, org).transfer
        outcome = transfer.accept(waiting.pk, actor=org.outsider, now=now())
        workspace.refresh_from_db()
        assert workspace.service == org.services["ads"]
        assert outcome.run is not None
        assert outcome.run.requester == org.outsider
        assert set(mails.sent()[-1].to) == {
            "payments@example.com",
            "developer@example.com",
            "growth@example.com",
        }

    @pytest.mark.parametrize(
        ("act", "by", "goes"),
        [
            ("accept", "developer", False),
            ("accept", "sre", False),
            ("accept", "finops", False),
            ("accept", "outsider", True),
            ("accept", "platform", True),
            ("decline", "developer", False),
            ("decline", "sre", False),
            ("decline", "outsider", True),
            ("decline", "platform", True),
            ("withdraw", "outsider", False),
            ("withdraw", "sre", False),
            ("withdraw", "developer", True),
            ("withdraw", "teammate", True),
            ("withdraw", "platform", True),
        ],
    )
    def test_is_for_its_side_alone(
        self, workspace: Workspace, org: Organisation, act: str, by: str, goes: bool
    ) -> None:
        waiting = offered(workspace, org).transfer
        service = {"accept": transfer.accept, "decline": transfer.decline, "withdraw": transfer.withdraw}[act]
        if goes:
            assert service(waiting.pk, actor=org.users[by], now=now()).transfer.decided_by == org.users[by]
        else:
            with pytest.raises(transfer.NotYourTransfer):
                service(waiting.pk, actor=org.users[by], now=now())
            waiting.refresh_from_db()
            assert waiting.decided_at is None
        workspace.refresh_from_db()
        assert (workspace.service == org.services["ads"]) is (goes and act == "accept")

    def test_is_not_there_for_others(self, workspace: Workspace, org: Organisation) -> None:
        waiting = offered(workspace, org).transfer
        stranger = type(org.sre).objects.create_user("stranger")
        for service in (transfer.accept, transfer.decline, transfer.withdraw):
            with pytest.raises(selectors.NotVisible):
                service(waiting.pk, actor=stranger, now=now())

    @pytest.mark.parametrize("first", ["accept", "decline", "withdraw"])
    def test_comes_once(self, workspace: Workspace, org: Organisation, first: str) -> None:
        waiting = offered(workspace, org).transfer
        getattr(transfer, first)(waiting.pk, actor=org.platform, now=now())
        for service in (transfer.accept, transfer.decline, transfer.withdraw):
            with pytest.raises(transfer.TransferClosed, match="by platform already"):
                service(waiting.pk, actor=org.platform, now=now())
        assert Run.objects.filter(kind=RunKind.UPDATE).count() == (first == "accept")

    def test_of_no_frees_the_workspace_for_another_offer(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        transfer.decline(offered(workspace, org).transfer.pk, actor=org.outsider, now=now())
        assert AuditEvent.objects.filter(action="workspace.transfer_declined").exists()
        transfer.withdraw(offered(workspace, org).transfer.pk, actor=org.teammate, now=now())
        assert WorkspaceTransfer.objects.filter(decided_at__isnull=False).count() == 2

    def test_that_is_too_late_says_what_has_changed(self, workspace: Workspace, org: Organisation) -> None:
        waiting = offered(workspace, org).transfer

        def refusal() -> str:
            with pytest.raises(Exception) as caught:
                transfer.accept(waiting.pk, actor=org.outsider, now=now())
            waiting.refresh_from_db()
            assert waiting.decided_at is None, "it can still be declined or withdrawn"
            return str(getattr(caught.value, "code", caught.value))

        Service.objects.filter(slug="ads").update(archived_at=NOW)
        assert refusal() == "service_archived"
        Service.objects.filter(slug="ads").update(archived_at=None)
        Workspace.objects.update(held_at=NOW, held_by=org.sre, hold_reason="x")
        assert refusal() == "on_hold"
        Workspace.objects.update(held_at=None, held_by=None)
        run = submit.submit_destroy(workspace.pk, justification="", requester=org.developer, now=now())
        assert refusal() == "workspace_busy"
        cancel.cancel(run.pk, actor=org.developer, now=now())
        Workspace.objects.update(service=org.services["receipts"])
        assert refusal() == "workspace_moved"
        Workspace.objects.update(closed_at=NOW)
        assert transfer.decline(waiting.pk, actor=org.outsider, now=now()).transfer.verdict == "declined"


class TestAnOrphan:
    def test_is_an_open_workspace_of_an_archived_service_or_of_a_team_without_members(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        def orphaned() -> bool:
            return bool(selectors.workspace_visible(org.platform, workspace.pk).orphaned)  # type: ignore[attr-defined]

        assert not orphaned()
        Service.objects.filter(slug="orders").update(archived_at=NOW)
        assert orphaned()
        Service.objects.filter(slug="orders").update(archived_at=None)
        org.teams["payments"].members.remove(org.teammate)
        assert not orphaned()
        org.developer.is_active = False
        org.developer.save()
        assert orphaned(), "nobody of the team can sign in any more"
        assert selectors.orphaned_count(org.platform) == 1
        Workspace.objects.update(closed_at=NOW)
        assert not orphaned()

    def test_is_reassigned_by_platform_without_anybodys_acceptance(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        Service.objects.filter(slug="orders").update(archived_at=NOW)
        org.teams["payments"].members.clear()
        outcome = offered(workspace, org, "platform")
        assert outcome.transfer.verdict == "accepted"
        assert outcome.run is not None
        assert not selectors.workspace_visible(org.platform, workspace.pk).orphaned  # type: ignore[attr-defined]

    def test_of_an_archived_service_is_not_changed_before_it_is_reassigned(
        self, workspace: Workspace, org: Organisation
    ) -> None:
        Service.objects.filter(slug="orders").update(archived_at=NOW)
        with pytest.raises(ServiceArchived, match="transfer it to a service in use first"):
            submit.submit_update(
                workspace.pk,
                parameters={"backup_retention_days": 3},
                justification="",
                requester=org.platform,
                now=now(),
            )

    def test_can_be_destroyed(self, workspace: Workspace, org: Organisation, fake: FakeEngine) -> None:
        Service.objects.filter(slug="orders").update(archived_at=NOW)
        run = submit.submit_destroy(workspace.pk, justification="", requester=org.platform, now=now())
        assert applied(planned(run, fake), fake).status == RunStatus.APPLIED
