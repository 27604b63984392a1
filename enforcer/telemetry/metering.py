"""A run's numbers as metrics (table AppMetrics), for long-term charts and other tools."""

from opentelemetry import metrics

from enforcer.telemetry.events import RunCompleted

_meter = metrics.get_meter("enforcer")
_runs = _meter.create_counter("enforcer.runs", unit="{run}", description="Runs, by mode and completeness")
_people = _meter.create_counter(
    "enforcer.people", unit="{person}", description="People who were due, by outcome"
)
_waiting = _meter.create_gauge(
    "enforcer.waiting", unit="{person}", description="People who need attention at the last run, or soon will"
)
_lag = _meter.create_gauge(
    "enforcer.lag",
    unit="s",
    description="Time from the end of access to the removal, in the last run that removed anyone",
)


def record(run: RunCompleted) -> None:
    here = {"group_id": run.group_id}
    _runs.add(1, {**here, "mode": run.mode, "complete": run.complete, "held": run.held})
    for outcome in ("removed", "already_absent", "skipped", "stuck"):
        _people.add(getattr(run, outcome), {**here, "outcome": outcome})
    for state in ("stuck", "unregistered", "ending_soon", "findings"):
        _waiting.set(getattr(run, state), {**here, "state": state})
    for statistic in ("p50", "p95", "max"):
        seconds: float | None = getattr(run, f"lag_{statistic}_seconds")
        if seconds is not None:
            _lag.set(seconds, {**here, "statistic": statistic})
