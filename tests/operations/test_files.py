"""Files that must agree with each other."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from honcho.environ import parse_procfile

from portal.embedded import stack

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock"))
APART = "requirements-checkov.lock"  # installed into an environment of its own
MUTANTS = "requirements-mutants.lock"
SETTING = re.compile(r'(?:env(?:\.\w+)?|_secret)\(\s*"([A-Z][A-Z0-9_]+)"')
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;]+)", re.MULTILINE)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: Path) -> dict[str, str]:
    return {normal(name): version for name, version in PINNED.findall(lock.read_text())}


def wanted(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[\[<>=!~ ;]", requirement)[0]) for requirement in requirements}


class TestEnvExample:
    def test_lists_every_setting_and_no_other(self) -> None:
        settings = set(SETTING.findall((ROOT / "portal" / "settings.py").read_text()))
        listed = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
        assert sorted(listed) == sorted(settings)

    def test_sets_nothing_until_somebody_uncomments(self) -> None:
        lines = (ROOT / ".env.example").read_text().splitlines()
        assert [line for line in lines if line and not line.startswith("#")] == []


class TestLock:
    @pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
    def test_names_no_index_and_hashes_everything(self, lock: Path) -> None:
        text = lock.read_text()
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links|file:", text)
        assert text.count("--hash=sha256:") >= len(pins(lock)) > 20

    @pytest.mark.parametrize(
        "lock", [lock for lock in LOCKS if lock.name not in (APART, MUTANTS)], ids=lambda lock: lock.name
    )
    def test_has_the_versions_of_the_development_lock(self, lock: Path) -> None:
        development = pins(ROOT / "requirements-dev.lock")
        assert pins(lock).items() <= development.items()

    @pytest.mark.parametrize(
        ("lock", "extras"),
        [
            ("requirements.lock", []),
            ("requirements-embedded.lock", ["embedded"]),
            ("requirements-engine.lock", ["embedded", "engine"]),
            ("requirements-dev.lock", ["embedded", "engine", "dev"]),
        ],
    )
    def test_holds_what_pyproject_asks_for(self, lock: str, extras: list[str]) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        groups = {**project["project"]["optional-dependencies"], **project["dependency-groups"]}
        asked = wanted(project["project"]["dependencies"]).union(*(wanted(groups[extra]) for extra in extras))
        assert asked <= set(pins(ROOT / lock))

    def test_of_what_changes_the_rules_has_the_same_versions_of_what_both_have(self) -> None:
        development, mutants = pins(ROOT / "requirements-dev.lock"), pins(ROOT / MUTANTS)
        assert {
            name: mutants[name] for name in mutants.keys() & development.keys()
        }.items() <= development.items()
        assert "mutmut" in mutants.keys() - development.keys()

    def test_keeps_checkov_and_what_it_pins_apart(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        assert wanted(project["dependency-groups"]["checkov"]) <= set(pins(ROOT / APART))
        assert "django" not in pins(ROOT / APART)
        assert "checkov" not in pins(ROOT / "requirements-dev.lock")


class TestCheckov:
    """What `make checkov` is told to leave alone; that nothing else is wrong, it says itself."""

    SKIP = re.compile(r"\bcheckov:skip=(?P<check>\w*)(?P<reason>.*)")

    def test_is_told_a_reason_for_each_exception(self) -> None:
        unexplained = [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
            for path in sorted((ROOT / "terraform_modules").rglob("*.tf"))
            for number, line in enumerate(path.read_text().splitlines(), start=1)
            if (found := self.SKIP.search(line))
            and not (
                re.fullmatch(r"CKV2?_AWS_\d+", found["check"])
                and found["reason"].startswith(": ")
                and len(found["reason"].split()) > 4
            )
        ]
        assert unexplained == []

    def test_is_told_of_exceptions_nowhere_but_beside_them(self) -> None:
        recipe = subprocess.run(
            ["make", "--dry-run", "checkov"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        assert "--framework terraform" in recipe
        assert not re.search(r"--(skip-check|check|soft-fail|baseline|skip-path)\b", recipe)
        assert not [*ROOT.glob(".checkov.y*ml"), *(ROOT / "terraform_modules").rglob(".checkov.y*ml")]


class TestProcfile:
    def test_stops_every_process_it_starts(self) -> None:
        processes = parse_procfile((ROOT / "Procfile").read_text()).processes
        assert {name for names in stack.STOP_ORDER for name in names} == set(processes)

    def test_becomes_each_program_so_that_signals_reach_it(self) -> None:
        processes = parse_procfile((ROOT / "Procfile").read_text()).processes
        assert [name for name, command in processes.items() if not command.startswith("exec ")] == []

    def test_serves_every_queue(self) -> None:
        text = (ROOT / "Procfile").read_text()
        served = {queue for queues in re.findall(r"--queues ([\w,]+)", text) for queue in queues.split(",")}
        assert served == {"plan", "apply", "control", "default", "notify"}


class TestCompose:
    @pytest.fixture
    def services(self) -> dict[str, dict[str, object]]:
        return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])

    def test_runs_the_processes_of_the_procfile(self, services: dict[str, dict[str, object]]) -> None:
        processes = parse_procfile((ROOT / "Procfile").read_text()).processes
        assert set(processes) - {"broker"} | {"db", "redis", "migrate"} == set(services)

    def test_depends_on_services_that_exist(self, services: dict[str, dict[str, object]]) -> None:
        needed = {name for service in services.values() for name in service.get("depends_on", {})}  # type: ignore[attr-defined]
        assert needed <= set(services)

    def test_sets_only_settings_that_exist(self, services: dict[str, dict[str, object]]) -> None:
        known = set(SETTING.findall((ROOT / "portal" / "settings.py").read_text()))
        given = {
            name
            for name, service in services.items()
            if name != "db"
            for name in service.get("environment", {})  # type: ignore[attr-defined]
        }
        assert given <= known

    def test_takes_its_secrets_from_outside(self) -> None:
        text = (ROOT / "docker-compose.yml").read_text()
        assert re.findall(r"^\s+\w*(?:PASSWORD|SECRET|KEYS)\w*: +(?![ $]).+", text, re.MULTILINE) == []


class TestMakefile:
    def test_lists_its_targets_when_called_alone(self) -> None:
        said = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert {"demo", "up", "test", "check", "checkov", "lock", "bench", "clean"} <= set(
            re.findall(r"make (\w+)", said)
        )

    @pytest.mark.parametrize("target", ["demo", "up", "test"])
    def test_says_what_to_do_without_a_python(self, target: str) -> None:
        ended = subprocess.run(
            ["make", target, "PYTHON="], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert ended.returncode != 0
        assert "3.11, 3.12 or 3.13" in ended.stdout

    def test_says_what_to_do_with_an_old_python(self, tmp_path: Path) -> None:
        old = tmp_path / "python3"
        old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2"\n[ "$2" = "" ]\n')
        old.chmod(0o755)
        ended = subprocess.run(
            ["make", "up", f"PYTHON={old}"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert ended.returncode != 0
        assert "is Python 3.9.2; Drawbridge needs Python 3.11, 3.12 or 3.13." in ended.stdout
