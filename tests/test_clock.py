"""The one place where the wall clock is read."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time

from enforcer import clock
from enforcer.core.calendar.dates import ends_at


def test_the_present_is_in_utc() -> None:
    with freeze_time("2026-11-23 12:00:00"):
        assert clock.now() == datetime(2026, 11, 23, 12, tzinfo=UTC)
        assert clock.now().tzinfo is UTC


@pytest.mark.parametrize(
    ("now", "is_over"),
    [("2024-04-25 21:59:59.999999", False), ("2024-04-25 22:00:00", True)],
)
def test_a_day_whose_last_midnight_does_not_exist_still_ends(now: str, is_over: bool) -> None:  # noqa: FBT001
    with freeze_time(now):
        assert (clock.now() >= ends_at("2024-04-25", ZoneInfo("Africa/Cairo"))) is is_over
