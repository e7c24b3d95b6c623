"""Look into the target for what carries a workspace's tag."""

import json
import sys
import threading
from collections.abc import Mapping

from provisioner.domain.recovery import CloudObject
from provisioner.engine import process
from provisioner.engine.config import EngineConfig
from provisioner.engine.lines import Collector
from provisioner.engine.providers import REPOSITORY

LIMIT_S = 60
MAX_BYTES = 64 * 1024 * 1024


def tagged(
    config: EngineConfig, environment: Mapping[str, str], workspace_id: str
) -> tuple[CloudObject, ...] | None:
    """Return the objects with the workspace's tag, or None where nobody can look.

    The sandbox is asked through its command line. An AWS account is not asked: whoever decides on an interrupted run
    gets the command to ask it with.
    """
    if config.target != "sandbox":
        return None
    if not (config.sandbox_home / "cloud.db").exists():
        return ()
    output, errors = Collector(MAX_BYTES), Collector(64 * 1024)
    home = str(config.sandbox_home)
    ended = process.run(
        [
            *(sys.executable, "-m", "provisioner.sandbox"),
            *("list", "--home", home, "--workspace", workspace_id, "--json"),
        ],
        cwd=REPOSITORY,
        environment=environment,
        stdout=output,
        stderr=errors,
        stop=threading.Event(),
        limit_s=LIMIT_S,
        grace_s=5,
    )
    if ended.code != 0 or output.overflowed:
        return None
    rows = [json.loads(line) for line in output.data.splitlines() if line.strip()]
    return tuple(CloudObject(type=row["type"], id=row["id"]) for row in rows)
