"""`make demo`: start everything, do the main job before the reader's eyes, stay up until Ctrl-C."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator

import django


def main() -> int:
    """Start the portal, drive it, and wait unless `--exit`; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--exit", action="store_true", help="stop after the job; the exit code tells how it went"
    )
    stay = not parser.parse_args().exit
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from portal.demo import client  # noqa: PLC0415 - what follows needs Django set up
    from portal.embedded import runtime, stack  # noqa: PLC0415

    try:
        run(stay=stay)
    except KeyboardInterrupt:
        runtime.say("Stopped. The data is kept.")
        return 0 if stay else 130
    except (runtime.CannotStart, stack.StackFailed, client.DemoFailed) as error:
        runtime.say(f"\n{error}")
        return 1
    return 0


def run(*, stay: bool) -> None:
    """Do the job. Raises what the caller turns into an exit code."""
    from django.conf import settings  # noqa: PLC0415

    from portal.demo.client import Api, DemoFailed  # noqa: PLC0415
    from portal.demo.drive import drive  # noqa: PLC0415
    from portal.demo.tell import Teller  # noqa: PLC0415
    from portal.embedded import runtime  # noqa: PLC0415

    if settings.DRAWBRIDGE_TARGET != "sandbox":
        raise DemoFailed(
            f"DRAWBRIDGE_TARGET is {settings.DRAWBRIDGE_TARGET!r}: the demo would order a real database. "
            "Unset it, or use `make up`."
        )
    with runtime.only_one():
        logins = runtime.prepare()
        log = settings.DRAWBRIDGE_HOME / "log" / "processes.log"
        with log.open("w") as output, runtime.running(output) as processes:
            runtime.say(f"Everything runs at {settings.DRAWBRIDGE_URL}; the processes write to {log}")
            tell = Teller()
            with (
                demo_tokens([login.username for login in logins]) as tokens,
                Api(settings.DRAWBRIDGE_URL, tokens) as api,
            ):
                drive(api, tell)
            runtime.say(f"\nThe whole way took {tell.total_s():.1f} seconds.")
            if stay:
                runtime.welcome(logins)
                processes.wait()


@contextlib.contextmanager
def demo_tokens(usernames: list[str]) -> Iterator[dict[str, str]]:
    """Yield a token for each user, and revoke them afterwards."""
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from portal import tokens  # noqa: PLC0415

    scopes = ["catalog:read", "requests:write", "approvals:write", "workspaces:read"]
    users = list(User.objects.filter(username__in=usernames))
    issued = [(user, *tokens.issue(user, "make demo", scopes, 1, timezone.now())) for user in users]
    try:
        yield {user.get_username(): secret for user, _, secret in issued}
    finally:
        for user, token, _ in issued:
            tokens.revoke(user, token.pk, timezone.now())


if __name__ == "__main__":
    sys.exit(main())
