"""Stop, time limit, a killed worker, and what a process may write."""

import dataclasses
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.engine import process
from provisioner.engine.config import EngineConfig
from provisioner.engine.lines import Collector
from provisioner.engine.process import PIPE_BYTES
from provisioner.engine.terraform import TerraformEngine
from provisioner.engine.types import EngineFailure, RunSpec, Stopped, TimedOut
from tests.engine.conftest import Backend, Lines, eventually
from tests.engine.fake_terraform import fake_terraform
from tests.engine.test_plan_and_apply import MODULE, state_of

MakeSpec = Callable[..., RunSpec]
SLOW = """
resource "terraform_data" "first" { input = "made" }
resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = "echo waiting; exec sleep 300" }
}
"""
WORKER = """
import pickle, sys, threading
from provisioner.engine.terraform import TerraformEngine
config, spec, plan = pickle.load(open(sys.argv[1], "rb"))
def on_line(line):
    print(line.text, flush=True)
TerraformEngine(config).apply(spec, plan.plan_file, plan.lock_file, on_line=on_line, stop=threading.Event())
"""


class TestStop:
    def test_lets_terraform_save_its_state(
        self, any_engine: TerraformEngine, make_spec: MakeSpec, backend: Backend
    ) -> None:
        spec, stop = make_spec(SLOW), threading.Event()
        plan = any_engine.plan(spec, on_line=Lines(), stop=stop)
        lines = Lines("waiting", stop)
        with pytest.raises(Stopped) as stopped:
            any_engine.apply(spec, plan.plan_file, plan.lock_file, on_line=lines, stop=stop)
        assert stopped.value.graceful
        assert stopped.value.errored_state is None
        made = {item["name"] for item in state_of(backend, spec)["resources"]}
        assert "first" in made
        assert backend.locks.get(spec.state_address.removeprefix(backend.address)) is None
        assert not any_engine.is_busy(spec.run_id)

    def test_starts_nothing_when_it_comes_first(self, engine: TerraformEngine, make_spec: MakeSpec) -> None:
        stop, lines = threading.Event(), Lines()
        stop.set()
        with pytest.raises(Stopped):
            engine.plan(make_spec(MODULE, {"name": "a"}), on_line=lines, stop=stop)
        assert lines == []

    def test_kills_what_does_not_end(self, config: EngineConfig, make_spec: MakeSpec, tmp_path: Path) -> None:
        terraform = fake_terraform(tmp_path, "trap '' INT; echo deaf; sleep 300 & wait; wait; sleep 300")
        config = dataclasses.replace(config, terraform=str(terraform), stop_grace_s=0.2)
        stop = threading.Event()
        with pytest.raises(Stopped) as stopped:
            TerraformEngine(config).plan(make_spec(MODULE), on_line=Lines("deaf", stop), stop=stop)
        assert not stopped.value.graceful
        assert "killed" in stopped.value.detail

    def test_follows_an_exception_of_the_caller(
        self, config: EngineConfig, make_spec: MakeSpec, tmp_path: Path
    ) -> None:
        terraform = fake_terraform(
            tmp_path, "trap 'echo ended > ended; exit 1' INT; echo ready; sleep 300 & wait"
        )
        config = dataclasses.replace(config, terraform=str(terraform))

        def on_line(line: object) -> None:
            raise LookupError("the lease is gone")

        engine, spec = TerraformEngine(config), make_spec(MODULE)
        with pytest.raises(LookupError, match="the lease is gone"):
            engine.plan(spec, on_line=on_line, stop=threading.Event())
        assert not engine.is_busy(spec.run_id)


class TestTimeLimit:
    def test_ends_an_apply(self, config: EngineConfig, make_spec: MakeSpec, backend: Backend) -> None:
        engine, spec = TerraformEngine(dataclasses.replace(config, apply_timeout_s=1.5)), make_spec(SLOW)
        plan = engine.plan(spec, on_line=Lines(), stop=threading.Event())
        with pytest.raises(TimedOut, match=r"longer than 1.5 s") as late:
            engine.apply(spec, plan.plan_file, plan.lock_file, on_line=Lines(), stop=threading.Event())
        assert late.value.graceful
        assert "first" in {item["name"] for item in state_of(backend, spec)["resources"]}


HEARS_SIGNALS = """
import pathlib, select, signal, sys
heard = pathlib.Path(sys.argv[1]).open("a", buffering=1)
signal.signal(signal.SIGINT, lambda number, frame: heard.write("SIGINT\\n"))
heard.write("ready\\n")
try:
    signal.pause()
finally:
    select.select([], [], [], 0.5)  # long enough to hear a second one
    heard.write("end\\n")
"""

WORKER_WITH_THREADS = """
import pathlib, sys, threading
from provisioner.engine import process
for _ in range(8):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
class Nothing:
    def feed(self, chunk): pass
    def close(self): pass
process.run(sys.argv[1:], cwd=pathlib.Path.cwd(), environment={}, stdout=Nothing(), stderr=Nothing(),
            stop=threading.Event(), limit_s=60, grace_s=1)
"""


class TestKilledWorker:
    def test_leaves_a_terraform_that_saves_its_state(
        self, any_config: EngineConfig, make_spec: MakeSpec, backend: Backend, tmp_path: Path
    ) -> None:
        import pickle

        engine, spec = TerraformEngine(any_config), make_spec(SLOW)
        plan = engine.plan(spec, on_line=Lines(), stop=threading.Event())
        (tmp_path / "work.pickle").write_bytes(pickle.dumps((any_config, spec, plan)))
        (tmp_path / "worker.py").write_text(WORKER)
        worker = subprocess.Popen(
            [sys.executable, tmp_path / "worker.py", tmp_path / "work.pickle"],
            env=os.environ | {"PYTHONPATH": str(process.__file__).split("/provisioner/")[0]},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert worker.stdout is not None
        assert any("waiting" in line for line in worker.stdout)
        assert engine.is_busy(spec.run_id)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
        eventually(lambda: not engine.is_busy(spec.run_id))
        assert "first" in {item["name"] for item in state_of(backend, spec)["resources"]}
        assert backend.locks.get(spec.state_address.removeprefix(backend.address)) is None
        assert (any_config.work_dir / "runs" / spec.run_id).exists()
        assert engine.remove_leftovers() == ()
        assert not (any_config.work_dir / "runs" / spec.run_id).exists()

    @pytest.mark.parametrize("setpriv", [True, False], ids=["with setpriv", "without setpriv"])
    def test_with_threads_interrupts_its_command_once(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setpriv: bool
    ) -> None:
        heard = tmp_path / "heard"
        (tmp_path / "command.py").write_text(HEARS_SIGNALS)
        (tmp_path / "worker.py").write_text(WORKER_WITH_THREADS)
        path = os.environ["PATH"] if setpriv else str(tmp_path)
        worker = subprocess.Popen(
            [sys.executable, tmp_path / "worker.py", sys.executable, tmp_path / "command.py", heard],
            env=os.environ | {"PYTHONPATH": str(process.__file__).split("/provisioner/")[0], "PATH": path},
        )
        eventually(lambda: heard.exists() and heard.read_text() == "ready\n")
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        eventually(lambda: "end" in heard.read_text())
        assert heard.read_text().split() == ["ready", "SIGINT", "end"]

    @pytest.mark.parametrize(
        ("script", "code"), [("exit 7", 7), ("kill -9 $$", -9), ("kill -15 $$", -15), ("exit 0", 0)]
    )
    def test_aside_a_command_ends_as_it_ended(self, tmp_path: Path, script: str, code: int) -> None:
        output = Collector(1000)
        ended = process.run(
            ["/bin/sh", "-c", script],
            cwd=tmp_path,
            environment={},
            stdout=output,
            stderr=output,
            stop=threading.Event(),
            limit_s=20,
            grace_s=1,
        )
        assert ended.code == code


class TestOutput:
    def test_of_any_size_and_bytes_is_bounded(
        self, config: EngineConfig, make_spec: MakeSpec, tmp_path: Path
    ) -> None:
        terraform = fake_terraform(
            tmp_path,
            "echo first\n"
            "head -c 10000000 /dev/zero | tr '\\0' x; echo END\n"
            "printf 'bad \\377\\376 bytes \\000 \\033[31m\\n'\n"
            "yes $(head -c 4000 /dev/zero | tr '\\0' y) | head -c 100000000; echo\n"
            "echo last; echo plan > plan.bin",
        )
        lines = Lines()
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        TerraformEngine(dataclasses.replace(config, terraform=str(terraform))).plan(
            make_spec(MODULE), on_line=lines, stop=threading.Event()
        )
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
        texts = [line.text for line in lines]
        assert texts[0] == "first"
        assert "line of 10000003 bytes, cut" in texts[1]
        assert texts[1].endswith("xEND")
        assert texts[2] == "bad \ufffd\ufffd bytes \\x00 \\x1b[31m"
        assert any("lines (" in text and "left out" in text for text in texts)
        assert texts[-1] == "last"
        assert sum(map(len, texts)) < 10 * 1024 * 1024
        assert grown_kib < 80 * 1024

    def test_is_read_to_its_end_however_slowly(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "DRAIN_S", 0.0)

        class Slow(Collector):
            def feed(self, chunk: bytes) -> None:
                eventually(lambda: os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None)
                super().feed(chunk)

        output = Slow(PIPE_BYTES)
        process.run(
            ["/bin/sh", "-c", "head -c 500000 /dev/zero"],
            cwd=tmp_path,
            environment={},
            stdout=output,
            stderr=output,
            stop=threading.Event(),
            limit_s=60,
            grace_s=1,
        )
        assert len(output.data) == 500_000

    def test_without_a_diagnostic_is_told(
        self, config: EngineConfig, make_spec: MakeSpec, tmp_path: Path
    ) -> None:
        terraform = fake_terraform(tmp_path, "echo 'panic: oh' >&2; exit 11")
        with pytest.raises(EngineFailure, match="ended without a diagnostic") as failed:
            TerraformEngine(dataclasses.replace(config, terraform=str(terraform))).plan(
                make_spec(MODULE), on_line=Lines(), stop=threading.Event()
            )
        assert "exited with 11" in failed.value.detail
        assert "panic: oh" in failed.value.detail

    def test_of_a_truncated_plan_is_no_plan(
        self, config: EngineConfig, make_spec: MakeSpec, tmp_path: Path
    ) -> None:
        terraform = fake_terraform(tmp_path, ": > plan.bin")
        with pytest.raises(EngineFailure, match="empty"):
            TerraformEngine(dataclasses.replace(config, terraform=str(terraform))).plan(
                make_spec(MODULE), on_line=Lines(), stop=threading.Event()
            )
