from __future__ import annotations

from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest

from enforcer.core.runs import Lag, Run, RunKind, RunState
from enforcer.page.runs import SHOWN, last_run, last_runs
from enforcer.page.times import Calendar
from enforcer.status.group_status import OVERDUE
from tests.support.runs import GROUP, NOW, RUN, changed

DAYS = Calendar(now=NOW, zone=ZoneInfo("UTC"))


def test_the_newest_run_comes_first_and_only_so_many_are_shown() -> None:
    runs = [changed(RUN, run_id=str(hours), started_at=NOW - timedelta(hours=hours)) for hours in range(30)]
    shown = last_runs(reversed(runs), DAYS)
    assert [item.run.run_id for item in shown] == [str(hours) for hours in range(SHOWN)]


@pytest.mark.parametrize(
    ("lag", "told"),
    [
        (Lag(p50=1800, p95=1800, max=1800), "30 min"),
        (Lag(p50=1800, p95=90000, max=90000), "30 min, at most 25 h"),
        (Lag(), ""),
    ],
)
def test_the_lag_is_told_of_the_middle_and_of_the_slowest(lag: Lag, told: str) -> None:
    assert last_runs([changed(RUN, lag_seconds=lag)], DAYS)[0].lag == told


@pytest.mark.parametrize(
    ("run", "well"),
    [
        (RUN, True),
        (changed(RUN, state=RunState.RUNNING, finished_at=None), True),
        (changed(RUN, stuck=1), False),
        (changed(RUN, held=True), False),
        (changed(RUN, state=RunState.FAILED), False),
    ],
)
def test_a_run_that_somebody_must_look_at_has_not_gone_well(run: Run, well: bool) -> None:  # noqa: FBT001
    assert last_runs([run], DAYS)[0].went_well is well


def test_a_failed_run_tells_its_error_and_any_other_its_reason() -> None:
    failed = changed(RUN, state=RunState.FAILED, error="group is gone")
    assert [run.note for run in last_runs([failed, RUN], DAYS)] == ["group is gone", "nightly"]


def test_only_sweeps_have_findings() -> None:
    shown = last_runs([changed(RUN, kind=RunKind.OFFBOARD, findings=0)], DAYS)
    assert shown[0].findings is None


def test_a_run_of_last_night_is_not_overdue() -> None:
    last = last_run(GROUP, RUN, DAYS)
    assert (last.ago, last.is_overdue) == ("11 h", False)


def test_a_run_longer_ago_than_the_alarm_allows_is_overdue() -> None:
    before = changed(RUN, finished_at=NOW.astimezone(UTC) - OVERDUE - timedelta(seconds=1))
    assert last_run(GROUP, before, DAYS).is_overdue


def test_no_run_at_all_is_overdue() -> None:
    last = last_run(GROUP, None, DAYS)
    assert (last.at, last.is_overdue) == (None, True)
