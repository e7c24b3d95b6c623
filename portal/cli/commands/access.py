"""Who calls which portal: login, logout, profiles, whoami."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from urllib.parse import urlsplit

import click

from portal.cli import profiles
from portal.cli.documents import Caller
from portal.cli.failures import Misuse, NotOffered
from portal.cli.profiles import DEFAULT, Profile, Profiles
from portal.cli.root import drawbridge
from portal.cli.session import Session, command, common
from portal.cli.terminal import harmless, styled
from portal.cli.transport import portal_url
from portal.cli.wording import clock, when

_TOKEN_LINE_MAX = 1000


@command(drawbridge, "login")
@click.argument("url", required=False)
def login(session: Session, url: str | None) -> None:
    """Sign in to the portal at URL with a token.

    The token is asked for, or read from standard input where that is no terminal: drawbridge login URL < token.txt.
    Make one on the portal's page /tokens/. Both are stored for you alone (mode 0600). No option takes a token: others
    can read what stands on a command line.
    """
    known = session.profiles()
    address = url or session.url or _address_of(known, session.profile)
    if not address:
        raise Misuse(
            "It is not said where to sign in",
            fix="Name the portal: drawbridge login https://drawbridge.example.com",
        )
    address = portal_url(address, allow_http=session.allow_http)
    name = profiles.check_name(session.profile or _free_name(known, address))
    if sys.stdin.isatty():
        token = click.prompt(f"Token for {address}", hide_input=True, err=True)
    else:
        token = sys.stdin.readline(_TOKEN_LINE_MAX)
    client = session.client_of(address, token.strip())
    try:
        caller = client.me()
    except NotOffered:
        next(client.items(page_size="1"), None)  # any answer shows that the token is good
        caller = Caller(username="")
    finally:
        client.transport.close()
    file = session.profiles_file()
    profiles.write(file, known.with_profile(name, Profile(address, token.strip(), caller.username)))

    def show() -> None:
        who = f" as {caller.username}" if caller.username else ""
        session.terminal.say(
            styled(f"{session.terminal.sign('ok')} Signed in to {address}{who}", "good"),
            styled(f"  profile {name}", "label"),
        )
        if caller.token is not None:
            session.terminal.facts(_token_facts(caller), indent=2)

    session.show(caller, show)


@command(drawbridge, "logout")
@click.option("--all", "everything", is_flag=True, help="Forget every profile.")
def logout(session: Session, everything: bool) -> None:
    """Forget the stored token. It stays valid until it is revoked on the portal's page /tokens/."""
    known = session.profiles()
    name = session.profile or known.current
    if everything:
        gone, left = sorted(known.by_name), Profiles()
    elif name in known.by_name:
        gone, left = [name], known.without(name)
    else:
        raise Misuse(f"There is no profile {harmless(name)}", fix="See drawbridge profiles list.")
    profiles.write(session.profiles_file(), left)
    session.note(
        f"Forgotten: {', '.join(gone) or 'nothing was stored'}. Revoke what you no longer need on /tokens/."
    )


@command(drawbridge, "whoami")
def whoami(session: Session) -> None:
    """Show portal, user, and what the token may do."""
    connection, client = session.connection(), session.client()
    caller = client.me()

    def show() -> None:
        session.terminal.facts(
            [
                ("Portal", connection.url),
                ("Target", caller.target),
                ("Profile", connection.profile or "none: from the environment"),
                ("User", styled(caller.username, "head")),
                ("Teams", ", ".join(team.slug for team in caller.teams) or "none"),
                ("Decides as", ", ".join(caller.groups) or "nobody"),
                *_token_facts(caller),
            ]
        )

    session.show(caller, show)


@common
@drawbridge.group("profiles")
def profiles_group() -> None:
    """Several portals, each by a name."""


@command(profiles_group, "list")
def profiles_list(session: Session) -> None:
    """List the stored profiles; tokens are not shown."""
    known = session.profiles()
    rows = sorted(known.by_name.items())
    if session.as_json:
        session.terminal.json(
            [
                {"name": name, "url": row.url, "username": row.username, "current": name == known.current}
                for name, row in rows
            ]
        )
        return
    session.terminal.table(
        ["", "PROFILE", "PORTAL", "USER"],
        [
            ("*" if name == known.current else "", styled(name, "head"), row.url, row.username)
            for name, row in rows
        ],
        empty="No profile is stored. Sign in: drawbridge login URL",
    )


@command(profiles_group, "use")
@click.argument("name")
def profiles_use(session: Session, name: str) -> None:
    """Make NAME the profile that is used where none is named."""
    known = session.profiles()
    if name not in known.by_name:
        raise Misuse(f"There is no profile {harmless(name)}", fix="See drawbridge profiles list.")
    profiles.write(session.profiles_file(), Profiles(current=name, by_name=known.by_name))
    session.note(f"Calls go to {known.by_name[name].url} now.")


def _token_facts(caller: Caller) -> list[tuple[str, str]]:
    token = caller.token
    if token is None:
        return []
    now = datetime.now(UTC)
    return [
        ("Token", f"{token.name} (drb_{token.prefix}_…)"),
        ("May", ", ".join(token.scopes)),
        ("Expires", f"{clock(token.expires_at)}, {when(token.expires_at, now=now)}"),
    ]


def _address_of(known: Profiles, name: str) -> str:
    profile = known.by_name.get(name or known.current)
    return "" if profile is None else profile.url


def _free_name(known: Profiles, address: str) -> str:
    """Return the profile of this portal, else the default one, else one named after the portal's host."""
    same = [name for name, profile in sorted(known.by_name.items()) if profile.url == address]
    if same:
        return known.current if known.current in same else same[0]
    return (urlsplit(address).hostname or DEFAULT) if DEFAULT in known.by_name else DEFAULT
