"""Every sealed value of the database: which key wraps it, does it open, and wrap it by the newest key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import BinaryField, F, Func, Model, Value

from provisioner import crypto, selectors
from provisioner.models import RunPlan, StateVersion

BATCH = 200


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


PLACES: tuple[Place, ...] = (
    Place("state version", StateVersion, "content", ("workspace_id", "serial"), selectors.state_identity),
    Place("plan file", RunPlan, "plan_file", ("run_id",), _plan("file")),
    Place("plan document", RunPlan, "document", ("run_id",), _plan("document")),
    Place("approved plan document", RunPlan, "approved_document", ("run_id",), _plan("document")),
    Place("sensitive values of a plan", RunPlan, "sensitive_values", ("run_id",), _plan("sensitive-values")),
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
    return done


def broken() -> Iterator[tuple[str, str]]:
    """Open every sealed value; yield each that does not open, with the reason."""
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
