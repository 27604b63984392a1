"""The verdict on each end of access: one test for each way it can have gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.calendar import dates
from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import Contractor
from enforcer.core.evidence.access_history import GroupRecord, access_histories
from enforcer.core.evidence.cases import Case, Membership, Verdict
from enforcer.core.evidence.period import period
from enforcer.core.evidence.verdicts import cases
from enforcer.core.ledger import Action, Entry, Head
from enforcer.core.members import Member, MemberIndex
from enforcer.core.offboarding_record import OffboardingRecord, Proof, Sessions, State
from tests.support.register_rows import contractor

BERLIN = ZoneInfo("Europe/Berlin")
GROUP = "aaaaaaaa-0000-0000-0000-000000000000"
ADA = "11111111-2222-3333-4444-555555555555"
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LAST_DAY = "2026-11-15"
DUE = dates.ends_at(LAST_DAY, BERLIN)
NOVEMBER = period("2026-11-01", "2026-11-30", BERLIN)
NOW = datetime(2026, 12, 5, tzinfo=UTC)


def row(end_date: str = LAST_DAY, row_key: str = ADA, **more: str) -> Contractor:
    return contractor(row_key, end_date, zone=BERLIN, group_id=GROUP, **more)


def entry(
    action: Action,
    outcome: str,
    after: timedelta = HOUR,
    *,
    end_date: str = LAST_DAY,
    row_key: str = ADA,
) -> Entry:
    """Return an entry written this long after the end of access."""
    due_at = dates.instant(dates.ends_at(end_date, BERLIN)) if end_date else ""
    return Entry(
        at=dates.instant(DUE + after),
        actor="timer",
        action=action,
        group=GROUP,
        user=ADA,
        row_key=row_key,
        run="run-1",
        end_date=end_date,
        due_at=due_at if not action.startswith("register") else "",
        outcome=outcome,
        request_id=f"{action}-request",
    )


def removed(after: timedelta = HOUR) -> list[Entry]:
    return [entry(Action.REMOVE, "removed", after), entry(Action.REVOKE, "revoked", after)]


def known(state: State = State.OFFBOARDED, **more: object) -> OffboardingRecord:
    values = {"row_key": ADA, "user_id": ADA, "end_date": LAST_DAY, "due_at": DUE, **more}
    return OffboardingRecord(state=state, **values)  # type: ignore[arg-type]


def judge(
    rows: Sequence[Contractor] = (),
    entries: Sequence[Entry] = (),
    records: Sequence[OffboardingRecord] = (),
    members: Sequence[Member] | None = (),
    now: datetime = NOW,
) -> list[Case]:
    record = GroupRecord(
        group_id=GROUP,
        endings=rows,
        records=records,
        links=Head().extended(list(entries)),
        members=None if members is None else MemberIndex.of(members),
    )
    return cases(access_histories(record, DateRules(zone=BERLIN), now), NOVEMBER, DAY, now)


def only(found: list[Case]) -> Case:
    assert len(found) == 1
    return found[0]


IN_THE_GROUP = (Member(id=ADA, user_principal_name="ada@contoso.com", mail="ada.l@contoso.com"),)


# Verdicts ------------------------------------------------------------------------------------------------


def test_who_was_removed_within_the_sla_is_in_time() -> None:
    case = only(judge([row(display_name="Ada")], [*removed(), entry(Action.VERIFY, "verified", 2 * HOUR)]))

    assert (case.verdict, case.removed_at, case.lag_seconds) == (Verdict.IN_TIME, DUE + HOUR, 3600)
    assert (case.removed_by, case.sessions, case.revoked_at) == ("timer", "revoked", DUE + HOUR)
    assert (case.verified_at, case.membership) == (DUE + 2 * HOUR, Membership.NOT_A_MEMBER)
    assert (case.user_id, case.display_name, case.entries) == (ADA, "Ada", (1, 2, 3))
    assert case.request_ids == ("remove-request", "revoke-request", "verify-request")


@pytest.mark.parametrize(
    ("after", "verdict"),
    [(DAY, Verdict.IN_TIME), (DAY + timedelta(seconds=1), Verdict.LATE), (20 * DAY, Verdict.LATE)],
)
def test_the_sla_is_over_when_it_is_exceeded_not_when_it_is_reached(
    after: timedelta, verdict: Verdict
) -> None:
    assert only(judge([row()], removed(after))).verdict is verdict


def test_a_member_is_pending_until_the_sla_is_over_and_then_overdue() -> None:
    assert only(judge([row()], members=IN_THE_GROUP)).verdict is Verdict.OVERDUE
    assert only(judge([row()], members=IN_THE_GROUP, now=DUE + HOUR)).verdict is Verdict.PENDING


def test_a_member_is_found_by_whatever_name_the_row_has() -> None:
    for key in (ADA, "ADA@contoso.com", "ada.l@contoso.com"):
        case = only(judge([row(row_key=key)], members=IN_THE_GROUP))
        assert (case.verdict, case.membership, case.user_id) == (Verdict.OVERDUE, Membership.MEMBER, ADA)


def test_a_stuck_person_is_overdue_with_the_reason() -> None:
    stuck = known(State.STUCK, attempts=6, last_error="403 Authorization_RequestDenied")
    failed = entry(Action.REMOVE, "failed: 403 Authorization_RequestDenied")
    case = only(judge([row()], [failed], [stuck], IN_THE_GROUP))

    assert (case.verdict, case.state) == (Verdict.OVERDUE, "stuck")
    assert "403 Authorization_RequestDenied" in case.remark


def test_out_but_still_signed_in_is_not_in_time() -> None:
    half = known(State.OFFBOARDING, removed_at=DUE + HOUR)
    entries = [entry(Action.REMOVE, "removed"), entry(Action.REVOKE, "failed: 503")]

    assert only(judge([row()], entries, [half])).verdict is Verdict.OVERDUE
    assert only(judge([row()], entries, [half], now=DUE + 2 * HOUR)).verdict is Verdict.PENDING


@pytest.mark.parametrize("sessions", list(Sessions))
def test_sessions_settled_after_the_sla_are_late(sessions: Sessions) -> None:
    settled = [entry(Action.REVOKE, "failed: 503"), entry(Action.REVOKE, sessions.value, 2 * DAY)]
    case = only(judge([row()], [entry(Action.REMOVE, "removed"), *settled]))

    assert (case.verdict, case.lag_seconds, case.sessions) == (Verdict.LATE, 3600, sessions)
    assert "last step was done only after the SLA" in case.remark
    absent = [entry(Action.REMOVE, "already_absent"), *settled]
    assert only(judge([row()], absent)).verdict is Verdict.LATE


@pytest.mark.parametrize("sessions", list(Sessions))
def test_every_outcome_of_sessions_settles_them(sessions: Sessions) -> None:
    case = only(judge([row()], [entry(Action.REMOVE, "removed"), entry(Action.REVOKE, sessions.value)]))
    assert (case.verdict, case.remark) == (Verdict.IN_TIME, "")
    recorded = known(removed_at=DUE + HOUR, sessions=sessions)
    assert only(judge([row()], [], [recorded])).verdict is Verdict.IN_TIME


@pytest.mark.parametrize(
    "revocation",
    [[], [entry(Action.REVOKE, "failed: 503")], [entry(Action.REVOKE, "revoked", timedelta(minutes=59))]],
)
def test_without_a_revocation_after_the_removal_nobody_is_in_time(
    revocation: list[Entry],
) -> None:
    entries = [*revocation, entry(Action.REMOVE, "removed"), entry(Action.VERIFY, "verified", 2 * HOUR)]
    case = only(judge([row()], entries))

    assert (case.verdict, case.remark) == (Verdict.OVERDUE, "their sessions are not on record as revoked")
    assert only(judge([row()], entries, now=DUE + 3 * HOUR)).verdict is Verdict.PENDING
    assert only(judge([row("2027-06-30")], entries, members=IN_THE_GROUP)).verdict is Verdict.WITHDRAWN


def test_an_account_disabled_after_the_sla_is_late() -> None:
    failed, late = entry(Action.DISABLE, "failed: 503"), entry(Action.DISABLE, "disabled", 2 * DAY)
    assert only(judge([row()], [*removed(), failed, late])).verdict is Verdict.LATE
    assert (
        only(judge([row()], [*removed(), entry(Action.DISABLE, "disabled"), late])).verdict is Verdict.IN_TIME
    )
    gone = entry(Action.DISABLE, "no_account")
    assert only(judge([row()], [*removed(), gone])).verdict is Verdict.IN_TIME


def test_an_account_left_enabled_is_not_in_time_unless_all_is_done() -> None:
    failed = [*removed(), entry(Action.DISABLE, "failed: 503")]
    case = only(judge([row()], failed))
    assert (case.verdict, case.remark) == (Verdict.OVERDUE, "their account is not on record as disabled")
    # Another managed group's row gives them access by now, so the step is no longer wanted.
    finished = known(removed_at=DUE + HOUR, revoked_at=DUE + HOUR, sessions=Sessions.REVOKED)
    assert only(judge([row()], failed, [finished])).verdict is Verdict.IN_TIME


def test_found_out_within_the_sla_is_in_time() -> None:
    found = [entry(Action.REMOVE, "already_absent"), entry(Action.REVOKE, "revoked")]
    case = only(judge([row()], found))

    assert (case.verdict, case.removed_by, case.lag_seconds) == (Verdict.IN_TIME, "not the enforcer", None)


def test_found_out_after_the_sla_is_unproven() -> None:
    late = [entry(Action.REMOVE, "already_absent", 2 * DAY), entry(Action.REVOKE, "revoked", 2 * DAY)]
    assert only(judge([row()], late)).verdict is Verdict.UNPROVEN


def test_out_without_a_record_is_unproven() -> None:
    case = only(judge([row()]))

    assert (case.verdict, case.removed_at, case.removed_by) == (Verdict.UNPROVEN, None, "")


def test_without_members_or_a_recorded_removal_it_is_unknown() -> None:
    case = only(judge([row()], members=None))

    assert (case.verdict, case.membership) == (Verdict.UNKNOWN, Membership.UNKNOWN)


def test_without_members_a_recorded_removal_still_counts() -> None:
    assert only(judge([row()], removed(), members=None)).verdict is Verdict.IN_TIME


def test_a_removal_with_a_lost_entry_counts_from_when_it_was_noticed() -> None:
    finished = known(removed_at=DUE + HOUR, sessions=Sessions.REVOKED, revoked_at=DUE + HOUR)
    case = only(judge([row()], [entry(Action.REVOKE, "revoked")], [finished]))

    assert (case.verdict, case.removed_by, case.lag_seconds) == (Verdict.IN_TIME, "unrecorded", None)


@pytest.mark.parametrize("sessions", [Sessions.HOME_TENANT, Sessions.NO_ACCOUNT])
@pytest.mark.parametrize("in_ledger", [True, False])
def test_sessions_that_are_not_ours_have_no_revocation_time(sessions: Sessions, *, in_ledger: bool) -> None:
    entries = [entry(Action.REMOVE, "removed"), *([entry(Action.REVOKE, sessions)] if in_ledger else [])]
    finished = known(removed_at=DUE + HOUR, sessions=sessions, revoked_at=DUE + HOUR)

    case = only(judge([row()], entries, [finished]))

    assert (case.sessions, case.revoked_at) == (sessions, None)


def test_a_revocation_with_a_lost_entry_has_the_records_time() -> None:
    finished = known(removed_at=DUE + HOUR, sessions=Sessions.REVOKED, revoked_at=DUE + HOUR)

    case = only(judge([row()], [entry(Action.REMOVE, "removed")], [finished]))

    assert (case.sessions, case.revoked_at) == ("revoked", DUE + HOUR)


def test_added_and_removed_again_is_in_time_with_a_remark() -> None:
    case = only(judge([row()], [*removed(), *removed(3 * DAY)]))

    assert (case.verdict, case.lag_seconds) == (Verdict.IN_TIME, 3600)
    assert "removed again" in case.remark


def test_in_the_group_again_is_overdue() -> None:
    case = only(judge([row()], removed(), members=IN_THE_GROUP))

    assert case.verdict is Verdict.OVERDUE
    assert "is in the group again" in case.remark


def test_a_member_list_that_lags_behind_the_removal_makes_nobody_overdue() -> None:
    case = only(judge([row()], removed(), members=IN_THE_GROUP, now=DUE + HOUR + timedelta(minutes=10)))

    assert case.verdict is Verdict.IN_TIME


def test_a_new_end_date_keeps_the_verdict_on_the_old_one() -> None:
    case = only(judge([row("2027-06-30")], removed(), members=IN_THE_GROUP))

    assert (case.verdict, case.end_date) == (Verdict.IN_TIME, LAST_DAY)
    assert "another date" in case.remark


def test_a_withdrawn_offboarding_is_reported() -> None:
    withdrawn = entry(Action.WITHDRAW, "withdrawn: the end date was extended")
    case = only(judge([row("2027-06-30")], [withdrawn], members=IN_THE_GROUP))

    assert case.verdict is Verdict.WITHDRAWN


def test_an_end_extended_after_it_passed_is_reported() -> None:
    history = [
        entry(Action.REGISTER_ADD, "written", -30 * DAY),
        entry(Action.REGISTER_EXTEND, "written", 5 * DAY, end_date="2027-06-30"),
    ]
    case = only(judge([row("2027-06-30")], history, members=IN_THE_GROUP))

    assert (case.verdict, case.end_date) == (Verdict.WITHDRAWN, LAST_DAY)
    assert "extended after it had passed" in case.remark


def test_an_end_extended_before_it_passed_is_not_an_end() -> None:
    history = [
        entry(Action.REGISTER_ADD, "written", -30 * DAY),
        entry(Action.REGISTER_EXTEND, "written", -DAY, end_date="2027-06-30"),
    ]
    assert judge([row("2027-06-30")], history, members=IN_THE_GROUP) == []


def test_a_removed_member_without_a_row_has_no_end_date() -> None:
    entries = [
        entry(Action.REMOVE, "removed", end_date=""),
        entry(Action.REVOKE, "revoked", end_date=""),
    ]
    case = only(judge(entries=entries))

    assert (case.verdict, case.due_at, case.lag_seconds) == (Verdict.NO_END_DATE, None, None)
    assert case.sessions == "revoked"


@pytest.mark.parametrize("after", [timedelta(seconds=5), 6 * DAY])
def test_removed_shortly_before_a_later_end_is_in_time(
    after: timedelta,
) -> None:
    later = dates.instant(DUE + HOUR + after)
    [first, second] = judge([row(later)], [*removed(), entry(Action.VERIFY, "verified", 2 * HOUR)])

    assert (first.end_date, first.verdict, first.remark) == (LAST_DAY, Verdict.IN_TIME, "")
    assert (second.end_date, second.verdict, second.lag_seconds) == (later, Verdict.IN_TIME, None)
    assert (second.removed_at, second.removed_by, second.sessions) == (DUE + HOUR, "timer", "revoked")
    assert (second.entries, second.remark) == (
        first.entries,
        "was out before this end came, and nothing on record has let them in since",
    )


def test_out_before_an_end_without_a_revocation_is_not_in_time() -> None:
    found = judge([row("2026-11-20")], [entry(Action.REMOVE, "removed")])
    assert [case.verdict for case in found] == [Verdict.OVERDUE, Verdict.OVERDUE]
    half = known(State.OFFBOARDING, removed_at=DUE + HOUR, last_error="503")
    found = judge([row("2026-11-20")], [entry(Action.REMOVE, "removed")], [half])
    assert [case.verdict for case in found] == [Verdict.OVERDUE, Verdict.OVERDUE]


@pytest.mark.parametrize(
    ("end_date", "since", "members", "verdict"),
    [
        ("2026-11-24", [], (), Verdict.UNPROVEN),
        ("2026-11-20", [entry(Action.ADD, "added", DAY)], (), Verdict.UNPROVEN),
        ("2026-11-20", [entry(Action.ADD, "failed: 403", DAY)], (), Verdict.IN_TIME),
        ("2026-11-20", [], None, Verdict.UNKNOWN),
        ("2026-11-20", [], IN_THE_GROUP, Verdict.OVERDUE),
        ("2026-11-14", [], (), Verdict.UNPROVEN),
    ],
)
def test_an_earlier_removal_counts_shortly_before_if_nobody_was_added(
    end_date: str, since: list[Entry], members: Sequence[Member] | None, verdict: Verdict
) -> None:
    found = judge([row(end_date)], [*removed(), *since], members=members)
    assert [case.verdict for case in found if case.end_date == end_date] == [verdict]


WITHDRAWAL, TRIED = entry(Action.WITHDRAW, "withdrawn"), entry(Action.REMOVE, "failed: 503")


@pytest.mark.parametrize(
    ("entries", "withdrawn"),
    [
        ([WITHDRAWAL], True),
        ([WITHDRAWAL, WITHDRAWAL], True),
        ([TRIED, WITHDRAWAL], True),
        ([WITHDRAWAL, TRIED, WITHDRAWAL], True),
        ([entry(Action.REMOVE, "removed"), WITHDRAWAL], True),
        # Begun again since: the last event counts.
        ([WITHDRAWAL, TRIED], False),
        ([WITHDRAWAL, WITHDRAWAL, TRIED], False),
        ([], False),
    ],
)
def test_of_several_withdrawals_the_last_event_counts(entries: list[Entry], *, withdrawn: bool) -> None:
    without_a_row = judge(entries=[*entries, *[entry(Action.HOLD, "held")]], members=IN_THE_GROUP)
    verdicts = [case.verdict for case in without_a_row]
    assert verdicts == [Verdict.WITHDRAWN if withdrawn else Verdict.OVERDUE] * bool(entries)
    # With a row that says, again or still, that access has ended, it is not withdrawn.
    assert only(judge([row()], entries, members=IN_THE_GROUP)).verdict is Verdict.OVERDUE
    # With a row that gives another date it is, whatever was tried.
    assert {case.verdict for case in judge([row("2027-06-30")], entries, members=IN_THE_GROUP)} <= {
        Verdict.WITHDRAWN
    }


def test_an_offboarding_finished_before_it_was_withdrawn_is_in_time() -> None:
    assert only(judge(entries=[*removed(), WITHDRAWAL])).verdict is Verdict.IN_TIME


def test_an_end_extended_twice_is_two_ends() -> None:
    history = [
        entry(Action.REGISTER_ADD, "written", -30 * DAY),
        entry(Action.REGISTER_EXTEND, "written", DAY, end_date="2026-11-20"),
        entry(Action.REGISTER_EXTEND, "written", 9 * DAY, end_date="2027-06-30"),
    ]
    for rows in ([row("2027-06-30")], []):
        found = judge(rows, history, members=IN_THE_GROUP)
        assert [(case.end_date, case.verdict) for case in found] == [
            (LAST_DAY, Verdict.WITHDRAWN),
            ("2026-11-20", Verdict.WITHDRAWN),
        ]
        assert all("extended after it had passed" in case.remark for case in found)
        assert {"another date" in case.remark for case in found} == {bool(rows)}


@pytest.mark.parametrize(
    ("members", "now", "verdict"),
    [
        (IN_THE_GROUP, NOW, Verdict.OVERDUE),
        (IN_THE_GROUP, DUE + HOUR, Verdict.PENDING),
        (IN_THE_GROUP, DUE + DAY, Verdict.PENDING),
        (IN_THE_GROUP, DUE + DAY + timedelta(seconds=1), Verdict.OVERDUE),
        ((), NOW, Verdict.OVERDUE),
        (None, NOW, Verdict.OVERDUE),
    ],
)
def test_an_unfinished_offboarding_is_neither_unproven_nor_unknown(
    members: Sequence[Member] | None, now: datetime, verdict: Verdict
) -> None:
    begun = known(State.OFFBOARDING, attempts=2, last_error="503")
    case = only(judge([row()], [TRIED], [begun], members, now))
    assert (case.verdict, case.remark) == (verdict, "not finished: offboarding, 2 runs have failed; 503")
    quiet = only(judge([row()], [TRIED], [known(State.OFFBOARDING)], members, now))
    assert quiet.remark == "not finished: offboarding, 0 runs have failed"


@pytest.mark.parametrize(
    ("after", "verdict"), [(timedelta(minutes=59), Verdict.IN_TIME), (HOUR, Verdict.OVERDUE)]
)
def test_a_listed_person_is_back_an_hour_after_the_last_removal(after: timedelta, verdict: Verdict) -> None:
    twice = [*removed(), entry(Action.REMOVE, "already_absent", 5 * HOUR)]
    case = only(judge([row()], twice, members=IN_THE_GROUP, now=DUE + 5 * HOUR + after))
    assert case.verdict is (verdict if verdict is Verdict.IN_TIME else Verdict.PENDING)
    recorded = known(removed_at=DUE + HOUR, sessions=Sessions.REVOKED, revoked_at=DUE + HOUR)
    case = only(judge([row()], [], [recorded], IN_THE_GROUP, now=DUE + HOUR + after))
    assert (case.verdict is Verdict.IN_TIME) is (verdict is Verdict.IN_TIME)


# What a case says ----------------------------------------------------------------------------------------


def test_every_field_of_a_case() -> None:
    entries = [
        entry(Action.DISABLE, "disabled"),
        *(replace(one, run="run-2", actor="cli:ada") for one in removed(2 * HOUR)),
        entry(Action.VERIFY, "verified", 3 * HOUR),
        entry(Action.VERIFY, "verified", 4 * HOUR),
        replace(entry(Action.PROOF, "not_blocked", 4 * HOUR), request_id=""),
    ]
    finished = known(
        State.VERIFIED,
        removed_at=DUE + 2 * HOUR,
        revoked_at=DUE + 2 * HOUR,
        disabled_at=DUE + HOUR,
        verified_at=DUE + 9 * HOUR,
        sessions=Sessions.REVOKED,
        proof=Proof.BLOCKED,
        proof_policy="No group, no access",
    )
    mine = row(display_name="Ada", company="Engines", sponsor="boss@contoso.com")
    assert only(judge([mine], entries, [finished])) == Case(
        group_id=GROUP,
        user_id=ADA,
        row_key=ADA,
        display_name="Ada",
        company="Engines",
        sponsor="boss@contoso.com",
        end_date=LAST_DAY,
        due_at=DUE,
        verdict=Verdict.IN_TIME,
        removed_at=DUE + 2 * HOUR,
        removed_by="cli:ada",
        lag_seconds=7200.0,
        sessions="revoked",
        revoked_at=DUE + 2 * HOUR,
        disabled_at=DUE + HOUR,
        proof="blocked",
        proof_policy="No group, no access",
        verified_at=DUE + 3 * HOUR,
        membership=Membership.NOT_A_MEMBER,
        state="verified",
        remark="",
        runs=("run-1", "run-2"),
        entries=(1, 2, 3, 4, 5, 6),
        request_ids=(
            "disable-request",
            "remove-request",
            "revoke-request",
            "verify-request",
            "verify-request",
        ),
    )


def test_every_field_of_a_case_about_which_nothing_is_known() -> None:
    assert only(judge([row(row_key="b@c.d")], members=None)) == Case(
        group_id=GROUP,
        user_id="",
        row_key="b@c.d",
        display_name="",
        company="",
        sponsor="",
        end_date=LAST_DAY,
        due_at=DUE,
        verdict=Verdict.UNKNOWN,
        removed_at=None,
        removed_by="",
        lag_seconds=None,
        sessions="",
        revoked_at=None,
        disabled_at=None,
        proof="",
        proof_policy="",
        verified_at=None,
        membership=Membership.UNKNOWN,
        state="",
        remark="",
        runs=(),
        entries=(),
        request_ids=(),
    )


def test_the_record_tells_what_the_ledger_lost() -> None:
    finished = known(
        removed_at=DUE + HOUR,
        revoked_at=DUE + 2 * HOUR,
        verified_at=DUE + 9 * HOUR,
        sessions=Sessions.REVOKED,
    )
    case = only(judge([row()], [], [finished]))
    assert (case.removed_at, case.removed_by, case.revoked_at) == (DUE + HOUR, "unrecorded", DUE + 2 * HOUR)
    assert (case.verified_at, case.proof, case.state) == (DUE + 9 * HOUR, "", "offboarded")
    told = [entry(Action.PROOF, "not_asked"), entry(Action.PROOF, "blocked", 2 * HOUR)]
    assert only(judge([row()], told, [finished])).proof == "blocked"


def test_of_several_revocations_and_disablings_the_last_is_reported() -> None:
    again = [entry(Action.REVOKE, "no_account", 9 * HOUR), entry(Action.DISABLE, "disabled", 9 * HOUR)]
    case = only(judge([row()], [entry(Action.DISABLE, "disabled"), *removed(), *again]))
    assert (case.sessions, case.revoked_at, case.disabled_at) == ("no_account", None, DUE + 9 * HOUR)
    failed = [*removed(), entry(Action.REVOKE, "failed: 503", 9 * HOUR)]
    case = only(judge([row()], failed))
    assert (case.sessions, case.revoked_at) == ("revoked", DUE + HOUR)


def test_the_first_of_removal_and_absence_says_who_did_it() -> None:
    first_out = [entry(Action.REMOVE, "already_absent"), *removed(2 * HOUR)]
    assert only(judge([row()], first_out)).removed_by == "not the enforcer"
    found_later = [*removed(), entry(Action.REMOVE, "already_absent", 2 * HOUR)]
    case = only(judge([row()], found_later))
    assert (case.removed_by, case.removed_at, case.remark) == ("timer", DUE + HOUR, "")


# The population ------------------------------------------------------------------------------------------


def test_an_address_and_an_object_id_can_be_one_person() -> None:
    entries = [entry(Action.REMOVE, "removed", row_key="ada@contoso.com")]
    finished = known(row_key="ada@contoso.com", removed_at=DUE + HOUR, sessions=Sessions.REVOKED)

    case = only(judge([row(row_key="Ada@contoso.com")], entries, [finished]))

    assert (case.user_id, case.verdict) == (ADA, Verdict.IN_TIME)


def test_a_person_whose_row_was_deleted_is_still_counted() -> None:
    assert only(judge(entries=removed())).verdict is Verdict.IN_TIME
    finished = known(removed_at=DUE + HOUR, revoked_at=DUE + HOUR, sessions=Sessions.REVOKED)
    assert only(judge(records=[finished])).verdict is Verdict.IN_TIME


def test_one_person_with_two_ends_in_the_period_is_two_cases() -> None:
    second = [
        entry(Action.REMOVE, "removed", 10 * DAY + HOUR, end_date="2026-11-25"),
        entry(Action.REVOKE, "revoked", 10 * DAY + HOUR, end_date="2026-11-25"),
    ]
    found = judge([row("2026-11-25")], [*removed(), *second])

    assert [(case.end_date, case.verdict) for case in found] == [
        (LAST_DAY, Verdict.IN_TIME),
        ("2026-11-25", Verdict.IN_TIME),
    ]


def test_ends_outside_the_period_or_in_the_future_are_left_out() -> None:
    rows = [row("2026-10-31"), row("2026-12-01", "b@c.d"), row("2026-11-30", "e@f.g")]

    assert judge(rows, now=DUE) == []
    assert [case.row_key for case in judge(rows)] == ["e@f.g"]


def test_an_entry_in_another_time_zone_is_about_the_same_end() -> None:
    # The setting was changed between the removal and the export.
    in_utc = [
        Entry(**{**_values(written), "due_at": "2026-11-16T00:00:00Z"})  # type: ignore[arg-type]
        for written in removed()
    ]

    assert only(judge([row()], in_utc)).verdict is Verdict.IN_TIME


def _values(item: Entry) -> dict[str, object]:
    return {name: getattr(item, name) for name in Entry.__slots__}


@pytest.mark.parametrize(
    "text", ["2026-11-15T23:00:00Z", "2026-11-16T00:00:00+01:00", "2026-11-15T23:00:00.000000+00:00"]
)
def test_one_end_is_one_case_however_it_is_written(text: str) -> None:
    finished = known(removed_at=DUE + HOUR, revoked_at=DUE + HOUR, sessions=Sessions.REVOKED)
    case = only(judge([row(text)], removed(), [finished]))
    assert (case.end_date, case.verdict, case.state) == (text, Verdict.IN_TIME, "offboarded")


@given(order=st.permutations(range(6)))
def test_the_order_of_reading_does_not_matter(order: list[int]) -> None:
    rows = [row(f"2026-11-{10 + number}", f"user{number}@contoso.com") for number in range(6)]

    assert judge([rows[number] for number in order]) == judge(rows)


# At the edges --------------------------------------------------------------------------------------------


def test_an_end_is_judged_from_the_instant_at_which_it_comes() -> None:
    assert judge([row()], now=DUE - timedelta(microseconds=1)) == []
    assert only(judge([row()], members=IN_THE_GROUP, now=DUE)).verdict is Verdict.PENDING


@pytest.mark.parametrize(("at", "count"), [(DUE, 1), (DUE + 60 * DAY, 0), (DUE - 60 * DAY, 0), (None, 0)])
def test_a_removal_without_an_end_belongs_to_the_period_in_which_it_was(
    at: datetime | None, count: int
) -> None:
    written = dates.instant(at) if at else "some day"
    undated = replace(entry(Action.REMOVE, "removed", end_date=""), at=written)
    assert len(judge(entries=[undated])) == count


def test_who_was_out_within_the_sla_but_finished_after_it_is_late() -> None:
    entries = [entry(Action.REMOVE, "already_absent", DAY), entry(Action.REVOKE, "revoked", 2 * DAY)]
    case = only(judge([row()], entries))
    assert (case.verdict, case.remark) == (Verdict.LATE, "the last step was done only after the SLA was over")
    in_time = [entry(Action.REMOVE, "removed"), entry(Action.REVOKE, "revoked", DAY)]
    assert only(judge([row()], in_time)).remark == ""


@pytest.mark.parametrize("state", [State.OFFBOARDING, State.STUCK])
def test_an_unfinished_record_is_not_in_time_whatever_the_ledger_says(state: State) -> None:
    begun = known(state, removed_at=DUE + HOUR)
    case = only(judge([row()], removed(), [begun]))
    assert (case.verdict, case.remark) == (
        Verdict.OVERDUE,
        f"not finished: {state}, 0 runs have failed",
    )
    half = only(judge([row()], removed()[:1], [begun]))
    assert half.remark == case.remark


def test_an_enforcement_that_says_nothing_of_the_sessions_settles_nothing() -> None:
    case = only(judge([row()], [], [known(removed_at=DUE + HOUR, revoked_at=DUE + HOUR)]))
    assert (case.verdict, case.sessions, case.remark) == (
        Verdict.OVERDUE,
        "",
        "their sessions are not on record as revoked",
    )
    late = known(removed_at=DUE + HOUR, revoked_at=DUE + 2 * DAY, sessions=Sessions.REVOKED)
    assert only(judge([row()], [], [late])).verdict is Verdict.LATE


def test_an_account_not_disabled_is_not_remarked_upon_before_the_removal() -> None:
    failed = entry(Action.DISABLE, "failed: 503")
    assert only(judge([row()], [failed], members=IN_THE_GROUP)).remark == ""


def test_the_first_removal_tells_who_did_it() -> None:
    other, later = (replace(entry(Action.REMOVE, "removed"), actor=f"cli:{name}") for name in ("ann", "bob"))
    absent = replace(other, outcome="already_absent")
    entries = [absent, *removed(), replace(later, at=dates.instant(DUE + 3 * DAY))]
    assert only(judge([row()], entries)).removed_by == "timer"
    early = [replace(later, at=dates.instant(DUE + 3 * DAY)), *removed()]
    assert only(judge([row()], early)).removed_by == "timer"
