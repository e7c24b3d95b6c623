"""Every sealed value, in the database and in the archive: which key wraps it, does it open, wrap it by the newest."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import BinaryField, F, Func, Model, Value

from provisioner import crypto, selectors
from provisioner.logs import archive
from provisioner.models import NotificationChannel, Run, RunPlan, StateVersion
from provisioner.services import notification_secrets

BATCH = 200
ARCHIVE = "archived log"


@dataclass(frozen=True)
class Place:
    """A column that holds sealed values, and how each is named."""

    label: str
    model: type[Model]
    column: str
    named_by: tuple[str, ...]
    identity: Callable[..., str]

    def of(self, pk: int) -> str:
        """Name one value for people."""
        return f"{self.label} {pk}"


def _plan(part: str) -> Callable[[Any], str]:
    return lambda run_id: selectors.plan_identity(run_id, part)


def _channel(part: str) -> Callable[[Any], str]:
    return lambda key: notification_secrets.identity(key, part)


PLACES: tuple[Place, ...] = (
    Place("state version", StateVersion, "content", ("workspace_id", "serial"), selectors.state_identity),
    Place("plan file", RunPlan, "plan_file", ("run_id",), _plan("file")),
    Place("plan document", RunPlan, "document", ("run_id",), _plan("document")),
    Place("approved plan document", RunPlan, "approved_document", ("run_id",), _plan("document")),
    Place("sensitive values of a plan", RunPlan, "sensitive_values", ("run_id",), _plan("sensitive-values")),
    Place("address of a channel", NotificationChannel, "address", ("key",), _channel("address")),
    Place("secret of a channel", NotificationChannel, "secret", ("key",), _channel("secret")),
    Place(
        "previous secret of a channel",
        NotificationChannel,
        "previous_secret",
        ("key",),
        _channel("previous-secret"),
    ),
)


@dataclass
class Rotation:
    """What a rotation did, by place. `failed` says of each value that could not be rewrapped why."""

    key_id: str
    rewrapped: Counter[str] = field(default_factory=Counter)
    written_meanwhile: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)


def usage() -> dict[str, Counter[str]]:
    """Count the sealed values of each place by the id of their key; "" is what is no sealed value."""
    counts: dict[str, Counter[str]] = {}
    for place in PLACES:
        counts[place.label] = Counter(key_id for _, key_id in _keys_in(place))
    counts[ARCHIVE] = Counter(key_id for _, _, key_id, _ in _archived())
    return counts


def rotate() -> Rotation:
    """Wrap the data key of every sealed value by the first key, one statement each: it can be stopped and begun again.

    A value that changes meanwhile is left as it is: whoever wrote it used the first key.
    """
    done = Rotation(crypto.first_key_id())
    for place in PLACES:
        for pk, key_id in _keys_in(place):
            if key_id != done.key_id:
                _rotate_one(place, pk, done)
    for run_id, name, key_id, reason in _archived():
        if reason:
            done.failed.append(f"{ARCHIVE} {name}: {reason}")
        elif key_id != done.key_id:
            _rotate_archived(run_id, name, done)
    return done


def broken() -> Iterator[tuple[str, str]]:
    """Open every sealed value; yield each that does not open, with the reason.

    Of the archive, which may be large and far away, it is only seen that each file is there and its key is known.
    """
    for place in PLACES:
        for pk, _ in _keys_in(place):
            row = (
                place.model._default_manager.filter(pk=pk).values_list(place.column, *place.named_by).first()
            )
            if row is None or row[0] is None:
                continue
            try:
                crypto.open_sealed(row[0], identity=place.identity(*row[1:]))
            except crypto.CannotOpen as error:
                yield place.of(pk), str(error)
    known = crypto.key_ids()
    for _, name, key_id, reason in _archived():
        if reason:
            yield f"{ARCHIVE} {name}", reason
        elif key_id not in known:
            yield (
                f"{ARCHIVE} {name}",
                f"sealed with key {key_id!r}, which DRAWBRIDGE_ENCRYPTION_KEYS does not hold",
            )


def _rotate_archived(run_id: uuid.UUID, name: str, done: Rotation) -> None:
    try:
        fresh = archive.rewrap(run_id, name)
    except Exception as error:  # a storage raises what its service does
        done.failed.append(f"{ARCHIVE} {name}: {error}")
        return
    if Run.objects.filter(pk=run_id, log_archive=name).update(log_archive=fresh):
        archive.remove(name)
        done.rewrapped[ARCHIVE] += 1
    else:
        archive.remove(fresh)
        done.written_meanwhile[ARCHIVE] += 1


def _archived() -> Iterator[tuple[uuid.UUID, str, str, str]]:
    """Yield run, file name, key id and why the key cannot be told, of each archived log."""
    runs = Run.objects.exclude(log_archive="").order_by("pk").values_list("pk", "log_archive")
    last = uuid.UUID(int=0)
    while batch := list(runs.filter(pk__gt=last)[:BATCH]):
        for run_id, name in batch:
            try:
                yield run_id, name, archive.key_id_of(name), ""
            except Exception as error:  # a storage raises what its service does
                yield run_id, name, "", str(error) or type(error).__name__
        last = batch[-1][0]


def _rotate_one(place: Place, pk: int, done: Rotation) -> None:
    rows = place.model._default_manager.filter(pk=pk)
    row = rows.values_list(place.column, *place.named_by).first()
    if row is None or row[0] is None:
        return
    try:
        fresh = crypto.rewrap(row[0], identity=place.identity(*row[1:]))
    except crypto.CannotOpen as error:
        done.failed.append(f"{place.of(pk)}: {error}")
        return
    if rows.filter(**{place.column: row[0]}).update(**{place.column: fresh}):
        done.rewrapped[place.label] += 1
    else:
        done.written_meanwhile[place.label] += 1


def _keys_in(place: Place) -> Iterator[tuple[int, str]]:
    """Yield primary key and key id of each value, in batches by primary key, reading only their beginnings."""
    last = 0
    while True:
        head = Func(
            F(place.column), Value(1), Value(crypto.HEAD_BYTES), function="SUBSTR", output_field=BinaryField()
        )
        batch = list(
            place.model._default_manager.filter(pk__gt=last, **{f"{place.column}__isnull": False})
            .order_by("pk")
            .annotate(head=head)
            .values_list("pk", "head")[:BATCH]
        )
        for pk, found in batch:
            try:
                yield pk, crypto.key_id_of(found or b"")
            except crypto.CannotOpen:
                yield pk, ""
        if len(batch) < BATCH:
            return
        last = batch[-1][0]
