"""Output of any size and bytes, all the way: from a process through engine and log to the reader."""

from __future__ import annotations

import dataclasses
import resource
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog.models import CatalogItemVersion
from provisioner import selectors
from provisioner.domain.run import RunStatus
from provisioner.engine.config import EngineConfig
from provisioner.engine.terraform import TerraformEngine
from provisioner.engine.types import RunSpec
from provisioner.models import Run, RunLogChunk
from provisioner.services import lease, runlog, submit
from provisioner.services.lease import Claim
from provisioner.services.runlog import RunLog
from tests.conftest import Organisation
from tests.engine.fake_terraform import fake_terraform
from tests.services.conftest import ask, now
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

MODULE = 'variable "x" { default = 1 }'
MIB = 1024 * 1024


@pytest.fixture
def claim(org: Organisation, postgres: CatalogItemVersion) -> Claim:
    run = submit.submit(ask(), requester=org.developer, now=now())
    claim = lease.claim(run.pk, RunStatus.PLAN_QUEUED, RunStatus.PLANNING, worker="w1", now=now())
    assert claim is not None
    return claim


@pytest.fixture
def say(
    config: EngineConfig, make_spec: Callable[..., RunSpec], tmp_path: Path, claim: Claim
) -> Callable[[str], Run]:
    """Return a function that plans with a Terraform that runs a shell text, and returns the run with its log."""

    def plan(script: str) -> Run:
        terraform = fake_terraform(tmp_path, f"{script}\necho plan > plan.bin")
        engine = TerraformEngine(dataclasses.replace(config, terraform=str(terraform)))
        with RunLog(claim, now) as log:
            engine.plan(make_spec(MODULE), on_line=log.write, on_tick=log.tick, stop=claim.stop)
        return Run.objects.get(pk=claim.run_id)

    return plan


def texts(run: Run) -> list[str]:
    return [line.text for line in selectors.whole_log(run)]


class TestHostileOutput:
    def test_of_a_hundred_megabytes_keeps_head_and_tail_in_little_memory(
        self, say: Callable[[str], Run]
    ) -> None:
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        run = say(
            "echo first\n"
            "head -c 10000000 /dev/zero | tr '\\0' x; echo END\n"
            "yes $(head -c 4000 /dev/zero | tr '\\0' y) | head -c 100000000; echo\n"
            "echo last"
        )
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
        assert grown_kib < 80 * 1024
        said = texts(run)
        assert (said[0], said[-1]) == ("first", "last")
        assert "line of 10000003 bytes, cut" in said[1]
        assert said[1].endswith("xEND")
        assert any("lines (" in text and "left out" in text for text in said)
        assert 8 * MIB < run.log_bytes < 10 * MIB
        assert (
            sum(len(bytes(content)) for content in RunLogChunk.objects.values_list("content", flat=True))
            < MIB
        )

    def test_of_tiny_lines_is_bounded_like_any_other(self, say: Callable[[str], Run], settings: Any) -> None:
        settings.DRAWBRIDGE_LOG_LIMIT_BYTES = MIB // 2
        tracemalloc.start()
        run = say("yes 2>/dev/null | head -c 40000; echo last")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 3 * MIB
        said = texts(run)
        assert (said[0], said[-1]) == ("y", "last")
        assert run.log_last_sequence == len(said)
        [missing] = [text for text in said if "left out" in text]
        assert int(missing.split()[1]) == 20_001 - (len(said) - 1)
        assert 7_000 < len(said) < 8_100

    def test_that_is_no_text_is_shown_as_what_it_is(self, say: Callable[[str], Run]) -> None:
        run = say(
            "printf 'bad \\377\\376 \\000 \\033[31m \\342\\200\\256gnp \\r\\n'; printf 'half \\342\\200'"
        )
        assert texts(run) == ["bad \ufffd\ufffd \\x00 \\x1b[31m \\u202egnp ", "half \ufffd"]


class TestSilence:
    def test_of_terraform_leaves_no_line_unwritten(
        self, config: EngineConfig, make_spec: Callable[..., RunSpec], tmp_path: Path, claim: Claim
    ) -> None:
        terraform = fake_terraform(
            tmp_path,
            f"echo waiting; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; echo plan > plan.bin",
        )
        engine = TerraformEngine(dataclasses.replace(config, terraform=str(terraform)))
        seen: list[bool] = []

        def look() -> None:
            if not seen and RunLogChunk.objects.exists():
                seen.append(True)
                (tmp_path / "go").touch()

        with RunLog(claim, now) as log:

            def tick() -> None:
                log.tick()
                look()

            engine.plan(make_spec(MODULE), on_line=log.write, on_tick=tick, stop=threading.Event())
        assert seen
        assert texts(Run.objects.get(pk=claim.run_id)) == ["waiting"]

    def test_is_no_reason_to_go_on_without_the_lease(
        self,
        config: EngineConfig,
        make_spec: Callable[..., RunSpec],
        tmp_path: Path,
        claim: Claim,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(runlog, "_FLUSH_EVERY_S", 0.0)
        terraform = fake_terraform(
            tmp_path, "trap 'echo ended > ended; exit 1' INT; echo ready; sleep 300 & wait"
        )
        engine, spec = (
            TerraformEngine(dataclasses.replace(config, terraform=str(terraform))),
            make_spec(MODULE),
        )
        with RunLog(claim, now) as log:
            log.write(runlog.LogLine(phase="plan", level="info", text="mine"))
            Run.objects.update(fencing_token=99)
            with pytest.raises(lease.LeaseLost):
                engine.plan(spec, on_line=log.write, on_tick=log.tick, stop=threading.Event())
        until(lambda: not engine.is_busy(spec.run_id))
        assert texts(Run.objects.get(pk=claim.run_id)) == ["mine"]
