"""The engine that Django's settings describe."""

from pathlib import Path

from django.conf import LazySettings

from provisioner.engine.config import EngineConfig
from provisioner.engine.terraform import TerraformEngine, configured_engine


class TestConfiguredEngine:
    def test_takes_every_setting(self, settings: LazySettings, tmp_path: Path) -> None:
        settings.DRAWBRIDGE_WORK_DIR = tmp_path / "work"
        settings.DRAWBRIDGE_SANDBOX_HOME = tmp_path / "sandbox"
        settings.DRAWBRIDGE_TARGET = "aws"
        settings.DRAWBRIDGE_TERRAFORM = "embedded"
        settings.DRAWBRIDGE_PROVIDER_MIRROR = str(tmp_path / "mirror")
        settings.DRAWBRIDGE_PLAN_TIMEOUT_S = 1
        settings.DRAWBRIDGE_APPLY_TIMEOUT_S = 2
        settings.DRAWBRIDGE_STOP_GRACE_S = 3
        engine = configured_engine()
        assert isinstance(engine, TerraformEngine)
        assert engine.config == EngineConfig(
            work_dir=tmp_path / "work",
            sandbox_home=tmp_path / "sandbox",
            target="aws",
            terraform="embedded",
            provider_mirror=tmp_path / "mirror",
            plan_timeout_s=1,
            apply_timeout_s=2,
            stop_grace_s=3,
        )
