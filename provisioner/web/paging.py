"""Keyset pages, newest first: no counts, no offsets, stable while rows arrive."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)
PAGE_SIZE = 50


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows and the cursor of the next ones, or None at the end."""

    rows: Sequence[Row]
    older: str | None


def newest_first(rows: QuerySet[Row], cursor: str, *, size: int = PAGE_SIZE) -> Page[Row]:
    """Cut a page out of rows ordered by `-created_at, id`. A cursor that is not ours starts at the top."""
    position = _read(cursor)
    if position is not None:
        at, pk = position
        rows = rows.filter(Q(created_at__lt=at) | Q(created_at=at, id__gt=pk))
    found: list[Any] = list(rows[: size + 1])
    page = found[:size]
    last = page[-1] if len(found) > size else None
    return Page(page, None if last is None else f"{last.created_at.isoformat()}~{last.pk}")


def _read(cursor: str) -> tuple[datetime, uuid.UUID] | None:
    at, _, pk = cursor.partition("~")
    try:
        instant = datetime.fromisoformat(at)
        return (instant, uuid.UUID(pk)) if instant.tzinfo is not None else None
    except ValueError:
        return None
