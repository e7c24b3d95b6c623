"""Read one folder of one commit of a Git repository, without trusting the repository.

Nothing is checked out: files are written from the commit's objects, so no hook, filter, LFS smudge or submodule ever
runs. Git gets an environment of its own, may speak only the protocols that are allowed, and is stopped when it takes
too long or when the repository turns out larger than the limit, while it is still being fetched.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from catalog.sources import Credentials, GitSource, Origin, UnfitSource, is_commit

MAX_FILES: Final = 20_000
_BLOCK_BYTES: Final = 512  # what `ulimit -f` counts in
_HEADER_BYTES: Final = 100  # more than `cat-file --batch` writes around one file
_LINK: Final = "120000"
_SUBMODULE: Final = "160000"
_PASSED_ON: Final = (
    *("PATH", "TZ", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
_SSH: Final = "ssh -o BatchMode=yes -o ConnectTimeout=20 -o ForwardAgent=no -o PermitLocalCommand=no"
_ASKPASS: Final = """#!/bin/sh
case "$1" in
  Username*) printf '%s\\n' "$DRAWBRIDGE_GIT_USERNAME" ;;
  *) printf '%s\\n' "$DRAWBRIDGE_GIT_PASSWORD" ;;
esac
"""
_CONFIG: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    # A large file is passed on in pieces instead of being held in memory.
    "core.bigFileThreshold=1m",
    "core.packedGitWindowSize=16m",
    "credential.helper=",
    # One pack, whatever its size: a limit on a file's size is then a limit on the repository's.
    "fetch.unpackLimit=1",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    # A redirect could lead the credentials to another host.
    "http.followRedirects=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
    "transfer.fsckObjects=true",
)


@dataclass(frozen=True)
class GitLimits:
    """How long Git may take, how large a repository and what is read of it may be, and whether file:// is allowed."""

    timeout_s: float = 120
    max_bytes: int = 50 * 1024 * 1024
    allow_file: bool = False


@dataclass(frozen=True)
class Checkout:
    """The folder that was read, and what to record of where it came from. The folder goes away afterwards."""

    path: Path
    origin: Origin
    author: str = ""  # of the commit, as it names itself


@dataclass(frozen=True)
class _Entry:
    mode: str
    object_id: str
    size: int
    path: str


@contextlib.contextmanager
def checked_out(source: GitSource, limits: GitLimits) -> Iterator[Checkout]:
    """Yield the source's folder as its ref has it now, in a temporary folder that is removed afterwards.

    Raises UnfitSource when the repository cannot be reached, has no such ref or folder, or is larger than allowed.
    """
    if source.url.startswith("file:") and not limits.allow_file:
        raise UnfitSource(
            f"{source.url}: file addresses are not allowed here; set DRAWBRIDGE_GIT_ALLOW_FILE=1, or give the folder "
            "as a path"
        )
    with tempfile.TemporaryDirectory(prefix="drawbridge-git-") as name:
        git = _Git(Path(name), source, limits)
        commit = git.fetch()
        target = Path(name) / "files" / (source.subpath.rsplit("/", 1)[-1] or "modules")
        target.mkdir(parents=True)
        git.write(commit, target)
        origin = Origin(source.name, source.url, source.ref, source.subpath, commit)
        yield Checkout(target, origin, git.author_of(commit))


class _Git:
    """One repository in a temporary folder, and the commands that read it."""

    def __init__(self, home: Path, source: GitSource, limits: GitLimits) -> None:
        found = shutil.which("git")
        if found is None:
            raise UnfitSource("there is no git on this machine's PATH; install Git to read repositories")
        self.executable = found
        self.home = home
        self.repository = home / "repository.git"
        self.source = source
        self.limits = limits
        self.environment = self._environment(source.credentials)

    def _environment(self, credentials: Credentials | None) -> dict[str, str]:
        allowed = "https:ssh:file" if self.limits.allow_file else "https:ssh"
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {
            "HOME": str(self.home),
            "LC_ALL": "C",
            "GIT_ALLOW_PROTOCOL": allowed,
            "GIT_ASKPASS": "/bin/false",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_SSH_COMMAND": _SSH,
            "GIT_TERMINAL_PROMPT": "0",
        }
        if credentials is not None:
            askpass = self.home / "askpass"
            askpass.write_text(_ASKPASS, encoding="utf-8")
            askpass.chmod(0o700)
            environment |= {
                "GIT_ASKPASS": str(askpass),
                "DRAWBRIDGE_GIT_USERNAME": credentials.username,
                "DRAWBRIDGE_GIT_PASSWORD": credentials.password,
            }
        return environment

    def fetch(self) -> str:
        """Fetch the ref alone, without history, and return the commit that it names."""
        self.run(["init", "--quiet", "--bare", "--template=", str(self.repository)])
        self.run(
            [
                *(
                    "fetch",
                    "--quiet",
                    "--depth=1",
                    "--no-tags",
                    "--no-recurse-submodules",
                    "--no-write-fetch-head",
                ),
                *("--end-of-options", self.source.url, f"+{self.source.ref}:refs/drawbridge/fetched"),
            ],
            what=f"cannot fetch {self.source.ref} of {self.source.url}",
        )
        commit = self.run(["rev-parse", "--verify", "refs/drawbridge/fetched^{commit}"]).decode().strip()
        if is_commit(self.source.ref) and commit != self.source.ref:
            raise UnfitSource(
                f"{self.source.url} answered with the commit {commit} instead of {self.source.ref}"
            )
        return commit

    def author_of(self, commit: str) -> str:
        """Return the name that the commit gives as its author's, printable and short."""
        said = self.run(["show", "--no-patch", "--format=%an", commit]).decode("utf-8", "replace").strip()
        return "".join(character for character in said if character.isprintable())[:100]

    def write(self, commit: str, target: Path) -> None:
        """Write the folder's files to `target`; a link is written as a link to nothing, to be refused by name."""
        subpath = self.source.subpath
        entries = self.entries(f"{commit}:{subpath}")
        total = sum(entry.size for entry in entries)
        if total > self.limits.max_bytes or len(entries) > MAX_FILES:
            raise self.too_large()
        links = [entry for entry in entries if entry.mode == _LINK]
        files = [entry for entry in entries if entry.mode not in (_LINK, _SUBMODULE)]
        wanted = "".join(f"{entry.object_id}\n" for entry in files).encode()
        more_bytes = _HEADER_BYTES * len(files)
        contents = self.run(["cat-file", "--batch", "--buffer"], given=wanted, more_bytes=more_bytes)
        at = 0
        for entry in files:
            header_end = contents.index(b"\n", at)
            if contents[at:header_end].decode() != f"{entry.object_id} blob {entry.size}":
                raise UnfitSource(f"{self.source.url} lacks the content of {entry.path}")
            at = header_end + 1
            path = target / entry.path
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(contents[at : at + entry.size])
            at += entry.size + 1
        for entry in links:
            path = target / entry.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to("link")

    def entries(self, tree: str) -> list[_Entry]:
        """Return what stands below a folder of the commit, with paths relative to it."""
        folder = self.source.subpath or "the repository"
        listed = self.run(
            ["ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", tree],
            what=f"{self.source.ref} of {self.source.url} has no folder {folder}",
        )
        found: list[_Entry] = []
        for line in listed.split(b"\0")[:-1]:
            facts, _, raw = line.partition(b"\t")
            mode, _, object_id, size = facts.decode().split()
            path = os.fsdecode(raw)
            # fsck refused such names while fetching; writing files is no place to rely on it.
            if path.startswith("/") or any(part in ("", ".", "..") for part in path.split("/")):
                raise UnfitSource(f"{self.source.url} holds a file with the name {path!r}")
            found.append(_Entry(mode, object_id, 0 if size == "-" else int(size), path))
        return found

    def too_large(self) -> UnfitSource:
        return UnfitSource(
            f"{self.source.url} is larger than {self.limits.max_bytes // 1024**2} MiB at {self.source.ref}; give the "
            "modules a repository of their own, or raise DRAWBRIDGE_GIT_MAX_MIB"
        )

    def run(
        self, arguments: Sequence[str], *, given: bytes = b"", more_bytes: int = 0, what: str = "Git failed"
    ) -> bytes:
        """Run one Git command and return its output; no file that it writes, this among them, passes the limit."""
        config = [part for setting in _CONFIG for part in ("-c", setting)]
        blocks = (self.limits.max_bytes + more_bytes) // _BLOCK_BYTES
        # The shell sets the limit and becomes Git, so that Git's own children inherit it.
        command = [
            "/bin/sh",
            "-c",
            f'ulimit -f {blocks} && exec "$@"',
            "sh",
            self.executable,
            *config,
            *arguments,
        ]
        given_file, output_file, error_file = (self.home / name for name in ("given", "output", "errors"))
        given_file.write_bytes(given)
        with (
            given_file.open("rb") as stdin,
            output_file.open("wb") as stdout,
            error_file.open("wb") as stderr,
        ):
            try:
                code = _finished(
                    subprocess.Popen(
                        command,
                        cwd=self._cwd(),
                        env=self.environment,
                        stdin=stdin,
                        stdout=stdout,
                        stderr=stderr,
                        start_new_session=True,
                    ),
                    self.limits.timeout_s,
                )
            except subprocess.TimeoutExpired:
                raise UnfitSource(
                    f"{what}: Git was stopped after {self.limits.timeout_s:g} s; see whether the host answers, or "
                    "raise DRAWBRIDGE_GIT_TIMEOUT_S"
                ) from None
        if code == 0:
            return output_file.read_bytes()
        if code == -signal.SIGXFSZ or self._reached_the_limit():
            raise self.too_large()
        raise UnfitSource(f"{what}: {self._said(error_file.read_bytes())}")

    def _cwd(self) -> Path:
        return self.repository if self.repository.is_dir() else self.home

    def _reached_the_limit(self) -> bool:
        largest = max(
            (path.stat().st_size for path in self.repository.rglob("*pack*") if path.is_file()), default=0
        )
        return largest >= self.limits.max_bytes // _BLOCK_BYTES * _BLOCK_BYTES

    def _said(self, errors: bytes) -> str:
        """Return what Git said on one line, without the credentials."""
        text = " ".join(errors.decode("utf-8", "replace").split())
        secrets = self.source.credentials
        for secret in (secrets.password, secrets.username) if secrets is not None else ():
            if secret:
                text = text.replace(secret, "…")
        printable = "".join(character if character.isprintable() else " " for character in text)
        return printable[-500:] or "Git gave no reason"


def _finished(process: subprocess.Popen[bytes], timeout_s: float) -> int:
    """Wait for a process and return its code; its whole group is killed when the time is over."""
    with process:
        try:
            return process.wait(timeout_s)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
