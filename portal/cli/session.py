"""What a command knows of its surroundings, and the options that every command takes."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from portal.cli import profiles
from portal.cli.client import Client
from portal.cli.documents import Document
from portal.cli.failures import Misuse, ReaderGone
from portal.cli.profiles import Connection, Profiles
from portal.cli.terminal import Terminal, harmless, styled
from portal.cli.transport import RETRIES, Call, Transport

TABLE, JSON = "table", "json"
TRUE = frozenset({"1", "true", "yes", "on"})

F = TypeVar("F", bound=Callable[..., Any] | click.Command)


@dataclass
class Session:
    """One call of the command line."""

    terminal: Terminal
    environ: Mapping[str, str]
    output: str = TABLE
    profile: str = ""
    url: str = ""
    verbose: bool = False
    _client: Client | None = field(default=None, repr=False)

    @classmethod
    def of_process(cls) -> Session:
        """Return the session that the process's environment describes. Raises Misuse."""
        terminal = Terminal(stdout=sys.stdout, stderr=sys.stderr, environ=os.environ)
        output = os.environ.get("DRAWBRIDGE_OUTPUT", "") or TABLE
        if output not in (TABLE, JSON):
            raise Misuse(f"DRAWBRIDGE_OUTPUT is {output[:40]!r}", fix="Set it to table or json.")
        return cls(
            terminal=terminal,
            environ=os.environ,
            output=output,
            profile=os.environ.get("DRAWBRIDGE_PROFILE", ""),
            url=os.environ.get("DRAWBRIDGE_URL", ""),
        )

    @property
    def as_json(self) -> bool:
        """Whether results are written as JSON."""
        return self.output == JSON

    @property
    def allow_http(self) -> bool:
        """Whether portals elsewhere may be called without encryption."""
        return self.environ.get("DRAWBRIDGE_ALLOW_HTTP", "").lower() in TRUE

    def profiles_file(self) -> Path:
        """Return where the profiles are."""
        return profiles.path(self.environ)

    def profiles(self) -> Profiles:
        """Return the stored profiles. Raises Misuse."""
        file = self.profiles_file()
        found = profiles.read(file)
        if found.by_name and profiles.exposed(file):
            self.note(f"Others on this machine can read your tokens in {file}. Run: chmod 600 {file}", "warn")
        return found

    def connection(self) -> Connection:
        """Return which portal is called and with what. Raises Misuse, NotSignedIn."""
        token = self.environ.get("DRAWBRIDGE_TOKEN", "").strip()
        # With both set, as in CI, no file is looked at.
        stored = Profiles() if token and self.url and not self.profile else self.profiles()
        return profiles.connection(
            stored, profile=self.profile, url=self.url, token=token, allow_http=self.allow_http
        )

    def client(self) -> Client:
        """Return the portal's client. Raises Misuse, NotSignedIn."""
        if self._client is None:
            found = self.connection()
            self._client = self.client_of(found.url, found.token)
        return self._client

    def client_of(self, url: str, token: str) -> Client:
        """Return a client with this session's settings."""
        retries = self.environ.get("DRAWBRIDGE_RETRIES", "")
        if retries and not re.fullmatch(r"\d{1,2}", retries):
            raise Misuse(f"DRAWBRIDGE_RETRIES is {retries[:40]!r}", fix="Set it to a number from 0 to 99.")
        transport = Transport(
            url,
            token,
            retries=int(retries) if retries else RETRIES,
            allow_http=self.allow_http,
            on_call=self._tell,
        )
        return Client(transport.url, token, transport=transport)

    def show(self, document: Document | Iterable[Document], view: Callable[[], None]) -> None:
        """Write the answer as it came under --json, else let `view` write it for a person."""
        if not self.as_json:
            view()
        elif isinstance(document, Document):
            self.terminal.json(document.document)
        else:
            self.terminal.json([row.document for row in document])

    def note(self, text: str, style: str = "label") -> None:
        """Say on standard error what happens meanwhile."""
        self.terminal.say(styled(text, style), err=True)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.transport.close()

    def _tell(self, call: Call) -> None:
        if self.verbose:
            ident = f", request {call.request_id}" if call.request_id else ""
            self.note(f"{call.method} {call.path}: {call.outcome} in {call.took_s * 1000:.0f} ms{ident}")
        if call.retry_in_s is not None:
            what = "is busy" if call.outcome in ("429", "409") else "did not answer as it should"
            self.note(f"The portal {what} ({call.outcome}); trying again in {call.retry_in_s:.0f} s", "warn")


def common(command: F) -> F:
    """Give a command the options that all of them take, and the session as its first argument."""

    def keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
        def callback(ctx: click.Context, _: click.Parameter, value: Any) -> None:
            if value:
                setattr(ctx.ensure_object(Session), name, value)

        return callback

    options = [
        click.option(
            "--json", "common_json", flag_value=JSON, is_flag=True, expose_value=False, callback=keep("output"),
            help="Write results as JSON (short for --output json).",
        ),
        click.option(
            "--output", "common_output", type=click.Choice([TABLE, JSON]), expose_value=False, callback=keep("output"),
            help="How results are written (DRAWBRIDGE_OUTPUT).",
        ),
        click.option(
            "--profile", "common_profile", metavar="NAME", expose_value=False, callback=keep("profile"),
            shell_complete=_complete_profile, help="Which stored portal to call (DRAWBRIDGE_PROFILE).",
        ),
        click.option(
            "--url", "common_url", metavar="URL", expose_value=False, callback=keep("url"),
            help="The portal's address (DRAWBRIDGE_URL).",
        ),
        click.option(
            "--verbose", "-v", "common_verbose", is_flag=True, expose_value=False, callback=keep("verbose"),
            help="Say each call on standard error, without tokens and bodies.",
        ),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def command(
    group: click.Group, *names: str, **attributes: Any
) -> Callable[[Callable[..., None]], click.Command]:
    """Add a function to a group as a command that takes the common options and the session."""

    def decorate(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        @click.pass_context
        def run(ctx: click.Context, *args: Any, **kwargs: Any) -> None:
            try:
                function(ctx.ensure_object(Session), *args, **kwargs)
            except BrokenPipeError:
                raise ReaderGone("Nobody reads the output any more") from None  # click would end with 1

        return group.command(*names, **attributes)(common(run))

    return decorate


def _complete_profile(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    try:
        known = profiles.read(profiles.path(os.environ)).by_name
    except Misuse:
        return []
    return [harmless(name) for name in sorted(known) if name.startswith(incomplete)]
