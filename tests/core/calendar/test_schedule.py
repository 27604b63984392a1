"""Schedules: read as Microsoft's own parser reads them, and accepted only if that is what they say."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from enforcer.core.calendar.schedule import Schedule, ScheduleError, as_azure_reads, as_written

MONDAY = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ANSWERED_FROM = datetime(2026, 11, 27, tzinfo=UTC)
# What Microsoft's parser said about each expression; `never` also for what is beyond this year.
LAST_KNOWN_YEAR = 2036
ANSWERS = [
    line.split("\t")
    for line in Path(__file__).with_name("ncrontab.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
TAKEN = [(expression, told.split(",")) for expression, answer, told in ANSWERS if answer == "OK"]
REFUSED = [expression for expression, answer, _ in ANSWERS if answer == "ERR"]
# Accepted by Azure but read differently, or with five fields, which the setting does not accept.
OTHERWISE = {
    "0 0 0 31 2 *",
    "0 10-5 * * * *",
    "0 0 22-2 * * *",
    "30 0 * * *",
    "0 30 0 * * FRI-MON",
    "*/0 * * * * *",
    "0 */61 * * * *",
    "0 */99 * * * *",
    "0 30 0 * dec-feb *",
    "0 30 0 * 11-2 *",
    "0 30 0 * * 5-1",
}


def occurrences(schedule: Schedule, after: datetime, count: int) -> list[str]:
    """Return the next occurrences, or `never` once they are beyond Microsoft's answers."""
    told: list[str] = []
    at = after
    while schedule.ever_fires and len(told) < count:
        at = schedule.next_after(at)
        told.append(at.strftime("%Y-%m-%dT%H:%M:%S") if at.year <= LAST_KNOWN_YEAR else "never")
    return told or ["never"]


def test_every_answer_of_microsofts_parser_is_here() -> None:
    assert (len(TAKEN), len(REFUSED)) == (42, 20)
    assert {expression for expression, _ in TAKEN} >= OTHERWISE


@pytest.mark.parametrize(("expression", "told"), TAKEN, ids=str)
def test_an_accepted_schedule_fires_when_azure_says(expression: str, told: list[str]) -> None:
    assert occurrences(as_azure_reads(expression), ANSWERED_FROM, len(told)) == told


@pytest.mark.parametrize("expression", REFUSED)
def test_what_azure_refuses_is_refused(expression: str) -> None:
    for read in (as_azure_reads, as_written):
        with pytest.raises(ScheduleError, match="Azure"):
            read(expression)


@pytest.mark.parametrize(("expression", "told"), TAKEN, ids=str)
def test_what_azure_takes_is_taken_unless_it_makes_something_else_of_it(
    expression: str, told: list[str]
) -> None:
    if expression in OTHERWISE:
        with pytest.raises(ScheduleError, match="Azure would"):
            as_written(expression)
    else:
        assert occurrences(as_written(expression), ANSWERED_FROM, len(told)) == told


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("0 30 0 * * FRI-MON", "Azure would turn FRI-MON round and read MON-FRI; write FRI-6,0-MON"),
        ("0 0 22-2 * * *", "Azure would turn 22-2 round and read 2-22; write 22-23,0-2"),
        ("0 0 22-2/2 * * *", "Azure would turn 22-2/2 round and read 2-22; write 22-23,0-2"),
        ("0 0 0 31 2 *", "Azure would take it and never run: no month 2 has a day 31"),
        ("0 0 0 31 2,4-4,JUN *", "Azure would take it and never run: no month 2,4-4,JUN has a day 31"),
        ("30 0 * * *", "Azure would read five fields from the minute on; write 0 30 0 * * *"),
        ("0 */0 * * * *", "Azure would read the step of */0 as 1; leave it out, or write a step from 1 up"),
        (
            "0 */61 * * * *",
            "*/61 steps over all 60 values of the minute: Azure would begin anew each time and read 0; write",
        ),
        (
            "0 30 0 * janfoo *",
            "'janfoo' is not a month, 1 to 12 or a name such as FEB: Azure would refuse it and load no",
        ),
        (
            "0 30 0 * * 7",
            "'7' is not a day of the week, 0 to 6 or a name such as MON: Azure would refuse it",
        ),
        ("0 30 0 1/x * *", "the step of '1/x' is not a number: Azure would refuse it and load no function"),
        ("01:00:00", "Azure knows time spans on App Service plans only"),
        ("every night", "it has 2 fields: Azure would refuse it and load no function"),
    ],
)
def test_a_refusal_says_what_azure_would_do_and_what_to_write(expression: str, told: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        as_written(expression)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize("expression", ["0 0 22-23,0-2 * * *", "0 30 0 * * FRI-6,0-MON", "0 30 0 * 12,1-2 *"])
def test_what_a_refusal_advises_is_accepted(expression: str) -> None:
    assert as_written(expression).ever_fires


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * *",
        "0 0 0 * * MO",
        "0 0 0 * JA *",
        "0 MON 0 * * *",
        "0 30 0 * MON *",
        "1- * * * * *",
        "1-2-3 * * * * *",
        "1/2/3 * * * * *",
        "*/-2 * * * * *",
        "-1 * * * * *",
        "5-70 * * * * *",
        "*-5 * * * * *",
        "\u0661 * * * * *",
        "² * * * * *",
        "99999999999 * * * * *",
        "*/99999999999 * * * * *",
    ],
)
def test_what_is_not_a_schedule_is_refused(expression: str) -> None:
    for read in (as_azure_reads, as_written):
        with pytest.raises(ScheduleError, match="Azure"):
            read(expression)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 12 * * *", "2026-11-24T12:00:00"),
        ("0 0 9-17/4 * * *", "2026-11-23T13:00:00"),
        ("0 */60 * * * *", "2026-11-23T13:00:00"),
        ("1 0 12 * * *", "2026-11-23T12:00:01"),
        ("0 0 3 * * sun,sat", "2026-11-28T03:00:00"),
        ("0 0 0 13 * FRI", "2027-08-13T00:00:00"),
        # 29 February is a Monday in 2044, and then not before 2072.
        ("0 0 0 29 2 MON", "2044-02-29T00:00:00"),
    ],
)
def test_the_next_occurrence_is_later_than_now(expression: str, expected: str) -> None:
    assert as_written(expression).next_after(MONDAY) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_29_february_on_a_monday_may_be_forty_years_away() -> None:
    upcoming = as_written("0 0 0 29 2 MON").next_after(datetime(2072, 2, 29, tzinfo=UTC))
    assert upcoming == datetime(2112, 2, 29, tzinfo=UTC)


def test_an_instant_in_another_zone_is_converted_to_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    upcoming = as_written("0 0 13 * * *").next_after(MONDAY.astimezone(tokyo))
    assert upcoming == datetime(2026, 11, 23, 13, tzinfo=UTC)


def test_a_fraction_of_a_second_counts_as_past() -> None:
    late = MONDAY + timedelta(microseconds=1)
    assert as_written("* * * * * *").next_after(late) == MONDAY + timedelta(seconds=1)


def test_what_never_fires_has_no_next_occurrence() -> None:
    never = as_azure_reads("0 0 0 30 2 *")
    assert not never.ever_fires
    with pytest.raises(ScheduleError, match="never"):
        never.next_after(MONDAY)


@pytest.mark.parametrize(
    ("month", "days"), list(enumerate([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], start=1))
)
def test_a_schedule_fires_on_the_last_day_a_month_may_have_but_no_later(month: int, days: int) -> None:
    last = as_azure_reads(f"0 0 0 {days} {month} *").next_after(MONDAY)
    assert (last.month, last.day) == (month, days)
    if days < 31:
        assert not as_azure_reads(f"0 0 0 {days + 1} {month} *").ever_fires


@pytest.mark.parametrize("number", range(12))
def test_months_go_by_their_english_names(number: int) -> None:
    name = calendar.month_name[number + 1]
    assert as_written(f"0 0 0 1 {name} *").months == {number + 1}
    assert as_written(f"0 0 0 1 {name[:3].upper()} *").months == {number + 1}


@pytest.mark.parametrize("number", range(7))
def test_days_of_the_week_go_by_their_english_names(number: int) -> None:
    name = calendar.day_name[number - 1]
    assert as_written(f"0 0 0 * * {name}").weekdays == {number}
    assert as_written(f"0 0 0 * * {name[:3].lower()}").weekdays == {number}


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("60 0 0 * * *", "'60' is not a second, 0 to 59: "),
        ("0 60 0 * * *", "'60' is not a minute, 0 to 59: "),
        ("0 0 24 * * *", "'24' is not a hour, 0 to 23: "),
        ("0 0 0 32 * *", "'32' is not a day, 1 to 31: "),
        ("0 0 0 0 * *", "'0' is not a day, 1 to 31: "),
        ("0 0 0 * 13 *", "'13' is not a month, 1 to 12 or a name such as FEB: "),
        ("0 0 0 * * 7", "'7' is not a day of the week, 0 to 6 or a name such as MON: "),
        ("0 0 0 * * mo", "'mo' is not a day of the week, 0 to 6 or a name such as MON: "),
    ],
)
def test_what_is_out_of_a_fields_bounds_is_refused_with_the_bounds(expression: str, told: str) -> None:
    with pytest.raises(ScheduleError, match=f"^{re.escape(told)}"):
        as_written(expression)


@pytest.mark.parametrize(("step", "is_taken"), [(24, True), (25, False)])
def test_a_step_may_be_as_large_as_the_field_and_no_larger(step: int, *, is_taken: bool) -> None:
    expression = f"0 0 */{step} * * *"
    if is_taken:
        assert as_written(expression).hours == {0}
    else:
        with pytest.raises(ScheduleError, match="steps over all 24 values of the hour"):
            as_written(expression)
