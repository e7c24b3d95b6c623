"""The filesystem mirror and the files of a sandbox."""

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.sandbox.terraform import REPOSITORY, Sandbox, WorkingDirectory

TOPICS = """
resource "aws_sns_topic" "t" {
  count = 10
  name  = "tNUMBER-${count.index}"
}
"""


class TestInstalling:
    def test_eight_at_once_writes_one_mirror(self, tmp_path: Path) -> None:
        sandbox = Sandbox(tmp_path / "new" / "sandbox")
        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda _: sandbox.run("install"), range(8)))
        assert [one.returncode for one in done] == [0] * 8, [one.stderr for one in done]
        scripts = sorted(path for path in (sandbox.home / "mirror").rglob("*") if path.is_file())
        assert [path.relative_to(sandbox.home).parts[1] for path in scripts] == [
            "registry.opentofu.org",
            "registry.terraform.io",
        ]
        assert {path.name for path in sandbox.home.iterdir()} >= {"mirror", "cloud.db", "plugin.pem"}
        assert not list(sandbox.home.glob("*.tmp*")) + list(sandbox.home.glob("wrapper*"))

    def test_again_changes_nothing(self, sandbox: Sandbox) -> None:
        files = [path for path in sandbox.home.rglob("*") if path.is_file() and "cloud" not in path.name]
        before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
        assert sandbox.run("install").returncode == 0
        assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files} == before

    def test_keeps_everything_from_other_users(self, tmp_path: Path) -> None:
        home = tmp_path / "own"
        Sandbox(home).run("install")
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode)
            for path in [home, home / "cloud.db", home / "plugin.pem"]
        }
        assert modes == {"own": 0o700, "cloud.db": 0o600, "plugin.pem": 0o600}

    def test_needs_no_django(self) -> None:
        code = (
            "import sys; from provisioner.sandbox import cli, install, operations, serve, transport;"
            "sys.exit('django' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


class TestOneCloud:
    def test_serves_several_terraforms_at_once(
        self, tmp_path: Path, sandbox: Sandbox, terraform_binary: str
    ) -> None:
        def work(number: int) -> str:
            (tmp_path / str(number)).mkdir()
            directory = WorkingDirectory(tmp_path / str(number) / "module", sandbox, [terraform_binary])
            directory.write(
                f'resource "aws_sns_topic" "t" {{\n  count = 10\n  name = "t{number}-${{count.index}}"\n}}\n'
            )
            directory.init()
            return directory.apply()

        with ThreadPoolExecutor(3) as pool:
            assert all("10 added" in printed for printed in pool.map(work, range(3)))
        assert len(sandbox.rows("list")) == 30
