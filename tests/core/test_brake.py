"""The brake stops what looks like a broken feed, or like somebody who empties a group in small steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from enforcer.core.brake import Batch, Brake, Way, Window
from enforcer.core.offboarding_record import State
from tests.support.paper_group import known, person, plan, row

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
BRAKE = Brake(10, 20)


def batch(
    hours_ago: float, people: int, members: int = 40, way: Way = Way.OFFBOARD, sequence: int = 1
) -> Batch:
    at = NOW - timedelta(hours=hours_ago)
    return Batch(way=way, at=at, people=people, members=members, sequence=sequence)


def window(*batches: Batch) -> Window:
    made = Window()
    for one in batches:
        made = made.adding(one)
    return made


def holds(brake: Brake, people: int, members: int, *batches: Batch, way: Way = Way.OFFBOARD) -> bool:
    return brake.holds(way, people, members, window(*batches), NOW)


@pytest.mark.parametrize(
    ("people", "members", "held"),
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
    held: bool,  # noqa: FBT001
) -> None:
    assert holds(BRAKE, people, members) is held


def test_a_brake_with_zero_bounds_holds_everything() -> None:
    assert holds(Brake(0, 0), 1, 1000)
    assert not holds(Brake(0, 0), 0, 1000)


def test_a_brake_at_a_hundred_percent_never_holds() -> None:
    assert not holds(Brake(0, 100), 50, 50)


@pytest.mark.parametrize(
    ("hours_ago", "held"),
    [(0, True), (21.9, True), (22, False), (24, False), (-1, True), (-10_000, True)],
)
def test_people_of_the_last_22_hours_count_and_so_does_the_future(hours_ago: float, *, held: bool) -> None:
    assert holds(BRAKE, 1, 40, batch(hours_ago, 10)) is held


def test_what_counts_before_holds_nobody_where_nobody_is_new() -> None:
    assert not holds(BRAKE, 0, 40, batch(1, 30))


def test_the_percentage_is_of_the_largest_membership_seen() -> None:
    assert not holds(BRAKE, 1, 30, batch(1, 10, members=55))
    assert holds(BRAKE, 1, 30, batch(1, 10, members=54))


def test_the_two_ways_are_judged_apart() -> None:
    added = batch(1, 30, way=Way.ONBOARD)
    assert not holds(BRAKE, 5, 40, added)
    assert holds(BRAKE, 1, 40, added, way=Way.ONBOARD)


def test_the_first_fill_of_an_empty_group_is_held() -> None:
    assert holds(BRAKE, 1, 0, way=Way.ONBOARD)
    assert not holds(Brake(10, 100), 1, 0, way=Way.ONBOARD)
    assert not holds(BRAKE, 1, 1, way=Way.ONBOARD)
    assert not holds(BRAKE, 1, 0, batch(1, 1, members=1), way=Way.ONBOARD)


def test_batches_of_an_hour_are_one_with_its_latest_time() -> None:
    made = window(
        batch(0.4, 3, 40, sequence=9), batch(0.2, 4, 50, sequence=12), batch(0.3, 1, 45, sequence=15)
    )

    assert made.batches == (batch(0.2, 8, 50, sequence=9),)
    assert (made.people, made.members, made.sequence) == (8, 50, 9)
    assert len(window(batch(0.4, 3), batch(0.6, 3), batch(0.4, 3, way=Way.ONBOARD)).batches) == 3


def test_a_window_stays_small_however_long_it_is_used() -> None:
    made = window(*(batch(-hour, 1) for hour in range(500)))

    assert len(made.batches) == 120
    assert max(one.at for one in made.batches) == NOW + timedelta(hours=499)


def test_a_clock_that_jumps_ahead_for_one_run_empties_no_window() -> None:
    made = window(batch(1, 10), batch(-24 * 365, 1))
    assert holds(BRAKE, 1, 40, *made.batches)


def test_a_window_covers_what_is_in_it_and_nothing_more_or_later() -> None:
    made = window(batch(3, 4), batch(1, 2))
    for one in (window(), window(batch(3, 4)), window(batch(1, 2)), made):
        assert made.covers(one)
    for other in (batch(3, 5), batch(5, 1), batch(-2, 1), batch(1, 2, way=Way.ONBOARD)):
        assert not made.covers(window(other))


def test_a_plan_is_held_by_the_settings_bounds() -> None:
    people = [person(number) for number in range(12)]
    rows = [row(member) for member in people]
    assert plan(rows=rows, members=people).held
    assert not plan(rows=rows, members=people, brake_count=12).held
    assert not plan(rows=rows, members=people, brake_percent=100).held
    begun = [known(member, State.OFFBOARDING) for member in people]
    assert not plan(rows=rows, members=people, records=begun).held
    forged = [known(member, State.OFFBOARDING, begun_in=0) for member in people]
    assert plan(rows=rows, members=people, records=forged).held
