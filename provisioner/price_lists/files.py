"""Price lists on disk: which files there are, and their bytes, unpacked, counted and bounded."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from provisioner.domain.price_import import PriceListRefused

# An EC2 list of all regions was several GB in 2026; what unpacks to more than this is no price list.
MAX_BYTES = 16 * 1024**3
ENDINGS = (".json", ".csv", ".json.gz", ".csv.gz")
_CHUNK = 1024 * 1024
# offers/v1.0/aws/<Service>/current/<region>/index.json; without the region: the list of all regions.
_LAYOUT = re.compile(
    r"(?:^|/)(?P<offer>[^/]+)/(?:current|\d{14})(?:/(?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?/[^/]+$"
)
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class ListFile:
    """One file with a price list. `name` is how people are told of it; `region` is what its folder says, or ""."""

    path: Path
    name: str
    region: str = ""

    @property
    def is_json(self) -> bool:
        """Whether it is JSON; CSV otherwise."""
        return self.path.name.removesuffix(".gz").endswith(".json")


def find(place: Path) -> list[ListFile]:
    """Return the price lists at a path: the file itself, or those below a folder. Raises PriceListRefused.

    Where a folder has the same list as JSON and as CSV, the JSON file is taken.
    """
    if place.is_file():
        if not place.name.endswith(ENDINGS):
            raise PriceListRefused(f"{place.name}: a price list ends in one of {', '.join(ENDINGS)}.")
        return [_described(place, place.name)]
    if not place.is_dir():
        raise PriceListRefused(f"{place}: there is no such file or folder.")
    found = sorted(path for path in place.rglob("index.*") if path.name.endswith(ENDINGS) and path.is_file())
    if not found:
        raise PriceListRefused(
            f"{place}: there is no index.json or index.csv below it. The layout is that of the price list itself: "
            "<Service>/current/<region>/index.json."
        )
    by_folder: dict[Path, Path] = {}
    for path in sorted(found, key=lambda path: ENDINGS.index(_ending(path))):
        by_folder.setdefault(path.parent, path)
    return [_described(path, str(path.relative_to(place))) for path in sorted(by_folder.values())]


def _ending(path: Path) -> str:
    return next(ending for ending in (".json.gz", ".csv.gz", ".json", ".csv") if path.name.endswith(ending))


def _described(path: Path, name: str) -> ListFile:
    layout = _LAYOUT.search(path.as_posix())
    return ListFile(path, name, (layout["region"] or "") if layout else "")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sum(file: ListFile, expected: str | None) -> str:
    """Return the file's SHA-256; raise PriceListRefused when it is not the expected one.

    Expected is what is given, or what stands in `<file>.sha256` beside it, as `sha256sum` writes it.
    """
    beside = file.path.with_name(file.path.name + ".sha256")
    if expected is None and beside.is_file():
        expected = (beside.read_text(errors="replace").split() or [""])[0]
    found = sha256_of(file.path)
    if expected is not None and expected.strip().lower() != found:
        raise PriceListRefused(
            f"{file.name}: its SHA-256 is {found}, where {expected.strip()[:64]!r} is expected. It is not the file "
            "that was meant, or it was damaged on its way: fetch it again."
        )
    return found


@contextmanager
def opened(file: ListFile) -> Iterator[BinaryIO]:
    """Open a price list for reading, unpacked. Reading more than MAX_BYTES raises PriceListRefused."""
    with file.path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        source: BinaryIO = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
        yield io.BufferedReader(_Bounded(source, file.name), _CHUNK)


class _Bounded(io.RawIOBase):
    """Passes bytes on, up to MAX_BYTES; says what is wrong with a packed file in our words."""

    def __init__(self, source: BinaryIO, name: str) -> None:
        super().__init__()
        self._source = source
        self._name = name
        self._left = MAX_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._source.read(len(buffer))
        except EOFError:
            raise PriceListRefused(f"{self._name}: the packed file ends too early. Fetch it again.") from None
        except (gzip.BadGzipFile, OSError) as error:
            raise PriceListRefused(
                f"{self._name}: it cannot be unpacked ({error!s:.100}). Fetch it again."
            ) from None
        self._left -= len(data)
        if self._left < 0:
            raise PriceListRefused(
                f"{self._name}: it unpacks to more than {MAX_BYTES // 1024**3} GiB, more than a price list has."
            )
        buffer[: len(data)] = data
        return len(data)
