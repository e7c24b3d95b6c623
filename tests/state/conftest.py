"""A run that applies, and its door to the state."""

from __future__ import annotations

import pytest

from provisioner.domain.run import RunStatus
from provisioner.models import Run
from tests.api.conftest import published  # noqa: F401  (fixture)
from tests.services.conftest import Order, fake, order  # noqa: F401  (fixtures)
from tests.state.backend import Backend


@pytest.fixture
def run(order: Order) -> Run:  # noqa: F811
    """Order a database and let it apply, with nobody behind it."""
    made = order()
    Run.objects.filter(pk=made.pk).update(status=RunStatus.APPLYING.value, fencing_token=1)
    made.refresh_from_db()
    return made


@pytest.fixture
def backend(run: Run) -> Backend:
    """Return the door to the state of that run."""
    return Backend(run)
