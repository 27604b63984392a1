"""The brake stops only a sweep that looks like a broken feed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enforcer.core.offboarding_record import State
from enforcer.core.planning.brake import Brake
from tests.support.paper_group import ANNA, known, person, plan, row

BRAKE = Brake(10, 20)
GOING = plan(rows=[row(ANNA)], members=[ANNA]).offboard[0]


@pytest.mark.parametrize(
    ("people", "members", "holds"),
    [
        (0, 0, False),
        (10, 10, False),  # not more than 10 people, though all of them
        (11, 55, False),  # 20 % is not more than 20 %
        (11, 54, True),
        (11, 1000, False),
        (201, 1000, True),
        (11, 0, True),
    ],
)
def test_the_brake_holds_above_both_the_count_and_the_percentage(
    people: int,
    members: int,
    holds: bool,  # noqa: FBT001
) -> None:
    assert BRAKE.holds([GOING] * people, members) is holds


def test_people_let_through_before_are_not_counted_again() -> None:
    begun = replace(GOING, authorised=True)
    assert not BRAKE.holds([begun] * 100 + [GOING] * 10, 110)
    assert BRAKE.holds([begun] * 100 + [GOING] * 11, 50)


def test_a_brake_with_zero_bounds_holds_everything() -> None:
    assert Brake(0, 0).holds([GOING], 1000)
    assert not Brake(0, 0).holds([], 1000)


def test_a_brake_at_a_hundred_percent_never_holds() -> None:
    assert not Brake(0, 100).holds([GOING] * 50, 50)


def test_a_plan_is_held_by_the_settings_bounds() -> None:
    people = [person(number) for number in range(12)]
    rows = [row(member) for member in people]
    assert plan(rows=rows, members=people).held
    assert not plan(rows=rows, members=people, brake_count=12).held
    assert not plan(rows=rows, members=people, brake_percent=100).held
    begun = [known(member, State.OFFBOARDING) for member in people]
    assert not plan(rows=rows, members=people, records=begun).held
