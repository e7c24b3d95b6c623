"""`make up`: start everything on this machine and stay up until Ctrl-C."""

import os
import sys

import django


def main() -> int:
    """Start the portal and wait; return the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from portal.embedded import runtime, stack  # noqa: PLC0415 - needs Django set up

    try:
        with runtime.only_one():
            logins = runtime.prepare()
            with runtime.running(sys.stdout) as processes:
                runtime.welcome(logins)
                processes.wait()
    except KeyboardInterrupt:
        runtime.say("Stopped. The data is kept.")
        return 0
    except (runtime.CannotStart, stack.StackFailed) as error:
        runtime.say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
