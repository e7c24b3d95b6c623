"""Taking orders."""

from __future__ import annotations

import pytest

from catalog.models import CatalogItemVersion
from provisioner import selectors
from provisioner.domain.run import RunStatus
from provisioner.models import AuditEvent, Request, Run, RunTransition, Workspace
from provisioner.services import cancel, submit
from provisioner.services.ask import InvalidAsk, NotYourService
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.services.conftest import Order, applied, ask, decide, now, planned

pytestmark = pytest.mark.django_db

HOSTILE = [
    '${file("/etc/passwd")}',
    "%{ for x in y }",
    'a"b',
    "a\nb",
    "a\0b",
    "\N{PILE OF POO}",
    "\u202eabc",
    "x" * 1_000_000,
]


def nothing_written() -> bool:
    return not (
        Workspace.objects.exists()
        or Request.objects.exists()
        or Run.objects.exists()
        or RunTransition.objects.exists()
    )


class TestAnOrder:
    def test_waits_for_a_worker_with_its_history_and_tags(self, order: Order, org: Organisation) -> None:
        run = order()
        assert run.status == RunStatus.PLAN_QUEUED
        assert [t.to_status for t in run.transitions.all()] == ["pending", "plan_queued"]
        assert run.tags["team-owner"] == "payments"
        assert run.tags["drawbridge-request"] == str(run.request_id)
        assert AuditEvent.objects.get(object_id=str(run.pk)).actor == org.developer

    @pytest.mark.parametrize(
        ("field", "code", "changes"),
        [
            ("item", "unknown_item", {"item": "mainframe"}),
            ("version", "unknown_version", {"version": "9.9.9"}),
            ("service", "unknown_service", {"service": "nobody"}),
            ("environment", "unknown_environment", {"environment": "moon"}),
            ("ttl", "out_of_range", {"ttl_days": 0}),
            ("justification", "too_long", {"justification": "x" * 4001}),
            ("justification", "control_characters", {"justification": "a\0b"}),
        ],
    )
    def test_names_the_field_that_cannot_be_taken_and_writes_nothing(
        self,
        org: Organisation,
        postgres: CatalogItemVersion,
        field: str,
        code: str,
        changes: dict[str, object],
    ) -> None:
        with pytest.raises(InvalidAsk) as caught:
            submit.submit(ask().__class__(**{**vars(ask()), **changes}), requester=org.developer, now=now())
        assert (field, code) in [(error.field, error.code) for error in caught.value.errors]
        assert nothing_written()

    @pytest.mark.parametrize("text", HOSTILE)
    @pytest.mark.parametrize("field", ["item", "version", "service", "environment", "name"])
    def test_refuses_hostile_names_and_writes_nothing(
        self, org: Organisation, postgres: CatalogItemVersion, field: str, text: str
    ) -> None:
        with pytest.raises(InvalidAsk) as caught:
            submit.submit(ask().__class__(**{**vars(ask()), field: text}), requester=org.developer, now=now())
        assert {error.field for error in caught.value.errors} == {field}
        assert len(caught.value.errors[0].message) < 1000
        assert nothing_written()

    def test_of_a_huge_instance_in_development_is_refused_with_the_nearest_allowed(
        self, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        with pytest.raises(submit.GuardrailRefused) as caught:
            submit.submit(ask(instance_class="db.r6g.16xlarge"), requester=org.developer, now=now())
        finding = caught.value.findings[0]
        assert finding.where == "instance_class"
        assert finding.suggested == "db.t4g.large"
        assert nothing_written()

    def test_for_another_teams_service_is_refused(
        self, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        with pytest.raises(NotYourService, match="Payments"):
            submit.submit(ask(), requester=org.outsider, now=now())
        assert nothing_written()

    def test_with_a_name_that_is_taken_leads_its_author_to_the_run_that_has_it(
        self, order: Order, org: Organisation
    ) -> None:
        first = order()
        with pytest.raises(submit.NameTaken) as caught:
            order()
        assert caught.value.run_id == first.pk
        with pytest.raises(submit.NameTaken) as caught:
            submit.submit(ask(), requester=org.teammate, now=now())
        assert caught.value.run_id is None
        assert Run.objects.count() == 1


class TestAWorkspace:
    def test_takes_one_run_at_a_time(self, order: Order, org: Organisation) -> None:
        run = order()
        with pytest.raises(submit.WorkspaceBusy, match=str(run.pk)):
            submit.submit_destroy(run.workspace_id, justification="", requester=org.developer, now=now())

    def test_frees_its_name_when_its_first_run_is_canceled_before_anything_was_made(
        self, order: Order, org: Organisation
    ) -> None:
        run = order()
        cancel.cancel(run.pk, actor=org.developer, now=now())
        run.workspace.refresh_from_db()
        assert run.workspace.closed_at is not None
        assert order().pk != run.pk

    def test_is_updated_with_what_is_named_and_keeps_the_rest(
        self, order: Order, org: Organisation, fake: FakeEngine
    ) -> None:
        run = applied(planned(order(size="medium"), fake), fake)
        assert run.status == RunStatus.APPLIED
        update = submit.submit_update(
            run.workspace_id,
            parameters={"backup_retention_days": 3},
            justification="",
            requester=org.teammate,
            now=now(),
        )
        assert update.parameters == {"size": "medium", "backup_retention_days": 3}
        assert update.variables["allocated_storage_gb"] == 50
        assert update.tags == run.tags

    def test_sets_a_parameter_back_when_it_is_given_as_nothing(
        self, order: Order, org: Organisation, fake: FakeEngine
    ) -> None:
        run = applied(planned(order(backup_retention_days=3), fake), fake)
        update = submit.submit_update(
            run.workspace_id,
            parameters={"backup_retention_days": None},
            justification="",
            requester=org.developer,
            now=now(),
        )
        assert update.parameters == {}
        assert update.variables["backup_retention_days"] == 1

    def test_that_is_protected_is_not_destroyed_before_the_protection_is_off(
        self, order: Order, org: Organisation, fake: FakeEngine
    ) -> None:
        run = planned(order("production"), fake)
        decide(run, org, "finops")
        decide(run, org, "sre")
        applied(run, fake)
        with pytest.raises(submit.Protected):
            submit.submit_destroy(run.workspace_id, justification="", requester=org.developer, now=now())

    def test_is_closed_after_its_destruction_and_takes_no_more_runs(
        self, order: Order, org: Organisation, fake: FakeEngine
    ) -> None:
        run = applied(planned(order(), fake), fake)
        destroy = submit.submit_destroy(
            run.workspace_id, justification="", requester=org.developer, now=now()
        )
        applied(planned(destroy, fake), fake)
        workspace = Workspace.objects.get()
        assert workspace.closed_at is not None
        assert not workspace.resources.exists()
        with pytest.raises(submit.WorkspaceClosed):
            submit.submit_destroy(workspace.pk, justification="", requester=org.developer, now=now())

    def test_of_another_team_is_not_there(self, order: Order, org: Organisation) -> None:
        run = order()
        with pytest.raises(selectors.NotVisible):
            submit.submit_destroy(run.workspace_id, justification="", requester=org.outsider, now=now())


class TestARetry:
    def test_of_a_canceled_run_takes_the_name_again(
        self, order: Order, org: Organisation, fake: FakeEngine
    ) -> None:
        run = order()
        cancel.cancel(run.pk, actor=org.developer, now=now())
        again = submit.retry(run.pk, requester=org.teammate, now=now())
        assert again.retry_of == run
        assert again.request_id == run.request_id
        run.workspace.refresh_from_db()
        assert run.workspace.closed_at is None
        assert applied(planned(again, fake), fake).status == RunStatus.APPLIED

    def test_is_refused_when_somebody_else_took_the_name(self, order: Order, org: Organisation) -> None:
        run = order()
        cancel.cancel(run.pk, actor=org.developer, now=now())
        order()
        with pytest.raises(submit.NameTaken):
            submit.retry(run.pk, requester=org.developer, now=now())
        run.workspace.refresh_from_db()
        assert run.workspace.closed_at is not None

    def test_is_refused_while_the_run_is_alive(self, order: Order, org: Organisation) -> None:
        with pytest.raises(submit.NotRetryable):
            submit.retry(order().pk, requester=org.developer, now=now())
