from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from enforcer.evidence.plot import HEIGHT, WIDTH, plot
from tests.support.evidence_examples import NOVEMBER, SLA, case


def test_a_removal_is_a_dot_over_its_last_day() -> None:
    drawn = plot([case("A", "2026-11-01"), case("B", "2026-11-30")], NOVEMBER, SLA)

    first, last = drawn.dots
    assert drawn.left < first.x < last.x < drawn.right
    assert first.y == last.y


def test_a_longer_lag_is_drawn_higher_and_above_the_sla_it_is_late() -> None:
    drawn = plot([case("A", hours=1), case("B", hours=30)], NOVEMBER, SLA)

    late, in_time = sorted(drawn.dots, key=lambda dot: dot.y)
    assert (late.late, in_time.late) == (True, False)
    assert late.y < drawn.sla < in_time.y


def test_dots_that_would_lie_on_each_other_are_one() -> None:
    drawn = plot([case(str(number), hours=1 + number / 1e6) for number in range(5_000)], NOVEMBER, SLA)

    assert len(drawn.dots) == 1


def test_who_was_not_removed_has_no_dot() -> None:
    assert plot([case("A", hours=None)], NOVEMBER, SLA).dots == []


@given(hours=st.lists(st.floats(-1, 100_000), max_size=20), sla=st.integers(1, 100_000))
def test_nothing_is_drawn_outside(hours: list[float], sla: int) -> None:
    drawn = plot([case("A", hours=lag) for lag in hours], NOVEMBER, timedelta(minutes=sla))

    heights = [drawn.sla, *(dot.y for dot in drawn.dots), *(line.at for line in drawn.lags)]
    assert all(drawn.top - 1 <= height <= drawn.bottom for height in heights)
    assert all(0 <= dot.x <= WIDTH for dot in drawn.dots)
    assert drawn.bottom < HEIGHT
