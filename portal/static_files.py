"""Static files with hashed names, compressed where it is worth the time."""

from collections.abc import Iterator
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage

# The API's docs and the admin are looked at seldom and hold 30 MB: compressing them took longer than the whole start.
_NOT_COMPRESSED = ("admin/", "drf_spectacular_sidecar/", "rest_framework/")


class StaticFilesStorage(CompressedManifestStaticFilesStorage):
    """WhiteNoise's storage, which leaves the seldom used big packages uncompressed."""

    def compress_files(self, paths: list[str]) -> Iterator[Any]:
        yield from super().compress_files([path for path in paths if not path.startswith(_NOT_COMPRESSED)])
