"""`drawbridge`: run a command and turn what became of it into an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from portal.cli import commands
from portal.cli.failures import ExitCode, Failure, ReaderGone, Shown
from portal.cli.root import drawbridge
from portal.cli.session import Session
from portal.cli.terminal import Terminal, harmless
from portal.cli.views.findings import failure

__all__ = ["commands", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    session: Session | None = None
    try:
        session = Session.of_process()
        code = drawbridge.main(
            args=list(sys.argv[1:] if argv is None else argv),
            prog_name="drawbridge",
            standalone_mode=False,
            obj=session,
        )
        session.terminal.flush()
        return code if isinstance(code, int) else ExitCode.DONE
    except (BrokenPipeError, ReaderGone):
        return _broken_pipe()
    except Exception as error:
        try:
            return _failed(error, session)
        except BrokenPipeError:
            return _broken_pipe()
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return ExitCode.INTERRUPTED
    finally:
        if session is not None:
            session.close()


def _failed(error: Exception, session: Session | None) -> int:
    if session is not None:
        session.terminal.stdout.flush()  # what is there comes before what went wrong
    if isinstance(error, Shown):
        return error.exit_code
    if isinstance(error, Failure):
        terminal = (
            session.terminal
            if session
            else Terminal(stdout=sys.stdout, stderr=sys.stderr, environ=os.environ)
        )
        failure(terminal, error, as_json=session is not None and session.as_json)
        return error.exit_code
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        sys.stdout.write(error.format_message() + "\n")
        return ExitCode.USAGE
    if isinstance(error, click.Abort):
        sys.stderr.write("\nNothing was done.\n")
        return ExitCode.INTERRUPTED
    if isinstance(error, click.ClickException):
        error.show(file=sys.stderr)
        return ExitCode.USAGE
    if isinstance(error, OSError):
        sys.stderr.write(
            f"{harmless(error.strerror or type(error).__name__)}: {harmless(error.filename or '')}\n"
        )
        return ExitCode.USAGE
    _bug(error, verbose=session is not None and session.verbose)
    return ExitCode.BUG


def _bug(error: Exception, *, verbose: bool) -> None:
    """Say that this is a mistake of the client; where it happened, but no values: one could be a token."""
    sys.stderr.write(f"This is a mistake in drawbridge itself: {type(error).__name__}.\n")
    if verbose:
        for frame in traceback.extract_tb(error.__traceback__):
            sys.stderr.write(f"  {frame.filename}:{frame.lineno} in {frame.name}\n")
    else:
        sys.stderr.write("Give the command again with --verbose and tell your platform team what it says.\n")


def _broken_pipe() -> int:
    """End as tools do whose reader went away, without the interpreter's own complaint at its exit."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
    except (OSError, ValueError):
        pass
    return ExitCode.BROKEN_PIPE


if __name__ == "__main__":
    sys.exit(main())
