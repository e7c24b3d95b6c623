"""What cancel, discard, retry and expiry answer and do at every status of a run."""

from __future__ import annotations

import pytest

from catalog.models import CatalogItemVersion
from provisioner.domain.errors import Refusal
from provisioner.domain.run import ACTIVE, RunStatus
from provisioner.models import AuditEvent, Run, Workspace
from provisioner.services import cancel, expire, submit
from tests.api.rows import make_run, make_version
from tests.conftest import NOW, Organisation

pytestmark = pytest.mark.django_db

S = RunStatus
CANCELS, DISCARDS, EXPIRES = "canceled", "discarded", "expired"
STOPS = "is asked to stop"  # the status stays until the worker has stopped Terraform
NEW = "a new run"

# status -> cancel, discard, retry, expire: the status that it leads to, what happens else, or the code of the refusal
TABLE: dict[RunStatus, tuple[str, str, str, str]] = {
    S.PENDING: (CANCELS, "not_discardable", "not_retryable", "not_expirable"),
    S.PLAN_QUEUED: (CANCELS, "not_discardable", "not_retryable", "not_expirable"),
    S.PLANNING: (STOPS, "not_discardable", "not_retryable", "not_expirable"),
    S.PLANNED: (CANCELS, DISCARDS, "not_retryable", "not_expirable"),
    S.NEEDS_APPROVAL: (CANCELS, DISCARDS, "not_retryable", EXPIRES),
    S.CONFIRMED: (CANCELS, DISCARDS, "not_retryable", EXPIRES),
    S.APPLY_QUEUED: (CANCELS, "not_discardable", "not_retryable", "not_expirable"),
    S.APPLYING: (STOPS, "not_discardable", "not_retryable", "not_expirable"),
    S.INTERRUPTED: ("not_cancelable", "not_discardable", "not_retryable", "not_expirable"),
    S.APPLIED: ("not_cancelable", "not_discardable", "not_retryable", "not_expirable"),
    S.PLANNED_AND_FINISHED: ("not_cancelable", "not_discardable", "not_retryable", "not_expirable"),
    S.POLICY_FAILED: ("not_cancelable", "not_discardable", NEW, "not_expirable"),
    S.REJECTED: ("not_cancelable", "not_discardable", "not_retryable", "not_expirable"),
    S.DISCARDED: ("not_cancelable", "not_discardable", NEW, "not_expirable"),
    S.CANCELED: ("not_cancelable", "not_discardable", NEW, "not_expirable"),
    S.EXPIRED: ("not_cancelable", "not_discardable", NEW, "not_expirable"),
    S.ERRORED: ("not_cancelable", "not_discardable", NEW, "not_expirable"),
}
ACTS = ("cancel", "discard", "retry", "expire")
CASES = [(status, act, row[position]) for status, row in TABLE.items() for position, act in enumerate(ACTS)]


@pytest.fixture
def published(db: None) -> CatalogItemVersion:
    return make_version()


def do(act: str, run: Run, org: Organisation) -> Run:
    if act == "cancel":
        return cancel.cancel(run.pk, actor=org.developer, now=NOW)
    if act == "discard":
        return cancel.discard(run.pk, actor=org.developer, now=NOW)
    if act == "retry":
        return submit.retry(run.pk, requester=org.developer, now=NOW)
    return expire.expire_plan(run.pk, days=14, now=NOW)


class TestEveryStatus:
    def test_is_in_the_table(self) -> None:
        assert set(TABLE) == set(RunStatus)
        assert len(TABLE) == 17

    @pytest.mark.parametrize(("status", "act", "result"), CASES)
    def test_gives_a_defined_result(
        self,
        status: RunStatus,
        act: str,
        result: str,
        org: Organisation,
        published: CatalogItemVersion,
    ) -> None:
        run = make_run(org, published, status=status)
        history = run.transitions.count()
        refused, done = None, None
        try:
            done = do(act, run, org)
        except Refusal as refusal:
            refused = refusal
        run.refresh_from_db()
        if result in (CANCELS, DISCARDS, EXPIRES):
            assert run.status == result
            assert run.transitions.count() == history + 1
            assert run.finished_at == NOW
            assert run.error_summary
            assert run.workspace.closed_at == NOW, "nothing was made, so the name is free again"
            assert AuditEvent.objects.get().action == f"run.{act}"
        elif result == STOPS:
            assert run.status == status
            assert (run.stop_requested_at, run.stop_requested_by) == (NOW, org.developer)
            assert AuditEvent.objects.get().action == "run.cancel"
        elif result == NEW:
            assert done is not None
            assert done.pk != run.pk
            assert (done.status, done.retry_of_id) == (RunStatus.PLAN_QUEUED, run.pk)
            assert run.status == status
        else:
            assert refused is not None
            assert (refused.code, refused.status) == (result, 409)
            assert status.value.replace("_", " ") in refused.detail or status is RunStatus.INTERRUPTED
            assert run.status == status, "a refusal changes nothing"
            assert run.transitions.count() == history
            assert run.stop_requested_at is None
            assert not AuditEvent.objects.exists()

    @pytest.mark.parametrize("status", sorted(set(RunStatus) - ACTIVE))
    def test_that_is_an_end_is_left_by_nothing(
        self, status: str, org: Organisation, published: CatalogItemVersion
    ) -> None:
        run = make_run(org, published, status=RunStatus(status))
        for act in ("cancel", "discard", "expire"):
            with pytest.raises(Refusal):
                do(act, run, org)


class TestARunWhoseApplyWasCutShort:
    @pytest.mark.parametrize("act", ["cancel", "discard", "expire"])
    def test_leaves_its_workspace_open_because_something_may_be_left(
        self, act: str, org: Organisation, published: CatalogItemVersion
    ) -> None:
        run = make_run(org, published, interrupted_at=NOW)
        do(act, run, org)
        assert Workspace.objects.get().closed_at is None


class TestACancel:
    @pytest.mark.parametrize("status", [S.PLANNING, S.APPLYING])
    def test_wished_twice_stays_the_wish_of_the_first(
        self, status: RunStatus, org: Organisation, published: CatalogItemVersion
    ) -> None:
        run = make_run(org, published, status=status)
        do("cancel", run, org)
        cancel.cancel(run.pk, actor=org.teammate, now=NOW)
        run.refresh_from_db()
        assert run.stop_requested_by == org.developer

    def test_of_a_run_whose_worker_has_just_finished_says_so(
        self, org: Organisation, published: CatalogItemVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = make_run(org, published, status=S.PLANNING)
        seen = cancel._own(run.pk, org.developer)
        Run.objects.filter(pk=run.pk).update(status="planned")
        monkeypatch.setattr(cancel, "_own", lambda run_id, actor: seen)
        with pytest.raises(Refusal) as caught:
            do("cancel", run, org)
        assert caught.value.code == "stale_run"
        assert not AuditEvent.objects.exists()


class TestARetry:
    @pytest.mark.parametrize(
        ("status", "hint"),
        [
            (S.REJECTED, "An approver said no"),
            (S.INTERRUPTED, "looked at first"),
            (S.APPLYING, "wait until it ends, or cancel it"),
            (S.APPLIED, "did what it was ordered for"),
        ],
    )
    def test_that_is_refused_says_what_to_do_instead(
        self, status: RunStatus, hint: str, org: Organisation, published: CatalogItemVersion
    ) -> None:
        run = make_run(org, published, status=status)
        with pytest.raises(submit.NotRetryable, match=hint):
            do("retry", run, org)
