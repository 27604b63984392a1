from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.calendar import dates
from enforcer.core.calendar.dates import last_day
from enforcer.core.evidence.period import Period, period
from enforcer.core.exceptions import InputError

BERLIN = ZoneInfo("Europe/Berlin")


def test_access_that_ends_on_the_last_day_belongs_to_the_period() -> None:
    december = period("2026-12-01", "2026-12-31", BERLIN)

    assert december.has(dates.ends_at("2026-12-31", BERLIN))
    assert december.has(dates.ends_at("2026-12-01", BERLIN))
    assert not december.has(dates.ends_at("2026-11-30", BERLIN))
    assert not december.has(dates.ends_at("2027-01-01", BERLIN))


@given(moment=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)))  # noqa: DTZ001 -- gets its zone below
def test_every_instant_is_in_one_of_consecutive_periods(moment: datetime) -> None:
    due_at = moment.replace(tzinfo=BERLIN)
    days = [date(2025, 12, 31) + timedelta(days=number) for number in range(370)]
    found = [day for day in days if period(day.isoformat(), day.isoformat(), BERLIN).has(due_at)]

    assert found == [last_day(due_at, BERLIN)]


def test_a_day_has_25_hours_when_the_clocks_go_back() -> None:
    whole = period("2026-10-25", "2026-10-25", BERLIN)

    assert whole.ends_at - whole.starts_at == timedelta(hours=25)


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        ("2026-02-30", "2026-03-31", "from"),
        ("yesterday", "2026-03-31", "from"),
        ("20260301", "2026-03-31", "from"),
        ("2026-03-01", "2026-W14-2", "to"),
        ("2026-03-01", "2026-03-31T12:00:00Z", "to"),
        ("2026-03-01", "0001-01-01", "to"),
        ("2026-03-02", "2026-03-01", "to"),
    ],
)
def test_an_invalid_period_is_refused_naming_the_field(first: str, last: str, field: str) -> None:
    with pytest.raises(InputError) as refused:
        period(first, last, BERLIN)

    assert refused.value.field == field


def test_every_field_of_a_period() -> None:
    assert period("2026-11-01", "2026-11-30", ZoneInfo("Europe/Berlin")) == Period(
        first=date(2026, 11, 1),
        last=date(2026, 11, 30),
        starts_at=datetime(2026, 10, 31, 23, tzinfo=UTC),
        ends_at=datetime(2026, 11, 30, 23, tzinfo=UTC),
        time_zone="Europe/Berlin",
    )
