"""Where tokens are kept: named profiles in one file in the user's config folder, for nobody else to read."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import click

from portal.cli.failures import Misuse, NotSignedIn
from portal.cli.transport import portal_url

DEFAULT = "default"
FILE_NAME = "profiles.json"
_NAME_MAX = 60


@dataclass(frozen=True)
class Profile:
    """One portal and the token for it. The token is in no repr."""

    url: str
    token: str = field(repr=False)
    username: str = ""


@dataclass(frozen=True)
class Profiles:
    """All profiles, and the one that is used where none is named."""

    current: str = DEFAULT
    by_name: Mapping[str, Profile] = field(default_factory=dict)

    def with_profile(self, name: str, profile: Profile) -> Profiles:
        """Return the profiles with this one, which becomes the current."""
        return replace(self, current=name, by_name={**self.by_name, name: profile})

    def without(self, name: str) -> Profiles:
        """Return the profiles without this one."""
        left = {known: profile for known, profile in self.by_name.items() if known != name}
        current = self.current if self.current in left else next(iter(sorted(left)), DEFAULT)
        return replace(self, current=current, by_name=left)


@dataclass(frozen=True)
class Connection:
    """Which portal is called, with what, and which profile said so (empty: the environment)."""

    url: str
    token: str = field(repr=False)
    profile: str = ""


def path(environ: Mapping[str, str]) -> Path:
    """Return the file of the profiles: DRAWBRIDGE_CONFIG_DIR, else where the system keeps such files."""
    folder = environ.get("DRAWBRIDGE_CONFIG_DIR") or click.get_app_dir("drawbridge")
    return Path(folder) / FILE_NAME


def check_name(name: str) -> str:
    """Return a profile's name. Raises Misuse."""
    if not name or len(name) > _NAME_MAX or not all(c.isalnum() or c in "-_." for c in name):
        raise Misuse(
            "The name of the profile cannot be used",
            why="It ends up in a file and in commands.",
            fix=f"Use up to {_NAME_MAX} letters, digits, hyphens, dots and underscores.",
        )
    return name


def read(file: Path) -> Profiles:
    """Return the profiles; none where there is no file. Raises Misuse where it cannot be read."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return Profiles(
            current=str(document["current"]),
            by_name={
                str(name): Profile(str(row["url"]), str(row["token"]), str(row.get("username", "")))
                for name, row in document["profiles"].items()
            },
        )
    except FileNotFoundError:
        return Profiles()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # The text of the error could hold a part of a token.
        raise Misuse(
            f"The profiles in {file} cannot be read",
            why=type(error).__name__,
            fix="Move the file away and sign in again: drawbridge login URL.",
        ) from None


def write(file: Path, profiles: Profiles) -> None:
    """Write the profiles, readable by their owner alone; an interrupted write leaves the file as it was."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    document = {
        "current": profiles.current,
        "profiles": {name: asdict(profile) for name, profile in sorted(profiles.by_name.items())},
    }
    # Made with mode 0600 from the beginning, whatever the umask.
    handle, temporary = tempfile.mkstemp(prefix=f".{FILE_NAME}.", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(document, stream, indent=2)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def exposed(file: Path) -> bool:
    """Tell whether others on this machine could read the tokens."""
    if os.name != "posix":
        return False
    try:
        return bool(stat.S_IMODE(file.stat().st_mode) & 0o077)
    except OSError:
        return False


def connection(
    profiles: Profiles, *, profile: str, url: str, token: str, allow_http: bool = False
) -> Connection:
    """Return which portal to call and with what.

    A stored token goes to the portal it was stored for, and to no other: where `url` (--url or DRAWBRIDGE_URL) names
    another, only a profile of that portal or `token` (DRAWBRIDGE_TOKEN) serves. Raises Misuse, NotSignedIn.
    """
    wanted = portal_url(url, allow_http=allow_http) if url else ""
    if profile and profile not in profiles.by_name and not (wanted and token):
        known = ", ".join(sorted(profiles.by_name)) or "none"
        raise NotSignedIn(
            f"There is no profile {profile}",
            why=f"Known: {known}.",
            fix=f"Sign in: drawbridge login URL --profile {profile}.",
        )
    name = profile if profile in profiles.by_name else profiles.current
    found = profiles.by_name.get(name)
    if wanted and (found is None or found.url != wanted):
        name, found = (
            ("", None)
            if profile
            else next(((n, p) for n, p in sorted(profiles.by_name.items()) if p.url == wanted), ("", None))
        )
    if token:
        if not wanted and found is None:
            raise Misuse(
                "It is not said which portal to call",
                why="DRAWBRIDGE_TOKEN is set, and DRAWBRIDGE_URL is not.",
                fix="Set DRAWBRIDGE_URL to the portal's address, or give --url.",
            )
        return Connection(wanted or (found.url if found else ""), token, "" if found is None else name)
    if found is None:
        where = wanted or "a portal"
        raise NotSignedIn(
            f"You are not signed in to {where}",
            fix=f"Run drawbridge login {wanted or 'URL'}, or set DRAWBRIDGE_URL and DRAWBRIDGE_TOKEN.",
        )
    return Connection(found.url, found.token, name)
