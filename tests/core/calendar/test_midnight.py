"""Ends of access at exactly midnight: found, explained, and read as a day if the setting says so."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.calendar.dates import UnreadableDateError, begins_at, ends_at, instant, last_day
from enforcer.core.calendar.midnight import DateRules, Midnight
from tests.core.calendar.test_dates import STRANGE_ZONES

BERLIN, NEW_YORK, TOKYO = "Europe/Berlin", "America/New_York", "Asia/Tokyo"


def as_instants(zone: str) -> DateRules:
    return DateRules(zone=ZoneInfo(zone))


def as_days(zone: str) -> DateRules:
    return DateRules(zone=ZoneInfo(zone), midnight=Midnight.DAY)


AT_MIDNIGHT = [
    # In UTC, seen from zones on both sides of it and from UTC itself.
    ("UTC", "2026-12-31T00:00:00Z", "2026-12-31"),
    (BERLIN, "2026-12-31T00:00:00Z", "2026-12-31"),
    (NEW_YORK, "2026-12-31T00:00:00Z", "2026-12-31"),
    (TOKYO, "2026-12-31T00:00:00.000Z", "2026-12-31"),
    ("Europe/London", "2026-12-31T00:00:00Z", "2026-12-31"),
    # In the organisation's zone, however it is written.
    (BERLIN, "2026-12-30T23:00:00Z", "2026-12-31"),
    (BERLIN, "2026-07-31T00:00:00+02:00", "2026-07-31"),
    (NEW_YORK, "2026-12-31T05:00:00Z", "2026-12-31"),
    (TOKYO, "2026-12-30T15:00:00Z", "2026-12-31"),
    # Clocks go from 24:00 to 01:00: one o'clock is when the day begins.
    ("Africa/Cairo", "2024-04-25T22:00:00Z", "2024-04-26"),
    ("America/Havana", "2024-03-10T05:00:00Z", "2024-03-10"),
    # Clocks go from 01:00 back to 00:00: midnight comes twice, and both are of one day.
    ("America/Havana", "2024-11-03T04:00:00Z", "2024-11-03"),
    ("America/Havana", "2024-11-03T05:00:00Z", "2024-11-03"),
    # Clocks go from 24:00 back to 23:00: the day begins when that hour has come again.
    ("Africa/Cairo", "2024-10-31T22:00:00Z", "2024-11-01"),
    # 30 December 2011 does not exist in Samoa: midnight began the 31st.
    ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"),
]
NOT_AT_MIDNIGHT = [
    (BERLIN, "2026-12-31"),
    (BERLIN, "2026-12-31T00:00:01Z"),
    (BERLIN, "2026-12-31T00:00:00.5Z"),
    (BERLIN, "2026-12-30T23:59:59.999999Z"),
    (BERLIN, "2026-12-31T17:00:00+01:00"),
    # Midnight somewhere else.
    (BERLIN, "2026-12-31T00:00:00-05:00"),
    # In summer it was midnight an hour earlier.
    (BERLIN, "2026-12-30T22:00:00Z"),
    ("Africa/Cairo", "2024-10-31T21:00:00Z"),
    ("America/Havana", "2024-11-03T06:00:00Z"),
]


@pytest.mark.parametrize(("zone", "written", "day"), AT_MIDNIGHT)
def test_midnight_is_an_instant_unless_the_setting_says_that_it_is_a_day(
    zone: str, written: str, day: str
) -> None:
    here, moment = ZoneInfo(zone), datetime.fromisoformat(written).astimezone(UTC)
    for value in (written, moment):
        assert as_instants(zone).ends_at(value) == moment
        assert as_days(zone).ends_at(value) == ends_at(day, here)
        assert last_day(as_days(zone).ends_at(value), here) == date.fromisoformat(day)
    assert f"does not last through {day};" in as_instants(zone).about_midnight(written)
    assert f"reads it as the whole of {day}," in as_days(zone).about_midnight(written)


@pytest.mark.parametrize(("zone", "written"), NOT_AT_MIDNIGHT)
def test_days_and_other_instants_are_unaffected(zone: str, written: str) -> None:
    for rules in (as_instants(zone), as_days(zone)):
        assert rules.ends_at(written) == ends_at(written, rules.zone)
        assert rules.about_midnight(written) == ""


@pytest.mark.parametrize(
    ("zone", "written", "place", "end", "other"),
    [
        (BERLIN, "2026-12-31T00:00:00Z", "UTC", "2026-12-31 01:00", "2026-12-30T23:59:59Z"),
        (NEW_YORK, "2026-12-31T00:00:00Z", "UTC", "2026-12-30 19:00", "2026-12-30T23:59:59Z"),
        (BERLIN, "2026-12-30T23:00:00Z", BERLIN, "2026-12-31 00:00", "2026-12-30"),
    ],
)
def test_the_text_says_when_access_ends_and_what_to_write(
    zone: str, written: str, place: str, end: str, other: str
) -> None:
    assert as_instants(zone).about_midnight(written) == (
        f"EndDate is {written}, which is midnight in {place}: access ends at {end} in {zone} and does not"
        " last through 2026-12-31; write 2026-12-31 if that is the last day of access,"
        f" or {other} if it is to end then"
    )


def test_midnight_read_as_a_day_is_explained_with_its_end() -> None:
    assert as_days(BERLIN).about_midnight(datetime(2026, 12, 31, tzinfo=UTC)) == (
        "EndDate is 2026-12-31T00:00:00Z, which is midnight in UTC: ENFORCER_MIDNIGHT=day reads it as the"
        " whole of 2026-12-31, so access ends at 2027-01-01 00:00 in Europe/Berlin"
    )


@pytest.mark.parametrize("written", [None, "soon", 20261231, "2026-12-31T24:00:00Z", "9999-12-31T00:00:00Z"])
def test_an_unreadable_date_stays_unreadable_at_midnight(written: object) -> None:
    for read in (as_days(BERLIN).ends_at, as_days(BERLIN).about_midnight, as_days(BERLIN).begins_at):
        with pytest.raises(UnreadableDateError):
            read(written)


def test_access_begins_at_midnight_whatever_midnight_means_for_ends() -> None:
    for rules in (as_instants(BERLIN), as_days(BERLIN)):
        assert rules.begins_at("2026-12-31T00:00:00Z") == datetime(2026, 12, 31, tzinfo=UTC)
        assert rules.begins_at("2026-12-31") == datetime(2026, 12, 30, 23, tzinfo=UTC)


def test_an_end_now_is_never_read_as_the_rest_of_the_day() -> None:
    midnight, later = datetime(2026, 12, 31, tzinfo=UTC), datetime(2026, 12, 31, 12, tzinfo=UTC)
    assert as_instants(BERLIN).exactly(midnight) == midnight
    assert as_days(BERLIN).exactly(later) == later
    exactly = as_days(BERLIN).exactly(midnight)
    assert midnight - exactly == timedelta(microseconds=1)
    assert as_days(BERLIN).ends_at(exactly) == exactly


@given(
    day=st.dates(date(1990, 1, 2), date(2090, 1, 1)),
    zone=st.sampled_from(STRANGE_ZONES),
)
def test_the_first_instant_of_any_day_anywhere_means_that_day(day: date, zone: ZoneInfo) -> None:
    """Date pickers write a day as midnight in the organisation's zone or in UTC."""
    rules = DateRules(zone=zone, midnight=Midnight.DAY)
    here, in_utc = begins_at(day.isoformat(), zone), datetime(day.year, day.month, day.day, tzinfo=UTC)
    # A day that the zone has skipped begins when the next one does.
    meant = here.astimezone(zone).date()
    assert rules.ends_at(here) == rules.ends_at(instant(here)) == ends_at(meant.isoformat(), zone)
    assert rules.ends_at(in_utc) == rules.ends_at(instant(in_utc)) == ends_at(day.isoformat(), zone)


@given(
    day=st.dates(date(1990, 1, 2), date(2090, 1, 1)),
    zone=st.sampled_from(STRANGE_ZONES),
)
def test_the_advised_date_means_the_same_and_is_not_a_finding(day: date, zone: ZoneInfo) -> None:
    rules = DateRules(zone=zone)
    for end in (begins_at(day.isoformat(), zone), datetime(day.year, day.month, day.day, tzinfo=UTC)):
        told = rules.about_midnight(end)
        assert told
        advised = told.partition(", or ")[2].partition(" if ")[0]
        assert timedelta(0) <= end - rules.ends_at(advised) <= timedelta(seconds=1)
        assert rules.about_midnight(advised) == ""


def test_the_words_are_those_of_the_setting() -> None:
    assert [one.value for one in Midnight] == ["instant", "day"]
