"""Several policies at once, on PostgreSQL: one comes into force."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import User

from provisioner import policy, policy_store
from provisioner.models import PolicyActivation, PolicyStanding, PolicyVersion
from provisioner.services import policy_review as review
from tests.conftest import Organisation
from tests.races.test_races import at_once

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

SHIPPED = Path(configured.DRAWBRIDGE_POLICY_FILE).read_text()


def now() -> datetime:
    return datetime.now(UTC)


class TestAtOnce:
    def test_the_first_policy_is_taken_up_once(self, org: Organisation) -> None:
        assert at_once(8, lambda _: policy.current()) == {"ok": 8}
        assert (PolicyVersion.objects.count(), PolicyActivation.objects.count()) == (1, 1)

    def test_an_edit_of_the_file_is_taken_up_once(
        self, org: Organisation, tmp_path: Path, settings: Any
    ) -> None:
        policy.current()
        settings.DRAWBRIDGE_POLICY_FILE = tmp_path / "policy.yaml"
        settings.DRAWBRIDGE_POLICY_FILE.write_text(SHIPPED + "# edited\n")
        assert at_once(8, lambda _: policy.current()) == {"ok": 8}
        assert (PolicyVersion.objects.count(), PolicyActivation.objects.count()) == (2, 2)

    def test_of_ten_proposals_that_are_approved_at_once_one_comes_into_force(
        self, org: Organisation, settings: Any
    ) -> None:
        settings.DRAWBRIDGE_POLICY_SOURCE = "edited"
        base = policy.current().digest
        second = User.objects.create_superuser("second")
        proposals = [
            review.propose(SHIPPED + f"# {i}\n", reason="x", base_digest=base, author=org.platform, now=now())
            for i in range(10)
        ]
        outcomes = at_once(
            10,
            lambda i: review.approve(
                proposals[i].pk, digest=proposals[i].digest, comment="", approver=second, now=now()
            ),
        )
        assert outcomes == {"ok": 1, "stale_base": 9}
        standing = PolicyStanding.objects.get()
        assert policy_store.loaded(standing.version.digest).text.startswith(SHIPPED)
        assert PolicyActivation.objects.count() == 2
