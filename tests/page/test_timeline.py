from __future__ import annotations

from datetime import date, timedelta

from enforcer.page.timeline import NAMED_PER_WEEK, ends_in_week, time_line
from enforcer.page.times import Calendar
from tests.support.register_rows import UTC, row
from tests.support.runs import NOW

DAYS = Calendar(now=NOW, zone=UTC)
MONDAY = date(2026, 11, 23)


def test_twelve_weeks_are_shown_from_the_present_one_on() -> None:
    weeks = time_line([], DAYS)
    assert len(weeks) == 12
    assert (weeks[0].label, weeks[0].iso) == ("23 Nov to 29 Nov", "2026-W48")
    assert weeks[-1].label == "8 Feb to 14 Feb"
    assert {week.share for week in weeks} == {0}


def test_people_stand_in_the_week_of_their_last_day_the_next_one_first() -> None:
    rows = [
        row("sunday@example.com", "2026-11-29", display_name="Sunday", company="Northwind"),
        row("monday@example.com", "2026-11-30"),
        row("today@example.com", "2026-11-23"),
    ]
    first, second, *_ = time_line(rows, DAYS)
    assert [end.person.name for end in first.ends] == ["today@example.com", "Sunday"]
    assert [(end.distance, end.company) for end in first.ends] == [("today", ""), ("in 6 days", "Northwind")]
    assert [end.person.name for end in second.ends] == ["monday@example.com"]
    assert (first.share, second.share) == (100, 50)


def test_whoever_is_gone_and_whoever_cannot_be_read_are_in_no_week() -> None:
    rows = [row("gone@example.com", "2026-11-22"), row("bad@example.com", "31.02.2027")]
    assert sum(week.ending for week in time_line(rows, DAYS)) == 0


def test_busy_week_names_the_first_and_counts_and_links_the_others() -> None:
    rows = [row(f"{number:03}@example.com", "2026-12-01") for number in range(NAMED_PER_WEEK + 5)]
    week = time_line(rows, DAYS)[1]
    assert (len(week.ends), week.more, week.ending) == (NAMED_PER_WEEK, 5, NAMED_PER_WEEK + 5)
    assert week.more_href == "/api/?week=2026-11-30"
    assert len(ends_in_week(rows, MONDAY + timedelta(weeks=1), DAYS)) == NAMED_PER_WEEK + 5
