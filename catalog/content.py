"""The content of a module as one deterministic archive, and the digest that names it."""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAX_MODULE_BYTES: Final = 5 * 1024 * 1024
MAX_FILES: Final = 500
_LEFT_OUT_SUFFIXES: Final = (".tfstate", ".tfstate.backup", ".tfplan", ".pyc")
_LEFT_OUT_NAMES: Final = ("__pycache__", "terraform.tfvars", "terraform.tfvars.json")


class UnfitContent(Exception):
    """The folder or archive cannot be a module's content; the text says why, `path` where."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason


@dataclass(frozen=True)
class PackedModule:
    """A module's content: the tar.gz, its digest, and the files by path relative to the module."""

    content: bytes
    module_digest: str
    files: Mapping[str, bytes]


def pack_module(folder: Path) -> PackedModule:
    """Return the module in `folder` as an archive that depends on nothing but the names and bytes of its files.

    Dotfiles (with them .terraform and the lock file, which the engine makes itself), state and plan files are left
    out. Raises UnfitContent for links, special files, names that are not plain text, and more than 500 files or 5 MiB.
    """
    files: dict[str, bytes] = {}
    total = 0
    for path in _files_under(folder, folder):
        name = path.relative_to(folder).as_posix()
        if not name.isprintable() or "\\" in name:
            raise UnfitContent(ascii(name), "the file's name holds characters that are not allowed")
        total += path.stat().st_size
        if len(files) >= MAX_FILES or total > MAX_MODULE_BYTES:
            raise UnfitContent(
                "", f"the module holds more than {MAX_FILES} files or {MAX_MODULE_BYTES // 1024**2} MiB"
            )
        files[name] = path.read_bytes()
    return PackedModule(_archive(files), module_digest(files), files)


def module_digest(files: Mapping[str, bytes]) -> str:
    """Return the SHA-256 (hex) over the sorted pairs of path and SHA-256 of the bytes."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name}\0{hashlib.sha256(files[name]).hexdigest()}\n".encode())
    return whole.hexdigest()


def module_digest_of_content(content: bytes) -> str:
    """Return the digest of an archive that `pack_module` made. Raises what `files_of_content` raises."""
    return module_digest(files_of_content(content))


def files_of_content(content: bytes) -> dict[str, bytes]:
    """Return the files of an archive that `pack_module` made, without writing anything to disk.

    Raises UnfitContent for an archive that holds anything but plain files or is larger than a module may be.
    """
    files: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            for member in archive:
                if not member.isfile() or member.name in files:
                    raise UnfitContent(member.name, "the archive holds something other than plain files")
                total += member.size
                if len(files) >= MAX_FILES or total > MAX_MODULE_BYTES:
                    raise UnfitContent("", "the archive is larger than a module may be")
                opened = archive.extractfile(member)
                assert opened is not None
                files[member.name] = opened.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UnfitContent("", f"the archive cannot be read: {error}") from error
    return files


def _files_under(folder: Path, root: Path) -> Iterator[Path]:
    for path in sorted(_entries(folder), key=lambda p: p.name):
        mode = path.lstat().st_mode
        name = path.relative_to(root).as_posix()
        if stat.S_ISLNK(mode):
            raise UnfitContent(name, "links are not allowed in a module; copy the file")
        if stat.S_ISDIR(mode):
            yield from _files_under(path, root)
        elif stat.S_ISREG(mode):
            yield path
        else:
            raise UnfitContent(name, "only plain files are allowed in a module")


def _entries(folder: Path) -> Iterable[Path]:
    for path in folder.iterdir():
        if (
            path.name.startswith(".")
            or path.name in _LEFT_OUT_NAMES
            or path.name.endswith(_LEFT_OUT_SUFFIXES)
        ):
            continue
        yield path


def _archive(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            member.mode = 0o644
            archive.addfile(member, io.BytesIO(files[name]))
    return packed.getvalue()
