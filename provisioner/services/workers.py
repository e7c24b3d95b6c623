"""Note which workers there are, so that a page can say when a run will probably start."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from provisioner.models import WorkerSeen
from provisioner.queue import APPLY, PLAN, Worker

FORGOTTEN_AFTER = timedelta(minutes=10)


def note(workers: Collection[Worker] | None) -> None:
    """Write down who answered, by the database's clock, and forget who has not for long. None: nobody was asked."""
    if workers is None:
        return
    with transaction.atomic():
        for worker in workers:
            WorkerSeen.objects.update_or_create(
                name=worker.name[:255],
                defaults={
                    "places": worker.places,
                    "plans": PLAN in worker.tasks,
                    "applies": APPLY in worker.tasks,
                    "seen_at": Now(),
                },
            )
        WorkerSeen.objects.filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()
