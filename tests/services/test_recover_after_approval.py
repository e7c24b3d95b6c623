"""An approval that was given before an apply was cut short is no answer to what the interruption asks."""

from __future__ import annotations

import pytest

from provisioner import selectors
from provisioner.domain.run import RunStatus
from tests.conftest import Organisation
from tests.fakes import FakeEngine
from tests.services.conftest import Order, decide, planned
from tests.services.test_recover import (
    in_the_middle,
    lose_the_worker,
    recovered,
    two_resources,
    wait_out_the_grace,
)

pytestmark = pytest.mark.django_db(transaction=True)


class TestAnApprovalFromBeforeTheInterruption:
    @pytest.mark.xfail(
        strict=True,
        reason="a step that the same group decided on for the same plan digest is taken for recovery's own step",
    )
    def test_does_not_let_the_same_plan_be_applied_again_unasked(
        self, order: Order, fake: FakeEngine, org: Organisation
    ) -> None:
        fake.document = two_resources
        run = planned(order("production"), fake)
        for step in selectors.steps_of(run):
            decide(run, org, step.group)
        run.refresh_from_db()
        assert run.status == RunStatus.APPLY_QUEUED
        in_the_middle(run, fake)  # no state is saved, so the same plan comes out again
        lose_the_worker(run)
        wait_out_the_grace(run)
        run = recovered(run, fake)
        assert run.recovery["verdict"] == "asks"
        assert run.status == RunStatus.NEEDS_APPROVAL
