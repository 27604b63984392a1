"""A row is read as a contractor, or as the reason why it cannot be acted upon."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import (
    Contractor,
    InvalidRow,
    ReadRow,
    RegisterRow,
    read_row,
    read_rows,
)
from enforcer.core.keys import ANYBODY

RULES = DateRules(zone=ZoneInfo("UTC"))
ANNA = "11111111-2222-3333-4444-aaaaaaaaaaaa"


def read(row_key: str, end_date: object = "2026-12-31", start_date: object = None) -> ReadRow:
    row = RegisterRow(row_key=row_key, end_date=end_date, start_date=start_date)
    return read_row(row, RULES)


def contractor(row_key: str, end_date: object = "2026-12-31", start_date: object = None) -> Contractor:
    found = read(row_key, end_date, start_date)
    assert isinstance(found, Contractor)
    return found


def invalid(row_key: str, end_date: object = "2026-12-31") -> InvalidRow:
    found = read(row_key, end_date)
    assert isinstance(found, InvalidRow)
    return found


@pytest.mark.parametrize(
    ("row_key", "key"),
    [
        (ANNA, ANNA),
        (ANNA.upper(), ANNA),
        ("Anna.Berg@Partner.Example", "anna.berg@partner.example"),
        ("o'brien+x@partner.example", "o'brien+x@partner.example"),
        ("anna_partner.example%23EXT%23@contoso.com", "anna_partner.example#ext#@contoso.com"),
        ("änna@bücher.example", "änna@bücher.example"),
    ],
)
def test_people_go_by_object_id_or_address_without_regard_to_case(row_key: str, key: str) -> None:
    found = contractor(row_key)
    assert (found.row_key, found.key) == (row_key, key)


@pytest.mark.parametrize(
    ("row_key", "meant"),
    [
        ("{" + ANNA + "}", ANNA),
        ("{" + ANNA.upper() + "}", ANNA),
        (f"({ANNA})", ANNA),
        (f" {ANNA} ", ANNA),
        (ANNA.replace("-", ""), ANNA),
        ("<anna@partner.example>", "anna@partner.example"),
        ('"anna@partner.example"', "anna@partner.example"),
        ("'anna@partner.example", "anna@partner.example"),
        ("mailto:anna@partner.example", "anna@partner.example"),
        ("SMTP:anna@partner.example", "anna@partner.example"),
        ("anna@partner.example;", "anna@partner.example"),
        ("anna@partner.example.", "anna@partner.example"),
        (" anna@partner.example\t", "anna@partner.example"),
    ],
)
def test_a_key_with_something_around_it_is_refused_but_tells_whom_it_means(row_key: str, meant: str) -> None:
    found = invalid(row_key)
    assert found.keys == (meant,)
    assert found.problem.startswith(f"RowKey is {row_key!r}")


@pytest.mark.parametrize(
    "row_key",
    [
        "",
        "Anna Berg",
        "anna@@partner.example",
        "@partner.example",
        "anna@",
        ANNA[:-1],
        f"{ANNA}0",
        "4711",
        "🦄",
        "row\n",
        "x" * 900,
    ],
)
def test_a_key_that_names_nobody_is_refused_and_may_mean_anybody(row_key: str) -> None:
    found = invalid(row_key)
    assert found.keys == (ANYBODY,)
    assert len(found.problem) < 300


def test_a_row_under_a_group_id_in_capitals_is_refused_but_protects() -> None:
    row = RegisterRow(group_id=ANNA.upper(), row_key=ANNA, end_date="2026-12-31")
    found = read_row(row, RULES)
    assert isinstance(found, InvalidRow)
    assert found.keys == (ANNA,)
    assert "lower case" in found.problem


@pytest.mark.parametrize(
    "end_date", [None, "", "31.12.2026", "2026-02-30", "9999-12-31", 5, b"x", float("nan")]
)
def test_an_end_date_that_cannot_be_read_refuses_the_row_and_says_why(end_date: object) -> None:
    found = invalid(ANNA, end_date)
    assert found.keys == (ANNA,)
    assert found.problem.startswith("EndDate is ")


def test_access_lasts_up_to_the_instant_in_which_it_ends() -> None:
    found = contractor(ANNA, "2026-12-31")
    assert not found.is_due(datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
    assert found.is_due(datetime(2027, 1, 1, tzinfo=UTC))


def test_access_begins_with_the_first_instant_of_the_start_date() -> None:
    found = contractor(ANNA, start_date="2026-12-01")
    assert not found.has_begun(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))
    assert found.has_begun(datetime(2026, 12, 1, tzinfo=UTC))


@pytest.mark.parametrize("start_date", [None, ""])
def test_without_a_start_date_access_has_begun(start_date: object) -> None:
    found = contractor(ANNA, start_date=start_date)
    assert found.has_begun(datetime(1990, 1, 1, tzinfo=UTC))
    assert not found.problem


@pytest.mark.parametrize("start_date", ["soon", 5, "2026-02-30"])
def test_an_unreadable_start_date_lets_nobody_in_but_still_ends_access(start_date: object) -> None:
    found = contractor(ANNA, start_date=start_date)
    assert found.problem.startswith("StartDate is ")
    assert not found.has_begun(datetime(2026, 12, 31, tzinfo=UTC))
    assert found.is_due(datetime(2027, 1, 1, tzinfo=UTC))


def test_a_start_after_the_end_is_a_problem() -> None:
    found = contractor(ANNA, "2026-12-31", start_date="2027-01-01")
    assert found.problem == "StartDate 2027-01-01 is not before the end of access"


def test_the_same_day_is_a_start_and_an_end() -> None:
    assert not contractor(ANNA, "2026-12-31", start_date="2026-12-31").problem


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.uuids(), st.datetimes()
)


@given(row_key=st.text(), end_date=ANYTHING, start_date=ANYTHING, group_id=st.text())
def test_any_row_is_read_or_refused_with_a_reason(
    row_key: str, end_date: object, start_date: object, group_id: str
) -> None:
    row = RegisterRow(row_key=row_key, end_date=end_date, start_date=start_date, group_id=group_id)
    found = read_row(row, RULES)
    assert isinstance(found, Contractor) or found.problem


# Every field of what is read -----------------------------------------------------------------------------

GROUP = "99999999-0000-4000-8000-00000000abcd"
WHOLE = RegisterRow(
    group_id=GROUP,
    row_key="Anna%23EXT%23@Contoso.com",
    end_date=datetime(2026, 12, 31, 17, tzinfo=UTC),
    start_date="2026-12-01",
    display_name="Anna",
    company="Partner",
    sponsor="boss@contoso.com",
    note="Grüße",
    perhaps_end_date=("endDate", "End_Date"),
)


def test_every_field_of_a_row_that_can_be_acted_upon() -> None:
    found = read_row(WHOLE, RULES)
    assert found == Contractor(
        written=WHOLE,
        key="anna#ext#@contoso.com",
        due_at=datetime(2026, 12, 31, 17, tzinfo=UTC),
        begins_at=datetime(2026, 12, 1, tzinfo=UTC),
    )
    assert found.keys == ("anna#ext#@contoso.com",)
    assert (found.row_key, found.end_date) == ("Anna%23EXT%23@Contoso.com", "2026-12-31T17:00:00Z")
    assert list(read_rows([RegisterRow(row_key=ANNA, end_date="2026-12-31")], RULES)) == [contractor(ANNA)]


def test_every_field_of_a_row_that_nobody_can_act_upon() -> None:
    mine = ("anna#ext#@contoso.com",)
    capitals = replace(WHOLE, group_id=GROUP.upper())
    assert read_row(capitals, RULES) == InvalidRow(
        written=capitals,
        keys=mine,
        problem=f"PartitionKey is {GROUP.upper()!r}; it must be the group's object ID in lower case",
    )
    undated = read_row(replace(WHOLE, end_date=None), RULES)
    assert isinstance(undated, InvalidRow)
    assert (undated.row_key, undated.keys) == (WHOLE.row_key, mine)
    assert undated.problem.startswith("EndDate is missing")
    assert undated.problem.endswith(
        ". The row has 'endDate', 'End_Date': if that is meant, write it as 'EndDate'"
    )
    alone = read_row(replace(WHOLE, end_date=None, perhaps_end_date=()), RULES)
    assert isinstance(alone, InvalidRow)
    assert "The row has" not in alone.problem
    wrapped = read_row(replace(WHOLE, row_key=f"<{ANNA}>"), RULES)
    assert isinstance(wrapped, InvalidRow)
    assert (wrapped.row_key, wrapped.keys) == (f"<{ANNA}>", (ANNA,))
    assert wrapped.problem.startswith("RowKey ")


# For people ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sponsor", "address"),
    [
        ("boss@contoso.com", "boss@contoso.com"),
        (" Boss@Contoso.com ", "boss@contoso.com"),
        ("", ""),
        ("the boss", ""),
        (" ", ""),
    ],
)
def test_a_sponsor_needs_a_mail_address(sponsor: str, address: str) -> None:
    row = replace(WHOLE, sponsor=sponsor)
    assert row.address == address
    assert row.may_be_told({"contoso.com"}) is bool(address)


def test_a_row_without_a_name_is_called_by_its_key() -> None:
    assert WHOLE.name == "Anna"
    assert replace(WHOLE, display_name=" ").name == WHOLE.row_key
