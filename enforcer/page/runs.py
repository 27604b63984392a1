"""The last runs, as the page shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from enforcer.core.calendar.durations import in_words
from enforcer.core.runs import Lag, Run, RunKind, RunState
from enforcer.page.times import Calendar, Moment
from enforcer.page.words import run_kind, run_state
from enforcer.status.group_status import OVERDUE

SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInList:
    """A run, and what the page says about it."""

    run: Run
    started: Moment
    kind: str
    state: str
    went_well: bool
    findings: int | None
    lag: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """The last complete sweep of a group; `at` is None if there was none, or it is long ago."""

    group_id: str
    at: Moment | None
    ago: str
    is_overdue: bool


def last_runs(runs: Iterable[Run], calendar: Calendar) -> tuple[RunInList, ...]:
    """Return the newest runs, the newest first."""
    newest = sorted(runs, key=lambda run: (run.started_at, run.run_id), reverse=True)[:SHOWN]
    return tuple(_run(run, calendar) for run in newest)


def last_run(group_id: str, complete: Run | None, calendar: Calendar) -> LastRun:
    if complete is None:
        return LastRun(group_id=group_id, at=None, ago="", is_overdue=True)
    age = calendar.now - (complete.finished_at or complete.started_at)
    return LastRun(
        group_id=group_id,
        at=calendar.moment(complete.started_at),
        ago=in_words(max(age.total_seconds(), 0)),
        is_overdue=age > OVERDUE,
    )


def _run(run: Run, calendar: Calendar) -> RunInList:
    return RunInList(
        run=run,
        started=calendar.moment(run.started_at),
        kind=run_kind(run),
        state=run_state(run),
        went_well=run.state is not RunState.FAILED and not run.held and not run.stuck,
        findings=run.findings if run.kind is RunKind.SWEEP else None,
        lag=_lag(run.lag_seconds),
        note=run.error or run.reason,
    )


def _lag(lag: Lag) -> str:
    """Return how long after the end of access people were removed: the median, and the slowest."""
    if lag.max is None or lag.p50 is None:
        return ""
    median, worst = in_words(lag.p50), in_words(lag.max)
    return median if median == worst else f"{median}, at most {worst}"
