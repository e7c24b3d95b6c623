"""Where modules come from: the folder beside the portal, other folders, Git repositories; read from one small file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from catalog.problems import ManifestProblem
from catalog.yaml_file import LocatedDocument, UnreadableFile, did_you_mean, read_document

NAME_MAX_LENGTH: Final = 120
URL_MAX_LENGTH: Final = 500
PATH_MAX_LENGTH: Final = 200
SOURCE_MAX_LENGTH: Final = URL_MAX_LENGTH + 2 + PATH_MAX_LENGTH  # without a name of its own: url//subpath
LOCAL_NAME: Final = "local"

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
# What `git check-ref-format` takes, without anything that could be an option or a refspec.
_REF: Final = re.compile(r"(?!.*(?:\.\.|//|\.lock(?:/|$)|/\.|\.$|/$))[A-Za-z0-9_][A-Za-z0-9._/+-]*")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SUBPATH_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._ -]*")
_SCP: Final = re.compile(r"(?P<user>[A-Za-z0-9_][\w.-]*)@(?P<host>[A-Za-z0-9][\w.-]*):(?P<path>[^/:][^:]*)")
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_KEYS: Final = ("name", "path", "url", "ref", "subpath")


class UnfitSource(Exception):
    """The source cannot be read from; the text says why and what to do, and holds no password."""


@dataclass(frozen=True)
class Credentials:
    """What an https address held before its host; given to Git apart from its command line."""

    username: str
    password: str

    def __repr__(self) -> str:
        return "Credentials(…)"


@dataclass(frozen=True)
class GitSource:
    """A folder of a Git repository at a ref. `url` is without credentials: it is stored and shown."""

    name: str
    url: str
    ref: str
    subpath: str = ""
    credentials: Credentials | None = None


@dataclass(frozen=True)
class FolderSource:
    """A folder on this machine."""

    name: str
    path: Path


@dataclass(frozen=True)
class Origin:
    """What is recorded of where a version came from; the Git fields are None for a folder on this machine."""

    source: str = LOCAL_NAME
    git_url: str | None = None
    git_ref: str | None = None
    git_subpath: str | None = None
    git_commit: str | None = None

    def version_fields(self) -> dict[str, str | None]:
        """Return the fields of a catalog item version."""
        return {
            "git_url": self.git_url,
            "git_ref": self.git_ref,
            "git_subpath": self.git_subpath,
            "git_commit": self.git_commit,
        }


LOCAL: Final = Origin()


def git_source(url: str, ref: str, subpath: str = "", name: str | None = None) -> GitSource:
    """Return the source after looking at every part of it that reaches Git's command line.

    Without a name, the address and the folder are the name, whatever the ref: a new ref is the same source. Raises
    UnfitSource.
    """
    clean, credentials = clean_url(url)
    if not _REF.fullmatch(ref) or len(ref) > PATH_MAX_LENGTH:
        raise UnfitSource(
            f"{ref!r} is no branch, tag or full commit id that is taken; give for example main, v1.2.0, or the 40 "
            "digits of a commit"
        )
    parts = [part for part in subpath.split("/") if part not in ("", ".")]
    if any(not _SUBPATH_PART.fullmatch(part) for part in parts) or len(subpath) > PATH_MAX_LENGTH:
        raise UnfitSource(
            f"{subpath!r} is no folder inside a repository; give a relative path such as terraform/modules"
        )
    folder = "/".join(parts)
    return GitSource(name or (f"{clean}//{folder}" if folder else clean), clean, ref, folder, credentials)


def is_commit(ref: str) -> bool:
    """Tell whether the ref is a full commit id."""
    return _COMMIT.fullmatch(ref) is not None


def clean_url(url: str) -> tuple[str, Credentials | None]:
    """Return the address as it may be stored and shown, and the credentials that it held.

    Taken are https://, ssh://, user@host:path and file://; whether file:// is allowed is for the fetch to say. Raises
    UnfitSource, whose text never holds the address: what is wrong with it may be the password.
    """
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > URL_MAX_LENGTH:
        raise UnfitSource(
            f"the address holds spaces or other characters that no address has, or more than {URL_MAX_LENGTH}"
        )
    if url.startswith("-") or "::" in url:
        raise UnfitSource(
            "an address must not begin with - nor name a transport helper (ext::, fd::), which runs commands; give "
            "https://… or ssh://…"
        )
    scp = _SCP.fullmatch(url)
    if scp is not None:
        url = f"ssh://{scp['user']}@{scp['host']}/{scp['path']}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UnfitSource(
            "the address cannot be read; give https://host/path or ssh://git@host/path"
        ) from None
    if parts.scheme not in ("https", "ssh", "file"):
        raise UnfitSource(
            "only https://, ssh:// and, where DRAWBRIDGE_GIT_ALLOW_FILE is set, file:// addresses are taken"
        )
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise UnfitSource(
            "the address must have no ? and no #: the ref and the folder are given apart from it"
        )
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/"):
            raise UnfitSource(
                "a file address has three slashes and an absolute path: file:///srv/git/modules.git"
            )
        return url, None
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or len(parts.path) < 2 or parts.path.startswith("/-"):
        raise UnfitSource("the address names no host or no repository; give https://host/path")
    credentials = None
    user = ""
    if parts.scheme == "https" and parts.username is not None:
        credentials = Credentials(unquote(parts.username), unquote(parts.password or ""))
    elif parts.username is not None:
        if not _HOST.fullmatch(parts.username) or parts.password is not None:
            raise UnfitSource("an ssh address may name a user and no password; give the worker's user a key")
        user = f"{parts.username}@"
    return urlunsplit(
        (parts.scheme, f"{user}{host}{f':{port}' if port else ''}", parts.path, "", "")
    ), credentials


def read_sources(text: str, file: str) -> tuple[GitSource | FolderSource, ...]:
    """Return the sources that a YAML list describes, each with a name of its own.

    Raises UnreadableFile with every problem, each with its line.
    """
    document = read_document(text, file)
    entries = document.data
    if not isinstance(entries, list):
        raise UnreadableFile(
            document.problem((), "must be a list of sources, each with a name and a url or a path")
        )
    found: list[GitSource | FolderSource] = []
    problems: list[ManifestProblem] = []
    names: set[str] = {LOCAL_NAME}
    for index, entry in enumerate(entries):
        try:
            source = _source(document, index, entry)
        except UnreadableFile as error:
            problems.extend(error.problems)
            continue
        if source.name in names:
            reason = f"the name {source.name} is taken; every source has one of its own"
            problems.append(document.problem((index, "name"), reason))
            continue
        names.add(source.name)
        found.append(source)
    if problems:
        raise UnreadableFile(*problems)
    return tuple(found)


def _source(document: LocatedDocument, index: int, entry: Any) -> GitSource | FolderSource:
    def refuse(reason: str, *key: str) -> UnreadableFile:
        return UnreadableFile(document.problem((index, *key), reason))

    if not isinstance(entry, dict):
        raise refuse("must have a name and a url or a path")
    for key, value in entry.items():
        if key not in _KEYS:
            raise refuse(f"there is no such key{did_you_mean(str(key), list(_KEYS))}", key)
        if not isinstance(value, str) or not value:
            raise refuse("must be text; put it in quotes", key)
    name = entry.get("name", "")
    if not _NAME.fullmatch(name) or len(name) > NAME_MAX_LENGTH:
        raise refuse("a source needs a name of lower-case letters, digits and hyphens", "name")
    if ("url" in entry) == ("path" in entry):
        raise refuse("a source has either a url (of a Git repository) or a path (of a folder)")
    if "path" in entry:
        if "ref" in entry or "subpath" in entry:
            raise refuse("ref and subpath belong to a url; give the whole path", "path")
        path = Path(entry["path"])
        if not path.is_absolute():
            raise refuse("the path of a folder must be absolute", "path")
        return FolderSource(name, path)
    if "ref" not in entry:
        raise refuse("a url needs a ref: a branch, a tag or a commit")
    try:
        return git_source(entry["url"], entry["ref"], entry.get("subpath", ""), name)
    except UnfitSource as error:
        raise refuse(str(error)) from error
