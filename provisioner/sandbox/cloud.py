"""The stand-in cloud: one SQLite file of objects, faults to come, delays and a log of what was really done.

Several provider processes use it at the same time; every change is one immediate transaction.
"""

import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from provisioner.sandbox import files

Attributes = dict[str, Any]

_TABLES = """
create table object (
    type text not null, id text not null, region text not null, account text not null,
    workspace text not null, attributes text not null, created_at text not null, updated_at text not null,
    primary key (type, id, region, account)
);
create table fault (
    number integer primary key, type text not null, operation text not null, kind text not null,
    message text not null, remaining integer not null
);
create table event (
    number integer primary key, at text not null, operation text not null, type text not null, id text not null,
    region text not null, account text not null, workspace text not null, tags text not null, process integer not null
);
pragma user_version = 1;
"""
# What version 2 of the file has besides; a file of version 1 gets it when it is opened.
_DELAYS = """
create table delay (
    type text not null, operation text not null, seconds real not null, primary key (type, operation)
);
pragma user_version = 2;
"""
_BUSY_S = 30


class Key(NamedTuple):
    """What identifies an object; the region of a global type is empty."""

    type: str
    id: str
    region: str
    account: str


class Fault(NamedTuple):
    """A failure to show: kind is "error", "error-after" (the object is made all the same), "crash" or "hang"."""

    kind: str
    message: str


class Cloud:
    """An open connection to the file, for use by any thread of this process."""

    def __init__(self, home: str) -> None:
        files.make_private_directory(home)
        path = os.path.join(home, "cloud.db")
        self._lock = threading.RLock()
        with _creation_lock(home):
            if not os.path.exists(path):
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            version = self._db.execute("pragma user_version").fetchone()[0]
            if version == 0:
                self._db.execute("pragma journal_mode = wal")
            if version < 2:
                self._db.executescript(f"begin immediate;{'' if version else _TABLES}{_DELAYS}commit;")
        self._db.execute("pragma synchronous = normal")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def get(self, key: Key) -> Attributes | None:
        """Return an object's attributes, None when there is no such object."""
        with self._lock:
            row = self._db.execute(
                "select attributes from object where type = ? and id = ? and region = ? and account = ?", key
            ).fetchone()
        return json.loads(row[0]) if row else None

    def all(self, type_name: str, region: str, account: str) -> list[Attributes]:
        """Return every object of a type, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "select attributes from object where type = ? and region = ? and account = ? order by created_at, id",
                (type_name, region, account),
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def insert(self, key: Key, attributes: Attributes, unique: tuple[str, ...], tags: Attributes) -> bool:
        """Add an object; False, and nothing done, when one with the same unique attributes is there."""
        with self._transaction():
            for other in self.all(key.type, key.region, key.account):
                if other.get("id") == key.id or all(
                    other.get(name) == attributes.get(name) for name in unique
                ):
                    return False
            now = _now()
            self._db.execute(
                "insert into object values (?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, _workspace(tags), json.dumps(attributes), now, now),
            )
            self._log("create", key, tags)
        return True

    def update(
        self,
        key: Key,
        attributes: Attributes,
        tags: Attributes,
        operation: str = "update",
        old_id: str | None = None,
    ) -> bool:
        """Replace an object's attributes (and its id, when it is known by a name that changed); False when gone."""
        with self._transaction():
            changed = self._db.execute(
                "update object set id = ?, workspace = ?, attributes = ?, updated_at = ?"
                " where type = ? and id = ? and region = ? and account = ?",
                (
                    key.id,
                    _workspace(tags),
                    json.dumps(attributes),
                    _now(),
                    *key._replace(id=old_id or key.id),
                ),
            ).rowcount
            if changed:
                self._log(operation, key, tags)
        return changed == 1

    def delete(self, key: Key, tags: Attributes, operation: str = "delete") -> bool:
        """Remove an object; False when it was gone already."""
        with self._transaction():
            changed = self._db.execute(
                "delete from object where type = ? and id = ? and region = ? and account = ?", key
            ).rowcount
            if changed:
                self._log(operation, key, tags)
        return changed == 1

    def take_fault(self, type_name: str, operation: str) -> Fault | None:
        """Use up one fault that is due for an operation on a type."""
        with self._lock:
            row = self._db.execute(
                "update fault set remaining = remaining - 1 where number ="
                " (select number from fault where remaining > 0 and type in (?, '*') and operation in (?, '*')"
                " order by number limit 1) and remaining > 0"
                " returning kind, message",
                (type_name, operation),
            ).fetchone()
        return Fault(*row) if row else None

    def add_fault(self, type_name: str, operation: str, fault: Fault, count: int) -> None:
        """Let the next `count` operations on a type fail."""
        with self._lock:
            self._db.execute(
                "insert into fault (type, operation, kind, message, remaining) values (?, ?, ?, ?, ?)",
                (type_name, operation, *fault, count),
            )

    def clear_faults(self) -> None:
        """Forget every fault."""
        with self._lock:
            self._db.execute("delete from fault")

    def faults(self) -> Iterator[Attributes]:
        """Yield the faults that are still to come, in the order of their use."""
        yield from self._rows("select * from fault where remaining > 0 order by number")

    def delay_s(self, type_name: str, operation: str) -> float:
        """Return how long an operation on a type takes: the longest of the delays that match."""
        with self._lock:
            row = self._db.execute(
                "select max(seconds) from delay where type in (?, '*') and operation in (?, '*')",
                (type_name, operation),
            ).fetchone()
        return row[0] or 0.0

    def set_delay(self, type_name: str, operation: str, seconds: float) -> None:
        """Let every such operation take so long from now on; 0 takes the delay away."""
        with self._lock:
            if seconds:
                self._db.execute(
                    "insert or replace into delay values (?, ?, ?)", (type_name, operation, seconds)
                )
            else:
                self._db.execute("delete from delay where type = ? and operation = ?", (type_name, operation))

    def clear_delays(self) -> None:
        """Take every delay away."""
        with self._lock:
            self._db.execute("delete from delay")

    def delays(self) -> Iterator[Attributes]:
        """Yield every delay."""
        yield from self._rows("select * from delay order by type, operation")

    def objects(self) -> Iterator[Attributes]:
        """Yield every object with its identity, as the `list` command prints it."""
        yield from self._rows("select * from object order by created_at, type, id", "attributes")

    def events(self) -> Iterator[Attributes]:
        """Yield the log, oldest first: what was created, updated, deleted or drifted, when and by whom."""
        yield from self._rows("select * from event order by number", "tags")

    def _rows(self, query: str, document: str = "") -> Iterator[Attributes]:
        with self._lock:
            cursor = self._db.execute(query)
            names = [column[0] for column in cursor.description]
            rows = cursor.fetchall()
        for values in rows:
            row = dict(zip(names, values, strict=True))
            yield {**row, document: json.loads(row[document])} if document else row

    def _log(self, operation: str, key: Key, tags: Attributes) -> None:
        self._db.execute(
            "insert into event (at, operation, type, id, region, account, workspace, tags, process)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_now(), operation, *key, _workspace(tags), json.dumps(tags, sort_keys=True), os.getpid()),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")


@contextmanager
def _creation_lock(home: str) -> Iterator[None]:
    """Let one process at a time open the file, because switching to WAL does not wait for others."""
    descriptor = os.open(os.path.join(home, "cloud.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _workspace(tags: Attributes) -> str:
    return str(tags.get("drawbridge-workspace") or "")


def _now() -> str:
    seconds = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1e6):06d}Z"
