"""Run a portal of its own under load and in trouble, then judge: nothing lost, nothing applied twice.

    python -m tests.chaos --seconds 100 --seed 7
    python -m tests.chaos --seconds 1500 --kills 200

The seed makes the choices repeatable; when things happen is not. Exit code 0 only when the judge finds nothing, 1 when
it finds something (the folder is kept), 2 when the suite cannot run here.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from tests.chaos import evidence, processes, report, services, witness
from tests.chaos.load import BUSY, RECOVERY_RULE, Approver, Book, Caller, Orderer, decide
from tests.chaos.services import LEASE_S, SHUTDOWN_GRACE_S, STOP_GRACE_S, CannotRun, Services
from tests.chaos.trouble import DECK, Trouble, ask_database

# How long a change in the cloud takes, and the making of a key: with three of them an apply outlasts a lease.
DELAY_S, KEY_S = 0.7, 2.5
# A minute, the longest lease, a Terraform that is not heard of any more, and time to plan and apply what is left.
REST_S = 60.0 + LEASE_S + 2 * STOP_GRACE_S + 60.0
SETUP_S, END_S = 300.0, 120.0
WARM_UP_S = 8.0
# environment -> service, by user; `orders` is of tier 1, so that its production asks sre
TEAMS = {
    "developer": {"development": "receipts", "production": "orders"},
    "teammate": {"development": "receipts", "production": "orders"},
    "outsider": {"development": "recommendations", "production": "recommendations"},
}
APPROVERS = ("sre", "finops")


def main() -> int:
    """Parse, run, tell; return the exit code."""
    arguments = _arguments()
    if sys.platform != "linux":
        sys.stderr.write("The chaos suite reads /proc, so it runs on Linux only.\n")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="drawbridge-chaos-"))
    limit_s = SETUP_S + arguments.seconds * 1.5 + 2 * REST_S + END_S
    code, began = 1, time.monotonic()
    say(f"Seed {arguments.seed}; everything is in {folder}")
    try:
        with services.guarded(folder, limit_s):
            code = _run(arguments, folder, began)
    except CannotRun as error:
        say(str(error))
        code = 2
    except KeyboardInterrupt:
        code = 130
    if code == 0 and not arguments.keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        say(f"The folder is kept: {folder}")
    return code


def say(text: str) -> None:
    """Tell the person at the terminal."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=100, help="how long trouble lasts (default 100)")
    parser.add_argument(
        "--seed", type=int, default=None, help="makes the choices repeatable (default: a new one)"
    )
    parser.add_argument(
        "--kills", type=int, default=0, help="go on until so many were made, for half as long again"
    )
    parser.add_argument(
        "--pace", type=float, default=0, help="seconds between disturbances (default: from the rest)"
    )
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only disturbances with this in their name"
    )
    parser.add_argument(
        "--sqlite", action="store_true", help="run on SQLite even where PostgreSQL is installed"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder, whatever the verdict")
    parser.add_argument("--report", type=Path, default=services.ROOT / ".venv" / "chaos-report.md")
    parser.add_argument("--quiet", action="store_true", help="do not say every disturbance")
    arguments = parser.parse_args()
    if not any(arguments.only in card for card in DECK):
        parser.error(f"no disturbance has {arguments.only!r} in its name; there are: {', '.join(DECK)}")
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1_000_000)
    if not arguments.pace:
        # about three cards in four kill somebody
        arguments.pace = min(3.5, 0.75 * arguments.seconds / arguments.kills) if arguments.kills else 3.5
    return arguments


def _run(arguments: argparse.Namespace, folder: Path, began: float) -> int:
    machine = services.lay_out(folder, DELAY_S, sqlite=arguments.sqlite)
    say(f"Database: {machine}")
    running = services.start(folder)
    try:
        told = _live(arguments, running, machine, began)
    finally:
        running.kill()
    report.write(arguments.report, report.markdown(told))
    say(f"{'Passed' if told.good else 'FAILED'}\n{report.summary(told)}\nReport: {arguments.report}")
    return 0 if told.good else 1


def _live(arguments: argparse.Namespace, running: Services, machine: str, began: float) -> report.Told:
    """Set the portal up, let people work on it in trouble, bring it to rest, stop it, and judge."""
    import django

    django.setup()
    from django.conf import settings

    from portal.demo.__main__ import demo_tokens
    from portal.embedded import runtime

    runtime.prepare()
    _slow_down(Path(settings.DRAWBRIDGE_SANDBOX_HOME))
    running.wait_ready()
    say(f"Everything runs at {running.url}; trouble begins, every {arguments.pace:.1f} s")
    book, stop, over = Book(), threading.Event(), threading.Event()
    trouble = Trouble(
        running,
        random.Random(f"{arguments.seed}-trouble"),
        _quiet if arguments.quiet else say,
        arguments.only,
    )
    with ExitStack() as cleanup:
        tokens = cleanup.enter_context(demo_tokens([*TEAMS, *APPROVERS]))

        def caller(who: str, until: threading.Event) -> Caller:
            return Caller(running.url, who, tokens[who], book, until)

        def choices(who: str) -> random.Random:
            return random.Random(f"{arguments.seed}-{who}")

        people: list[threading.Thread] = [
            *(Orderer(caller(who, stop), owned, choices(who), book, stop) for who, owned in TEAMS.items()),
            # In a long run, what waits for a decision would otherwise be everything in the end.
            *(
                Approver(caller(who, stop), choices(who), stop, recoveries=arguments.seconds > 600)
                for who in APPROVERS
            ),
        ]
        for person in people:
            person.start()
        _disturb(arguments, running, trouble)
        say("Trouble ends; waiting for rest")
        trouble.end()
        stop.set()
        running.wait_ready()
        for person in people:
            person.join(timeout=60)
        at_rest = _wait_for_rest(running)
        _decide_the_rest(caller("sre", over), {who: caller(who, over) for who in TEAMS})
        at_rest = _wait_for_rest(running) and at_rest
        running.stop_work(SHUTDOWN_GRACE_S + STOP_GRACE_S + 10.0)
        left_over = _left_over(running)
    seen = evidence.gather(
        Path(settings.DRAWBRIDGE_SANDBOX_HOME),
        Path(settings.DRAWBRIDGE_WORK_DIR),
        frozenset(book.acknowledged),
        left_over,
    )
    from django.db import connections

    connections.close_all()
    running.stop_rest()
    return report.Told(
        seed=arguments.seed,
        seconds=arguments.seconds,
        took_s=time.monotonic() - began,
        machine=machine,
        done=trouble.done,
        duplicates=trouble.duplicates,
        stubborn=running.stubborn,
        send_failures=trouble.send_failures,
        book=book,
        evidence=seen,
        verdict=witness.judge(seen),
        at_rest=at_rest,
        defects=report.defects(running.folder / "home" / "log"),
    )


def _slow_down(sandbox_home: Path) -> None:
    from provisioner.sandbox.cloud import Cloud

    cloud = Cloud(str(sandbox_home))
    cloud.set_delay("aws_kms_key", "create", KEY_S)
    cloud.close()


def _quiet(text: str) -> None:
    del text


def _disturb(arguments: argparse.Namespace, running: Services, trouble: Trouble) -> None:
    """Play a card every so often, until the time is over and, for half as long again, enough was killed."""
    began = time.monotonic()
    next_at = began + WARM_UP_S
    while (spent := time.monotonic() - began) < arguments.seconds or (
        trouble.kills < arguments.kills and spent < 1.5 * arguments.seconds
    ):
        now = time.monotonic()
        running.keep_up(now)
        trouble.tick(now)
        if now >= next_at:
            trouble.play()
            next_at = now + arguments.pace * trouble.choices.uniform(0.5, 1.5)
        time.sleep(0.05)


def _wait_for_rest(running: Services) -> bool:
    """Return True when every run is over or waits for a person, False when that does not come in time."""
    until, quiet_since = time.monotonic() + REST_S, 0.0
    while (now := time.monotonic()) < until:
        running.keep_up(now)
        if ask_database(_busy, ["the database is down"]):
            quiet_since = 0.0
        elif not quiet_since:
            quiet_since = now
        elif now - quiet_since > 2 * services.SWEEP_S:  # an interrupted run goes on within a sweep
            return True
        time.sleep(0.3)
    return False


def _busy() -> list[str]:
    from provisioner.models import Run

    return [str(run) for run in Run.objects.filter(status__in=BUSY).values_list("pk", flat=True)]


def _decide_the_rest(sre: Caller, owners: dict[str, Caller]) -> None:
    """Be the person who is asked about interrupted applies: approve every other one, discard the rest."""
    waiting = [step for step in sre.every("approvals/", decidable="true") if RECOVERY_RULE in step["rule"]]
    say(f"{len(waiting)} interrupted applies wait for a person")
    for number, step in enumerate(waiting):
        if number % 2 == 0:
            decide(sre, step)
            continue
        run = step["run"]
        owner = owners["outsider" if run["team"] == "discovery" else "developer"]
        owner.post(f"runs/{run['id']}/discard/", {}, "discard an interrupted apply")


def _left_over(running: Services) -> list[str]:
    """Return what is still there of the workers after they ended: no Terraform, no provider, no pool child."""
    keep = {service.pid for service in (running.web, running.broker, running.database) if service is not None}
    until = time.monotonic() + 15
    while True:
        left = [one for one in processes.ours(running.folder) if not _belongs(one, keep)]
        if not left or time.monotonic() > until:
            return [str(one) for one in left]
        time.sleep(0.5)


def _belongs(one: processes.Seen, keep: set[int]) -> bool:
    return one.pid in keep or one.parent in keep


if __name__ == "__main__":
    sys.exit(main())
