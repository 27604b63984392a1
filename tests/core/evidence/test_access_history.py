"""What register, records and ledger know is combined by person and end date."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from enforcer.core.calendar import dates
from enforcer.core.calendar.midnight import DateRules
from enforcer.core.endings import Ending
from enforcer.core.evidence.access_history import (
    AccessHistory,
    GroupRecord,
    access_histories,
    in_order,
    moment,
)
from enforcer.core.ledger import Action, Entry, Head
from enforcer.core.members import MemberIndex
from enforcer.core.offboarding_record import State
from tests.support.paper_group import ANNA, BEN, ENDED, GROUP, NOW, RUNNING, known

ZONE = ZoneInfo("UTC")
DUE = dates.ends_at(ENDED, ZONE)
HOUR = timedelta(hours=1)


def ending(row_key: str, end_date: str = ENDED) -> Ending:
    return Ending(group_id=GROUP, row_key=row_key, end_date=end_date, due_at=dates.ends_at(end_date, ZONE))


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
    [found] = gather(entry(Action.REMOVE), endings=[row], enforcements=[done])
    assert (found.person, found.end_date, found.due_at) == (ANNA.id, ENDED, DUE)
    assert (found.ending, found.enforcement, found.row_key) == (row, done, row.row_key)
    assert [link.entry.action for link in found.of(Action.REMOVE)] == [Action.REMOVE]
    assert list(found.of(Action.REVOKE)) == []


def test_the_same_instant_written_differently_is_the_same_end() -> None:
    row = ending(ANNA.id, "2026-11-23T01:00:00+01:00")
    done = known(ANNA, State.OFFBOARDED, end_date=dates.instant(DUE))
    [found] = gather(entry(Action.REMOVE, due_at=dates.instant(DUE)), endings=[row], enforcements=[done])
    assert (found.end_date, found.due_at, found.enforcement) == (row.end_date, DUE, done)
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


def test_a_date_changed_after_it_passed_is_an_end_that_was_put_off() -> None:
    [found] = gather(
        entry(Action.REGISTER_ADD, DUE - 9 * HOUR),
        entry(Action.REGISTER_EXTEND, DUE + HOUR, end_date=RUNNING),
    )
    assert (found.person, found.end_date, found.due_at) == (ANNA.id, ENDED, DUE)
    assert (found.put_off_at, found.row_key) == (DUE + HOUR, ANNA.mail)


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
    assert [one.due_at for one in gather(endings=[ending(ANNA.id)], enforcements=[elsewhere])] == [DUE]
    unknown = known(ANNA, State.OFFBOARDED, due_at=None)
    dated = entry(Action.REMOVE, due_at=dates.instant(DUE))
    assert [one.due_at for one in gather(dated, enforcements=[unknown])] == [DUE]


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-23T12:00:00"])
def test_a_time_without_a_zone_is_not_a_time(text: str) -> None:
    assert moment(text) is None
    assert moment("2026-11-23T13:00:00+01:00") == datetime(2026, 11, 23, 12, tzinfo=UTC)
