"""Real Terraform before the portal's state: two at once, killed ones, lost replies, a portal that is away.

That a server may answer 500 every other time, and that the holder is named, is what the backend's own tests ask of its
client (hashicorp/terraform, internal/backend/remote-state/http/client_test.go).
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from provisioner import selectors
from provisioner.engine import environment
from provisioner.engine.terraform import configured_engine
from provisioner.engine.types import RunSpec
from provisioner.models import Run, StateLock, StateVersion
from provisioner.services.runspec import state_password
from tests.conftest import has_terraform
from tests.waiting import until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not has_terraform(), reason="needs terraform or tofu on PATH"),
]

# Built into Terraform, so that nothing is downloaded; the second waits for a file.
MODULE = """
terraform {
  backend "http" {}
}
variable "wait" { default = false }
resource "terraform_data" "made" { input = "canary-71c2" }
resource "terraform_data" "waits" {
  depends_on = [terraform_data.made]
  count      = var.wait ? 1 : 0
  provisioner "local-exec" { command = "touch begun; until [ -e go ]; do sleep 0.05; done" }
}
"""
EXECUTABLE = shutil.which("terraform") or shutil.which("tofu") or "terraform"


class Between:
    """A proxy before the portal that counts requests by method and spoils some of them.

    `away` and `broken` of a method's requests get no answer, or 500, without reaching the portal; the replies of `lost`
    get lost.
    """

    def __init__(self, url: str) -> None:
        self.seen: Counter[str] = Counter()
        self.away: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        between, host = self, urlsplit(url).netloc

        class Handler(BaseHTTPRequestHandler):
            def pass_on(self) -> None:
                between.seen[self.command] += 1
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if between.takes(between.away, self.command):
                    self.close_connection = True
                    return
                if between.takes(between.broken, self.command):
                    self.send_error(500)
                    return
                portal = http.client.HTTPConnection(host, timeout=30)
                passed = ("Authorization", "Content-Type", "Content-MD5")
                headers = {name: self.headers[name] for name in passed if name in self.headers}
                portal.request(self.command, self.path, body, headers)
                answer = portal.getresponse()
                content = answer.read()
                portal.close()
                if between.takes(between.lost, self.command):
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_LOCK = do_UNLOCK = pass_on

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @staticmethod
    def takes(faults: Counter[str], method: str) -> bool:
        """Use up one fault of the method, if one is left."""
        if not faults[method]:
            return False
        faults[method] -= 1
        return True


@pytest.fixture
def between(live_server: Any) -> Iterator[Between]:
    made = Between(live_server.url)
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(timeout=30)


def spec_of(run: Run, url: str) -> RunSpec:
    """Return what the engine tells Terraform about the state."""
    return RunSpec(
        run_id=str(run.pk),
        workspace_id=str(run.workspace_id),
        fencing_token=run.fencing_token,
        module_digest="",
        module_content=b"",
        variables={},
        default_tags={},
        region="",
        state_address=f"{url}/api/v1/state/{run.workspace_id}/",
        state_username=str(run.pk),
        state_password=state_password(run.pk, run.fencing_token),
        destroy=False,
    )


class Terraform:
    """A Terraform in a directory of its own, with the environment that the engine gives it."""

    def __init__(self, directory: Path, run: Run, url: str) -> None:
        self.directory = directory
        directory.mkdir()
        (directory / "main.tf").write_text(MODULE)
        self.environment = environment.run_environment(
            configured_engine().config, spec_of(run, url), Path(os.devnull), {"PATH": os.environ["PATH"]}
        )
        self.do("init")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [EXECUTABLE, *words],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def end(self, process: subprocess.Popen[bytes], code: int = 0) -> str:
        said = process.communicate(timeout=120)[0].decode()
        assert process.returncode == code, said
        return said

    def do(self, *words: str, code: int = 0) -> str:
        return self.end(self.start(*words, "-no-color"), code)

    def begin(self) -> subprocess.Popen[bytes]:
        """Start an apply and return when it is in the middle, its lock held."""
        process = self.start("apply", "-auto-approve", "-no-color", "-var", "wait=true")
        until((self.directory / "begun").exists, what="the apply has begun")
        return process

    def let_go(self) -> None:
        (self.directory / "go").touch()


@pytest.fixture
def terraform(tmp_path: Path, run: Run, between: Between) -> Terraform:
    return Terraform(tmp_path / "first", run, between.url)


def names_in_newest(run: Run) -> list[str]:
    """Return the resources that the newest state knows."""
    newest = selectors.newest_state(run.workspace_id)
    assert newest is not None
    return [one["name"] for one in json.loads(selectors.state_content(newest))["resources"]]


class TestTheEnvironment:
    def test_lets_terraform_ride_out_a_restart_of_the_portal(self, run: Run) -> None:
        told = environment.run_environment(configured_engine().config, spec_of(run, ""), Path("x"), {})
        assert (
            told["TF_HTTP_RETRY_MAX"],
            told["TF_HTTP_RETRY_WAIT_MIN"],
            told["TF_HTTP_RETRY_WAIT_MAX"],
        ) == ("8", "1", "10")


class TestTwoTerraforms:
    def test_at_once_are_one_and_the_other_is_told_whose_lock_it_is(
        self, terraform: Terraform, tmp_path: Path, run: Run, between: Between
    ) -> None:
        second = Terraform(tmp_path / "second", run, between.url)
        first = terraform.begin()
        held = StateLock.objects.get()
        said = second.do("plan", code=1)
        assert "Error acquiring the state lock" in said
        told = " ".join(said.replace("\u2502", " ").split())  # Terraform wraps its lines in a frame
        assert f"ID={held.lock_id} (held by {held.info['Who']}, run {run.pk})" in told
        assert held.info["Operation"] == "OperationTypeApply"
        terraform.let_go()
        terraform.end(first)
        assert names_in_newest(run) == ["made", "waits"]
        assert not StateLock.objects.exists()
        assert "2 to destroy" not in second.do("plan", "-var", "wait=true")
        assert (Run.objects.get().lock_taken_token, Run.objects.get().lock_released_token) == (1, 1)


class TestAKilledTerraform:
    def test_leaves_its_lock_until_it_is_forced_open(self, terraform: Terraform, run: Run) -> None:
        process = terraform.begin()
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        left = StateLock.objects.get()
        assert left.lock_id in terraform.do("plan", code=1)
        assert Run.objects.get().lock_released_token is None
        assert "unlocked" in terraform.do("force-unlock", "-force", left.lock_id)
        assert not StateLock.objects.exists()
        assert Run.objects.get().lock_released_token is None, "nobody knows how it ended"
        terraform.do("apply", "-auto-approve")
        assert Run.objects.get().lock_released_token == 1


class TestAFencedTerraform:
    def test_saves_no_state_in_the_portal_and_keeps_it_beside_itself(
        self, terraform: Terraform, run: Run
    ) -> None:
        process = terraform.begin()
        Run.objects.update(fencing_token=2)
        StateLock.objects.all().delete()
        terraform.let_go()
        said = terraform.end(process, code=1)
        assert "Failed to save state" in said
        assert not StateVersion.objects.exists()
        kept = json.loads((terraform.directory / "errored.tfstate").read_text())
        assert [one["name"] for one in kept["resources"]] == ["made", "waits"]


class TestAPortal:
    @pytest.mark.thorough
    def test_that_is_away_for_a_while_is_waited_for(
        self, terraform: Terraform, run: Run, between: Between
    ) -> None:
        process = terraform.begin()
        between.away = Counter(POST=3)  # tries after 0, 1, 3 and 7 s
        terraform.let_go()
        terraform.end(process)
        assert between.seen["POST"] == 4
        assert names_in_newest(run) == ["made", "waits"]
        assert not StateLock.objects.exists()

    @pytest.mark.parametrize("fault", ["broken", "lost"])
    def test_that_answers_500_once_or_whose_reply_is_lost_is_asked_again(
        self, terraform: Terraform, run: Run, between: Between, fault: str
    ) -> None:
        setattr(between, fault, Counter(GET=1, LOCK=1, POST=1, UNLOCK=1))
        terraform.do("apply", "-auto-approve")
        assert min(between.seen[method] for method in ("LOCK", "POST", "UNLOCK")) == 2
        assert StateVersion.objects.count() == 1
        assert not StateLock.objects.exists()
        assert Run.objects.get().lock_released_token == 1
