"""What whoever watches is told of a run."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from enforcer.core.exceptions import AccessDeniedError, UnavailableError
from enforcer.core.offboarding_record import OffboardingRecord, State
from enforcer.core.plan import HeldPlan
from enforcer.core.runs import OUT_OF_TIME, Lag, Outcome, Report, Result, Run
from enforcer.telemetry.run_events import announce, announce_failure, announce_poisoned

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
RUN = Run(run_id="run", group_id="group", started_at=NOW, mode="enforce", reason="nightly")
STUCK = OffboardingRecord(
    row_key="anna@x.example",
    user_id="anna",
    state=State.STUCK,
    attempts=6,
    last_error="remove: 403 Authorization_RequestDenied Anna Novak is an administrator",
)


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def names(told: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().partition(" ")[0] for record in told.records]


def left(record: OffboardingRecord, *, undone: bool = True, reason: str = "") -> Outcome:
    return Outcome(result=Result.STUCK, record=record, incomplete=undone, reason=reason)


def test_a_run_that_went_through_is_complete_and_nothing_else(told: pytest.LogCaptureFixture) -> None:
    announce(Report(run=replace(RUN, finished_at=NOW, due=2, removed=2)))
    assert names(told) == ["run_completed"]
    assert "complete=true" in told.text
    assert "due=2 removed=2" in told.text


def test_every_count_of_a_run_is_announced_as_itself(told: pytest.LogCaptureFixture) -> None:
    names_of_counts = (
        *("due", "removed", "already_absent", "revoked", "disabled", "verified", "skipped", "stuck"),
        *("findings", "unregistered", "ending_soon"),
    )
    counts = {name: number for number, name in enumerate(names_of_counts, start=11)}
    lag = Lag(p50=1.5, p95=2.5, max=3.5)
    announce(Report(run=replace(RUN, finished_at=NOW, lag_seconds=lag, **counts)))  # type: ignore[arg-type]
    said = dict(word.split("=", 1) for word in told.text.split() if "=" in word)
    assert {name: said[name] for name in counts} == {name: str(number) for name, number in counts.items()}
    assert [said[f"lag_{name}_seconds"] for name in ("p50", "p95", "max")] == ["1.5", "2.5", "3.5"]


def test_a_run_that_is_held_is_not_complete_and_says_how_many_wait(told: pytest.LogCaptureFixture) -> None:
    held = HeldPlan(digest="d1", group_id="group", people=12, members=20, held_at=NOW)
    announce(Report(run=replace(RUN, held=True), waiting=(held,)))
    assert names(told) == ["run_completed", "plan_held"]
    assert "complete=false" in told.text
    assert "digest=d1 count=12 members=20" in told.text


def test_a_plan_that_waits_is_announced_by_a_run_that_was_not_held(told: pytest.LogCaptureFixture) -> None:
    held = HeldPlan(digest="d1", group_id="group", people=0, joiners=3, members=20, held_at=NOW)
    announce(Report(run=RUN, waiting=(held,)))
    assert names(told) == ["run_completed", "plan_held"]
    assert "complete=true" in told.text
    assert "count=0 members=20 joiners=3" in told.text


def test_a_run_whose_time_was_up_is_not_complete(told: pytest.LogCaptureFixture) -> None:
    begun = replace(STUCK, state=State.OFFBOARDING)
    announce(Report(run=RUN, outcomes=(left(begun, reason=OUT_OF_TIME),)))
    assert names(told) == ["run_completed"]
    assert "complete=false" in told.text


def test_whoever_is_stuck_is_told_with_graphs_code_and_no_name(told: pytest.LogCaptureFixture) -> None:
    announce(Report(run=RUN, outcomes=(left(STUCK),)))
    assert names(told) == ["run_completed", "person_stuck"]
    assert "user_id=anna attempts=6 error=remove: 403 Authorization_RequestDenied" in told.text
    assert "Novak" not in told.text


@pytest.mark.parametrize(
    "outcome", [left(replace(STUCK, state=State.OFFBOARDING)), left(STUCK, undone=False)]
)
def test_whoever_is_not_stuck_or_was_not_to_be_done_raises_no_alarm(
    told: pytest.LogCaptureFixture, outcome: Outcome
) -> None:
    announce(Report(run=RUN, outcomes=(outcome,)))
    assert names(told) == ["run_completed"]


@pytest.mark.parametrize(
    ("error", "events"),
    [
        (UnavailableError("x"), ["run_failed"]),
        (AccessDeniedError("x"), ["run_failed", "permission_denied"]),
    ],
)
def test_a_run_that_was_given_up_is_told_and_a_missing_permission_apart(
    told: pytest.LogCaptureFixture, error: Exception, events: list[str]
) -> None:
    announce_failure(RUN, error)
    assert names(told) == events
    assert f"error={type(error).__name__}" in told.text


def test_a_message_that_failed_every_time_is_told_with_its_queue(told: pytest.LogCaptureFixture) -> None:
    announce_poisoned("sweeps", "m1", "group")
    assert "message_poisoned queue=sweeps message_id=m1 group_id=group" in told.text


def test_the_words_in_which_somebody_asked_for_a_run_are_not_announced(
    told: pytest.LogCaptureFixture,
) -> None:
    asked = replace(RUN, reason="Anna Novak <anna@x.example> left")
    announce(Report(run=asked))
    announce_failure(asked, UnavailableError("x"))
    assert names(told) == ["run_completed", "run_failed"]
    assert "Novak" not in told.text
    assert "anna@" not in told.text
