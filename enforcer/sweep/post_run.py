"""What follows a recorded sweep: its report, warnings, summary and mail.

None of it may disturb enforcement: each part has its own time limit and fails alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from enforcer.core.runs import Report
from enforcer.evidence.run_report import run_report
from enforcer.notify.heartbeat import beat
from enforcer.notify.queueing import queue_about_run, queue_warnings
from enforcer.notify.sending import send_waiting
from enforcer.services import Services
from enforcer.storage.blobs import open_reports
from enforcer.telemetry.emitting import emit
from enforcer.telemetry.events import PostRunFailed

_log = logging.getLogger(__name__)
# Together well below the five minutes that the function reserves for this.
_SECONDS = {
    "report": 30.0,
    "warnings": 75.0,
    "summary": 30.0,
    "alarm": 30.0,
    "sending": 75.0,
    "heartbeat": 30.0,
}


async def after_sweep(services: Services, report: Report) -> None:
    """Store the report, queue warnings and the summary, send what is queued, tell monitors. Never raises."""
    await _alone("report", lambda: leave_report(services, report))
    await _alone("warnings", lambda: queue_warnings(services))
    await _alone("summary", lambda: queue_about_run(services, report.run.run_id, [report.run.group_id]))
    await _alone("sending", lambda: send_waiting(services))
    await _alone("heartbeat", lambda: beat(services))


async def raise_alarm(services: Services, run_id: str, group_ids: Sequence[str]) -> None:
    """Alert operators at once to work given up after its last try, once it is recorded. Never raises."""
    await _alone("alarm", lambda: queue_about_run(services, run_id, group_ids, occasion="given up"))
    await _alone("sending", lambda: send_waiting(services))


async def leave_report(services: Services, report: Report) -> None:
    """Store a run's report, as a page and as JSON, in blob container `reports`.

    Raises:
        InputError, RunError, UnavailableError: The storage does not exist, refuses, or does not answer.
    """
    head = await services.ledger.head(report.run.group_id)
    async with open_reports(services.settings.storage) as reports:
        for blob in run_report(report, head, services.settings.zone):
            await reports.leave(blob)


async def _alone(part: str, work: Callable[[], Awaitable[object]]) -> None:
    try:
        async with asyncio.timeout(_SECONDS[part]):
            await work()
    except Exception as error:  # noqa: BLE001 -- the removals are done; nothing here may make them look undone
        # The text of an exception may quote names and addresses.
        kind = type(error).__name__
        _log.warning("after the sweep: %s failed: %s", part, kind)
        emit(PostRunFailed(part=part, error=kind))
