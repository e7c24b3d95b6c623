"""`make bench`: the portal against bare Terraform and against its own aims, on this machine, in this run.

Everything is measured on a portal of its own in a temporary folder, with the settings as they come. Sections:
order, throughput, recovery, growth, policy; without ONLY all of them.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import django

from portal.embedded import home, port

SECTIONS = ("order", "throughput", "recovery", "growth", "policy")
POSTGRES = "postgres://postgres@127.0.0.1:5432/postgres"
_NOT_INHERITED = ("DATABASE_URL", "DRAWBRIDGE_BROKER_URL", "DRAWBRIDGE_URL", "DRAWBRIDGE_INTERNAL_URL")


def main() -> int:
    """Set up a portal of its own in a temporary folder, measure, print; return the exit code."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--only", type=_sections, default=SECTIONS, metavar="order,…", help="the sections to measure"
    )
    parser.add_argument("--pairs", type=_count, default=20, help="order: pairs of ten queues (20)")
    parser.add_argument("--database-pairs", type=int, default=5, help="order: pairs of a Postgres (5)")
    parser.add_argument("--orders", type=_count, default=12, help="throughput: orders at once (12)")
    parser.add_argument("--rounds", type=_count, default=3, help="throughput: rounds A B B A (3)")
    parser.add_argument("--kills", type=_count, default=4, help="recovery: workers killed (4)")
    parser.add_argument("--rows", type=_count, default=1_000_000, help="growth: finished runs (1,000,000)")
    parser.add_argument(
        "--postgres",
        default=POSTGRES,
        help="growth: where a database may be made and dropped; '' for nowhere",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="drawbridge-bench-") as folder:
        home.make_home(Path(folder) / "home")
        for inherited in _NOT_INHERITED:
            os.environ.pop(inherited, None)
        os.environ |= {
            "DRAWBRIDGE_HOME": str(Path(folder) / "home"),
            "DRAWBRIDGE_MODULES_DIR": str(Path(folder) / "modules"),
            "DRAWBRIDGE_LOG_LEVEL": "ERROR",
            "DRAWBRIDGE_TARGET": "sandbox",
            "PORT": str(port.free_port()),
        }
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
        django.setup()
        from portal.bench import measure, module, tell  # noqa: PLC0415 - needs Django set up
        from portal.embedded import stack  # noqa: PLC0415

        module.write_modules(Path(folder) / "modules", shipped=Path("terraform_modules").resolve())
        try:
            verdicts = measure.measure(Path(folder), options)
        except KeyboardInterrupt:
            return 130
        except (*measure.CANNOT_MEASURE, stack.StackFailed) as error:
            sys.stderr.write(f"{error}\n")
            return 1
        tell.say("\nIn short")
        for verdict in verdicts:
            tell.say(f"  {verdict}")
    return 0


def _sections(text: str) -> tuple[str, ...]:
    """Parse names with commas between; nothing means all."""
    names = tuple(name.strip() for name in text.split(",") if name.strip()) or SECTIONS
    for name in names:
        if name not in SECTIONS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SECTIONS)}")
    return names


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
