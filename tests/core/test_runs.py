"""What a run did is counted so that nobody is lost."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.offboarding_record import State
from enforcer.core.plan import Finding, FindingKind
from enforcer.core.runs import (
    COUNTS,
    OUT_OF_TIME,
    Lag,
    Occasion,
    Outcome,
    Report,
    Result,
    Run,
    RunKind,
    RunState,
    counted,
    lag_of,
    total,
)
from tests.support.paper_group import ANNA, GROUP, NOW, known

RUN = Run(run_id="20261123T120000-abcdef", group_id=GROUP, started_at=NOW, mode="enforce")


def outcome(result: Result, lag: float | None = None, reason: str = "") -> Outcome:
    removed_at = None if lag is None else NOW + timedelta(seconds=lag)
    record = known(ANNA, State.OFFBOARDED, due_at=NOW, removed_at=removed_at)
    return Outcome(result=result, record=record, reason=reason)


def removed(*lags: float) -> list[Outcome]:
    return [outcome(Result.REMOVED, lag) for lag in lags]


def test_counts_that_add_up_are_reported() -> None:
    replace(RUN, due=10, removed=4, already_absent=3, skipped=2, stuck=1).assert_counts()


FOUR = replace(RUN, due=4, removed=1, already_absent=1, skipped=1, stuck=1)


@pytest.mark.parametrize(
    "run",
    [
        replace(FOUR, removed=0),
        replace(FOUR, already_absent=0),
        replace(FOUR, skipped=0),
        replace(FOUR, stuck=0),
    ],
)
def test_counts_that_lose_somebody_are_not_reported(run: Run) -> None:
    with pytest.raises(AssertionError, match="4 people were due, 3 are accounted for"):
        run.assert_counts()


def test_everybody_is_counted_once_and_steps_separately() -> None:
    gone = [replace(one, revoked=True) for one in removed(90, 30)]
    others = [replace(outcome(result), incomplete=True) for result in Result if result is not Result.REMOVED]
    run = counted(RUN, [*gone, *others, replace(outcome(Result.SKIPPED), disabled=True)])
    assert (run.due, run.removed, run.already_absent, run.skipped, run.stuck) == (6, 2, 1, 2, 1)
    assert (run.revoked, run.disabled, run.incomplete) == (2, 1, 3)
    assert run.lag_seconds == Lag(p50=30, p95=90, max=90)
    run.assert_counts()


def test_the_lag_runs_from_the_end_of_access_to_the_removal() -> None:
    assert lag_of(removed(90)) == Lag(p50=90, p95=90, max=90)
    assert lag_of(removed(*range(1, 101))) == Lag(p50=50, p95=95, max=100)
    assert lag_of(removed(3, 1, 2)) == Lag(p50=2, p95=3, max=3)


def test_whoever_this_run_did_not_remove_has_no_lag() -> None:
    others = [outcome(result, 5) for result in Result if result is not Result.REMOVED]
    assert lag_of(others) == Lag()
    assert lag_of([outcome(Result.REMOVED)]) == Lag()
    unregistered = known(ANNA, State.OFFBOARDED, due_at=None, removed_at=NOW)
    assert lag_of([Outcome(result=Result.REMOVED, record=unregistered)]) == Lag()


@given(lags=st.lists(st.floats(0, 1e6), min_size=1))
def test_percentiles_are_actual_lags_and_in_order(lags: list[float]) -> None:
    lag = lag_of(removed(*lags))
    assert lag.p50 is not None
    assert lag.p95 is not None
    assert lag.max is not None
    assert lag.p50 <= lag.p95 <= lag.max


@pytest.mark.parametrize(
    "run",
    [
        replace(RUN, removed=1),
        replace(RUN, already_absent=1),
        replace(RUN, revoked=1),
        replace(RUN, disabled=1),
        replace(RUN, added=1),
    ],
)
def test_a_run_that_changed_something_has_acted(run: Run) -> None:
    assert run.acted


def test_a_run_that_only_looked_has_not_acted() -> None:
    assert not replace(RUN, due=3, skipped=2, stuck=1, verified=5, findings=7, members=9).acted


def test_a_report_knows_whether_the_time_was_up() -> None:
    late = outcome(Result.SKIPPED, reason=OUT_OF_TIME)
    assert Report(run=RUN, outcomes=(*removed(1), late)).out_of_time
    found = Finding(kind=FindingKind.MISSING_MEMBER, detail=f"could not be added: {OUT_OF_TIME}")
    assert Report(run=RUN, findings=(found,)).out_of_time
    assert not Report(
        run=RUN, outcomes=(outcome(Result.SKIPPED, reason="their end date was extended"),)
    ).out_of_time


def test_the_runs_of_several_groups_add_up_to_one() -> None:
    begun = replace(RUN, group_id="", state=RunState.COMPLETE, finished_at=datetime(2026, 11, 24, tzinfo=UTC))
    one = Report(run=replace(RUN, due=3, removed=3, members=30, digest="1"), outcomes=tuple(removed(1, 2, 3)))
    other = Report(run=replace(RUN, due=1, skipped=1, members=5, held=True, digest="2"))
    whole = total(begun, [one, other])
    assert (whole.due, whole.removed, whole.skipped, whole.members) == (4, 3, 1, 35)
    assert whole.held
    assert whole.lag_seconds == Lag(p50=2, p95=3, max=3)
    assert (whole.run_id, whole.finished_at, whole.digest) == (RUN.run_id, begun.finished_at, "")
    whole.assert_counts()


def test_the_total_of_one_group_has_its_digest() -> None:
    assert total(RUN, [Report(run=replace(RUN, digest="1"))]).digest == "1"


def test_the_total_of_no_run_is_the_run_as_it_was_begun() -> None:
    assert total(RUN, []) == RUN


@pytest.mark.parametrize("reason", Occasion)
def test_the_products_own_reason_for_a_sweep_is_the_occasion(reason: str) -> None:
    assert replace(RUN, reason=reason).occasion == reason


@pytest.mark.parametrize("kind", RunKind)
@pytest.mark.parametrize("reason", ["Anna <anna@x.example> left", "nightly: Anna left", ""])
def test_what_somebody_wrote_as_the_reason_is_not_the_occasion(kind: RunKind, reason: str) -> None:
    occasions = {RunKind.SWEEP: "on_demand", RunKind.OFFBOARD: "offboard", RunKind.UNDO: "undo"}
    assert replace(RUN, kind=kind, reason=reason).occasion == occasions[kind]


@pytest.mark.parametrize("name", COUNTS)
def test_every_number_of_a_run_is_added_up(name: str) -> None:
    reports = [Report(run=replace(RUN, **{name: number})) for number in (2, 3)]  # type: ignore[arg-type]
    whole = total(replace(RUN, **{name: 9}), reports)  # type: ignore[arg-type]
    assert {other: getattr(whole, other) for other in COUNTS} == dict.fromkeys(COUNTS, 0) | {name: 5}


def test_what_is_added_up_is_every_number_that_a_run_has() -> None:
    numbers = {field.name for field in fields(Run) if field.type == "int"}
    assert set(COUNTS) == numbers
    assert {name: getattr(RUN, name) for name in COUNTS} == dict.fromkeys(COUNTS, 0)


def test_a_total_is_held_if_one_of_its_runs_is() -> None:
    held, other = Report(run=replace(RUN, held=True, digest="1")), Report(run=replace(RUN, digest="2"))
    assert [total(RUN, reports).held for reports in ([held], [other, held], [other, other])] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("number", "p50", "p95"), [(1, 1, 1), (2, 1, 2), (19, 10, 19), (20, 10, 19), (21, 11, 20), (101, 51, 96)]
)
def test_percentiles_use_the_nearest_rank(number: int, p50: int, p95: int) -> None:
    assert Lag.of([None, *range(number, 0, -1), None]) == Lag(p50=p50, p95=p95, max=number)


@pytest.mark.parametrize("name", ["revoked", "disabled", "incomplete"])
def test_steps_are_counted_apart_from_results(name: str) -> None:
    outcomes = [outcome(result) for result in Result]
    done = [replace(one, **{name: True}) for one in outcomes[:3]]  # type: ignore[arg-type]
    run = counted(replace(RUN, verified=7, added=8, digest="1"), [*done, *outcomes])
    others = {"revoked", "disabled", "incomplete"} - {name}
    assert (getattr(run, name), {getattr(run, other) for other in others}) == (3, {0})
    assert (run.due, run.removed, run.already_absent, run.skipped, run.stuck) == (7, 2, 2, 2, 1)
    assert (run.verified, run.added, run.digest) == (7, 8, "1")


def test_a_new_outcome_has_nothing_done_and_a_new_run_is_a_running_sweep() -> None:
    bare = outcome(Result.SKIPPED)
    assert (bare.finished, bare.incomplete, bare.revoked, bare.disabled, bare.reason) == (False,) * 4 + ("",)
    assert (RUN.kind, RUN.state, RUN.held, RUN.finished_at) == (RunKind.SWEEP, RunState.RUNNING, False, None)
    assert (RUN.digest, RUN.error, RUN.reason, RUN.actor) == ("",) * 4
    assert Lag() == Lag(p50=None, p95=None, max=None)


def test_words_of_a_run_are_spelled_as_in_existing_runs() -> None:
    assert [one.value for one in Result] == ["removed", "already_absent", "skipped", "stuck"]
    assert [one.value for one in RunKind] == ["sweep", "offboard", "undo"]
    assert [one.value for one in RunState] == ["running", "complete", "failed"]
    assert {"nightly", "nightly, late", "verification", "continuation", "apply"} <= set(Occasion)
