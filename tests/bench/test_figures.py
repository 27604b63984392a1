"""Figures, their goals, and how they are written down."""

from __future__ import annotations

from io import StringIO

import msgspec
import pytest
from rich.console import Console

from bench.figures import Figure, Goal, Limit, record, show, this_machine

HERE = this_machine()


def figure(value: float, goal: Goal | None = None, loop: float | None = None) -> Figure:
    return Figure(scenario="1. example", name="wall time", value=value, unit="s", goal=goal, loop=loop)


@pytest.mark.parametrize(
    ("limit", "reached", "missed"),
    [
        (Limit.AT_MOST, 10, 10.1),
        (Limit.AT_LEAST, 10, 9.9),
        (Limit.BELOW, 9.9, 10),
        (Limit.EXACTLY, 10, 11),
    ],
)
def test_a_goal_is_reached_or_missed(limit: Limit, reached: float, missed: float) -> None:
    goal = Goal(limit=limit, value=10)

    assert figure(reached, goal).reached is True
    assert figure(missed, goal).reached is False
    assert figure(10).reached is None


def test_a_record_says_what_was_measured_where_and_with_what() -> None:
    goal = Goal(Limit.AT_MOST, 10)
    kept = msgspec.json.decode(msgspec.json.encode(record(figure(7.25, goal, loop=600.0), HERE)))

    assert (kept["value"], kept["unit"], kept["goal"], kept["reached"]) == (7.25, "s", "≤ 10 s", True)
    assert kept["loop"] == 600
    assert kept["machine"]["cores"] >= 1
    assert kept["versions"].keys() >= {"python", "azure-data-tables", "msgraph-sdk"}


def test_the_table_shows_every_figure_and_names_a_missed_goal() -> None:
    console = Console(width=160, record=True, file=StringIO())
    show([figure(7.25, loop=612.4), figure(11, Goal(Limit.AT_MOST, 10))], console)
    text = console.export_text()

    assert "7.25 s" in text
    assert "612 s" in text
    assert "missed" in text
