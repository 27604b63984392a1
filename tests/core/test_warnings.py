from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.contractors import Contractor
from enforcer.core.warnings import Notice, by_sponsor, due_notices, said_on
from tests.support.register_rows import contractor

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = (14, 7, 1)


def ending(end_date: str = "2026-12-10", **more: Any) -> Contractor:
    row = {"key": "ada@contoso.com", "sponsor": "sue@contoso.com", **more}
    return contractor(end=end_date, zone=BERLIN, **row)


def at(day: str, hour: int = 1) -> datetime:
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=BERLIN)


def nights(first: str, last: str) -> list[datetime]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [at((start + timedelta(days=n)).isoformat()) for n in range((end - start).days + 1)]


def told(
    subject: Contractor, runs: list[datetime], warn_days: tuple[int, ...] = DAYS
) -> list[tuple[str, int]]:
    """Run on these nights, remembering what was said; return which warning came on which day."""
    said: set[str] = set()
    found = []
    for now in runs:
        for notice in due_notices([subject], warn_days, now, BERLIN, said):
            said.add(notice.key)
            found.append((now.astimezone(BERLIN).date().isoformat(), notice.days_ahead))
    return found


def test_a_sponsor_is_warned_14_7_and_1_days_ahead_once_each() -> None:
    # The 10th is a Thursday, so none of the three days is on a weekend.
    runs = [moment for night in nights("2026-11-01", "2026-12-20") for moment in (night, night)]

    assert told(ending("2026-12-10"), runs) == [("2026-11-26", 14), ("2026-12-03", 7), ("2026-12-09", 1)]


@pytest.mark.parametrize(
    ("end", "days_ahead", "told_on"),
    [
        ("2026-12-12", 14, "2026-11-27"),  # Saturday the 28th
        ("2026-12-13", 14, "2026-11-27"),  # Sunday the 29th
        ("2026-12-14", 1, "2026-12-11"),  # Sunday, the day before a Monday
        ("2026-12-14", 14, "2026-11-30"),  # a Monday
        ("2026-12-13", 0, "2026-12-11"),
    ],
)
def test_what_would_fall_on_a_weekend_comes_on_the_friday_before(
    end: str, days_ahead: int, told_on: str
) -> None:
    assert said_on(date.fromisoformat(end), days_ahead).isoformat() == told_on


@given(end=st.dates(date(2020, 1, 1), date(2050, 1, 1)), days_ahead=st.integers(0, 365))
def test_a_warning_is_never_on_a_weekend_nor_over_two_days_early(end: date, days_ahead: int) -> None:
    day = said_on(end, days_ahead)

    assert day.weekday() < 5
    assert timedelta(0) <= end - timedelta(days=days_ahead) - day <= timedelta(days=2)


def test_the_next_run_makes_up_for_a_missed_night() -> None:
    runs = [night for night in nights("2026-11-20", "2026-12-11") if night.day not in {26, 27, 28}]

    assert told(ending("2026-12-10"), runs) == [("2026-11-29", 14), ("2026-12-03", 7), ("2026-12-09", 1)]


def test_of_several_missed_warnings_only_the_nearest_is_sent() -> None:
    assert told(ending("2026-12-10"), nights("2026-12-05", "2026-12-11")) == [
        ("2026-12-05", 7),
        ("2026-12-09", 1),
    ]
    assert told(ending("2026-12-10"), nights("2026-12-10", "2026-12-11")) == [("2026-12-10", 1)]


def test_nobody_is_warned_of_an_end_that_has_passed() -> None:
    assert due_notices([ending("2026-12-10")], DAYS, at("2026-12-11", 0), BERLIN) == []


def test_another_end_date_is_another_warning() -> None:
    first = due_notices([ending("2026-12-10")], DAYS, at("2026-12-09"), BERLIN)
    said = {notice.key for notice in first}

    again = due_notices([ending("2026-12-11")], DAYS, at("2026-12-10"), BERLIN, said)

    assert [notice.days_ahead for notice in again] == [1]


def test_the_case_of_a_row_key_makes_no_new_person() -> None:
    first = due_notices([ending(key="Ada@Contoso.com")], DAYS, at("2026-12-09"), BERLIN)
    again = due_notices([ending(key="ada@contoso.com")], DAYS, at("2026-12-09"), BERLIN)

    assert first[0].key == again[0].key


def test_without_any_days_nobody_is_warned() -> None:
    assert due_notices([ending()], (), at("2026-12-09"), BERLIN) == []


def test_an_instant_is_counted_from_its_day_in_the_zone() -> None:
    # 23:30 UTC on the 9th is the 10th in Berlin, so that the day before is the 9th.
    subject = replace(ending(), due_at=datetime(2026, 12, 9, 23, 30, tzinfo=UTC))
    assert told(subject, nights("2026-12-01", "2026-12-12"), (1,)) == [("2026-12-09", 1)]


def test_a_sponsor_gets_all_ends_together_nearest_first() -> None:
    endings = [
        ending("2026-12-10", key="c@contoso.com"),
        ending("2026-12-09", key="b@contoso.com", sponsor=" SUE@contoso.com"),
        ending("2026-12-09", key="a@contoso.com", sponsor="max@contoso.com"),
    ]
    found = by_sponsor(due_notices(endings, DAYS, at("2026-12-09"), BERLIN), {"contoso.com"})

    assert {sponsor: _keys(notices) for sponsor, notices in found.items()} == {
        "sue@contoso.com": ["b@contoso.com", "c@contoso.com"],
        "max@contoso.com": ["a@contoso.com"],
    }


@pytest.mark.parametrize("sponsor", ["", "  ", "Sue", "sue at contoso.com", "a@b c@d"])
def test_a_sponsor_without_an_address_gets_no_mail(sponsor: str) -> None:
    notices = due_notices([ending(sponsor=sponsor)], DAYS, at("2026-12-09"), BERLIN)

    assert notices[0].ending.written.address == ""
    assert by_sponsor(notices, {"contoso.com", ""}) == {}


@pytest.mark.parametrize(
    "sponsor",
    ["sue@evil.example", "sue@contoso.com.evil.example", "sue@sub.contoso.com", "sue@c\u043entoso.com"],
)
def test_sponsor_of_another_domain_gets_no_mail(sponsor: str) -> None:
    notices = due_notices([ending(sponsor=sponsor)], DAYS, at("2026-12-09"), BERLIN)
    assert by_sponsor(notices, {"contoso.com"}) == {}
    assert notices[0].ending.written.address == sponsor


def _keys(notices: Iterable[Notice]) -> list[str]:
    return [notice.ending.row_key for notice in notices]
