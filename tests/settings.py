"""Settings of the tests: a home of their own, thrown away at the end.

By default SQLite and a broker in memory. With DRAWBRIDGE_TEST_SERVICES=1, PostgreSQL and Redis: those at
DRAWBRIDGE_TEST_DATABASE_URL and DRAWBRIDGE_TEST_BROKER_URL, or on this machine.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_HOME = tempfile.mkdtemp(prefix="drawbridge-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)

# Redis keeps 16 databases; each worker of a parallel run takes one of its own from the end.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_DATABASE_URL, _BROKER_URL = f"sqlite:///{_HOME}/unused.sqlite3", "memory://"
if os.environ.get("DRAWBRIDGE_TEST_SERVICES"):
    _DATABASE_URL = os.environ.get(
        "DRAWBRIDGE_TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres"
    )
    _BROKER_URL = os.environ.get("DRAWBRIDGE_TEST_BROKER_URL", f"redis://127.0.0.1:6379/{15 - _WORKER}")

for _name in [name for name in os.environ if name.startswith("DRAWBRIDGE_") and "_TEST_" not in name]:
    del os.environ[_name]
(Path(_HOME) / "static").mkdir()
os.environ |= {
    "DRAWBRIDGE_HOME": _HOME,
    "DRAWBRIDGE_SECRET_KEY": "tests-" + "k" * 60,
    "DRAWBRIDGE_ENCRYPTION_KEYS": "tests:" + "A" * 43 + "=",
    "DRAWBRIDGE_BROKER_URL": _BROKER_URL,
    "DRAWBRIDGE_BROKER_PREFIX": f"{Path(_HOME).name}:",
    "DATABASE_URL": _DATABASE_URL,
    "DRAWBRIDGE_TERRAFORM": os.environ.get("DRAWBRIDGE_TEST_TERRAFORM", ""),
    "DRAWBRIDGE_LOG_LEVEL": "ERROR",
    "DRAWBRIDGE_STOP_GRACE_S": "10",
}

from portal.settings import *  # noqa: E402, F403
from portal.settings import DATABASES, STORAGES  # noqa: E402

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: the live server, the heartbeat and the workers each have a connection of their own.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(_HOME) / "test.sqlite3")}

STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
