"""Rows that are left out change no plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import RegisterRow
from enforcer.core.offboarding_record import State
from enforcer.core.planning.relevant_rows import RelevantRows
from tests.support.paper_group import ANNA, BEN, ENDED, NOW, RUNNING, known, person, row
from tests.support.situations import SITUATIONS, Situation

RULES = DateRules(zone=ZoneInfo("UTC"))


def relevant_to(situation: Situation) -> RelevantRows:
    return RelevantRows.of(situation.members, situation.records, situation.settings.date_rules, NOW)


def kept(*rows: RegisterRow) -> list[RegisterRow]:
    """Return which rows are kept if Anna is a member and Ben's offboarding was begun."""
    relevant = RelevantRows.of([ANNA], [known(BEN, State.OFFBOARDING)], RULES, NOW)
    relevant.take(rows)
    return relevant.rows


@given(situation=SITUATIONS, later=st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_plan_is_the_same_without_the_rows_that_are_left_out(
    situation: Situation, later: timedelta
) -> None:
    relevant = relevant_to(situation)
    relevant.take(situation.rows)
    rows = situation.rows if relevant.passed_too_many else relevant.rows

    assert replace(situation, rows=rows).plan(NOW + later) == situation.plan(NOW + later)


def test_whoever_left_long_ago_is_not_kept() -> None:
    relevant = RelevantRows.of([ANNA], [], RULES, NOW)
    relevant.take(row(f"nobody{number}@contoso.example") for number in range(10_000))
    relevant.take([row(ANNA)])

    assert relevant.rows == [row(ANNA)]
    assert not relevant.passed_too_many


@pytest.mark.parametrize(
    "mattering",
    [
        row(ANNA),
        row(ANNA.mail.upper()),
        row(BEN),
        row("new@contoso.example", RUNNING),
        row("left@contoso.example", "31.12.2020"),
        row("left@contoso.example", ENDED, "not a date"),
        row("nonsense"),
    ],
    ids=["member", "member by mail", "begun", "to come", "unreadable", "problem", "no key"],
)
def test_a_row_that_may_matter_is_kept(mattering: RegisterRow) -> None:
    assert kept(mattering) == [mattering]


def test_a_row_that_is_due_only_later_is_kept() -> None:
    soon = row("new@contoso.example", datetime(2026, 11, 23, 12, 0, 1, tzinfo=UTC))

    assert kept(soon) == [soon]


@pytest.mark.parametrize("ended_first", [True, False])
def test_a_dropped_row_that_contradicts_another_is_noticed(*, ended_first: bool) -> None:
    rows = [row("new@contoso.example", ENDED), row("New@contoso.example", RUNNING)]
    relevant = RelevantRows.of([person(1)], [], RULES, NOW)
    relevant.take(rows if ended_first else rows[::-1])

    assert relevant.passed_too_many


def test_rows_that_mean_nobody_are_kept_only_while_members_have_no_row() -> None:
    nobody, recorded = row("nobody@contoso.example"), row("Recorded@contoso.example")
    on_record = known(BEN, State.VERIFIED, row_key="recorded@contoso.example")
    relevant = RelevantRows.of([ANNA, person(1)], [on_record], RULES, NOW)
    relevant.take([nobody, recorded, row(BEN), row(ANNA)])
    assert relevant.rows == [row(ANNA), nobody]
    relevant.take([row(person(1).mail)])
    assert relevant.rows == [row(ANNA), row(person(1).mail)]
