"""Logs that were a row per line: into chunks, and back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from provisioner import selectors
from provisioner.models import Run
from tests.conftest import NOW
from tests.services.conftest import Order

# Needs the tables as the migrations make them.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.thorough]


def migrate(*targets: tuple[str, str]) -> Any:
    """Migrate to these, and return the models as they are then."""
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets))
    return MigrationExecutor(connection).loader.project_state(list(targets)).apps


@pytest.fixture
def before_and_after() -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Return the migration and the one before it; put the tables back in the end."""
    graph = MigrationExecutor(connection).loader.graph
    [key] = [key for key in graph.nodes if key[1].endswith("logs_in_chunks")]
    [parent] = [parent.key for parent in graph.node_map[key].parents if parent.key[0] == "provisioner"]
    yield parent, key
    migrate(*graph.leaf_nodes())


class TestLinesThatWereRows:
    def test_are_chunks_afterwards_and_rows_again_before(
        self, order: Order, before_and_after: tuple[tuple[str, str], tuple[str, str]]
    ) -> None:
        first, second, silent = order(name="first-db"), order(name="second-db"), order(name="silent-db")
        before, after = before_and_after
        lines = [
            {
                "run_id": run.pk,
                "sequence": sequence,
                "at": NOW + timedelta(milliseconds=sequence),
                "phase": "plan",
                "level": "info",
                "address": "module.this.x",
                "text": f"é 🐘 \u202e {sequence}" + "x" * (300_000 if run is first and sequence == 2 else 0),
            }
            for run, sequences in ((first, range(1, 2301)), (second, [*range(1, 4), *range(9, 11)]))
            for sequence in sequences
        ]
        old = migrate(before).get_model("provisioner", "RunLogLine")
        old.objects.bulk_create(old(**line) for line in lines)

        chunks = migrate(after).get_model("provisioner", "RunLogChunk")
        ranges = chunks.objects.order_by("run_id", "last_sequence").values_list(
            "run_id", "first_sequence", "last_sequence"
        )
        assert [row[1:] for row in ranges if row[0] == second.pk] == [(1, 3), (9, 10)]
        assert [row[1:] for row in ranges if row[0] == first.pk] == [
            (1, 2),
            (3, 1002),
            (1003, 2002),
            (2003, 2300),
        ]
        columns = ("log_last_sequence", "log_bytes")
        runs = migrate(after).get_model("provisioner", "Run").objects
        assert runs.values_list(*columns).get(pk=silent.pk) == (0, 0)
        assert runs.values_list(*columns).get(pk=second.pk) == (
            10,
            sum(len(line["text"].encode()) for line in lines if line["run_id"] == second.pk),
        )

        old = migrate(before).get_model("provisioner", "RunLogLine")
        fields = ("run_id", "sequence", "at", "phase", "level", "address", "text")
        again = old.objects.order_by("run_id", "sequence").values(*fields)
        assert list(again) == sorted(lines, key=lambda line: (line["run_id"], line["sequence"]))

        migrate(*MigrationExecutor(connection).loader.graph.leaf_nodes())
        read = list(selectors.whole_log(Run.objects.get(pk=first.pk)))
        assert [line.text for line in read] == [line["text"] for line in lines[:2300]]
        assert [line.at for line in read] == [line["at"] for line in lines[:2300]]
