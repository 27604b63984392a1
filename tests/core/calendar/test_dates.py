"""When a day ends: everywhere, on every kind of day, and for whatever somebody wrote as a date."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.calendar.dates import (
    WANTED,
    UnreadableDateError,
    begins_at,
    day,
    ends_at,
    instant,
    last_day,
    utc,
    written,
)

BERLIN = ZoneInfo("Europe/Berlin")
# Zones whose clocks change (or changed) at midnight, skip a day, or are half an hour off.
STRANGE_ZONES = [
    ZoneInfo(name)
    for name in (
        "Africa/Cairo",
        "America/Asuncion",
        "America/Havana",
        "America/Nuuk",
        "America/Sao_Paulo",
        "America/St_Johns",
        "Asia/Beirut",
        "Asia/Gaza",
        "Asia/Kathmandu",
        "Atlantic/Azores",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Pacific/Kwajalein",
        "UTC",
    )
]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "last_day", "due_at"),
    [
        ("UTC", "2026-12-31", "2027-01-01T00:00Z"),
        ("Europe/Berlin", "2026-12-31", "2026-12-31T23:00Z"),
        ("Europe/Berlin", "2026-07-31", "2026-07-31T22:00Z"),
        ("Pacific/Kiritimati", "2026-12-31", "2026-12-31T10:00Z"),
        ("Pacific/Pago_Pago", "2026-12-31", "2027-01-01T11:00Z"),
        ("Asia/Kathmandu", "2026-12-31", "2026-12-31T18:15Z"),
    ],
)
def test_a_day_ends_at_midnight_of_its_own_zone(zone: str, last_day: str, due_at: str) -> None:
    assert ends_at(last_day, ZoneInfo(zone)) == at(due_at)


@pytest.mark.parametrize(
    ("zone", "last_day", "due_at"),
    [
        # Clocks go from 24:00 to 01:00: the next day begins at one o'clock.
        ("Africa/Cairo", "2024-04-25", "2024-04-25T22:00Z"),
        ("Asia/Beirut", "2024-03-30", "2024-03-30T22:00Z"),
        ("America/Sao_Paulo", "2018-11-03", "2018-11-04T03:00Z"),
        ("America/Havana", "2024-03-09", "2024-03-10T05:00Z"),
        # 30 December 2011 does not exist in Samoa: two days end in the same instant.
        ("Pacific/Apia", "2011-12-29", "2011-12-30T10:00Z"),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00Z"),
        ("Pacific/Apia", "2011-12-31", "2011-12-31T10:00Z"),
    ],
)
def test_a_midnight_that_does_not_exist_is_the_first_instant_that_does(
    zone: str, last_day: str, due_at: str
) -> None:
    assert ends_at(last_day, ZoneInfo(zone)) == at(due_at)


@pytest.mark.parametrize(
    ("zone", "last_day", "due_at"),
    [
        # Clocks go from 24:00 back to 23:00: the day's last hour comes twice, and both belong to it.
        ("Africa/Cairo", "2024-10-31", "2024-10-31T22:00Z"),
        ("Asia/Beirut", "2024-10-26", "2024-10-26T22:00Z"),
        ("America/Sao_Paulo", "2018-02-17", "2018-02-18T03:00Z"),
        # Clocks go from 01:00 back to 00:00: the next day's first hour comes twice.
        ("America/Havana", "2024-11-02", "2024-11-03T04:00Z"),
    ],
)
def test_a_midnight_that_comes_twice_ends_the_day_the_first_time(
    zone: str, last_day: str, due_at: str
) -> None:
    assert ends_at(last_day, ZoneInfo(zone)) == at(due_at)


@pytest.mark.parametrize(
    ("last_day", "next_day"),
    [("2028-02-28", "2028-02-29"), ("2028-02-29", "2028-03-01"), ("2027-02-28", "2027-03-01")],
)
def test_leap_days_are_days(last_day: str, next_day: str) -> None:
    assert ends_at(last_day, BERLIN) == begins_at(next_day, BERLIN)


@given(
    day=st.dates(date(1990, 1, 2), date(2090, 1, 1)),
    zone=st.sampled_from(STRANGE_ZONES),
)
def test_the_end_of_a_day_is_the_first_instant_of_a_later_one(day: date, zone: ZoneInfo) -> None:
    end = ends_at(day.isoformat(), zone)

    assert end.astimezone(zone).date() > day
    assert (end - timedelta(seconds=1)).astimezone(zone).date() <= day
    assert end == begins_at((day + timedelta(days=1)).isoformat(), zone)


@given(
    day=st.dates(date(1990, 1, 2), date(2090, 1, 1)),
    more=st.integers(min_value=0, max_value=400),
    zone=st.sampled_from(STRANGE_ZONES),
)
def test_a_later_last_day_never_ends_earlier(day: date, more: int, zone: ZoneInfo) -> None:
    later = day + timedelta(days=more)
    assert ends_at(day.isoformat(), zone) <= ends_at(later.isoformat(), zone)


@pytest.mark.parametrize(
    ("text", "due_at"),
    [
        ("2026-12-31T17:00:00+01:00", "2026-12-31T16:00Z"),
        ("2026-12-31T17:00+0100", "2026-12-31T16:00Z"),
        ("2026-12-31 17:00:00Z", "2026-12-31T17:00Z"),
        ("2026-12-31t17:00:00.5z", "2026-12-31T17:00:00.500Z"),
        ("2026-12-31T17:00:00.123456789Z", "2026-12-31T17:00:00.123456Z"),
        (" 2026-12-31T17:00:00Z\n", "2026-12-31T17:00Z"),
    ],
)
def test_a_time_with_an_offset_is_an_instant_whatever_the_zone(text: str, due_at: str) -> None:
    assert ends_at(text, BERLIN) == at(due_at)
    assert begins_at(text, BERLIN) == at(due_at)


def test_a_datetime_is_an_instant_in_whatever_zone_it_is_written() -> None:
    west = timezone(timedelta(hours=-8))
    assert ends_at(datetime(2026, 12, 31, 16, tzinfo=west), BERLIN) == at("2027-01-01T00:00Z")
    assert ends_at(datetime(2027, 1, 1), BERLIN) == at("2027-01-01T00:00Z")  # noqa: DTZ001 -- the point


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "soon",
        "31.12.2026",
        "12/31/2026",
        "2026-1-1",
        "20261231",
        "2026-W53-4",
        "２０２６-12-31",  # noqa: RUF001 -- full-width digits
        "2026-12-31T17:00:00",
        "2026-12-31T17:00:00 Europe/Berlin",
        "2026-12-31T24:00:00Z",
        "2026-12-31T23:59:60Z",
        "2026-12-31T17:00:00+24:00",
        "2026-12-31; 2027-12-31",
        "2026-02-30",
        "2027-02-29",
        "2026-13-01",
        "2026-00-10",
        "9999-12-31",
        "0001-01-01",
        "1601-01-01",
        "1899-12-30",
        "1970-01-01",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+14:00",
        "📅",
        20261231,
        1798675200.0,
        True,
        b"2026-12-31",
        ["2026-12-31"],
        date(2026, 12, 31),
        datetime(1601, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_what_is_not_a_real_date_is_refused_with_a_reason(value: object) -> None:
    for read in (ends_at, begins_at):
        with pytest.raises(UnreadableDateError, match=r"^is .{3,}"):
            read(value, BERLIN)


@given(value=st.one_of(st.text(), st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9:.]{5,15}[Zz+-].*)?")))
def test_any_text_is_a_date_or_unreadable_and_nothing_else(value: str) -> None:
    try:
        end = ends_at(value, BERLIN)
    except UnreadableDateError:
        return
    assert end.tzinfo is UTC


def test_an_instant_has_a_fraction_only_if_it_needs_one() -> None:
    assert instant(datetime(2026, 12, 31, 23, tzinfo=UTC)) == "2026-12-31T23:00:00Z"
    assert instant(datetime(2027, 1, 1, 0, 30, 0, 5000, tzinfo=BERLIN)) == "2026-12-31T23:30:00.005000Z"


def test_a_date_is_shown_as_it_was_written() -> None:
    assert written(" 2026-12-31 ") == "2026-12-31"
    assert written(datetime(2026, 12, 31, tzinfo=UTC)) == "2026-12-31T00:00:00Z"


class StoredTime(datetime):
    """The storage SDK's own kind of time, as test_register_contents.py gets it."""


def test_a_time_of_the_storage_sdk_becomes_a_plain_one() -> None:
    assert type(utc(StoredTime(2026, 12, 31, tzinfo=UTC))) is datetime
    assert type(ends_at(StoredTime(2026, 12, 31, tzinfo=UTC), BERLIN)) is datetime


@given(
    of=st.dates(date(1991, 1, 1), date(2100, 1, 1)),
    zone=st.sampled_from(["Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Auckland", "UTC"]),
)
def test_the_last_day_of_an_end_date_is_that_date(of: date, zone: str) -> None:
    here = ZoneInfo(zone)
    assert last_day(ends_at(of.isoformat(), here), here) == of


# What is said about unreadable dates ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (None, f"is missing; it must be {WANTED}"),
        ("2026-02-30", "is '2026-02-30', which does not exist ("),
        ("2026-12-31T25:00Z", "is '2026-12-31T25:00Z', which does not exist ("),
        ("soon", f"is 'soon'; it must be {WANTED}"),
        ("9999-12-31", "is 9999-12-31, a placeholder: only years from 1990 to 9998 are acted upon"),
        ("1989-12-31", "is 1989-12-31, a placeholder: only years from 1990 to 9998 are acted upon"),
    ],
)
def test_a_date_that_cannot_be_read_says_what_it_is_and_why(value: object, detail: str) -> None:
    with pytest.raises(UnreadableDateError, match=f"^{re.escape(detail)}"):
        ends_at(value, ZoneInfo("UTC"))


@pytest.mark.parametrize("text", ["1990-01-01", "9998-12-31"])
def test_the_first_and_last_days_acted_upon(text: str) -> None:
    assert day(text).isoformat() == text


@pytest.mark.parametrize("text", ["2026-12-31T00:00:00Z", "2026-12-31T17:00:00+01:00", "soon", ""])
def test_a_day_is_written_in_one_way_only(text: str) -> None:
    with pytest.raises(UnreadableDateError, match=re.escape(f"is {text!r}; it must be a da")):
        day(text)


def test_access_that_ends_a_microsecond_into_a_day_lasts_on_that_day() -> None:
    midnight = datetime(2026, 11, 30, tzinfo=UTC)
    ends = [midnight + timedelta(microseconds=number) for number in (0, 1)]
    assert [last_day(end, ZoneInfo("UTC")).day for end in ends] == [29, 30]
