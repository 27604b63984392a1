"""The planner's truth table, line by line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from enforcer.core.calendar.midnight import Midnight
from enforcer.core.contractors import RegisterRow
from enforcer.core.members import Member
from enforcer.core.offboarding_record import OffboardingRecord, State
from enforcer.core.plan import FindingKind, GroupPlan, Step
from enforcer.core.settings import Disable, Onboarding, Unregistered
from tests.support.paper_group import (
    ANNA,
    BEN,
    ENDED,
    NOW,
    RUNNING,
    found,
    is_quiet,
    known,
    out,
    person,
    plan,
    row,
)

STUCK_TODAY = {"attempts": 6, "next_attempt_at": NOW + timedelta(hours=1), "last_error": "403"}
STUCK_YESTERDAY = {"attempts": 6, "next_attempt_at": NOW - timedelta(hours=1), "last_error": "403"}
STUCK_BEN = [(FindingKind.STUCK, ANNA.mail, BEN.id)]
UNREADABLE = "when the project ends"

# Due -----------------------------------------------------------------------------------------------------


def test_a_member_whose_access_has_ended_is_removed_and_then_revoked() -> None:
    made = plan(rows=[row(ANNA)], members=[ANNA])
    (offboard,) = made.offboard
    assert (offboard.user_id, offboard.row_key, offboard.end_date) == (ANNA.id, ANNA.id, ENDED)
    assert offboard.due_at == datetime(2026, 11, 23, tzinfo=UTC)
    assert offboard.steps == (Step.REMOVE, Step.REVOKE)
    assert offboard.is_fresh
    assert made.due == 1


@pytest.mark.parametrize("key", [ANNA.id.upper(), "Person10@Contoso.example", "anna.other@MAIL.example"])
def test_a_row_means_a_member_by_id_name_or_mail_in_any_case(key: str) -> None:
    anna = replace(ANNA, mail="Anna.Other@mail.example")
    assert out(plan(rows=[row(key)], members=[anna, BEN])) == [ANNA.id]


@pytest.mark.parametrize("state", [State.OFFBOARDING, State.STUCK])
def test_what_was_begun_is_done_again_whatever_is_known_to_be_done(state: State) -> None:
    begun = known(ANNA, state, removed_at=NOW, revoked_at=NOW)
    (offboard,) = plan(rows=[row(ANNA)], members=[ANNA], records=[begun]).offboard
    assert offboard.steps == (Step.REMOVE, Step.REVOKE)
    assert offboard.earlier == begun
    assert not offboard.is_fresh


@pytest.mark.parametrize("state", [State.OFFBOARDED, State.VERIFIED])
def test_whoever_is_listed_again_is_found_and_offboarded_again(state: State) -> None:
    made = plan(rows=[row(ANNA)], members=[ANNA], records=[known(ANNA, state)])
    assert out(made) == [ANNA.id]
    assert found(made) == [(FindingKind.RE_ADDED, ANNA.id, ANNA.id)]


def test_a_recent_removal_is_repeated_without_counting_for_the_brake() -> None:
    just_now = known(ANNA, State.OFFBOARDED, removed_at=NOW - timedelta(minutes=59))
    long_ago = known(ANNA, State.OFFBOARDED, removed_at=NOW - timedelta(minutes=61))
    again = plan(rows=[row(ANNA)], members=[ANNA], records=[just_now])
    assert not again.offboard[0].is_fresh
    assert plan(rows=[row(ANNA)], members=[ANNA], records=[long_ago]).offboard[0].is_fresh


def test_a_second_engagement_that_ends_is_a_new_offboarding() -> None:
    earlier = known(ANNA, State.VERIFIED, end_date="2024-01-31")
    made = plan(rows=[row(ANNA)], members=[ANNA], records=[earlier])
    assert made.offboard[0].earlier is None
    assert not made.findings


@pytest.mark.parametrize("members", [[ANNA], []])
def test_the_stuck_are_named_in_every_run_and_tried_once_a_day(members: list[Member]) -> None:
    rows = [row(ANNA)]
    waiting = known(ANNA, State.STUCK, **STUCK_TODAY)
    made = plan(rows=rows, members=members, records=[waiting])
    assert (out(made), made.waiting, made.due) == ([], (waiting,), 1)
    assert found(made) == [(FindingKind.STUCK, ANNA.id, ANNA.id)]

    made = plan(rows=rows, members=members, records=[known(ANNA, State.STUCK, **STUCK_YESTERDAY)])
    assert (out(made), made.waiting, made.due) == ([ANNA.id], (), 1)
    assert found(made) == [(FindingKind.STUCK, ANNA.id, ANNA.id)]


def test_a_new_end_date_gives_the_stuck_a_fresh_start() -> None:
    stuck = known(ANNA, State.STUCK, end_date="2026-06-30", **STUCK_TODAY)
    made = plan(rows=[row(ANNA)], members=[ANNA], records=[stuck])
    assert out(made) == [ANNA.id]
    assert made.offboard[0].earlier is None


def test_whoever_is_gone_but_not_known_to_be_revoked_is_revoked() -> None:
    begun = known(ANNA, State.OFFBOARDING)
    (offboard,) = plan(rows=[row(ANNA)], records=[begun]).offboard
    assert (offboard.user_id, offboard.steps, offboard.is_fresh) == (ANNA.id, (Step.REVOKE,), False)


def test_whoever_is_gone_with_every_step_done_needs_only_the_record() -> None:
    begun = known(ANNA, State.OFFBOARDING, removed_at=NOW, revoked_at=NOW)
    assert plan(rows=[row(ANNA)], records=[begun]).offboard[0].steps == ()


def test_whoever_left_long_ago_is_ignored() -> None:
    assert is_quiet(plan(rows=[row(ANNA), row(BEN)], records=[known(ANNA, State.VERIFIED)]))


@pytest.mark.parametrize("members", [[ANNA], []])
@pytest.mark.parametrize("state", [State.OFFBOARDING, State.STUCK])
def test_the_protected_are_never_acted_upon_but_named(members: list[Member], state: State) -> None:
    made = plan(
        rows=[row(ANNA)],
        members=members,
        records=[known(ANNA, state)],
        protected_ids=frozenset({ANNA.id}),
    )
    assert made.due == 0
    assert found(made) == [(FindingKind.PROTECTED, ANNA.id, ANNA.id)]


@pytest.mark.parametrize("records", [[], *([known(ANNA, state)] for state in State)])
def test_a_protected_member_is_named_whatever_is_on_record(records: list[OffboardingRecord]) -> None:
    made = plan(rows=[row(ANNA)], members=[ANNA], records=records, protected_ids=frozenset({ANNA.id}))
    assert made.due == 0
    assert found(made) == [(FindingKind.PROTECTED, ANNA.id, ANNA.id)]


# Still running -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.OFFBOARDING, State.STUCK])
@pytest.mark.parametrize("members", [[ANNA], []])
def test_an_end_date_that_is_extended_withdraws_what_was_begun(members: list[Member], state: State) -> None:
    begun = known(ANNA, state)
    made = plan(rows=[row(ANNA, RUNNING)], members=members, records=[begun])
    assert (made.withdraw, made.due) == ((begun,), 0)


def test_an_end_extended_under_another_key_withdraws_what_was_begun() -> None:
    begun = known(ANNA, State.OFFBOARDING, row_key=ANNA.mail)
    for members in ([ANNA], []):
        made = plan(rows=[row(ANNA.id, RUNNING)], members=members, records=[begun])
        assert (made.withdraw, made.due) == ((begun,), 0)


def test_whoever_is_still_engaged_is_left_alone() -> None:
    assert is_quiet(plan(rows=[row(ANNA, RUNNING)], members=[ANNA]))


@pytest.mark.parametrize(
    ("now", "soon"),
    [("2027-11-08T23:59:59Z", False), ("2027-11-09T00:00:00Z", True), ("2027-11-22T23:59:59Z", True)],
)
def test_an_end_is_announced_from_the_longest_warning_on(now: str, soon: bool) -> None:  # noqa: FBT001
    made = plan(rows=[row(ANNA, RUNNING)], members=[ANNA], now=datetime.fromisoformat(now))
    assert [end.user_id for end in made.ending_soon] == [ANNA.id] * soon


def test_without_warning_days_no_end_is_announced() -> None:
    made = plan(rows=[row(ANNA, RUNNING)], members=[ANNA], now=NOW + timedelta(days=363), warn_days=())
    assert is_quiet(made)


def test_a_contractor_who_is_not_a_member_is_found_or_added() -> None:
    rows = [row(ANNA, RUNNING), row("new@partner.example", RUNNING, start="2026-11-23")]
    made = plan(rows=rows)
    assert found(made) == [
        (FindingKind.MISSING_MEMBER, ANNA.id, ANNA.id),
        (FindingKind.MISSING_MEMBER, "new@partner.example", None),
    ]
    made = plan(rows=rows, onboard=Onboarding.ADD)
    assert [newcomer.key for newcomer in made.onboard] == [ANNA.id, "new@partner.example"]
    assert not made.findings


def test_nobody_protected_is_added() -> None:
    made = plan(rows=[row(ANNA, RUNNING)], onboard=Onboarding.ADD, protected_ids=frozenset({ANNA.id}))
    assert not made.onboard
    assert found(made) == [(FindingKind.MISSING_MEMBER, ANNA.id, ANNA.id)]


@pytest.mark.parametrize("start", ["2026-11-24", "2026-11-23T12:00:01Z"])
def test_a_contractor_before_the_start_is_neither_missed_nor_added(start: str) -> None:
    assert is_quiet(plan(rows=[row(ANNA, RUNNING, start)], onboard=Onboarding.ADD))


def test_an_unreadable_start_date_adds_nobody_and_is_found() -> None:
    made = plan(rows=[row(ANNA, RUNNING, UNREADABLE)], onboard=Onboarding.ADD)
    assert not made.onboard
    assert found(made) == [(FindingKind.INVALID_ROW, ANNA.id, None)]


# Rows that cannot be acted upon ------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(State))
def test_several_rows_for_a_member_are_only_found_whatever_is_known(state: State) -> None:
    rows = [row(ANNA), row(ANNA.mail, RUNNING)]
    made = plan(rows=rows, members=[ANNA], records=[known(ANNA, state)])
    assert {kind for kind, _, _ in found(made)} == {FindingKind.AMBIGUOUS_ROW}
    assert (made.due, made.verify, made.withdraw) == (0, (), ())


@pytest.mark.parametrize("state", [State.OFFBOARDING, State.STUCK])
@pytest.mark.parametrize("keys", [(ANNA.id, ANNA.mail), (ANNA.mail, ANNA.id)])
def test_what_was_begun_goes_on_if_all_of_several_rows_are_due(state: State, keys: tuple[str, str]) -> None:
    begun_by, other = keys
    begun = known(ANNA, state, row_key=begun_by)
    rows = [row(begun_by), row(other, "2026-10-31")]
    made = plan(rows=rows, members=[ANNA], records=[begun])
    assert [(one.row_key, one.end_date, one.earlier) for one in made.offboard] == [(begun_by, ENDED, begun)]
    assert not made.offboard[0].is_fresh
    ambiguous = {(FindingKind.AMBIGUOUS_ROW, one.row_key, ANNA.id) for one in rows}
    assert {*found(made)} - {(FindingKind.STUCK, begun_by, ANNA.id)} == ambiguous

    protected = plan(rows=rows, members=[ANNA], records=[begun], protected_ids=frozenset({ANNA.id}))
    assert (protected.due, FindingKind.PROTECTED in {kind for kind, _, _ in found(protected)}) == (0, True)
    for end in (RUNNING, UNREADABLE):
        made = plan(rows=[row(begun_by), row(other, end)], members=[ANNA], records=[begun])
        assert (made.due, made.withdraw) == (0, ())
    shared = replace(BEN, mail=ANNA.mail)
    assert plan(rows=rows, members=[ANNA, shared], records=[begun]).due == 0


def test_two_due_rows_of_a_member_that_agree_offboard_them_and_are_found() -> None:
    made = plan(rows=[row(ANNA), row(ANNA.mail, "2026-10-31")], members=[ANNA])
    assert [(one.user_id, one.row_key, one.end_date, one.earlier) for one in made.offboard] == [
        (ANNA.id, ANNA.id, ENDED, None)
    ]
    assert made.offboard[0].is_fresh
    assert {kind for kind, _, _ in found(made)} == {FindingKind.AMBIGUOUS_ROW}
    for end in (RUNNING, UNREADABLE):
        assert plan(rows=[row(ANNA), row(ANNA.mail, end)], members=[ANNA]).due == 0
    gone_before = known(ANNA, State.VERIFIED, row_key=ANNA.mail)
    again = plan(rows=[row(ANNA), row(ANNA.mail)], members=[ANNA], records=[gone_before])
    assert [one.earlier for one in again.offboard] == [gone_before]
    assert FindingKind.RE_ADDED in {kind for kind, _, _ in found(again)}


def test_what_none_of_several_rows_began_goes_on_by_the_first() -> None:
    begun = known(ANNA, State.OFFBOARDING, row_key="anna.maiden@contoso.example")
    rows = [row(ANNA.mail), row(ANNA)]
    (offboard,) = plan(rows=rows, members=[ANNA], records=[begun]).offboard
    assert (offboard.row_key, offboard.earlier) == (ANNA.id, begun)


def test_a_gone_persons_offboarding_is_finished_if_all_rows_are_due() -> None:
    begun = known(ANNA, State.OFFBOARDING, row_key=ANNA.mail)
    made = plan(rows=[row(ANNA), row(ANNA.mail)], records=[begun])
    assert (out(made), found(made)) == ([ANNA.id], [])
    made = plan(rows=[row(ANNA, UNREADABLE), row(ANNA.mail)], records=[begun])
    assert (out(made), found(made)) == ([], [(FindingKind.INVALID_ROW, ANNA.id, None)])
    made = plan(rows=[row(ANNA, RUNNING), row(ANNA.mail)], records=[begun])
    assert (out(made), made.withdraw) == ([], (begun,))


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        ([], set()),
        ([row(ANNA)], set()),
        ([row(ANNA, RUNNING)], {FindingKind.MISSING_MEMBER}),
        ([row(ANNA, RUNNING, "2026-11-24")], set()),
        ([row(ANNA, UNREADABLE)], {FindingKind.INVALID_ROW}),
        ([row(ANNA), row(ANNA.id.upper(), RUNNING)], {FindingKind.AMBIGUOUS_ROW}),
    ],
)
def test_whoever_is_gone_is_verified_whatever_the_row_says(
    rows: list[RegisterRow], kinds: set[FindingKind]
) -> None:
    done = known(ANNA, State.OFFBOARDED)
    made = plan(rows=rows, records=[done])
    assert (made.verify, made.due, made.withdraw) == ((done,), 0, ())
    assert {kind for kind, _, _ in found(made)} == kinds


# No row --------------------------------------------------------------------------------------------------


def test_a_member_without_a_row_is_found_or_offboarded() -> None:
    made = plan(members=[ANNA])
    assert (out(made), found(made)) == ([], [(FindingKind.UNREGISTERED_MEMBER, None, ANNA.id)])
    made = plan(members=[ANNA], unregistered=Unregistered.OFFBOARD)
    assert (out(made), found(made)) == ([ANNA.id], [(FindingKind.UNREGISTERED_MEMBER, None, ANNA.id)])
    assert made.offboard[0].key == ANNA.id


def test_nobody_protected_is_offboarded_for_lack_of_a_row() -> None:
    made = plan(members=[ANNA], unregistered=Unregistered.OFFBOARD, protected_ids=frozenset({ANNA.id}))
    assert (out(made), found(made)) == ([], [(FindingKind.PROTECTED, None, ANNA.id)])
    made = plan(members=[ANNA], protected_ids=frozenset({ANNA.id}))
    assert (out(made), found(made)) == ([], [(FindingKind.UNREGISTERED_MEMBER, None, ANNA.id)])


def test_a_row_that_may_mean_anybody_protects_everybody_without_one() -> None:
    made = plan(rows=[row("Anna Berg", RUNNING)], members=[ANNA], unregistered=Unregistered.OFFBOARD)
    assert out(made) == []
    assert (FindingKind.UNREGISTERED_MEMBER, None, ANNA.id) in found(made)
    assert any("left alone" in finding.detail for finding in made.findings)


@pytest.mark.parametrize("members", [[ANNA], []])
def test_what_was_begun_is_finished_without_the_row(members: list[Member]) -> None:
    begun = known(ANNA, State.OFFBOARDING)
    (offboard,) = plan(members=members, records=[begun]).offboard
    assert (offboard.user_id, offboard.row_key, offboard.end_date) == (ANNA.id, None, ENDED)
    assert not offboard.is_fresh


def test_what_was_begun_by_an_address_that_has_changed_follows_the_row() -> None:
    begun = known(ANNA, State.OFFBOARDING, row_key="anna.maiden@contoso.example")
    running = row("anna.maiden@contoso.example", RUNNING)
    made = plan(rows=[running], members=[ANNA], records=[begun])
    # What was begun stays on record: nothing else says that the row is theirs.
    assert (made.due, made.withdraw) == (0, ())
    made = plan(rows=[replace(running, end_date=ENDED)], members=[ANNA], records=[begun])
    assert made.offboard[0].row_key == "anna.maiden@contoso.example"
    made = plan(rows=[replace(running, end_date=UNREADABLE)], members=[ANNA], records=[begun])
    assert made.due == 0


def test_whoever_left_long_ago_without_a_row_is_ignored() -> None:
    assert is_quiet(plan(records=[known(ANNA, State.VERIFIED)]))


@pytest.mark.parametrize("members", [[ANNA], []])
def test_without_a_row_the_stuck_are_named_and_tried_once_a_day(members: list[Member]) -> None:
    waiting = known(ANNA, State.STUCK, **STUCK_TODAY)
    made = plan(members=members, records=[waiting])
    assert (out(made), made.waiting) == ([], (waiting,))
    assert found(made) == [(FindingKind.STUCK, ANNA.id, ANNA.id)]
    made = plan(members=members, records=[known(ANNA, State.STUCK, **STUCK_YESTERDAY)])
    assert (out(made), made.waiting) == ([ANNA.id], ())


@pytest.mark.parametrize("state", [State.OFFBOARDED, State.VERIFIED])
def test_a_member_without_a_row_who_is_listed_again_is_found_as_both(state: State) -> None:
    made = plan(members=[ANNA], records=[known(ANNA, state)], unregistered=Unregistered.OFFBOARD)
    assert out(made) == [ANNA.id]
    assert {kind for kind, _, _ in found(made)} == {FindingKind.UNREGISTERED_MEMBER, FindingKind.RE_ADDED}


def test_a_record_of_somebody_else_with_the_same_address_is_not_used() -> None:
    others = known(BEN, State.STUCK, row_key=ANNA.mail, **STUCK_TODAY)
    (offboard,) = plan(rows=[row(ANNA.mail)], members=[ANNA], records=[others]).offboard
    assert (offboard.user_id, offboard.earlier) == (ANNA.id, None)


# An address that passes to somebody else -----------------------------------------------------------------


@pytest.mark.parametrize("end", [ENDED, RUNNING])
@pytest.mark.parametrize("state", [State.OFFBOARDING, State.STUCK])
def test_an_offboarding_is_finished_though_another_has_the_address(state: State, end: str) -> None:
    begun = known(BEN, state, row_key=ANNA.mail)
    for members in ([ANNA, BEN], [ANNA]):
        made = plan(rows=[row(ANNA.mail, end)], members=members, records=[begun])
        assert {one.user_id: one.key for one in made.offboard} == {
            BEN.id: ANNA.mail,
            **({ANNA.id: ANNA.id} if end == ENDED else {}),
        }
        assert ANNA.mail not in made.offboard[-1].names, "rows that go by it are not theirs"
        assert (made.withdraw, found(made)) == ((), [] if state is State.OFFBOARDING else STUCK_BEN)


def test_whose_address_nobody_else_has_is_still_known_by_it() -> None:
    begun = known(BEN, State.OFFBOARDING, row_key=ANNA.mail)
    for members in ([BEN], [BEN, replace(ANNA, mail="", user_principal_name="")], []):
        (offboard,) = plan(members=members, records=[begun]).offboard
        assert ANNA.mail in offboard.names


def test_whoever_is_gone_is_verified_though_another_has_the_address() -> None:
    done = known(BEN, State.OFFBOARDED, row_key=ANNA.mail)
    made = plan(rows=[row(ANNA.mail)], members=[ANNA], records=[done])
    assert ([one.key for one in made.offboard], made.verify) == ([ANNA.id], (done,))


def test_a_record_under_an_object_id_is_found_when_the_address_was_taken() -> None:
    before = known(BEN, State.VERIFIED, row_key=ANNA.mail)
    begun = known(ANNA, State.OFFBOARDING)
    for others in ([before], []):
        made = plan(rows=[row(ANNA.mail)], members=[ANNA], records=[begun, *others])
        assert [(one.earlier, one.key) for one in made.offboard] == [(begun, ANNA.id)]
    made = plan(rows=[row(ANNA.mail, RUNNING)], members=[ANNA], records=[begun, before])
    assert (made.due, made.withdraw) == (0, (begun,))


# Members that are not users ------------------------------------------------------------------------------


def test_members_that_are_not_users_are_found_and_do_not_count() -> None:
    made = plan(members=[Member(id=ANNA.id, kind="group"), BEN], rows=[row(BEN, RUNNING), row(ANNA)])
    assert (made.due, made.members) == (0, 1)
    assert found(made) == [(FindingKind.NOT_A_USER, None, ANNA.id)]


@pytest.mark.parametrize(
    ("disable", "enabled", "told"),
    [(Disable.ALL, False, True), (Disable.ALL, None, False), (Disable.NONE, False, False)],
)
def test_a_running_contractor_whose_account_is_disabled_is_found(
    disable: Disable,
    enabled: bool | None,  # noqa: FBT001
    told: bool,  # noqa: FBT001
) -> None:
    locked = replace(ANNA, enabled=enabled)
    made = plan(rows=[row(ANNA, RUNNING)], members=[locked], disable_accounts=disable)
    assert (FindingKind.DISABLED_ACCOUNT in {kind for kind, _, _ in found(made)}) is told
    assert not made.offboard


@pytest.mark.parametrize(
    ("key", "members"), [(ANNA, [ANNA]), ("person10@contoso.example", [ANNA]), (ANNA, [])]
)
def test_an_end_at_midnight_is_found_until_it_is_due_or_means_a_day(
    key: Member | str, members: list[Member]
) -> None:
    ends = row(key, "2026-12-31T00:00:00Z")
    midnight = (FindingKind.MIDNIGHT_END, ends.row_key, ANNA.id)

    assert midnight in found(plan(rows=[ends], members=members))
    assert midnight not in found(plan(rows=[ends], members=members, midnight=Midnight.DAY))
    assert midnight not in found(plan(rows=[ends], members=members, now=datetime(2026, 12, 31, tzinfo=UTC)))


def test_an_end_at_midnight_names_a_person_only_if_it_means_one() -> None:
    twins = [ANNA, replace(BEN, mail=ANNA.mail)]
    made = plan(rows=[row(ANNA.mail, "2026-12-31T00:00:00Z")], members=twins)
    assert (FindingKind.MIDNIGHT_END, ANNA.mail, None) in found(made)


def test_an_end_at_midnight_that_means_a_day_is_due_the_next_day() -> None:
    ends, berlin = row(ANNA, "2026-12-31T00:00:00Z"), ZoneInfo("Europe/Berlin")
    over = datetime(2026, 12, 31, 23, tzinfo=UTC)

    def at(now: datetime) -> GroupPlan:
        return plan(rows=[ends], members=[ANNA], now=now, zone=berlin, midnight=Midnight.DAY)

    assert out(at(over - timedelta(seconds=1))) == []
    (one,) = at(over).offboard
    assert (one.end_date, one.due_at) == ("2026-12-31T00:00:00Z", over)


# Rows that mean nobody -----------------------------------------------------------------------------------


def test_a_due_row_for_nobody_is_found_while_members_have_no_row() -> None:
    nobody = row("left@contoso.example")
    made = plan(rows=[nobody, row(ANNA, RUNNING)], members=[ANNA, BEN])
    assert found(made) == [
        (FindingKind.UNMATCHED_ROW, "left@contoso.example", None),
        (FindingKind.UNREGISTERED_MEMBER, None, BEN.id),
    ]
    assert "1 members have no row" in made.findings[0].detail
    assert is_quiet(plan(rows=[nobody, row(ANNA, RUNNING)], members=[ANNA]))


@pytest.mark.parametrize(
    ("key", "end"),
    [
        (BEN.id, ENDED),
        ("left@contoso.example", "2026-11-24"),
        (ANNA.mail.upper(), ENDED),
    ],
    ids=["object ID", "not due", "a member's"],
)
def test_no_other_row_is_found_for_meaning_nobody(key: str, end: str) -> None:
    made = plan(rows=[row(key, end, "2026-11-23")], members=[ANNA, person(9)])
    assert FindingKind.UNMATCHED_ROW not in [kind for kind, _, _ in found(made)]


@pytest.mark.parametrize("state", list(State))
def test_a_row_under_whose_address_anything_is_on_record_is_not_found(state: State) -> None:
    known_before = known(BEN, state, row_key="Ben@old.example")
    made = plan(rows=[row("ben@OLD.example")], members=[ANNA], records=[known_before])
    assert FindingKind.UNMATCHED_ROW not in [kind for kind, _, _ in found(made)]


def test_groups_and_devices_do_not_count_as_members_without_a_row() -> None:
    made = plan(rows=[row("left@contoso.example")], members=[replace(ANNA, kind="group")])
    assert [kind for kind, _, _ in found(made)] == [FindingKind.NOT_A_USER]


def test_a_record_under_another_form_of_the_key_is_found() -> None:
    zoe = person(1, mail="Zoë@contoso.example")
    before = known(zoe, State.VERIFIED, row_key="zoe\u0308@contoso.example")
    made = plan(rows=[row("ZOË@contoso.example")], members=[zoe], records=[before])
    assert [kind for kind, _, _ in found(made)] == [FindingKind.RE_ADDED]
