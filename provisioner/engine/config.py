"""How the engine is set up, as one value, so that it needs no Django."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Target = Literal["sandbox", "aws"]


@dataclass(frozen=True)
class EngineConfig:
    """Settings of the engine.

    `work_dir` must be the same absolute path on every host: a saved plan holds absolute paths. `terraform`
    is a path, a command name, "embedded" for the bundled library, or "" to look for one.
    """

    work_dir: Path
    sandbox_home: Path
    target: Target = "sandbox"
    terraform: str = ""
    provider_mirror: Path | None = None
    init_timeout_s: float = 300
    plan_timeout_s: float = 900
    apply_timeout_s: float = 7200
    stop_grace_s: float = 60
    lock_timeout_s: int = 30
    http_retry_max: int = 8
    max_document_bytes: int = 256 * 1024 * 1024
