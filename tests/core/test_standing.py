"""Where somebody who is offboarded now stands in a group, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from enforcer.core.contractors import Contractor
from enforcer.core.dates import instant
from enforcer.core.enforcement import Enforcement, State
from enforcer.core.members import Person
from enforcer.core.plan import Step
from enforcer.core.runs import Outcome, Result
from enforcer.core.standing import Account, Standing, recorded
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.core.user_kind import UserKind
from enforcer.settings import Disable
from tests.core.group import ANNA, ENDED, GROUP, NOW, known

RUN_ID = "20261123T120000-abcdef"
OTHER = "99999999-0000-4000-8000-000000000001"
PERSON = Person(
    id=ANNA.id,
    display_name="Anna",
    user_principal_name=ANNA.user_principal_name,
    mail=ANNA.mail,
    user_kind=UserKind.MEMBER,
    enabled=True,
)
KEEPS = Account(was_disabled=False, disable=False)
NOTHING = Standing(group_id=GROUP, run_id=RUN_ID, listed=False)
ENDED_AT = datetime(2026, 11, 23, tzinfo=UTC)
BEGUN, DONE = known(ANNA, State.OFFBOARDING), known(ANNA, State.OFFBOARDED)


@pytest.mark.parametrize(
    ("standing", "concerned"),
    [
        (NOTHING, False),
        (replace(NOTHING, listed=None), False),
        (replace(NOTHING, listed=True), True),
        (replace(NOTHING, row_key=ANNA.id), True),
        (replace(NOTHING, earlier=BEGUN), True),
        (replace(NOTHING, earlier=DONE), False),
        (replace(NOTHING, earlier=replace(DONE, run_id=RUN_ID)), True),
        (replace(NOTHING, earlier=replace(BEGUN, due_at=None)), True),
        (replace(NOTHING, earlier=replace(BEGUN, due_at=None, attempts=1)), False),
    ],
)
def test_a_group_is_concerned_by_a_row_a_membership_or_a_record_that_counts(
    standing: Standing, *, concerned: bool
) -> None:
    assert standing.is_concerned is concerned


@pytest.mark.parametrize(
    ("standing", "is_known"),
    [
        (replace(NOTHING, listed=True), False),
        (replace(NOTHING, listed=True, earlier=BEGUN), True),
        (replace(NOTHING, listed=True, earlier=DONE), False),
        (replace(NOTHING, listed=None, earlier=DONE), True),
        (replace(NOTHING, earlier=DONE), True),
        (replace(NOTHING, row_key=ANNA.id, earlier=BEGUN), False),
    ],
)
def test_the_end_of_access_is_that_of_an_offboarding_known_already_or_now(
    standing: Standing, *, is_known: bool
) -> None:
    planned = standing.offboarding(PERSON, KEEPS, NOW)
    expected = (ENDED, ENDED_AT) if is_known else (instant(NOW), NOW)
    assert (planned.end_date, planned.due_at) == expected


def test_a_row_that_had_ended_already_keeps_its_end() -> None:
    ended_at = NOW - timedelta(days=3)
    row = Contractor(row_key=ANNA.id, key=ANNA.id, end_date="2026-11-19", due_at=ended_at)
    standing = replace(NOTHING, row_key=ANNA.id, ended=row, earlier=BEGUN)
    planned = standing.offboarding(PERSON, KEEPS, NOW)
    assert (planned.end_date, planned.due_at, planned.authorised) == ("2026-11-19", ended_at, True)


def test_the_account_is_disabled_before_the_removal_and_sessions_are_revoked_last() -> None:
    disabled = NOTHING.offboarding(PERSON, Account(was_disabled=False, disable=True), NOW)
    kept = NOTHING.offboarding(PERSON, KEEPS, NOW)
    assert disabled.steps == (Step.DISABLE, Step.REMOVE, Step.REVOKE)
    assert kept.steps == (Step.REMOVE, Step.REVOKE)


@pytest.mark.parametrize(
    ("standings", "disable"),
    [
        ([NOTHING], False),
        ([NOTHING, replace(NOTHING, group_id=OTHER, listed=True)], True),
        ([replace(NOTHING, listed=None)], True),
    ],
)
def test_whoever_has_nothing_to_do_with_any_group_keeps_his_account(
    standings: list[Standing], *, disable: bool
) -> None:
    assert Account.of(PERSON, standings, Disable.ALL).disable is disable
    assert not Account.of(PERSON, standings, Disable.NONE).disable


@pytest.mark.parametrize(
    ("enabled", "earlier", "was_disabled"),
    [
        (True, None, False),
        (None, None, False),
        (False, None, True),
        (False, BEGUN, False),
        (False, replace(BEGUN, was_disabled=True), True),
        (None, replace(BEGUN, was_disabled=True), True),
        (True, replace(BEGUN, was_disabled=True), False),
        (False, DONE, True),
    ],
)
def test_what_we_disabled_in_an_attempt_that_broke_off_was_not_disabled_before(
    *, enabled: bool | None, earlier: Enforcement | None, was_disabled: bool
) -> None:
    standing = replace(NOTHING, listed=True, earlier=earlier)
    account = Account.of(replace(PERSON, enabled=enabled), [standing], Disable.ALL)
    assert account == Account(was_disabled=was_disabled, disable=not was_disabled)


def test_a_removal_by_an_earlier_try_of_the_same_run_is_this_runs() -> None:
    tried = replace(BEGUN, run_id=RUN_ID, removed_at=ENDED_AT)
    absent = Outcome(result=Result.ALREADY_ABSENT, enforcement=replace(tried, removed_at=NOW), finished=True)
    standing = replace(NOTHING, earlier=tried)
    counted = standing.with_own_removal(absent)
    assert (counted.result, counted.enforcement.removed_at) == (Result.REMOVED, ENDED_AT)
    assert replace(standing, run_id="another").with_own_removal(absent) == absent
    skipped = replace(absent, result=Result.SKIPPED)
    assert standing.with_own_removal(skipped) == skipped


ABSENT = StepResult(outcome=StepOutcome.ABSENT)
LOST = replace(ABSENT, uncertain=True)


def test_whoever_was_listed_and_is_absent_after_an_attempt_without_an_answer_was_removed_by_it() -> None:
    listed = replace(NOTHING, listed=True)
    assert listed.weighed(LOST).outcome is StepOutcome.DONE
    assert listed.weighed(ABSENT).uncertain
    assert listed.weighed(ABSENT).explanation
    on_record = replace(listed, earlier=DONE)
    assert [on_record.weighed(result) for result in (LOST, ABSENT)] == [LOST, ABSENT]
    assert [NOTHING.weighed(result) for result in (LOST, ABSENT)] == [LOST, ABSENT]


def test_whoever_was_removed_was_a_member() -> None:
    assert NOTHING.after(StepResult(outcome=StepOutcome.DONE)).is_concerned
    assert NOTHING.after(LOST).is_concerned
    assert not NOTHING.after(ABSENT).is_concerned
    assert not NOTHING.after(StepResult(outcome=StepOutcome.FAILED)).is_concerned


def test_a_group_that_has_nothing_to_do_with_him_gave_him_no_access_that_could_end() -> None:
    planned = NOTHING.offboarding(PERSON, KEEPS, NOW)
    assert (planned.end_date, planned.due_at) == ("", None)


def test_what_has_begun_is_on_record_where_it_concerns_him_or_in_the_first_group() -> None:
    there = replace(NOTHING, group_id=OTHER, listed=True)
    assert recorded([NOTHING, there]) == [there]
    assert recorded([NOTHING, replace(NOTHING, group_id=OTHER)]) == [NOTHING]
