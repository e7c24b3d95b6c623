"""Orders of draft, deprecated and retired versions, and upgrades to newer ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from catalog.models import CatalogItemVersion
from catalog.spec import MISSING
from provisioner import selectors
from provisioner.domain.finding import Level
from provisioner.domain.run import RunKind, RunStatus
from provisioner.models import Run, Workspace
from provisioner.services import evaluate, submit, upgrade
from provisioner.services.ask import InvalidAsk
from tests import fakes
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.services.conftest import Order, applied, ask, now, planned
from tests.versions import next_version, stand, without_retention

pytestmark = pytest.mark.django_db

TODAY = datetime(2026, 11, 24, 23, 0, tzinfo=UTC)
UNTIL = {
    "deprecated_since": "2026-11-01",
    "deprecated_until": "2026-11-24",
    "deprecation_reason": "It is slow",
}


class TestAnOrderOfAVersion:
    def test_that_is_deprecated_is_taken_with_advice_that_approvers_see_too(
        self, order: Order, org: Organisation, postgres: CatalogItemVersion, fake: FakeEngine
    ) -> None:
        stand(
            postgres,
            "deprecated",
            deprecated_since="2026-11-01",
            successor="aurora",
            deprecation_reason="Old.",
        )
        run = order("production")
        [found] = [f for f in selectors.findings_of(run) if f.rule == "version-lifecycle"]
        assert (found.level, found.suggested) == (Level.ADVISORY, "aurora")
        assert "deprecated since 2026-11-01" in found.what
        assert found.fix == "Order aurora instead."
        assert found in selectors.findings_of(planned(run, fake))

    def test_that_is_deprecated_is_refused_once_its_last_day_is_over(
        self, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        stand(postgres, "deprecated", **UNTIL, successor="postgres@9.0.0")
        on_the_day = evaluate.evaluate(ask(), requester=org.developer, now=TODAY)
        assert [f.level for f in on_the_day.findings if f.rule == "version-lifecycle"] == [Level.ADVISORY]
        with pytest.raises(submit.GuardrailRefused) as refused:
            submit.submit(ask(), requester=org.developer, now=TODAY + timedelta(hours=1))
        assert "could be ordered until 2026-11-24" in refused.value.detail
        assert "It is slow. Order postgres 9.0.0 instead." in refused.value.detail
        assert not Workspace.objects.exists()

    def test_that_is_retired_is_refused_with_what_to_order_instead(
        self, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        next_version(postgres, "9.0.0")
        stand(postgres, "retired", deprecated_since="2026-11-01", successor="postgres@9.0.0")
        with pytest.raises(InvalidAsk) as refused:
            submit.submit(replace(ask(), version=postgres.version), requester=org.developer, now=now())
        [error] = refused.value.errors
        assert (error.field, error.code) == ("version", "retired_version")
        assert "Order postgres 9.0.0 instead." in error.message

    def test_of_a_retired_item_says_what_to_order_instead(
        self, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        stand(postgres, "retired", deprecated_since="2026-11-01", successor="aurora")
        with pytest.raises(InvalidAsk) as refused:
            submit.submit(ask(), requester=org.developer, now=now())
        [error] = refused.value.errors
        assert (error.field, error.code) == ("item", "retired_item")
        assert "postgres is retired and no longer offered. Order aurora instead." in error.message

    def test_that_is_a_draft_is_taken_from_platform_engineers_alone(
        self, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        draft = next_version(postgres, "9.0.0", lifecycle="draft")
        wanted = replace(ask(), version="9.0.0")
        with pytest.raises(InvalidAsk, match="see each field"):
            submit.submit(wanted, requester=org.developer, now=now())
        assert submit.submit(wanted, requester=org.platform, now=now()).item_version == draft
        run = submit.submit(ask(name="other-db"), requester=org.platform, now=now())
        assert run.item_version == postgres, "the default is what everybody gets"


@pytest.fixture
def workspace(order: Order, fake: FakeEngine) -> Workspace:
    run = order(backup_retention_days=5, database_name="app2")
    return applied(planned(run, fake), fake).workspace


class TestAWorkspace:
    def test_lives_on_when_its_version_is_retired(
        self, workspace: Workspace, org: Organisation, postgres: CatalogItemVersion, fake: FakeEngine
    ) -> None:
        stand(postgres, "retired", deprecated_since="2026-11-01")
        run = submit.submit_update(
            workspace.pk, parameters={"backup_retention_days": 6}, justification="", requester=org.developer,
            now=now(),
        )  # fmt: skip
        assert planned(run, fake).status == RunStatus.APPLY_QUEUED
        assert run.item_version == postgres

    def test_stays_on_its_version_when_it_is_updated(
        self, workspace: Workspace, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        next_version(postgres, "9.0.0")
        run = submit.submit_update(
            workspace.pk, parameters={"backup_retention_days": 6}, justification="", requester=org.developer,
            now=now(),
        )  # fmt: skip
        assert run.item_version == postgres


def order_upgrade(
    workspace: Workspace, org: Organisation, version: str | None = None, **given: object
) -> Run:
    return submit.submit_upgrade(
        workspace.pk, version=version, parameters=given, justification="Newer.", requester=org.developer, now=now()
    )  # fmt: skip


def preview(workspace: Workspace, org: Organisation, **given: object) -> upgrade.Upgrade:
    return upgrade.preview(workspace, version=None, parameters=given, requester=org.developer, now=now())


class TestAnUpgrade:
    def test_goes_to_the_newest_keeps_what_was_given_and_fills_in_the_rest_anew(
        self, workspace: Workspace, org: Organisation, postgres: CatalogItemVersion, fake: FakeEngine
    ) -> None:
        def other_defaults(manifest: object, parameters: dict[str, dict[str, object]]) -> None:
            parameters["database_name"]["default"] = "main"
            manifest["presets"]["development"]["log_retention_days"] = 90  # type: ignore[index]

        next_version(postgres, "8.0.0")
        newest = next_version(postgres, "9.0.0", other_defaults)
        next_version(postgres, "9.1.0-rc.1")
        next_version(postgres, "9.9.0", lifecycle="draft")
        run = order_upgrade(workspace, org)
        assert (run.kind, run.item_version) == (RunKind.UPGRADE, newest)
        assert (run.variables["database_name"], run.variables["backup_retention_days"]) == ("app2", 5)
        assert run.variables["log_retention_days"] == 90
        assert run.tags == workspace.tags, "tags stay the same over a workspace's life"
        applied(planned(run, fake), fake)
        workspace.refresh_from_db()
        assert workspace.item_version == newest
        assert workspace.parameters == {"backup_retention_days": 5, "database_name": "app2"}
        with pytest.raises(upgrade.NothingNewer):
            order_upgrade(workspace, org)

    def test_that_changes_nothing_is_finished_and_records_the_new_version(
        self, workspace: Workspace, org: Organisation, postgres: CatalogItemVersion, fake: FakeEngine
    ) -> None:
        newest = next_version(postgres, "9.0.0")
        fake.document = lambda spec: fakes.plan_document([])
        assert planned(order_upgrade(workspace, org), fake).status == RunStatus.PLANNED_AND_FINISHED
        workspace.refresh_from_db()
        assert workspace.item_version == newest

    def test_names_each_parameter_that_the_new_version_has_no_more_or_refuses(
        self, workspace: Workspace, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        def stricter(manifest: dict[str, object], parameters: dict[str, dict[str, object]]) -> None:
            without_retention(manifest, parameters)
            parameters["database_name"]["constraints"] = [
                {"kind": "one_of", "value": ["main"], "message": "The database is called main."}
            ]

        next_version(postgres, "9.0.0", stricter)
        with pytest.raises(InvalidAsk) as refused:
            order_upgrade(workspace, org)
        errors = {error.field: error for error in refused.value.errors}
        assert set(errors) == {"backup_retention_days", "database_name", "contact"}
        gone = errors["backup_retention_days"]
        assert gone.code == "removed_parameter"
        assert "given as 5 at the last order, and 9.0.0 has no such parameter" in gone.message
        assert "Pass null for it through `parameters`" in gone.message
        assert "kept from the last order as app2. Pass another value" in errors["database_name"].message
        assert "It is new in 9.0.0" in errors["contact"].message
        run = order_upgrade(workspace, org, backup_retention_days=None, database_name=None, contact="ada")
        assert run.parameters == {"contact": "ada"}
        assert run.variables["database_name"] == "main"

    def test_is_refused_by_the_guardrails_of_the_new_version(
        self, workspace: Workspace, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        def rule(manifest: dict[str, list[object]], parameters: object) -> None:
            manifest["guardrails"].append(
                {
                    "rule": "long-backups", "kind": "minimum", "parameter": "backup_retention_days",
                    "level": "hard-mandatory", "why": "Mistakes are found late.",
                    "environments": {"development": 6},
                }
            )  # fmt: skip

        next_version(postgres, "9.0.0", rule)
        with pytest.raises(submit.GuardrailRefused, match="Mistakes are found late"):
            order_upgrade(workspace, org)
        assert order_upgrade(workspace, org, backup_retention_days=6).status == RunStatus.PLAN_QUEUED

    def test_leads_only_to_a_newer_version_that_is_offered(
        self, workspace: Workspace, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        with pytest.raises(upgrade.NothingNewer, match="no newer version is published"):
            order_upgrade(workspace, org)
        next_version(postgres, "9.9.0", lifecycle="retired", deprecated_since="2026-11-01")
        next_version(postgres, "9.8.0", lifecycle="draft")
        for version, code in (
            (postgres.version, "not_newer"), ("0.0.1", "not_newer"), ("9.7.0", "unknown_version"),
            ("newest", "unknown_version"), ("9.9.0", "retired_version"), ("9.8.0", "unknown_version"),
        ):  # fmt: skip
            with pytest.raises(InvalidAsk) as refused:
                order_upgrade(workspace, org, version)
            assert [(e.field, e.code) for e in refused.value.errors] == [("version", code)]

    def test_waits_for_a_busy_workspace(
        self, workspace: Workspace, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        next_version(postgres, "9.0.0")
        order_upgrade(workspace, org)
        with pytest.raises(submit.WorkspaceBusy):
            order_upgrade(workspace, org)


class TestAPreview:
    def test_tells_differences_and_changelog_without_any_effect(
        self, workspace: Workspace, org: Organisation, postgres: CatalogItemVersion
    ) -> None:
        next_version(postgres, "8.0.0")
        next_version(postgres, "9.0.0", without_retention)
        found = preview(workspace, org)
        by_name = {one.name: one for one in found.differences}
        assert {name: one.difference for name, one in by_name.items()} == {
            "contact": "added", "database_name": "changed", "backup_retention_days": "removed",
        }  # fmt: skip
        assert by_name["contact"].required
        assert by_name["contact"].after is MISSING
        assert (by_name["database_name"].after, by_name["database_name"].kept) == ("main", True)
        assert by_name["backup_retention_days"].before == 5
        assert [change.version for change in found.changelog] == ["9.0.0"]
        assert {p.field for p in found.evaluation.problems} == {"backup_retention_days", "contact"}
        assert Run.objects.count() == 1
        assert not preview(workspace, org, backup_retention_days=None, contact="ada").evaluation.problems
