"""What one group knows about somebody who is offboarded on demand, and what follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from enforcer.core.calendar.dates import instant
from enforcer.core.contractors import Contractor, RegisterRow
from enforcer.core.members import Person
from enforcer.core.offboarding_record import OffboardingRecord, State
from enforcer.core.person_in_group import Account, PersonInGroup, recorded
from enforcer.core.plan import Admission, KeyState, Offboard, Step
from enforcer.core.runs import Outcome, Result
from enforcer.core.settings import Disable
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.core.user_kind import UserKind
from tests.support.paper_group import ANNA, ENDED, GROUP, NOW, known, settings

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
NOTHING = PersonInGroup(group_id=GROUP, run_id=RUN_ID, listed=False)
ENDED_AT = datetime(2026, 11, 23, tzinfo=UTC)
BEGUN, DONE = known(ANNA, State.OFFBOARDING), known(ANNA, State.OFFBOARDED)


@pytest.mark.parametrize(
    ("in_group", "concerned"),
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
def test_a_row_a_membership_or_a_record_that_counts_concerns_a_group(
    in_group: PersonInGroup, *, concerned: bool
) -> None:
    assert in_group.is_concerned is concerned


@pytest.mark.parametrize(
    ("in_group", "is_known"),
    [
        (replace(NOTHING, listed=True), False),
        (replace(NOTHING, listed=True, earlier=BEGUN), True),
        (replace(NOTHING, listed=True, earlier=DONE), False),
        (replace(NOTHING, listed=None, earlier=DONE), True),
        (replace(NOTHING, earlier=DONE), True),
        (replace(NOTHING, row_key=ANNA.id, earlier=BEGUN), False),
    ],
)
def test_access_ends_with_the_offboarding_on_record_or_now(
    in_group: PersonInGroup, *, is_known: bool
) -> None:
    planned = in_group.offboarding(PERSON, KEEPS, NOW)
    expected = (ENDED, ENDED_AT) if is_known else (instant(NOW), NOW)
    assert (planned.end_date, planned.due_at) == expected


def test_a_row_that_had_ended_already_keeps_its_end() -> None:
    ended_at = NOW - timedelta(days=3)
    written = RegisterRow(row_key=ANNA.id, end_date="2026-11-19")
    row = Contractor(written=written, key=ANNA.id, due_at=ended_at)
    in_group = replace(NOTHING, row_key=ANNA.id, ended=row, earlier=BEGUN)
    planned = in_group.offboarding(PERSON, KEEPS, NOW)
    assert (planned.end_date, planned.due_at, planned.is_fresh) == ("2026-11-19", ended_at, False)


def test_the_account_is_disabled_first_and_sessions_are_revoked_last() -> None:
    disabled = NOTHING.offboarding(PERSON, Account(was_disabled=False, disable=True), NOW)
    kept = NOTHING.offboarding(PERSON, KEEPS, NOW)
    assert disabled.steps == (Step.DISABLE, Step.REMOVE, Step.REVOKE)
    assert kept.steps == (Step.REMOVE, Step.REVOKE)


@pytest.mark.parametrize(
    ("groups", "disable"),
    [
        ([NOTHING], False),
        ([NOTHING, replace(NOTHING, group_id=OTHER, listed=True)], True),
        ([replace(NOTHING, listed=None)], False),
        ([replace(NOTHING, row_key=ANNA.id)], False),
        ([replace(NOTHING, listed=None, row_key=ANNA.id)], False),
        ([replace(NOTHING, earlier=DONE)], False),
        ([replace(NOTHING, earlier=BEGUN)], True),
        ([replace(NOTHING, listed=None, earlier=BEGUN)], True),
        ([replace(NOTHING, earlier=replace(BEGUN, keeps_account=True))], False),
        ([replace(NOTHING, listed=True, earlier=replace(BEGUN, keeps_account=True))], True),
    ],
)
def test_only_members_lose_their_account_whatever_a_row_says(
    groups: list[PersonInGroup], *, disable: bool
) -> None:
    assert Account.of(PERSON, groups, settings(disable_accounts=Disable.ALL)).disable is disable
    assert not Account.of(PERSON, groups, settings(disable_accounts=Disable.NONE)).disable


def test_a_directory_role_keeps_the_account_and_the_record_says_so() -> None:
    member = replace(NOTHING, listed=True)
    account = Account.of(PERSON, [member], settings(disable_accounts=Disable.ALL), ["Global Administrator"])
    assert (account.disable, account.keeps) == (False, True)
    planned = member.offboarding(PERSON, account, NOW)
    assert (planned.keeps_account, planned.steps) == (True, (Step.REMOVE, Step.REVOKE))


@pytest.mark.parametrize(
    ("in_group", "is_known"),
    [
        (NOTHING, False),
        (replace(NOTHING, listed=None), False),
        (replace(NOTHING, listed=True), True),
        (replace(NOTHING, row_key=ANNA.id), True),
        (replace(NOTHING, earlier=DONE), True),
    ],
)
def test_a_member_a_row_or_any_record_makes_a_contractor(in_group: PersonInGroup, *, is_known: bool) -> None:
    assert in_group.is_known is is_known


WAS, BY_US = replace(BEGUN, was_disabled=True), replace(BEGUN, disabled_at=NOW)
NEVER, ALWAYS = {True: False, None: False, False: False}, {True: False, None: True, False: True}
AS_IT_IS = {True: False, None: False, False: True}


@pytest.mark.parametrize("enabled", [True, False, None])
@pytest.mark.parametrize("listed", [True, False, None])
@pytest.mark.parametrize(
    ("records", "was_disabled"),
    [
        ([None], AS_IT_IS),
        ([DONE], AS_IT_IS),
        ([replace(DONE, was_disabled=True)], AS_IT_IS),
        ([BEGUN], NEVER),  # an attempt that broke off may have disabled it
        ([BY_US], NEVER),
        ([WAS], ALWAYS),
        ([replace(WAS, state=State.STUCK)], ALWAYS),
        ([WAS, None], ALWAYS),
        ([WAS, DONE], ALWAYS),
        ([WAS, WAS], ALWAYS),
        ([WAS, BEGUN], NEVER),
        ([BEGUN, WAS], NEVER),
    ],
)
def test_an_account_was_disabled_before_if_we_cannot_have_done_it(
    *,
    enabled: bool | None,
    listed: bool | None,
    records: list[OffboardingRecord | None],
    was_disabled: dict[bool | None, bool],
) -> None:
    groups = [
        PersonInGroup(
            group_id=f"group {number}", run_id=RUN_ID, row_key=ANNA.id, listed=listed, earlier=earlier
        )
        for number, earlier in enumerate(records)
    ]
    account = Account.of(replace(PERSON, enabled=enabled), groups, settings(disable_accounts=Disable.ALL))
    begun = any(one is not None and one.unfinished for one in records)
    keeps = not (listed or begun)
    assert account == Account(
        was_disabled=was_disabled[enabled], disable=not (was_disabled[enabled] or keeps), keeps=keeps
    )
    assert not Account.of(
        replace(PERSON, enabled=enabled), groups, settings(disable_accounts=Disable.NONE)
    ).disable


@pytest.mark.parametrize("kind", UserKind)
def test_where_guests_are_disabled_only_their_accounts_are(kind: UserKind) -> None:
    concerned = replace(NOTHING, listed=True)
    account = Account.of(
        replace(PERSON, user_kind=kind), [concerned], settings(disable_accounts=Disable.GUESTS)
    )
    assert account.disable is (kind in (UserKind.INTERNAL_GUEST, UserKind.EXTERNAL))


def test_a_removal_by_an_earlier_try_of_this_run_counts() -> None:
    tried = replace(BEGUN, run_id=RUN_ID, removed_at=ENDED_AT)
    absent = Outcome(result=Result.ALREADY_ABSENT, record=replace(tried, removed_at=NOW), finished=True)
    in_group = replace(NOTHING, earlier=tried)
    counted = in_group.with_own_removal(absent)
    assert (counted.result, counted.record.removed_at) == (Result.REMOVED, ENDED_AT)
    assert replace(in_group, run_id="another").with_own_removal(absent) == absent
    skipped = replace(absent, result=Result.SKIPPED)
    assert in_group.with_own_removal(skipped) == skipped


ABSENT = StepResult(outcome=StepOutcome.ABSENT)
LOST = replace(ABSENT, uncertain=True)


def test_an_attempt_without_an_answer_removed_whoever_is_then_absent() -> None:
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


def test_a_group_that_does_not_concern_them_gave_no_access_to_end() -> None:
    planned = NOTHING.offboarding(PERSON, KEEPS, NOW)
    assert (planned.end_date, planned.due_at) == ("", None)


def test_the_offboarding_is_recorded_in_concerned_groups_or_the_first() -> None:
    there = replace(NOTHING, group_id=OTHER, listed=True)
    assert recorded([NOTHING, there]) == [there]
    assert recorded([NOTHING, replace(NOTHING, group_id=OTHER)]) == [NOTHING]


def test_every_field_of_what_is_planned() -> None:
    in_group = replace(NOTHING, row_key=ANNA.mail, earlier=BEGUN, key_taken=True, listed=True)
    planned = in_group.offboarding(
        replace(PERSON, user_kind=UserKind.EXTERNAL), Account(was_disabled=True, disable=False), NOW
    )
    assert planned == Offboard(
        user_id=ANNA.id,
        row_key=ANNA.mail,
        user_principal_name=ANNA.user_principal_name,
        mail=ANNA.mail,
        end_date=instant(NOW),
        due_at=NOW,
        user_kind=UserKind.EXTERNAL,
        steps=(Step.REMOVE, Step.REVOKE),
        was_disabled=True,
        admission=Admission.BEGUN,
        earlier=BEGUN,
    )
    assert replace(in_group, earlier=DONE).offboarding(PERSON, KEEPS, NOW).is_fresh
    bare = replace(in_group, earlier=None).offboarding(PERSON, KEEPS, NOW)
    assert (bare.is_fresh, bare.key_state) == (True, KeyState.TAKEN)


@pytest.mark.parametrize(
    ("attempts", "removed_at", "counts"), [(1, None, False), (1, NOW, True), (0, None, True)]
)
def test_a_record_without_an_end_counts_unless_attempts_removed_nobody(
    attempts: int, removed_at: datetime | None, *, counts: bool
) -> None:
    earlier = replace(BEGUN, due_at=None, attempts=attempts, removed_at=removed_at)
    assert replace(NOTHING, earlier=earlier).is_concerned is counts
    assert replace(NOTHING, earlier=replace(earlier, due_at=NOW)).is_concerned


@pytest.mark.parametrize("listed", [True, False, None])
@pytest.mark.parametrize("earlier", [None, BEGUN, DONE, replace(BEGUN, removed_at=NOW)])
@pytest.mark.parametrize("uncertain", [True, False])
def test_a_removal_that_found_nobody_is_weighed_by_list_and_record(
    earlier: OffboardingRecord | None, *, listed: bool | None, uncertain: bool
) -> None:
    in_group = replace(NOTHING, listed=listed, earlier=earlier)
    weighed = in_group.weighed(replace(ABSENT, uncertain=uncertain, request_id="1"))
    is_doubted = listed is True and (earlier is None or earlier.removed_at is None)
    assert weighed.request_id == "1"
    assert weighed.outcome is (StepOutcome.DONE if is_doubted and uncertain else StepOutcome.ABSENT)
    assert bool(weighed.explanation) is (is_doubted and not uncertain)
    assert weighed.uncertain is (uncertain or is_doubted)
    for outcome in (StepOutcome.DONE, StepOutcome.FAILED, StepOutcome.NO_ACCOUNT):
        other = StepResult(outcome=outcome, uncertain=uncertain)
        assert in_group.weighed(other) == other


def test_a_record_of_this_run_without_a_removal_changes_no_absence() -> None:
    tried = replace(BEGUN, run_id=RUN_ID)
    absent = Outcome(result=Result.ALREADY_ABSENT, record=tried)
    assert replace(NOTHING, earlier=tried).with_own_removal(absent) == absent
    assert NOTHING.with_own_removal(absent) == absent


@pytest.mark.parametrize("earlier", [BEGUN, DONE])
@pytest.mark.parametrize(("row_key", "due_at"), [(ANNA.id, ENDED_AT), (None, None)])
def test_a_known_offboarding_gives_no_end_with_a_row_or_without_its_own(
    earlier: OffboardingRecord, row_key: str | None, due_at: datetime | None
) -> None:
    in_group = replace(NOTHING, row_key=row_key, earlier=replace(earlier, due_at=due_at), listed=None)
    planned = in_group.offboarding(PERSON, KEEPS, NOW)
    expected = (instant(NOW), NOW) if row_key or earlier is BEGUN else ("", None)
    assert (planned.end_date, planned.due_at) == expected


def test_nothing_is_assumed_about_a_group() -> None:
    bare = PersonInGroup(group_id=GROUP, run_id=RUN_ID)
    assert (bare.row_key, bare.ended, bare.earlier, bare.key_taken, bare.listed) == (
        None,
        None,
        None,
        False,
        None,
    )
