"""What register, records and ledger know is combined by person and end date."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from enforcer.core.calendar import dates
from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import Contractor
from enforcer.core.evidence.access_history import (
    AccessHistory,
    GroupRecord,
    access_histories,
    in_order,
    moment,
    times,
)
from enforcer.core.ledger import Action, Entry, Head
from enforcer.core.members import MemberIndex
from enforcer.core.offboarding_record import State
from tests.support.paper_group import ANNA, BEN, ENDED, GROUP, NOW, RUNNING, known
from tests.support.register_rows import contractor

ZONE = ZoneInfo("UTC")
DUE = dates.ends_at(ENDED, ZONE)
HOUR = timedelta(hours=1)


def ending(row_key: str, end_date: str = ENDED) -> Contractor:
    return contractor(row_key, end_date, zone=ZONE, group_id=GROUP)


def entry(action: Action, at: datetime = NOW, **changes: Any) -> Entry:
    """Return an entry about Anna, whose row has her address."""
    given = {"user": ANNA.id, "row_key": ANNA.mail, "end_date": ENDED, **changes}
    return Entry(at=dates.instant(at), actor="timer", action=action, group=GROUP, **given)


def gather(*entries: Entry, **record: Any) -> list[AccessHistory]:
    given: dict[str, Any] = {"endings": (), "links": Head().extended(list(entries)), **record}
    return in_order(access_histories(GroupRecord(group_id=GROUP, **given), DateRules(zone=ZONE), NOW))


def ends(found: list[AccessHistory]) -> list[tuple[str, str]]:
    return [(history.person, history.end_date) for history in found]


def test_a_row_a_record_and_an_entry_about_one_end_are_one_history() -> None:
    row, done = ending(ANNA.mail.upper()), known(ANNA, State.OFFBOARDED, row_key=ANNA.mail)
    [found] = gather(entry(Action.REMOVE), endings=[row], records=[done])
    assert (found.person, found.end_date, found.due_at) == (ANNA.id, ENDED, DUE)
    assert (found.ending, found.record, found.row_key) == (row, done, row.row_key)
    assert [link.entry.action for link in found.of(Action.REMOVE)] == [Action.REMOVE]
    assert list(found.of(Action.REVOKE)) == []


def test_the_same_instant_written_differently_is_the_same_end() -> None:
    row = ending(ANNA.id, "2026-11-23T01:00:00+01:00")
    done = known(ANNA, State.OFFBOARDED, end_date=dates.instant(DUE))
    [found] = gather(entry(Action.REMOVE, due_at=dates.instant(DUE)), endings=[row], records=[done])
    assert (found.end_date, found.due_at, found.record) == (row.end_date, DUE, done)
    assert [link.entry.action for link in found.links] == [Action.REMOVE]
    assert len(gather(endings=[row, ending(BEN.id, "2026-11-23T01:00:00+01:00")])) == 2


def test_a_row_without_a_known_person_is_known_by_its_key() -> None:
    assert ends(gather(endings=[ending("Somebody@x.example")])) == [("somebody@x.example", ENDED)]


def test_an_address_means_its_only_member_and_neither_of_two() -> None:
    rows = [ending(ANNA.mail)]
    assert ends(gather(endings=rows, members=MemberIndex.of([ANNA, BEN]))) == [(ANNA.id, ENDED)]
    double = MemberIndex.of([ANNA, replace(BEN, mail=ANNA.mail)])
    assert ends(gather(endings=rows, members=double)) == [(ANNA.mail, ENDED)]


def test_a_damaged_entry_says_nothing_about_anybody() -> None:
    [link] = Head().extended([entry(Action.REMOVE)])
    assert gather(links=[replace(link, damage="unreadable")]) == []


@pytest.mark.parametrize("action", [Action.HOLD, Action.APPROVE, Action.RESUME, Action.REGISTER_ADD])
def test_an_entry_about_no_end_opens_no_history(action: Action) -> None:
    assert gather(entry(action)) == []


@pytest.mark.parametrize("action", [Action.ADD, Action.ENABLE])
def test_a_first_day_is_not_an_end(action: Action) -> None:
    assert gather(entry(action, end_date="")) == []


def test_an_entry_without_a_date_is_about_the_latest_end_before_it() -> None:
    rows = [entry(Action.REMOVE, end_date=day, due_at=f"{day}T23:00:00Z") for day in ("2026-10-31", ENDED)]
    found = gather(*rows, entry(Action.ENABLE, end_date=""), entry(Action.PROOF, DUE - 2 * HOUR, end_date=""))
    assert [[link.entry.action for link in one.links] for one in found] == [
        [Action.REMOVE, Action.PROOF],
        [Action.REMOVE, Action.ENABLE],
    ]


def test_removing_a_member_without_a_row_is_a_history_without_a_date() -> None:
    [found] = gather(entry(Action.REMOVE, row_key=ANNA.id, end_date=""))
    assert (found.person, found.end_date, found.due_at) == (ANNA.id, "", None)


def test_a_date_changed_after_it_passed_is_an_end_that_was_extended() -> None:
    [found] = gather(
        entry(Action.REGISTER_ADD, DUE - 9 * HOUR),
        entry(Action.REGISTER_EXTEND, DUE + HOUR, end_date=RUNNING),
    )
    assert (found.person, found.end_date, found.due_at) == (ANNA.id, ENDED, DUE)
    assert (found.extended_at, found.row_key) == (DUE + HOUR, ANNA.mail)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"at": DUE - HOUR, "end_date": RUNNING}),
        ({}, {"at": DUE + HOUR, "end_date": ENDED}),
        ({}, {"at": DUE + HOUR, "end_date": dates.instant(DUE)}),
        ({"end_date": "some day"}, {"at": DUE + HOUR, "end_date": RUNNING}),
    ],
)
def test_a_date_changed_in_time_or_not_at_all_ended_nothing(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert gather(entry(Action.REGISTER_ADD, **first), entry(Action.REGISTER_EXTEND, **second)) == []


def test_access_goes_on_with_another_running_row() -> None:
    rows = [ending(ANNA.id), ending(ANNA.id, RUNNING)]
    assert [one.goes_on for one in gather(endings=rows)] == [True, True]
    assert [one.goes_on for one in gather(endings=rows[:1])] == [False]


def test_membership_is_found_by_any_name_or_is_unknown() -> None:
    rows = [ending(ANNA.mail), ending(BEN.id)]
    listed = gather(endings=rows, members=MemberIndex.of([ANNA]))
    assert {one.person: one.is_member for one in listed} == {ANNA.id: True, BEN.id: False}
    assert {one.is_member for one in gather(endings=rows)} == {None}


def test_the_first_known_time_of_an_end_stays() -> None:
    elsewhere = known(ANNA, State.OFFBOARDED, due_at=DUE + HOUR)
    assert [one.due_at for one in gather(endings=[ending(ANNA.id)], records=[elsewhere])] == [DUE]
    unknown = known(ANNA, State.OFFBOARDED, due_at=None)
    dated = entry(Action.REMOVE, due_at=dates.instant(DUE))
    assert [one.due_at for one in gather(dated, records=[unknown])] == [DUE]


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-23T12:00:00"])
def test_a_time_without_a_zone_is_not_a_time(text: str) -> None:
    assert moment(text) is None
    assert moment("2026-11-23T13:00:00+01:00") == datetime(2026, 11, 23, 12, tzinfo=UTC)


# Who had left shortly before an end came -----------------------------------------------------------------

WEEK = timedelta(days=7)
NOBODY = MemberIndex.of([])
LATER = "2026-11-30"
LATER_AT = dates.ends_at(LATER, ZONE)


def removal(at: datetime, outcome: str = "removed", **changes: Any) -> Entry:
    return entry(Action.REMOVE, at, outcome=outcome, due_at=dates.instant(DUE), **changes)


def last(*entries: Entry, **record: Any) -> AccessHistory:
    """Return what is known of the end on LATER, which the register has, of whoever had an end on ENDED."""
    given: dict[str, Any] = {"endings": [ending(ANNA.id, LATER)], "members": NOBODY, **record}
    return next(one for one in gather(*entries, **given) if one.end_date == LATER)


@pytest.mark.parametrize("outcome", ["removed", "already_absent"])
@pytest.mark.parametrize("before", [timedelta(0), HOUR, WEEK])
def test_a_removal_within_a_week_before_an_end_belongs_to_that_end(outcome: str, before: timedelta) -> None:
    done = known(ANNA, State.OFFBOARDED)
    found = last(
        removal(LATER_AT - before, outcome),
        entry(Action.PROOF, LATER_AT, end_date=LATER),
        records=[done],
    )
    assert (found.was_out, found.record) == (True, done)
    assert [link.entry.action for link in found.links] == [Action.REMOVE, Action.PROOF]


@pytest.mark.parametrize(
    ("entries", "changes"),
    [
        ([removal(LATER_AT - WEEK - HOUR)], {}),  # too long before
        ([removal(LATER_AT + HOUR)], {}),  # not before
        ([removal(LATER_AT - HOUR, "failed: 503")], {}),
        ([removal(LATER_AT - 2 * HOUR), entry(Action.ADD, LATER_AT - HOUR, outcome="added")], {}),
        ([removal(LATER_AT - HOUR), entry(Action.ADD, LATER_AT - HOUR, outcome="added")], {}),
        ([removal(LATER_AT - HOUR)], {"members": MemberIndex.of([ANNA])}),
        ([removal(LATER_AT - HOUR)], {"members": None}),
        ([removal(LATER_AT - HOUR, user=BEN.id, row_key=BEN.id)], {}),
    ],
)
def test_no_other_removal_is_the_departure_of_an_end(entries: list[Entry], changes: dict[str, Any]) -> None:
    found = last(*entries, **changes)
    assert (found.was_out, found.links, found.record) == (False, [], None)


def test_whoever_was_let_in_before_the_removal_had_left_by_it() -> None:
    let_in = entry(Action.ADD, LATER_AT - 2 * HOUR, outcome="added")
    assert last(let_in, removal(LATER_AT - HOUR)).was_out
    failed = entry(Action.ADD, LATER_AT - timedelta(minutes=1), outcome="failed: 503")
    assert last(removal(LATER_AT - HOUR), failed).was_out


def test_an_end_that_met_somebody_has_a_departure_of_its_own() -> None:
    own = entry(Action.REMOVE, LATER_AT, outcome="removed", end_date=LATER)
    found = last(removal(LATER_AT - HOUR), own)
    assert (found.was_out, len(found.links)) == (False, 1)
    recorded = known(ANNA, State.OFFBOARDED, end_date=LATER, due_at=LATER_AT)
    found = last(removal(LATER_AT - HOUR), records=[recorded])
    assert (found.was_out, found.record) == (False, recorded)


def test_of_several_removals_the_last_is_the_departure() -> None:
    first = ending(ANNA.id, "2026-11-25")
    second_at = first.due_at + HOUR
    entries = [
        removal(first.due_at - 9 * HOUR),
        entry(Action.REMOVE, second_at, outcome="removed", end_date="2026-11-25"),
    ]
    found = last(*entries[::-1], endings=[ending(ANNA.id, LATER), first])
    assert [link.entry.at for link in found.links] == [dates.instant(second_at)]


# What else is known --------------------------------------------------------------------------------------


def test_times_are_those_of_entries_that_came_to_such_an_end_and_have_one() -> None:
    [found] = gather(
        removal(NOW),
        removal(NOW + HOUR, "failed: 503"),
        replace(removal(NOW), at="some day"),
        endings=[ending(ANNA.mail)],
    )
    assert times(found, Action.REMOVE, "removed") == [NOW]
    assert times(found, Action.REVOKE, "removed") == []


def test_a_row_key_is_the_registers_else_the_records_else_the_ledgers() -> None:
    row, done = ending(ANNA.id), known(ANNA, State.OFFBOARDED, row_key="Old@x.example")
    change = [entry(Action.REGISTER_ADD, DUE - HOUR), entry(Action.REGISTER_EXTEND, DUE, end_date=RUNNING)]
    assert [one.row_key for one in gather(removal(NOW), endings=[row], records=[done])] == [ANNA.id]
    assert [one.row_key for one in gather(removal(NOW), records=[done])] == ["Old@x.example"]
    assert [one.row_key for one in gather(removal(NOW))] == [ANNA.mail]
    assert [one.row_key for one in gather(*change, records=[done])] == ["Old@x.example"]
    assert [(one.row_key, one.extended_at) for one in gather(*change)] == [(ANNA.mail, DUE)]


def test_a_change_whose_time_nobody_can_read_put_nothing_off() -> None:
    change = entry(Action.REGISTER_EXTEND, DUE + HOUR, end_date=RUNNING)
    assert gather(entry(Action.REGISTER_ADD, DUE - HOUR), replace(change, at="some day")) == []


def test_access_goes_on_until_the_instant_of_its_end() -> None:
    now_ending = ending(ANNA.id, dates.instant(NOW))
    assert [one.goes_on for one in gather(endings=[now_ending])] == [False]


def test_a_group_and_what_is_not_known_are_told_as_they_are() -> None:
    [found] = gather(removal(NOW))
    assert (found.group_id, found.goes_on, found.was_out, found.is_member) == (GROUP, False, False, None)
    assert found.due_at == DUE


def test_a_record_tells_whose_address_a_row_goes_by() -> None:
    done = known(ANNA, State.OFFBOARDED, row_key="Old@x.example", end_date="2026-10-31", due_at=None)
    assert {one.person for one in gather(endings=[ending("old@X.example")], records=[done])} == {ANNA.id}
    nameless = entry(Action.REMOVE, row_key="", end_date="2026-10-31")
    assert {one.person for one in gather(nameless, endings=[ending("b@x.example")])} == {
        ANNA.id,
        "b@x.example",
    }
    ghost = entry(Action.REGISTER_ADD, user="b@x.example", row_key="b@x.example")
    assert ends(gather(ghost, endings=[ending("B@x.example")])) == [("b@x.example", ENDED)]


def test_an_entry_without_a_date_is_filed_even_at_the_end_or_with_no_time() -> None:
    rows = [ending(ANNA.id, "2026-10-31"), ending(ANNA.id)]
    proof = entry(Action.PROOF, DUE, end_date="")
    assert [len(one.links) for one in gather(proof, endings=rows)] == [0, 1]
    undated = replace(proof, at="some day")
    assert [(one.due_at, len(one.links)) for one in gather(undated, endings=rows)] == [
        (None, 1),
        (rows[0].due_at, 0),
        (DUE, 0),
    ]


def test_ends_without_a_date_stay_apart_and_keep_what_is_about_them() -> None:
    undated = [entry(action, end_date="") for action in (Action.REMOVE, Action.REVOKE)]
    spoilt = entry(Action.REMOVE, end_date="some day")
    found = gather(*undated, spoilt)
    assert [(one.end_date, one.due_at, len(one.links)) for one in found] == [
        ("", None, 2),
        ("some day", None, 1),
    ]


def test_an_end_without_a_date_has_no_departure() -> None:
    verified = entry(Action.VERIFY, DUE - HOUR, end_date="")
    found = gather(verified, removal(NOW), members=NOBODY)
    assert [(one.due_at, one.was_out) for one in found] == [(None, False), (DUE, False)]


def test_of_two_removals_at_one_time_either_is_the_departure() -> None:
    at = LATER_AT - HOUR
    other = entry(Action.REMOVE, at, outcome="removed", end_date="2026-11-25")
    assert last(removal(at), other).was_out


def test_ends_come_in_the_order_of_time() -> None:
    assert ends(gather(endings=[ending(ANNA.id, LATER), ending(BEN.id)])) == [
        (BEN.id, ENDED),
        (ANNA.id, LATER),
    ]
