"""The main job by command line alone, against a running portal: order, approve by two, look, destroy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from django.utils import timezone

from catalog.models import CatalogItemVersion
from portal import tokens
from portal.cli.failures import ExitCode
from provisioner.engine.types import Engine
from provisioner.models import Run, Workspace
from tests.cli.conftest import Call, Ended
from tests.conftest import LivePortal, Organisation, has_terraform
from tests.fakes import FakeEngine

pytestmark = pytest.mark.django_db(transaction=True)

As = Callable[..., Ended]
PRODUCTION = ("order", "postgres", "-s", "orders", "-e", "production", "-n", "orders-db", "-j", "Go-live")


@pytest.fixture
def as_(org: Organisation, postgres: CatalogItemVersion, live_portal: LivePortal, call: Call) -> Iterator[As]:
    """Return a function that calls `drawbridge` as somebody: as_("finops", "approve", …)."""
    cache.clear()
    secrets: dict[str, str] = {}

    def run(who: str, *argv: str) -> Ended:
        if who not in secrets:
            user = org.users[who]
            secrets[who] = tokens.issue(user, "cli", list(tokens.SCOPES), 1, now=timezone.now())[1]
        return call(*argv, DRAWBRIDGE_URL=live_portal.url, DRAWBRIDGE_TOKEN=secrets[who])

    yield run
    cache.clear()


def done(ended: Ended) -> Ended:
    """Return how a call ended; fail when it did not end well."""
    assert ended.code == ExitCode.DONE, ended.err + ended.out
    return ended


def order_and_approve(as_: As) -> str:
    """Order in production until finops and sre have approved and it is applied; return the run's id."""
    ordered = done(
        as_("developer", *PRODUCTION, "--wait", "--until", "approval", "--timeout", "2m", "--json")
    )
    run_id: str = json.loads(ordered.out)["id"]
    own = as_("developer", "approve", run_id, "--yes")
    assert (own.code, "for others to decide" in own.err) == (ExitCode.NOT_ALLOWED, True)
    queue = json.loads(done(as_("finops", "approvals", "list", "--mine", "--json")).out)
    assert [(step["run"]["id"], step["group"]) for step in queue] == [(run_id, "finops")]
    for who in ("finops", "sre"):
        approved = done(as_(who, "approve", "orders-db", "--yes", "-m", "As agreed"))
        assert "Go-live" in approved.out
        assert f"Approved as {who}" in approved.out
    watched = done(as_("developer", "runs", "watch", run_id, "--timeout", "2m"))
    assert "==> applied" in watched.out
    return run_id


class TestWithoutTerraform:
    @pytest.fixture
    def engine(self) -> Engine:
        return FakeEngine()

    def test_an_order_is_applied_shown_and_destroyed(self, as_: As) -> None:
        assert json.loads(done(as_("developer", "whoami", "--json")).out)["username"] == "developer"
        ask = ("postgres", "-s", "receipts", "-e", "development", "-n", "receipts-db", "-p", "size=small")
        assert "This can be ordered" in done(as_("developer", "evaluate", *ask)).out
        assert not Run.objects.exists()
        ordered = done(
            as_("developer", "order", *ask, "--wait", "--timeout", "1m", "--idempotency-key", "build-7")
        )
        assert ordered.out.startswith("✓ Provision of receipts-db: applied")
        again = done(as_("developer", "order", *ask, "--idempotency-key", "build-7", "--json"))
        assert [str(run.pk) for run in Run.objects.all()] == [json.loads(again.out)["id"]]
        assert done(as_("developer", "outputs", "receipts-db", "endpoint")).out == "db.example\n"
        assert as_("outsider", "outputs", "receipts-db").code == ExitCode.REFUSED
        assert "receipts-db" in done(as_("developer", "workspaces", "list")).out
        assert "receipts" in done(as_("developer", "costs")).out
        held = done(as_("developer", "workspaces", "hold", "receipts-db", "-m", "Audit"))
        assert "is on hold" in held.out
        refused = as_("developer", "destroy", "receipts-db", "--yes")
        assert (refused.code, "Audit" in refused.err) == (ExitCode.REFUSED, True)
        done(as_("developer", "workspaces", "release", "receipts-db"))
        done(as_("developer", "destroy", "receipts-db", "--yes", "--wait", "--timeout", "1m"))
        assert Workspace.objects.get().closed_at is not None

    def test_an_order_in_production_is_approved_by_two(self, as_: As) -> None:
        run_id = order_and_approve(as_)
        shown = done(as_("developer", "runs", "show", run_id)).out
        assert "approved by finops" in shown
        assert "approved by sre" in shown

    def test_a_refusal_says_what_to_do(self, as_: As) -> None:
        refused = as_("developer", "order", "postgres", "-s", "receipts", "-e", "development", "-n", "receipts-db",
                      "-p", "instance_class=db.r6g.16xlarge")  # fmt: skip
        assert (refused.code, refused.out) == (ExitCode.REFUSED, "")
        assert "→ Choose db.t4g.large." in refused.err

    def test_a_token_without_the_scope_is_told_which_one(
        self, call: Call, org: Organisation, live_portal: LivePortal
    ) -> None:
        secret = tokens.issue(org.developer, "cli", ["audit:read"], 1, now=timezone.now())[1]
        variables = {"DRAWBRIDGE_URL": live_portal.url, "DRAWBRIDGE_TOKEN": secret}
        assert "audit:read" in done(call("whoami", **variables)).out
        refused = call("runs", "list", **variables)
        assert (refused.code, "workspaces:read" in refused.err) == (ExitCode.NOT_ALLOWED, True)


@pytest.mark.thorough
@pytest.mark.skipif(not has_terraform(), reason="needs terraform or tofu on PATH")
class TestWithTerraform:
    def test_a_production_database_is_ordered_approved_changed_and_destroyed(self, as_: As) -> None:
        order_and_approve(as_)
        endpoint = done(as_("developer", "outputs", "orders-db", "endpoint")).out
        assert endpoint.endswith(".rds.amazonaws.com\n")
        assert "aws_db_instance" in done(as_("developer", "workspaces", "show", "orders-db")).out
        assert as_("developer", "destroy", "orders-db", "--yes").code == ExitCode.REFUSED
        update = ("update", "orders-db", "-p", "deletion_protection=false", "-j", "It goes.")
        waiting = done(as_("developer", *update, "--wait", "--until", "approval", "--timeout", "2m"))
        assert "needs approval" in waiting.out
        overridden = done(as_("sre", "override", "orders-db", "--yes", "-m", "It goes."))
        assert "deletion_protection: true → false" in overridden.out
        done(as_("developer", "runs", "watch", "orders-db", "--no-log", "--timeout", "2m"))
        destroy = ("destroy", "orders-db", "--yes", "-j", "Moved away.")
        ended = done(as_("developer", *destroy, "--wait", "--until", "approval", "--timeout", "2m", "--json"))
        run = json.loads(ended.out)
        for step in run["approvals"]:
            done(as_(step["group"], step["verdict_needed"], run["id"], "--yes", "-m", "Moved away."))
        done(as_("developer", "runs", "watch", run["id"], "--timeout", "2m"))
        assert Workspace.objects.get().closed_at is not None
