"""Offboarding records: whether they are finished, and whether they have to wait."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enforcer.core.offboarding_record import (
    RUNS_BEFORE_STUCK,
    STUCK_RETRY,
    OffboardingRecord,
    Proof,
    Sessions,
    State,
)
from enforcer.core.user_kind import UserKind
from tests.support.paper_group import ANNA, NOW, known


@pytest.mark.parametrize(
    ("state", "unfinished"),
    [
        (State.OFFBOARDING, True),
        (State.STUCK, True),
        (State.OFFBOARDED, False),
        (State.VERIFIED, False),
    ],
)
def test_what_was_begun_is_unfinished_until_every_step_is_done(state: State, *, unfinished: bool) -> None:
    assert known(ANNA, state).unfinished is unfinished


def test_a_stuck_person_waits_until_the_next_attempt_is_due() -> None:
    stuck = known(ANNA, State.STUCK, next_attempt_at=NOW)
    assert stuck.waits(NOW - timedelta(seconds=1))
    assert not stuck.waits(NOW)


def test_a_stuck_person_without_a_next_attempt_is_tried_at_once() -> None:
    assert not known(ANNA, State.STUCK).waits(NOW)


def test_nobody_waits_who_is_not_stuck() -> None:
    assert not known(ANNA, State.OFFBOARDING, next_attempt_at=NOW + timedelta(days=1)).waits(NOW)


def test_states_are_spelled_as_in_existing_records() -> None:
    assert [one.value for one in State] == ["offboarding", "offboarded", "verified", "stuck"]
    assert [one.value for one in Sessions] == ["revoked", "home_tenant", "no_account"]
    assert [one.value for one in Proof] == ["blocked", "not_blocked", "disabled", "not_asked"]


def test_a_new_record_says_nothing_else() -> None:
    begun = OffboardingRecord(row_key=ANNA.id, user_id=ANNA.id, state=State.OFFBOARDING)
    assert (begun.user_kind, begun.was_disabled, begun.attempts) == (UserKind.UNKNOWN, False, 0)
    assert (begun.end_date, begun.last_error, begun.run_id, begun.proof_policy) == ("", "", "", "")


def test_after_six_failed_runs_there_is_one_attempt_a_day() -> None:
    assert (6, timedelta(days=1)) == (RUNS_BEFORE_STUCK, STUCK_RETRY)
