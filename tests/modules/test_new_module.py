"""What new_module writes passes the checks of every module, and is published as it is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog.sync import sync_catalog
from tests.modules import test_every_module as every_module
from tests.modules.changes import CHANGES, Changes
from tests.modules.workspace import Module, read_module

CHANGE = Changes(
    in_place={"key_deletion_window_days": 20},
    updated="aws_kms_key.this",
    replacing={"name": "orders-other"},
    replaced="aws_sns_topic.this",
)


def checks_of_every_module() -> list[Any]:
    """Return each test of every module, with the name to call it by; those of sizes mean nothing here."""
    found = []
    elsewhere = ("TestAnOrderInDevelopment", "TestAnOrderInStaging")  # production has all that these have
    for name, of in vars(every_module).items():
        if name in elsewhere:
            continue
        for method in vars(of) if name.startswith("Test") else ():
            function = getattr(of, method)
            if method.startswith("test_") and not {"size", "largest_size"} & set(
                signature(function).parameters
            ):
                found.append(pytest.param(of, method, id=f"{name}-{method}"))
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Module:
    root = tmp_path_factory.mktemp("new")
    call_command("new_module", "event-topic", category="messaging", owner="data-platform", path=root)
    assert [path.name for path in root.iterdir()] == ["event-topic"]
    return read_module(root / "event-topic")


class TestANewModule:
    @pytest.mark.thorough
    @pytest.mark.parametrize(("of", "method"), checks_of_every_module())
    def test_passes_what_every_module_must(
        self,
        of: type,
        method: str,
        written: Module,
        request: pytest.FixtureRequest,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setitem(CHANGES, "event-topic", CHANGE)  # type: ignore[arg-type]
        check = getattr(of(), method)
        wanted = set(signature(check).parameters)
        given: dict[str, Any] = {"module": written} | {
            name: request.getfixturevalue(name) for name in wanted - {"module", "environment"}
        }
        if "environment" in wanted:  # one is enough: the module's own tests below plan all three
            given["environment"] = "production"
        check(**given)

    def test_has_its_texts_filled_in(self, written: Module) -> None:
        assert written.environments == ["development", "staging", "production"]
        assert (written.manifest.category, written.manifest.owner) == ("messaging", "data-platform")
        names = {path.relative_to(written.path).as_posix() for path in written.path.rglob("*.*")}
        assert {f"tests/{environment}.tftest.hcl" for environment in written.environments} <= names
        assert "@@" not in "".join(path.read_text() for path in written.path.rglob("*") if path.is_file())

    @pytest.mark.thorough
    def test_passes_its_own_terraform_tests(
        self, written: Module, terraform: str, environ: Mapping[str, str], tmp_path: Path
    ) -> None:
        for command in (["init", "-input=false", "-backend=false"], ["test"]):
            completed = subprocess.run(
                [terraform, *command],
                cwd=written.path,
                env={
                    **environ,
                    "DRAWBRIDGE_SANDBOX_HOME": str(tmp_path),
                    "TF_DATA_DIR": str(tmp_path / "data"),
                },
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert completed.returncode == 0, completed.stdout + completed.stderr
        assert "9 passed, 0 failed" in completed.stdout

    def test_has_a_dashboard_of_use_and_cost(self, written: Module) -> None:
        dashboard = json.loads((written.path / "dashboards" / "grafana.json").read_text())
        assert dashboard["uid"] == "drawbridge-event-topic"
        queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        assert any("estimate_usd_month" in query and "aws_sns_" in query for query in queries)

    @pytest.mark.django_db
    def test_is_published(self, written: Module) -> None:
        report = sync_catalog(written.path.parent, datetime(2026, 11, 24, tzinfo=UTC))
        assert (report.created, report.refused) == (("event-topic@0.1.0",), ())

    @pytest.mark.parametrize("slug", ["", "Event", "a b", "-a", "a-", "../a", "a/b", "1a", "a" * 64, "a\n"])
    def test_is_not_written_under_a_bad_name(self, slug: str, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="is no name for a module"):
            call_command("new_module", "--path", str(tmp_path / "root"), "--", slug)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("text", ["", "x: y", "a\nb", "true", "#x", "'", "x" * 60])
    def test_is_not_written_with_texts_that_yaml_would_take_apart(self, text: str, tmp_path: Path) -> None:
        for option in ("category", "owner"):
            with pytest.raises(CommandError, match=f"is no {option}"):
                call_command("new_module", "topic", path=tmp_path, **{option: text})
        assert list(tmp_path.iterdir()) == []

    def test_does_not_touch_a_folder_that_exists(self, tmp_path: Path) -> None:
        (tmp_path / "topic").mkdir()
        (tmp_path / "other").symlink_to(tmp_path / "nowhere")
        for slug in ("topic", "other"):
            with pytest.raises(CommandError, match="exists already"):
                call_command("new_module", slug, path=tmp_path)
        assert list((tmp_path / "topic").iterdir()) == []
