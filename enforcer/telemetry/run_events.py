"""Emits the events of a run, which the alarms and the workbook read."""

from __future__ import annotations

from enforcer.core.exceptions import AccessDeniedError
from enforcer.core.offboarding_record import State
from enforcer.core.runs import COUNTS, Report, Run
from enforcer.telemetry.emitting import emit
from enforcer.telemetry.events import (
    MessagePoisoned,
    PermissionDenied,
    PersonStuck,
    PlanHeld,
    RunCompleted,
    RunFailed,
)

_COUNTS = tuple(name for name in COUNTS if name in RunCompleted.__slots__)


def announce(report: Report, *, only_looked: bool = False) -> None:
    """Announce a finished run; one that only looked does not count as the nightly run."""
    run = report.run
    emit(_completed(report, complete=not (run.held or report.out_of_time or only_looked)))
    if run.held:
        emit(
            PlanHeld(
                run_id=run.run_id,
                group_id=run.group_id,
                digest=run.digest,
                count=run.due,
                members=run.members,
            )
        )
    for outcome in report.outcomes:
        item = outcome.record
        if item.state is State.STUCK and outcome.incomplete:
            emit(
                PersonStuck(
                    run_id=run.run_id,
                    group_id=run.group_id,
                    user_id=item.user_id,
                    attempts=item.attempts,
                    error=_code(item.last_error),
                )
            )


def announce_failure(run: Run, error: Exception) -> None:
    """Announce a failed run."""
    kind = type(error).__name__
    emit(RunFailed(run_id=run.run_id, group_id=run.group_id, reason=run.occasion, error=kind))
    if isinstance(error, AccessDeniedError):
        emit(PermissionDenied(group_id=run.group_id, what="sweep", error=kind))


def _code(error: str) -> str:
    """Return an explanation's step, status and Graph code; the rest may name people."""
    return " ".join(error.split()[:3])


def announce_poisoned(queue: str, message_id: str, group_id: str) -> None:
    """Announce a queue message that failed every time."""
    emit(MessagePoisoned(queue=queue, message_id=message_id, group_id=group_id))


def _completed(report: Report, *, complete: bool) -> RunCompleted:
    run = report.run
    return RunCompleted(
        run_id=run.run_id,
        group_id=run.group_id,
        reason=run.occasion,
        mode=run.mode,
        complete=complete,
        started_at=run.started_at,
        finished_at=run.finished_at or run.started_at,
        held=run.held,
        lag_p50_seconds=run.lag_seconds.p50,
        lag_p95_seconds=run.lag_seconds.p95,
        lag_max_seconds=run.lag_seconds.max,
        **{name: getattr(run, name) for name in _COUNTS},
    )
