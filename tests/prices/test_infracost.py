"""Estimates by infracost in the planning stage; the real binary never ran here, a program of its shape does."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from provisioner.engine import infracost
from provisioner.engine.infracost import InfracostFailed
from provisioner.models import Run, RunEstimate
from provisioner.services import estimator
from tests.fakes import FakeEngine, change, plan_document
from tests.services.conftest import Order, order, planned  # noqa: F401  (fixture)

PROGRAM = Path(__file__).with_name("infracost.py")
DATABASE = "module.this.aws_db_instance.this"
Program = Callable[[str], Path]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return a function that installs the program in a mode."""

    def install(mode: str) -> Path:
        path = tmp_path / "infracost"
        shutil.copy(PROGRAM, path)
        path.write_text(path.read_text().replace("/usr/bin/env python3", f"{sys.executable} -IS"))
        path.chmod(0o755)
        (tmp_path / "mode").write_text(mode)
        return path

    return install


def seen(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path.parent / "seen.json").read_text())
    return found


def document() -> dict[str, Any]:
    return plan_document(
        [
            change(DATABASE, "aws_db_instance", ["create"], {"instance_class": "db.t4g.micro"}),
            change("module.this.aws_kms_key.this", "aws_kms_key", ["create"], {}),
        ]
    )


def breakdown(path: Path, tmp_path: Path, **options: Any) -> infracost.Output:
    words: dict[str, Any] = {"limit_s": 30, "stop": threading.Event(), **options}
    return infracost.breakdown(document(), executable=str(path), work_dir=tmp_path / "work", **words)


class TestTheProgram:
    def test_gets_the_plan_and_no_more_of_the_environment_than_it_needs(
        self, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("INFRACOST_API_KEY", "ico-secret")
        monkeypatch.setenv("DATABASE_URL", "postgres://secret")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        path = program("works")
        output = breakdown(path, tmp_path)
        assert output.name == "infracost v0.10.39"
        got = seen(path)
        assert got["argv"] == ["breakdown", "--path", "plan.json", "--format", "json", "--show-skipped"]
        assert got["mode"] == 0o600
        assert got["plan"] == document()
        environment = got["environment"]
        assert environment["INFRACOST_API_KEY"] == "ico-secret"
        assert environment["INFRACOST_SKIP_UPDATE_CHECK"] == "true"
        assert not {"DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "DRAWBRIDGE_SECRET_KEY"} & set(environment)
        assert list((tmp_path / "work").iterdir()) == []

    @pytest.mark.parametrize(
        ("mode", "text"),
        [
            ("fails", "it ended with code 1: Error: invalid API key"),
            ("hangs", "it did not end within 0.5 s"),
            ("floods", "MiB"),
        ],
    )
    def test_that_gives_no_answer_is_named(
        self, mode: str, text: str, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(infracost, "OUTPUT_MAX_BYTES", 1024 * 1024)
        with pytest.raises(InfracostFailed, match=text):
            breakdown(program(mode), tmp_path, limit_s=0.5 if mode == "hangs" else 30)
        assert list((tmp_path / "work").iterdir()) == []

    def test_that_is_not_installed_or_no_program_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(InfracostFailed, match="it is not installed at"):
            breakdown(tmp_path / "missing", tmp_path)
        broken = tmp_path / "broken"
        broken.write_text("#!/nowhere/interpreter\n")
        broken.chmod(0o755)
        with pytest.raises(InfracostFailed, match=r"it ended with code|cannot be started"):
            breakdown(broken, tmp_path)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(InfracostFailed, match="it is not installed on PATH"):
            infracost.breakdown({}, executable="", work_dir=tmp_path, limit_s=1, stop=threading.Event())

    def test_ends_when_the_run_is_stopped(self, program: Program, tmp_path: Path) -> None:
        stop = threading.Event()
        stop.set()
        with pytest.raises(InfracostFailed, match="it was stopped"):
            breakdown(program("hangs"), tmp_path, stop=stop)


@pytest.mark.django_db
class TestAPlan:
    def plan(self, order: Order, settings: Any, path: Path) -> tuple[Run, RunEstimate]:  # noqa: F811
        settings.DRAWBRIDGE_COST_BACKEND = "infracost"
        settings.DRAWBRIDGE_INFRACOST = str(path)
        run = planned(order(), FakeEngine(document=lambda spec: document()))
        return run, RunEstimate.objects.get(run=run)

    def test_is_estimated_by_infracost(self, order: Order, settings: Any, program: Program) -> None:  # noqa: F811
        run, estimate = self.plan(order, settings, program("works"))
        assert (estimate.usd_month, estimate.delta_usd_month) == (Decimal("73.00"), Decimal("73.00"))
        assert (estimate.estimated_by, estimate.price_book_digest) == ("infracost v0.10.39", "")
        assert [item["unit"] for item in estimate.line_items] == ["hours"]
        assert [(row["address"], row["usage_based"]) for row in estimate.unpriced] == [
            (DATABASE, True),
            ("module.this.aws_kms_key.this", False),
        ]
        assert estimator.RULE not in {finding["rule"] for finding in run.findings}

    @pytest.mark.parametrize(
        ("mode", "reason"),
        [
            ("fails", "it ended with code 1"),
            ("euro", "its prices are in 'EUR'"),
            ("", "it is not installed at"),
        ],
    )
    def test_is_estimated_by_the_book_with_a_sentence_where_infracost_cannot(
        self,
        mode: str,
        reason: str,
        order: Order,  # noqa: F811
        settings: Any,
        program: Program,
        tmp_path: Path,
    ) -> None:
        run, estimate = self.plan(order, settings, program(mode) if mode else tmp_path / "missing")
        assert estimate.estimated_by == "book"
        assert estimate.price_book_digest
        (said,) = [finding for finding in run.findings if finding["rule"] == estimator.RULE]
        assert said["level"] == "advisory"
        assert f"because infracost was not used: {reason}" in said["what"]

    def test_is_estimated_by_the_book_unless_another_is_chosen(self, order: Order, program: Program) -> None:  # noqa: F811
        path = program("works")
        run = planned(order(), FakeEngine(document=lambda spec: document()))
        assert RunEstimate.objects.get(run=run).estimated_by == "book"
        assert not (path.parent / "seen.json").exists()
