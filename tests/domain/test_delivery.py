"""Deliveries: what an answer means, when it is tried again, when digests go out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from provisioner.domain.delivery import Verdict, digest_at, http_outcome, next_attempt
from provisioner.domain.notification import Mode

NOW = datetime(2026, 11, 24, 12, 30, 15, tzinfo=UTC)
TOMORROW = NOW + timedelta(hours=24)


class TestAnAnswer:
    @pytest.mark.parametrize(
        ("status", "verdict", "all_wait"),
        [
            (200, Verdict.SENT, False),
            (202, Verdict.SENT, False),
            (204, Verdict.SENT, False),
            (301, Verdict.NEVER, False),
            (307, Verdict.NEVER, False),
            (400, Verdict.NEVER, False),
            (403, Verdict.NEVER, False),
            (404, Verdict.NEVER, False),
            (408, Verdict.AGAIN, True),
            (410, Verdict.GONE, False),
            (422, Verdict.NEVER, False),
            (429, Verdict.AGAIN, True),
            (500, Verdict.AGAIN, True),
            (503, Verdict.AGAIN, True),
        ],
    )
    def test_means(self, status: int, verdict: Verdict, all_wait: bool) -> None:
        outcome = http_outcome(status)
        assert (outcome.verdict, outcome.all_wait, outcome.status_code) == (verdict, all_wait, status)
        assert bool(outcome.error) == (verdict is not Verdict.SENT)


class TestTheNextAttempt:
    @pytest.mark.parametrize(
        ("attempts", "seconds"),
        [(0, 30), (1, 30), (2, 60), (3, 120), (8, 3840), (9, 7680), (10, 14400), (11, 14400), (10**6, 14400)],
    )
    def test_waits_twice_as_long_each_time_up_to_four_hours(self, attempts: int, seconds: int) -> None:
        at = next_attempt(attempts, now=NOW, give_up_at=TOMORROW, fraction=0.0)
        assert at == NOW + timedelta(seconds=seconds)

    @pytest.mark.parametrize(("fraction", "seconds"), [(0.0, 120), (0.5, 90), (1.0, 60)])
    def test_is_spread_so_that_not_all_come_back_together(self, fraction: float, seconds: int) -> None:
        at = next_attempt(3, now=NOW, give_up_at=TOMORROW, fraction=fraction)
        assert at == NOW + timedelta(seconds=seconds)

    @pytest.mark.parametrize(("wait_s", "seconds"), [(0.0, 15), (-5.0, 15), (600.0, 600)])
    def test_waits_at_least_as_long_as_was_asked_for(self, wait_s: float, seconds: int) -> None:
        at = next_attempt(1, now=NOW, give_up_at=TOMORROW, fraction=1.0, wait_s=wait_s)
        assert at == NOW + timedelta(seconds=seconds)

    @pytest.mark.parametrize("wait_s", [24 * 3600 + 1.0, 1e12])
    def test_is_none_when_it_would_be_too_late(self, wait_s: float) -> None:
        assert next_attempt(1, now=NOW, give_up_at=TOMORROW, fraction=0.0, wait_s=wait_s) is None
        assert next_attempt(9, now=NOW, give_up_at=NOW + timedelta(hours=1), fraction=0.0) is None

    def test_comes_often_enough_within_the_day(self) -> None:
        now, attempts = NOW, 0
        while True:
            attempts += 1
            at = next_attempt(attempts, now=now, give_up_at=TOMORROW, fraction=0.5)
            if at is None:
                break
            now = at
        assert attempts == 16


class TestADigest:
    @pytest.mark.parametrize(
        ("mode", "hour", "at"),
        [
            (Mode.HOURLY, 0, datetime(2026, 11, 24, 13, tzinfo=UTC)),
            (Mode.DAILY, 7, datetime(2026, 11, 25, 7, tzinfo=UTC)),
            (Mode.DAILY, 13, datetime(2026, 11, 24, 13, tzinfo=UTC)),
            (Mode.DAILY, 12, datetime(2026, 11, 25, 12, tzinfo=UTC)),
        ],
    )
    def test_goes_out_at_the_next_full_hour_or_the_chosen_one(
        self, mode: Mode, hour: int, at: datetime
    ) -> None:
        assert digest_at(mode, now=NOW, hour=hour) == at

    def test_at_its_very_hour_is_the_next_day(self) -> None:
        seven = datetime(2026, 11, 24, 7, tzinfo=UTC)
        assert digest_at(Mode.DAILY, now=seven, hour=7) == seven + timedelta(days=1)
