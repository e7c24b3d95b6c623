"""The policy file: what an edit does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.exceptions import ImproperlyConfigured

from provisioner import policy

SHIPPED = Path(configured.DRAWBRIDGE_POLICY_FILE).read_text()


@pytest.fixture
def file(tmp_path: Path, settings: Any) -> Path:
    """Return a policy file of the test's own, which is in force."""
    path = tmp_path / "policy.yaml"
    path.write_text(SHIPPED)
    settings.DRAWBRIDGE_POLICY_FILE = path
    return path


class TestAnEdit:
    def test_is_seen_at_once(self, file: Path) -> None:
        before = policy.current()
        file.write_text(SHIPPED.replace("recovery_group: sre", "recovery_group: platform"))
        assert (before.approvals.recovery_group, policy.current().approvals.recovery_group) == (
            "sre",
            "platform",
        )

    @pytest.mark.parametrize(
        "text", ["approvals: [", "approvals: {}", "\x00", SHIPPED.replace('"300"', "0.1")]
    )
    def test_that_cannot_be_read_leaves_the_one_before_it_in_force(self, file: Path, text: str) -> None:
        before = policy.current()
        file.write_text(text)
        assert policy.current() == before
        file.write_text(SHIPPED)
        assert policy.current().digest == before.digest

    def test_that_cannot_be_read_and_has_none_before_it_is_said(self, file: Path) -> None:
        file.write_text("approvals: [")
        with pytest.raises(ImproperlyConfigured, match="cannot be used"):
            policy.current()
