"""What is known of a contractor: whether it is finished, and whether he has to wait."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enforcer.core.enforcement import State
from tests.core.group import ANNA, NOW, known


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


def test_whoever_is_stuck_waits_until_his_next_attempt_is_due() -> None:
    stuck = known(ANNA, State.STUCK, next_attempt_at=NOW)
    assert stuck.waits(NOW - timedelta(seconds=1))
    assert not stuck.waits(NOW)


def test_whoever_is_stuck_without_a_time_is_tried_at_once() -> None:
    assert not known(ANNA, State.STUCK).waits(NOW)


def test_nobody_waits_who_is_not_stuck() -> None:
    assert not known(ANNA, State.OFFBOARDING, next_attempt_at=NOW + timedelta(days=1)).waits(NOW)
