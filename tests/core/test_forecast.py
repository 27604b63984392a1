from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import ReadRow, RegisterRow, read_row
from enforcer.core.forecast import forecast

BERLIN = ZoneInfo("Europe/Berlin")
# A Wednesday, ISO week 48 of 2026.
NOW = datetime(2026, 11, 25, 0, 30, tzinfo=UTC)


def row(end_date: str, zone: ZoneInfo = BERLIN) -> ReadRow:
    return read_row(RegisterRow(row_key="ada@contoso.com", end_date=end_date), DateRules(zone=zone))


def counts(*end_dates: str, zone: ZoneInfo = BERLIN) -> list[int]:
    return [week.ending for week in forecast([row(end, zone) for end in end_dates], NOW, zone)]


def test_twelve_weeks_begin_with_the_current_one() -> None:
    weeks = forecast([], NOW, BERLIN)

    assert len(weeks) == 12
    assert (weeks[0].year, weeks[0].number, weeks[0].monday) == (2026, 48, date(2026, 11, 23))
    assert (weeks[-1].year, weeks[-1].number, weeks[-1].monday) == (2027, 6, date(2027, 2, 8))


def test_the_year_of_a_week_is_that_of_its_thursday() -> None:
    weeks = {week.monday: (week.year, week.number) for week in forecast([], NOW, BERLIN)}

    assert weeks[date(2026, 12, 28)] == (2026, 53)
    assert weeks[date(2027, 1, 4)] == (2027, 1)


def test_a_last_day_on_sunday_counts_for_the_week_that_ends_with_it() -> None:
    assert counts("2026-11-29", "2026-11-30")[:2] == [1, 1]


def test_an_instant_counts_for_its_day_in_the_zone() -> None:
    # 23:30 on Sunday in UTC is Monday in Berlin.
    assert counts("2026-11-29T23:30:00Z")[:2] == [0, 1]
    assert counts("2026-11-29T23:30:00Z", zone=ZoneInfo("UTC"))[:2] == [1, 0]


def test_ends_in_the_past_or_far_future_are_left_out() -> None:
    assert sum(counts("2026-11-24", "2026-11-23", "2027-02-15")) == 0
    assert sum(counts("2026-11-25", "2027-02-14")) == 2


def test_unreadable_rows_are_not_counted() -> None:
    assert sum(counts("soon", "2026-02-30")) == 0


def test_today_is_a_day_of_the_zone() -> None:
    # In Honolulu it is still the 22nd, a Sunday, when Berlin has begun the week.
    early = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
    assert forecast([], early, ZoneInfo("Pacific/Honolulu"))[0].number == 47
    assert forecast([], early, BERLIN)[0].number == 48
