"""The recheck of a person's rows: what leaves them alone, and what takes back what was begun."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import RegisterRow
from enforcer.core.keys import meanings
from enforcer.core.offboarding_record import State
from enforcer.core.plan import Offboard, Step
from enforcer.core.planning.recheck import Recheck, SkipReason, names
from enforcer.core.user_kind import UserKind
from tests.support.paper_group import ANNA, BEN, ENDED, known

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RUNNING = "2099-01-31"
GROUP = "aaaaaaaa-0000-4000-8000-000000000000"
LISTED = Offboard(
    user_id=ANNA.id,
    row_key=ANNA.id,
    user_principal_name=ANNA.user_principal_name,
    mail=ANNA.mail,
    end_date=ENDED,
    due_at=NOW,
    user_kind=UserKind.MEMBER,
    steps=(Step.REMOVE, Step.REVOKE),
)
BEGUN = known(ANNA, State.OFFBOARDING, removed_at=NOW - timedelta(days=1))
OUT = replace(LISTED, steps=(Step.REVOKE,), authorised=True, earlier=replace(BEGUN, row_key=ANNA.id))
LISTED_LATE = replace(OUT, steps=LISTED.steps)
GHOST = replace(LISTED, row_key=None)
ANOTHER = "a row written after the plan means them"


def row(key: str, end_date: object = ENDED, *, group: str = GROUP) -> RegisterRow:
    return RegisterRow(group_id=group, row_key=key, end_date=end_date)


def skip_reason(person: Offboard, own: RegisterRow | None, *written: RegisterRow) -> SkipReason | None:
    meant = [row for row in written if names(person) & set(meanings(row.row_key))]
    return Recheck(own=own, others=meant, rules=DateRules(zone=ZoneInfo("UTC")), now=NOW).skip_reason(person)


@pytest.mark.parametrize("person", [LISTED, OUT])
def test_whoever_has_an_unchanged_row_goes(person: Offboard) -> None:
    assert skip_reason(person, row(ANNA.id), row(BEN.id, RUNNING), row("?")) is None


@pytest.mark.parametrize("person", [LISTED, OUT])
def test_whoever_has_a_later_end_stays(person: Offboard) -> None:
    assert skip_reason(person, row(ANNA.id, RUNNING)) == SkipReason(reason="their end date was extended")


def test_whoever_has_no_row_or_an_unreadable_one_stays() -> None:
    assert skip_reason(LISTED, None) == SkipReason(reason="their row has gone from the register")
    assert skip_reason(LISTED, row(ANNA.id, "?")) == SkipReason(reason="their row can no longer be read")


@pytest.mark.parametrize("person", [OUT, LISTED_LATE])
def test_a_row_that_says_nothing_takes_no_removal_back(person: Offboard) -> None:
    assert skip_reason(person, None) is None
    unreadable = skip_reason(person, row(ANNA.id, "?"))
    assert unreadable == SkipReason(reason="their row can no longer be read", withdraws=False)
    assert skip_reason(person, None, row(ANNA.mail)) is None
    assert skip_reason(person, None, row(ANNA.mail, "?")) == SkipReason(reason=ANOTHER, withdraws=False)
    assert skip_reason(person, None, row(ANNA.mail, RUNNING)) == SkipReason(reason=ANOTHER)


@pytest.mark.parametrize("person", [LISTED, GHOST])
@pytest.mark.parametrize("end_date", [RUNNING, ENDED, "?"])
@pytest.mark.parametrize(
    "key",
    [
        ANNA.user_principal_name.upper(),
        ANNA.mail.title(),
        ANNA.id.upper(),
        f"{{{ANNA.id}}}",
        ANNA.id.replace("-", ""),
        ANNA.mail.replace("@", "\u200b@"),
        f"\ufeff{ANNA.id}",
        f"{ANNA.mail};somebody@else.example",
        ANNA.mail.replace("@", "%40"),
    ],
)
def test_whoever_got_another_row_by_any_name_stays(person: Offboard, end_date: object, key: str) -> None:
    own = None if person is GHOST else row(ANNA.id)
    assert skip_reason(person, own, row(key, end_date)) == SkipReason(reason=ANOTHER)


def test_a_row_under_the_groups_id_in_capitals_is_another_row() -> None:
    twin = row(ANNA.id, RUNNING, group=GROUP.upper())
    assert skip_reason(LISTED, row(ANNA.id), twin) == SkipReason(reason=ANOTHER)
    assert skip_reason(GHOST, None, twin) == SkipReason(reason=ANOTHER)


def test_a_nameless_row_may_mean_a_member_without_one() -> None:
    assert skip_reason(GHOST, None, row("?", RUNNING)) == SkipReason(reason=ANOTHER)


def test_a_row_under_a_former_address_is_still_their_own() -> None:
    begun = known(ANNA, State.OFFBOARDING, row_key="old@x.example")
    moved = replace(LISTED, row_key="old@x.example", earlier=begun)
    assert skip_reason(moved, row("old@x.example")) is None
    assert skip_reason(moved, row("old@x.example"), row("OLD@x.example")) is not None


# The whole matrix ----------------------------------------------------------------------------------------

AGO = NOW - timedelta(days=1)


def begun(state: State, removed_at: datetime | None, *, is_out: bool) -> Offboard:
    """Return somebody with this record, who is out by now or not."""
    steps = (Step.REVOKE,) if is_out else (Step.REMOVE, Step.REVOKE)
    earlier = replace(known(ANNA, state), removed_at=removed_at)
    return replace(LISTED, steps=steps, authorised=earlier.unfinished, earlier=earlier)


GONE, UNREADABLE = None, row(ANNA.id, "?")


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("removed_at", [None, AGO])
@pytest.mark.parametrize("is_out", [True, False])
def test_a_row_that_says_nothing_lets_nobody_in_who_was_removed(
    state: State, removed_at: datetime | None, *, is_out: bool
) -> None:
    person = begun(state, removed_at, is_out=is_out)
    # Whoever is listed again after an offboarding that was finished was let in by somebody.
    was_removed = is_out or (state in (State.OFFBOARDING, State.STUCK) and removed_at is not None)
    assert (skip_reason(person, GONE) is None) is was_removed
    unreadable = skip_reason(person, UNREADABLE)
    assert unreadable is not None
    assert unreadable.withdraws is not was_removed
    another = skip_reason(person, row(ANNA.id), row(ANNA.mail))
    assert another == (None if was_removed else SkipReason(reason=ANOTHER))
    assert skip_reason(person, row(ANNA.id)) is None
    assert skip_reason(person, row(ANNA.id, RUNNING)) is not None


def test_a_nameless_row_does_not_mean_whoever_was_begun_before() -> None:
    ghost = replace(begun(State.OFFBOARDING, None, is_out=False), row_key=None)
    assert "" not in names(ghost)
    assert "" in names(replace(ghost, authorised=False))
    assert "" not in names(replace(LISTED, row_key=ANNA.id))
