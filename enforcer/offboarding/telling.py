"""Messages to operators about offboardings on demand, once these are done and recorded."""

from __future__ import annotations

import asyncio
import logging

from enforcer.notify.queueing import queue_about_run
from enforcer.notify.sending import send_waiting
from enforcer.services import Services
from enforcer.telemetry.emitting import emit
from enforcer.telemetry.events import PostRunFailed

_log = logging.getLogger(__name__)
# Somebody waits for the answer; what is not sent by then, the next sweep sends.
_SECONDS = 3.0


async def tell_operators(services: Services, run_id: str, occasion: str) -> None:
    """Queue a message about a run, once per occasion, and try to send it. Never raises."""
    if not services.settings.notify_urls:
        return
    try:
        async with asyncio.timeout(_SECONDS):
            await queue_about_run(services, run_id, services.settings.group_ids, occasion=occasion)
            await send_waiting(services)
    except Exception as error:  # noqa: BLE001 -- what was done must not look undone for want of a message
        kind = type(error).__name__  # its text may name people
        _log.warning("after the offboarding: telling operators failed: %s", kind)
        emit(PostRunFailed(part="summary", error=kind))
