"""The pages of a workspace's states and of its lock."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from provisioner.models import Run, StateLock, StateVersion, Workspace
from provisioner.services import apply, plan, submit
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.state.test_versions import leave_lock
from tests.web.conftest import Order, SignIn, now


@pytest.fixture
def workspace(order: Order, org: Organisation, fake: FakeEngine) -> Workspace:
    """Make a workspace with two state versions: of its provisioning and of an update."""
    made = order(to="applied").workspace
    run = submit.submit_update(
        made.pk,
        parameters={"backup_retention_days": 3},
        justification="",
        requester=org.teammate,
        now=now(),
    )
    plan.plan(run.pk, engine=fake, worker="w1", clock=now)
    apply.apply(run.pk, engine=fake, worker="w1", clock=now)
    assert made.states.count() == 2
    return made


def address(workspace: Workspace, name: str, *more: object) -> str:
    return reverse(name, args=[workspace.pk, *more])


class TestTheList:
    def test_says_who_wrote_what_when(self, workspace: Workspace, sign_in: SignIn) -> None:
        text = sign_in("finops").get(address(workspace, "workspace-states")).content.decode()
        assert "Provision by developer" in text
        assert "Update by teammate" in text
        assert workspace.states.get(serial=1).sha256[:8] in text
        assert "1.11.4" in text
        assert "Download" not in text, "owners alone"

    def test_offers_downloads_and_restorations_to_owners(self, workspace: Workspace, sign_in: SignIn) -> None:
        text = sign_in("teammate").get(address(workspace, "workspace-states")).content.decode()
        assert address(workspace, "workspace-state-download", 2) in text
        assert address(workspace, "workspace-state-restore", 1) in text
        assert address(workspace, "workspace-state-restore", 2) not in text, "it is the newest"

    def test_offers_no_restoration_of_what_is_destroyed(self, workspace: Workspace, sign_in: SignIn) -> None:
        Workspace.objects.update(closed_at=now())
        text = sign_in("teammate").get(address(workspace, "workspace-states")).content.decode()
        assert address(workspace, "workspace-state-download", 1) in text
        assert address(workspace, "workspace-state-restore", 1) not in text

    def test_of_another_team_is_not_there(self, workspace: Workspace, sign_in: SignIn) -> None:
        for name, *more in (
            ("workspace-states",),
            ("workspace-states-compare",),
            ("workspace-state-download", 1),
            ("workspace-state-restore", 1),
            ("workspace-state-force-unlock",),
        ):
            assert sign_in("outsider").get(address(workspace, name, *more)).status_code == 404

    @pytest.mark.parametrize(
        ("before", "rows"), [("", 2), ("x", 2), ("-1", 2), ("9" * 30, 2), ("2", 1), ("1", 0)]
    )
    def test_goes_on_below_a_serial_and_begins_at_the_top_otherwise(
        self, workspace: Workspace, sign_in: SignIn, before: str, rows: int
    ) -> None:
        answer = sign_in("developer").get(address(workspace, "workspace-states"), {"before": before})
        assert len(answer.context["rows"]) == rows

    def test_comes_in_pages(
        self, workspace: Workspace, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("provisioner.web.states.PAGE_SIZE", 1)
        first = sign_in("developer").get(address(workspace, "workspace-states"))
        assert "before=2" in first.content.decode()

    def test_asks_the_database_a_fixed_number_of_times(
        self, workspace: Workspace, sign_in: SignIn, django_assert_max_num_queries: Any
    ) -> None:
        client = sign_in("developer")
        with django_assert_max_num_queries(7):
            client.get(address(workspace, "workspace-states"))

    def test_is_linked_from_the_workspace(self, workspace: Workspace, sign_in: SignIn) -> None:
        text = sign_in("developer").get(address(workspace, "workspace")).content.decode()
        assert f'href="{address(workspace, "workspace-states")}"' in text
        assert "serial 2" in text


class TestADownload:
    def test_is_a_file_for_owners(self, workspace: Workspace, sign_in: SignIn) -> None:
        answer = sign_in("developer").get(address(workspace, "workspace-state-download", 1))
        assert answer.json()["serial"] == 1
        assert answer["Content-Disposition"].endswith('-1.tfstate"')
        assert answer["Cache-Control"] == "no-store"
        assert sign_in("sre").get(address(workspace, "workspace-state-download", 1)).status_code == 403


class TestAComparison:
    def test_shows_names_in_the_order_of_time(
        self, workspace: Workspace, order: Order, fake: FakeEngine, org: Organisation, sign_in: SignIn
    ) -> None:
        run = submit.submit_destroy(workspace.pk, justification="", requester=org.developer, now=now())
        plan.plan(run.pk, engine=fake, worker="w1", clock=now)
        Run.objects.filter(pk=run.pk).update(status="apply_queued")
        apply.apply(run.pk, engine=fake, worker="w1", clock=now)
        answer = sign_in("finops").get(
            address(workspace, "workspace-states-compare"), {"from": "3", "to": "2"}
        )
        assert [(row.address, row.word.label) for row in answer.context["differences"]] == [
            ("module.this.aws_db_instance.this", "removed"),
            ("output.endpoint", "removed"),
        ]
        assert "db.example" not in answer.content.decode()

    def test_of_equal_versions_finds_nothing(self, workspace: Workspace, sign_in: SignIn) -> None:
        answer = sign_in("developer").get(
            address(workspace, "workspace-states-compare"), {"from": "1", "to": "2"}
        )
        assert "Nothing: the same resources" in answer.content.decode()

    @pytest.mark.parametrize("query", [{}, {"from": "1"}, {"from": "x", "to": "2"}, {"from": "2", "to": "2"}])
    def test_asks_for_two_versions(
        self, workspace: Workspace, sign_in: SignIn, query: dict[str, str]
    ) -> None:
        answer = sign_in("developer").get(address(workspace, "workspace-states-compare"), query)
        assert answer["Location"] == address(workspace, "workspace-states")

    def test_of_an_unknown_version_is_not_found(self, workspace: Workspace, sign_in: SignIn) -> None:
        query = {"from": "1", "to": "99"}
        assert (
            sign_in("developer").get(address(workspace, "workspace-states-compare"), query).status_code == 404
        )


class TestARestoration:
    def test_shows_what_it_takes_back_and_leads_to_the_list(
        self, workspace: Workspace, sign_in: SignIn
    ) -> None:
        client, form = sign_in("developer"), address(workspace, "workspace-state-restore", 1)
        assert "Nothing in the cloud changes" in client.get(form).content.decode()
        answer = client.post(form, {"reason": "lost a database"}, follow=True)
        text = answer.content.decode()
        assert "Serial 1 is restored as serial 3" in text
        assert "developer, restoring serial 1" in " ".join(text.split())
        assert "lost a database" in text
        newest = sign_in("developer").get(address(workspace, "workspace")).content.decode()
        assert "developer, restoring serial 1" in " ".join(newest.split())

    def test_needs_a_reason(self, workspace: Workspace, sign_in: SignIn) -> None:
        answer = sign_in("developer").post(address(workspace, "workspace-state-restore", 1), {"reason": " "})
        assert answer.status_code == 422
        assert answer.context["form"].errors
        assert StateVersion.objects.count() == 2

    def test_that_is_refused_says_why_and_keeps_the_reason(
        self, workspace: Workspace, sign_in: SignIn
    ) -> None:
        leave_lock(workspace)
        answer = sign_in("developer").post(
            address(workspace, "workspace-state-restore", 1), {"reason": "my reason"}
        )
        assert answer.status_code == 409
        assert "locked" in answer.content.decode()
        assert "my reason" in answer.content.decode()

    def test_is_for_owners(self, workspace: Workspace, sign_in: SignIn) -> None:
        answer = sign_in("finops").post(address(workspace, "workspace-state-restore", 1), {"reason": "x"})
        assert answer.status_code == 403


class TestTheLock:
    def test_is_shown_on_the_workspace_with_who_holds_it(self, workspace: Workspace, sign_in: SignIn) -> None:
        assert (
            "The state is locked"
            not in sign_in("developer").get(address(workspace, "workspace")).content.decode()
        )
        left = leave_lock(workspace)
        for page in ("workspace", "workspace-states"):
            text = " ".join(sign_in("developer").get(address(workspace, page)).content.decode().split())
            assert "The state is locked" in text
            assert reverse("run", args=[left.run_id]) in text
            assert "w@host" in text
            assert "That run has ended and will not release it" in text
            assert address(workspace, "workspace-state-force-unlock") not in text, "platform engineers alone"

    def test_is_opened_by_a_platform_engineer_with_a_reason(
        self, workspace: Workspace, sign_in: SignIn
    ) -> None:
        leave_lock(workspace)
        client, form = sign_in("platform"), address(workspace, "workspace-state-force-unlock")
        assert form in client.get(address(workspace, "workspace")).content.decode()
        assert client.post(form, {"reason": ""}).status_code == 422
        answer = client.post(form, {"reason": "its worker is gone"}, follow=True)
        assert "is open" in answer.content.decode()
        assert not StateLock.objects.exists()
        assert "not locked" in client.get(form).content.decode()

    def test_stays_shut_for_others(self, workspace: Workspace, sign_in: SignIn) -> None:
        leave_lock(workspace)
        form = address(workspace, "workspace-state-force-unlock")
        assert "Only a platform engineer" in sign_in("developer").get(form).content.decode()
        assert sign_in("developer").post(form, {"reason": "x"}).status_code == 403
        assert StateLock.objects.exists()
