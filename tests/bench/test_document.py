"""The figures get into the page, and nothing else on it changes."""

from __future__ import annotations

from bench.document import BEGIN, END, PAGE, with_figures
from bench.figures import Figure, Goal, Limit, record, this_machine

FIGURES = [
    Figure(scenario="1. example", name="wall time", value=7.25, unit="s", loop=612.0, note="best of 3"),
    Figure(scenario="1. example", name="lost", value=1, goal=Goal(Limit.EXACTLY, 0)),
]
RECORDS = [record(figure, this_machine()) for figure in FIGURES]


def test_the_figures_stand_between_the_marks() -> None:
    page = with_figures(f"before\n{BEGIN}old\n{END}after\n", RECORDS)

    assert page.startswith(f"before\n{BEGIN}")
    assert page.endswith(f"{END}after\n")
    assert "| 1. example | wall time | 7.25 s |  |  | 612 s | best of 3 |" in page
    assert "|  | lost | 1 | = 0 | **missed** |  |  |" in page
    assert "old" not in page


def test_putting_the_figures_in_twice_changes_nothing() -> None:
    once = with_figures(PAGE.read_text(encoding="utf-8"), RECORDS)

    assert with_figures(once, RECORDS) == once
