"""Unpack a module's files from its archive, and nothing else."""

import io
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from catalog.content import UnfitContent, module_digest_of_content
from provisioner.engine.types import EngineFailure

MAX_FILES = 1_000
MAX_BYTES = 20 * 1024 * 1024


def check_digest(content: bytes, module_digest: str) -> None:
    """Raise EngineFailure unless the content is what the catalog's digest names."""
    try:
        actual = module_digest_of_content(content)
    except UnfitContent as problem:
        raise _refused(str(problem)) from problem
    if actual != module_digest:
        raise _refused(f"its digest is {actual}, but the run was ordered with {module_digest}")


def unpack(content: bytes, folder: Path) -> None:
    """Write the files of a tar.gz under `folder`, which must be empty or missing.

    Raises EngineFailure for anything but plain files and folders with relative paths below the limits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    left = MAX_BYTES
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r|gz") as archive:
            for number, member in enumerate(archive):
                if number >= MAX_FILES:
                    raise _refused(f"it has more than {MAX_FILES} entries")
                left -= _unpack_member(archive, member, folder, left)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as problem:
        if isinstance(problem, OSError) and problem.errno is not None:
            raise  # the disk, not the archive
        raise _refused(f"it is not a readable tar.gz ({problem})") from problem


def _unpack_member(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, left: int) -> int:
    """Write one member and return its size."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or "\0" in member.name:
        raise _refused(f"{member.name!r} would leave the module's folder")
    if member.isdir():
        (folder / path).mkdir(parents=True, exist_ok=True)
        return 0
    if not member.isfile():
        raise _refused(f"{member.name!r} is a link or a device, only files are taken")
    if member.size > left:
        raise _refused(f"it is larger than {MAX_BYTES} bytes unpacked")
    source = archive.extractfile(member)
    if source is None:
        raise _refused(f"{member.name!r} cannot be read")
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read())
    if member.mode & 0o100:
        target.chmod(0o755)
    return member.size


def _refused(reason: str) -> EngineFailure:
    return EngineFailure(
        "The module's archive was refused",
        f"The stored content of the module was not unpacked: {reason}."
        " Publish the module again with sync_catalog.",
        permanent=True,
    )
