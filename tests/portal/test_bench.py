"""`make bench`: what it measures with is measured rightly, and takes nothing that is not its own."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from catalog.sync import sync_catalog
from portal.bench import bare, growth, module, recorded, tell
from portal.bench.orders import Posted, reached_at, stays
from provisioner.domain.run import RunStatus
from provisioner.models import Run, RunTransition
from provisioner.services import plan, state_backend, submit
from provisioner.services.ask import Ask
from tests.conftest import NOW, Organisation
from tests.fakes import FakeEngine


def move(to_status: str, second: float) -> dict[str, Any]:
    return {"to_status": to_status, "at": datetime.fromtimestamp(second, UTC).isoformat()}


class TestTheHistoryOfAnOrder:
    HISTORY = [
        move(status, at)
        for status, at in (("pending", 10.5), ("planning", 11.0), ("plan_queued", 13.0), ("planning", 13.5))
    ]

    def test_is_told_as_the_time_in_each_place_from_its_post_to_its_end(self) -> None:
        found = stays(Posted("run", sent_at=10.0), [*self.HISTORY, move("applied", 15.0)])
        assert found == {"POST to recorded": 0.5, "pending": 0.5, "planning": 3.5, "plan queued": 0.5}
        assert sum(found.values()) == 5.0

    def test_says_when_a_status_was_first_reached(self) -> None:
        assert reached_at(self.HISTORY, "planning") == 11.0


class TestTheExponent:
    @pytest.mark.parametrize(("power", "factor"), [(1, 3.0), (2, 0.01), (0, 5.0), (1.5, 1.0)])
    def test_is_that_of_a_power(self, power: float, factor: float) -> None:
        points = {size: factor * size**power for size in (100, 300, 1_000, 3_000)}
        assert math.isclose(growth.exponent(points), power, abs_tol=1e-9)
        assert math.isclose(growth.steepest(points), power, abs_tol=1e-9)

    def test_of_the_steepest_part_is_not_flattened_by_a_constant(self) -> None:
        points = {size: 10 + size**2 / 10_000 for size in (10, 100, 1_000, 10_000)}
        assert growth.exponent(points) < 1.1 < 1.9 < growth.steepest(points)


class TestAVerdict:
    @pytest.mark.parametrize(
        ("value", "at_most", "met"), [(1.1, True, True), (1.2, True, False), (1.2, False, True), (1.0, False, False)]
    )  # fmt: skip
    def test_says_when_its_aim_is_missed(self, value: float, at_most: bool, met: bool) -> None:
        verdict = tell.Verdict("ratio", value, 1.1, at_most=at_most)
        assert verdict.met is met
        assert ("MISSED" in str(verdict)) is not met


class TestARecording:
    def test_is_repeated_with_the_number_of_each_in_its_texts(self) -> None:
        few = [
            {"address": f"module.this.aws_sqs_queue.this[{n}]", "index": n, "name": f"a-development-{n}"}
            for n in (0, 1)
        ]
        many = recorded.repeated(few, 12)
        assert [item["index"] for item in many] == list(range(12))
        assert many[11]["address"] == "module.this.aws_sqs_queue.this[11]"
        assert many[11]["name"] == "a-development-11"

    def test_says_each_kind_of_line_once_for_every_resource(self) -> None:
        lines = [
            json.dumps({"type": kind, "@message": f"this[{number}]" if kind != "version" else "Terraform"})
            for kind in ("version", "apply_start", "apply_complete")
            for number in ((0, 1) if kind != "version" else (0,))
        ]
        said = [json.loads(line) for line in recorded.repeated_lines(lines, 3)]
        assert [(line["type"], line["@message"]) for line in said] == [
            ("version", "Terraform"),
            *(("apply_start", f"this[{number}]") for number in range(3)),
            *(("apply_complete", f"this[{number}]") for number in range(3)),
        ]


@pytest.fixture
def queues(org: Organisation, tmp_path: Path) -> Ask:
    """Publish the benchmark's module; return an order of it."""
    module.write_modules(tmp_path, shipped=django_settings.DRAWBRIDGE_MODULES_DIR)
    report = sync_catalog(tmp_path, NOW)
    assert not report.refused
    return Ask(item=module.SLUG, service="receipts", environment="development", name="queues")


class TestASeatForBareTerraform:
    def test_reads_locks_and_writes_state_as_any_run_that_applies(
        self, org: Organisation, queues: Ask
    ) -> None:
        seat = bare.take_seat(queues, org.developer)
        workspace_id, state = seat.run.workspace_id, {"version": 4, "serial": 1, "lineage": "abc"}
        holder = state_backend.authenticate(workspace_id, seat.spec.state_username, seat.spec.state_password)
        state_backend.lock(workspace_id, holder, b'{"ID": "lock"}', now=NOW)
        state_backend.write(workspace_id, holder, json.dumps(state).encode(), lock_id="lock", now=NOW)
        assert json.loads(state_backend.read(workspace_id) or b"") == state

    def test_is_never_seen_waiting_by_a_worker(
        self, org: Organisation, queues: Ask, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks() as rung:
            seat = bare.take_seat(queues, org.developer)
        assert rung  # what was queued on the way finds nothing to take once it is committed
        assert plan.plan(seat.run.pk, engine=FakeEngine(), worker="other", clock=lambda: NOW) is None
        assert Run.objects.get(pk=seat.run.pk).status == RunStatus.APPLYING

    def test_is_left_with_a_history_like_any_other(self, org: Organisation, queues: Ask) -> None:
        seat = bare.take_seat(queues, org.developer)
        bare.leave_seat(seat)
        moves = RunTransition.objects.filter(run=seat.run).order_by("sequence")
        assert [move.to_status for move in moves] == [
            "pending", "plan_queued", "planning", "planned", "confirmed", "apply_queued", "applying", "applied"
        ]  # fmt: skip
        with pytest.raises(state_backend.BadCredential):
            state_backend.authenticate(
                seat.run.workspace_id, seat.spec.state_username, seat.spec.state_password
            )

    def test_is_refused_when_another_has_the_run(self, org: Organisation, queues: Ask) -> None:
        run = submit.submit(queues, requester=org.developer, now=NOW)
        with pytest.raises(submit.NameTaken):
            bare.take_seat(queues, org.developer)
        assert Run.objects.get() == run
