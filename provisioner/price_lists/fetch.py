"""Fetch price lists over HTTP into a folder in their own layout: bounded, checked, whole or not at all.

The address of a list: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-the-aws-price-list-bulk-api.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from provisioner.domain.price_import import PriceListRefused

# The public endpoint of the bulk price list; needs no credentials.
BASE_URL = "https://pricing.us-east-1.amazonaws.com"
MAX_BYTES = 8 * 1024**3
_CHUNK = 1024 * 1024
_TIMEOUT = httpx.Timeout(30, connect=10)  # s, for each read: the whole of a list may take longer
_OFFER = re.compile(r"[A-Za-z][A-Za-z0-9]{1,63}")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")


def fetch(
    offers: Sequence[str],
    region: str,
    folder: Path,
    *,
    base_url: str = BASE_URL,
    max_bytes: int = MAX_BYTES,
    tell: Callable[[str], None] = lambda text: None,
) -> list[Path]:
    """Fetch the region's list of each offer below `folder` and return the files.

    A list is written under another name and takes its own when all of it is there. Raises PriceListRefused when one
    cannot be fetched, is larger than `max_bytes` (of all of them together), or ends too early.
    """
    if not _REGION.fullmatch(region):
        raise PriceListRefused(f"{region!r:.40} is not the code of a region, such as us-east-1.")
    for offer in offers:
        if not _OFFER.fullmatch(offer):
            raise PriceListRefused(f"{offer!r:.40} is not the code of an offer, such as AmazonRDS.")
    fetched, left = [], max_bytes
    # Redirects are not followed: a price list has one address, and another host has no say in prices.
    with httpx.Client(timeout=_TIMEOUT, follow_redirects=False) as client:
        for offer in offers:
            path = f"offers/v1.0/aws/{offer}/current/{region}/index.json"
            target = folder / path
            size = _fetch_one(client, f"{base_url.rstrip('/')}/{path}", target, left)
            left -= size
            tell(f"Fetched {offer}: {size:,} bytes")
            fetched.append(target)
    return fetched


def _fetch_one(client: httpx.Client, url: str, target: Path, left: int) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.part")
    try:
        with client.stream("GET", url) as answer:
            if answer.status_code != httpx.codes.OK:
                raise PriceListRefused(
                    f"{url}: the server answers {answer.status_code}. Look at the offer's code and the region, "
                    "or fetch the file by hand and import it from disk."
                )
            announced = answer.headers.get("Content-Length", "")
            if announced.isdigit() and int(announced) > left:
                raise _too_large(url, left)
            size = _write(answer, draft, url, left)
            # httpx raises for a body that is shorter than announced; a packed one is counted before it is unpacked.
            if announced.isdigit() and answer.num_bytes_downloaded != int(announced):
                raise PriceListRefused(
                    f"{url}: {answer.num_bytes_downloaded} of {announced} bytes came. Fetch it again."
                )
        os.replace(draft, target)
    except httpx.HTTPError as error:
        raise PriceListRefused(
            f"{url}: it could not be fetched ({type(error).__name__}: {error!s:.120}). Try again later, or fetch "
            "the file by hand and import it from disk."
        ) from None
    finally:
        draft.unlink(missing_ok=True)
    return size


def _write(answer: httpx.Response, draft: Path, url: str, left: int) -> int:
    size = 0
    with draft.open("wb") as file:
        for chunk in answer.iter_bytes(_CHUNK):
            size += len(chunk)
            if size > left:
                raise _too_large(url, left)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return size


def _too_large(url: str, left: int) -> PriceListRefused:
    return PriceListRefused(
        f"{url}: it is larger than the {left:,} bytes that are left of --max-bytes. Raise it if the disk has room."
    )
