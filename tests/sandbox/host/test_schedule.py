from datetime import UTC, datetime, timedelta, timezone

import pytest

from sandbox.host.errors import HostError
from sandbox.host.schedule import parse_schedule

MONDAY = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 30 0 * * *", "2026-11-24T00:30:00"),
        ("30 0 * * *", "2026-11-24T00:30:00"),
        ("*/20 * * * * *", "2026-11-23T12:00:20"),
        ("0 5/15 * * * *", "2026-11-23T12:05:00"),
        ("0 0 9-17/4 * * *", "2026-11-23T13:00:00"),
        ("0 0 12 * * *", "2026-11-24T12:00:00"),
        ("0 0 3 * * MON", "2026-11-30T03:00:00"),
        ("0 0 3 * * sun,sat", "2026-11-28T03:00:00"),
        ("0 0 0 1 Jan-Mar *", "2027-01-01T00:00:00"),
        ("0 0 0 29 2 *", "2028-02-29T00:00:00"),
        ("0 0 0 13 * FRI", "2027-08-13T00:00:00"),
    ],
)
def test_next_occurrence(expression: str, expected: str) -> None:
    assert parse_schedule(expression).next_after(MONDAY) == datetime.fromisoformat(expected).replace(
        tzinfo=UTC
    )


def test_an_instant_of_another_zone_is_taken_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    upcoming = parse_schedule("0 0 13 * * *").next_after(MONDAY.astimezone(tokyo))
    assert upcoming == datetime(2026, 11, 23, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * *",
        "60 * * * * *",
        "0 0 24 * * *",
        "0 0 0 0 * *",
        "0 0 0 * 13 *",
        "0 0 0 * * 7",
        "0 0 0 * * MO",
        "1- * * * * *",
        "*/0 * * * * *",
        "x * * * * *",
        "-1 * * * * *",
        "01:00:00",
    ],
)
def test_a_wrong_schedule_is_refused(expression: str) -> None:
    with pytest.raises(HostError, match="schedule"):
        parse_schedule(expression)


def test_a_day_that_never_comes_is_refused() -> None:
    with pytest.raises(HostError, match="never"):
        parse_schedule("0 0 0 30 2 *").next_after(MONDAY)
