from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from enforcer.core.calendar.dates import ends_at
from enforcer.page.times import Calendar

BERLIN = ZoneInfo("Europe/Berlin")
CALENDAR = Calendar(now=datetime(2026, 11, 23, 13, 5, tzinfo=UTC), zone=BERLIN)


def test_moment_is_local_for_people_and_utc_for_programs() -> None:
    moment = CALENDAR.moment(CALENDAR.now)
    assert (moment.iso, moment.text) == ("2026-11-23T13:05:00Z", "23 Nov 2026, 14:05")


def test_an_end_with_the_day_is_told_as_that_day() -> None:
    end = CALENDAR.end(ends_at("2026-12-31", BERLIN))
    assert (end.iso, end.text) == ("2026-12-31", "31 Dec 2026")


def test_an_end_within_a_day_is_told_with_its_time() -> None:
    end = CALENDAR.end(ends_at("2026-12-31T17:00:00+01:00", BERLIN))
    assert (end.iso, end.text) == ("2026-12-31T16:00:00Z", "31 Dec 2026, 17:00")


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("2026-11-23", "today"),
        ("2026-11-24", "tomorrow"),
        ("2026-11-22", "yesterday"),
        ("2026-12-03", "in 10 days"),
        ("2026-11-13", "10 days ago"),
    ],
)
def test_a_distance_is_counted_in_days_of_that_zone(end: str, told: str) -> None:
    assert CALENDAR.distance(ends_at(end, BERLIN)) == told


def test_the_last_minutes_of_a_day_in_utc_may_be_the_next_day_there() -> None:
    late = Calendar(now=datetime(2026, 11, 23, 23, 30, tzinfo=UTC), zone=BERLIN)
    assert late.today.isoformat() == "2026-11-24"


@pytest.mark.parametrize("text", ["", "yesterday", "<b>", "2026-13-45"])
def test_what_the_ledger_has_in_place_of_a_time_is_shown_as_it_is(text: str) -> None:
    moment = CALENDAR.written(text)
    assert (moment.iso, moment.text) == ("", text)


def test_a_time_of_the_ledger_without_a_zone_is_utc() -> None:
    assert CALENDAR.written("2026-11-23T13:05:00") == CALENDAR.moment(CALENDAR.now)
