import logging
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from enforcer.telemetry.emitting import emit, hush_libraries
from enforcer.telemetry.events import NotificationFailed, PlanHeld, RunCompleted

COUNTS = (
    *("due", "removed", "already_absent", "revoked", "disabled", "verified", "skipped", "stuck"),
    *("findings", "unregistered", "ending_soon"),
)
ROOT = Path(__file__).parents[2]
CET = timezone(timedelta(hours=1))


def a_run(**fields: object) -> RunCompleted:
    started = datetime(2026, 11, 23, 1, 30, tzinfo=CET)
    given = {
        "run_id": "run-1",
        "group_id": "group-1",
        "reason": "timer",
        "mode": "report",
        "complete": True,
        "held": False,
        "started_at": started,
        "finished_at": started,
        **dict.fromkeys(COUNTS, 0),
        **fields,
    }
    return RunCompleted(**given)  # type: ignore[arg-type]


def test_an_event_is_a_log_line_that_names_it_and_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    emit(PlanHeld(run_id="run-1", group_id="group-1", digest="abc", count=40, members=50))
    assert caplog.messages == ["plan_held run_id=run-1 group_id=group-1 digest=abc count=40 members=50"]
    assert caplog.records[0].levelno == logging.WARNING


def test_events_are_logged_although_the_root_level_is_warning() -> None:
    assert logging.getLogger().level == logging.WARNING
    assert logging.getLogger("enforcer.events").isEnabledFor(logging.INFO)


def test_times_are_utc_and_truths_are_lower_case(caplog: pytest.LogCaptureFixture) -> None:
    emit(a_run())
    fields = vars(caplog.records[0])
    assert fields["started_at"] == "2026-11-23T00:30:00Z"
    assert fields["complete"] == "true"


def test_a_lag_that_does_not_exist_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    emit(a_run(lag_max_seconds=3.5))
    fields = vars(caplog.records[0])
    assert fields["lag_max_seconds"] == "3.5"
    assert "lag_p50_seconds" not in fields


def test_text_that_looks_like_an_address_is_withheld(caplog: pytest.LogCaptureFixture) -> None:
    emit(NotificationFailed(channel="mail", attempts=2, error="550 nobody@example.com unknown"))
    assert "example.com" not in str(vars(caplog.records[0]))


def test_the_libraries_request_lines_are_kept_out(caplog: pytest.LogCaptureFixture) -> None:
    names = ("azure.core.pipeline.policies.http_logging_policy", "httpx", "azure.identity")
    before = {name: logging.getLogger(name).level for name in ("azure.core", "azure.identity", "httpx")}
    caplog.set_level(logging.INFO)
    hush_libraries()
    for name in names:
        logging.getLogger(name).info("GET https://graph.microsoft.com/v1.0/users/someone@example.com")
    assert caplog.messages == []
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_importing_telemetry_loads_nothing_of_azure() -> None:
    program = "import enforcer.telemetry, sys; print([m for m in sys.modules if m.startswith('azure')])"
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    assert run.stdout.strip() == "[]"
